//! What a client sends that wants a signature: a form, as pusher-js has it, or JSON.

use std::borrow::Cow;

use serde::Deserialize;
use serde_json::value::RawValue;

use super::zintrust::{text, trimmed};
use crate::{form, json};

/// The fields of a request for a signature, without the space around them; empty ones are missing.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SigningBody {
    /// The connection that it is for.
    pub socket_id: Option<String>,
    /// The channel to be subscribed to.
    pub channel_name: Option<String>,
    /// The member of a presence channel, as JSON.
    pub channel_data: Option<String>,
    /// The user, as JSON.
    pub user_data: Option<String>,
}

impl SigningBody {
    /// Read `body`, which is JSON if it looks like an object; no form does.
    pub fn parse(body: &[u8]) -> Self {
        let mut fields = Self::default();
        let Ok(body) = std::str::from_utf8(body) else { return fields };
        if body.trim_ascii_start().starts_with('{') {
            return json::parse(body).map(Self::of_json).unwrap_or_default();
        }
        for (name, value) in form::pairs(body) {
            let field = match name {
                "socket_id" => &mut fields.socket_id,
                "channel_name" => &mut fields.channel_name,
                "channel_data" => &mut fields.channel_data,
                "user_data" => &mut fields.user_data,
                _ => continue,
            };
            let Some(value) = value else { continue };
            *field = form::decode(value).ok().and_then(trimmed).map(Cow::into_owned);
        }
        fields
    }

    fn of_json(json: Json<'_>) -> Self {
        let string = |token: &RawValue| text(token.get()).map(Cow::into_owned);
        // Some clients send the object itself: its text is what would have been sent.
        let data = |token: &RawValue| match token.get() {
            object if object.starts_with('{') => Some(object.to_owned()),
            _ => string(token),
        };
        Self {
            socket_id: json.socket_id.and_then(string),
            channel_name: json.channel_name.and_then(string),
            channel_data: json.channel_data.and_then(data),
            user_data: json.user_data.and_then(data),
        }
    }
}

#[derive(Clone, Copy, Deserialize)]
struct Json<'a> {
    #[serde(borrow)]
    socket_id: Option<&'a RawValue>,
    #[serde(borrow)]
    channel_name: Option<&'a RawValue>,
    #[serde(borrow)]
    channel_data: Option<&'a RawValue>,
    #[serde(borrow)]
    user_data: Option<&'a RawValue>,
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fields(socket_id: &str, channel_name: &str, channel_data: Option<&str>) -> SigningBody {
        SigningBody {
            socket_id: Some(socket_id.to_owned()),
            channel_name: Some(channel_name.to_owned()),
            channel_data: channel_data.map(str::to_owned),
            user_data: None,
        }
    }

    #[test]
    fn a_form_and_json_say_the_same() {
        let expected = fields("1.2", "presence-a", Some(r#"{"user_id":"a b"}"#));
        for body in [
            "socket_id=1.2&channel_name=presence-a&channel_data=%7B%22user_id%22%3A%22a+b%22%7D",
            concat!(
                r#"{"socket_id":"1.2","channel_name":"presence-a","#,
                r#""channel_data":"{\"user_id\":\"a b\"}"}"#
            ),
            r#" {"socket_id":" 1.2","channel_name":"presence-a","channel_data":{"user_id":"a b"}}"#,
        ] {
            assert_eq!(SigningBody::parse(body.as_bytes()), expected, "{body}");
        }
    }

    #[test]
    fn what_is_empty_or_of_another_type_is_missing() {
        let expected = fields("1.2", "a", None);
        assert_eq!(
            SigningBody::parse(b"socket_id=1.2&channel_name=a&channel_data=+&x=y"),
            expected
        );
        let body = br#"{"socket_id":"1.2","channel_name":"a","channel_data":null}"#;
        assert_eq!(SigningBody::parse(body), expected);
        for body in ["", "{", "{}", r#"{"socket_id":1,"channel_name":[]}"#, "socket_id=%FF"] {
            assert_eq!(SigningBody::parse(body.as_bytes()), SigningBody::default(), "{body}");
        }
    }
}
