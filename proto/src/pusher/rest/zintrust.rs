//! The body of a publish as ZinTrust's servers send it: laxer than Pusher's.

use std::borrow::Cow;

use serde::Deserialize;
use serde_json::value::RawValue;

use super::{BodyError, object, utf8};
use crate::json;

/// The body of ZinTrust's `POST /apps/{id}/events`.
///
/// What is missing, empty or of another type is empty here: the peer's answer to that is one and
/// the same.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ZinTrustBody<'a> {
    /// `name`, else `event`.
    pub name: Cow<'a, str>,
    /// `data` as the JSON token that came in; `null` where none did.
    pub data_json: &'a str,
    /// `channels`, with `channel` in front if it is not among them.
    pub channels: Vec<Cow<'a, str>>,
    /// `socket_id` or `socketId`: the connection that must not get it.
    pub socket_id: Option<Cow<'a, str>>,
    /// `channel_scope`, `channelScope` or `scope`: the kind of all channels.
    pub scope: Option<Cow<'a, str>>,
}

impl<'a> ZinTrustBody<'a> {
    /// Read one publish.
    pub fn parse(body: &'a [u8]) -> Result<Self, BodyError> {
        let fields: Fields<'a> = object(utf8(body)?)?;
        let [name, socket_id, scope] = [
            first([fields.name, fields.event]),
            first([fields.socket_id, fields.socket_id_camel]),
            first([fields.channel_scope, fields.channel_scope_camel]).or(first([fields.scope])),
        ];
        let channels = fields.channels.and_then(|token| list(token.get())).unwrap_or_default();
        let channel = fields.channel.and_then(|token| text(token.get()));
        let channel = channel.filter(|channel| !channels.contains(channel));
        let data_json = fields.data.map_or("null", RawValue::get);
        let channels = channel.into_iter().chain(channels).collect();
        Ok(Self { name: name.unwrap_or_default(), data_json, channels, socket_id, scope })
    }
}

/// A JSON token as the string token that subscribers get: a string as it is, nothing as `{}`, and
/// anything else as its text.
pub fn stringified(data_json: &str) -> Cow<'_, str> {
    match data_json {
        "null" => Cow::Borrowed("\"{}\""),
        _ if data_json.starts_with('"') => Cow::Borrowed(data_json),
        _ => Cow::Owned(format!("\"{}\"", json::escaped(data_json))),
    }
}

#[derive(Deserialize)]
struct Fields<'a> {
    #[serde(borrow)]
    name: Option<&'a RawValue>,
    #[serde(borrow)]
    event: Option<&'a RawValue>,
    #[serde(borrow)]
    data: Option<&'a RawValue>,
    #[serde(borrow)]
    channel: Option<&'a RawValue>,
    #[serde(borrow)]
    channels: Option<&'a RawValue>,
    #[serde(borrow)]
    socket_id: Option<&'a RawValue>,
    #[serde(borrow, rename = "socketId")]
    socket_id_camel: Option<&'a RawValue>,
    #[serde(borrow)]
    channel_scope: Option<&'a RawValue>,
    #[serde(borrow, rename = "channelScope")]
    channel_scope_camel: Option<&'a RawValue>,
    #[serde(borrow)]
    scope: Option<&'a RawValue>,
}

/// The first of `tokens` that is a string and says something.
fn first<const N: usize>(tokens: [Option<&RawValue>; N]) -> Option<Cow<'_, str>> {
    tokens.into_iter().flatten().find_map(|token| text(token.get()))
}

/// A string without the space around it, if anything is left.
pub(super) fn text(token: &str) -> Option<Cow<'_, str>> {
    json::string(token).and_then(trimmed)
}

pub(super) fn trimmed(text: Cow<'_, str>) -> Option<Cow<'_, str>> {
    let text = match text {
        Cow::Borrowed(text) => Cow::Borrowed(text.trim()),
        Cow::Owned(text) => Cow::Owned(text.trim().to_owned()),
    };
    (!text.is_empty()).then_some(text)
}

fn list(token: &str) -> Option<Vec<Cow<'_, str>>> {
    let tokens: Vec<&RawValue> = serde_json::from_str(token).ok()?;
    Some(tokens.into_iter().filter_map(|token| text(token.get())).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(body: &str) -> ZinTrustBody<'_> {
        ZinTrustBody::parse(body.as_bytes()).unwrap()
    }

    #[test]
    fn name_comes_before_event_unless_it_is_empty() {
        assert_eq!(parse(r#"{"name":"n","event":"e"}"#).name, "n");
        assert_eq!(parse(r#"{"name":" ","event":"e"}"#).name, "e");
        assert_eq!(parse(r#"{"name":1}"#).name, "");
    }

    #[test]
    fn channel_and_channels_are_one_list_without_what_is_no_name() {
        let body = parse(r#"{"channel":"a","channels":["b","",2,"c"]}"#);
        assert_eq!(body.channels, ["a", "b", "c"]);
        assert_eq!(parse(r#"{"channel":"b","channels":["a","b"]}"#).channels, ["a", "b"]);
        assert!(parse(r#"{"channel":null,"channels":"a"}"#).channels.is_empty());
    }

    #[test]
    fn both_spellings_of_a_field_are_read() {
        for body in [
            r#"{"socket_id":"1.2","channel_scope":"private"}"#,
            r#"{"socketId":"1.2","channelScope":"private"}"#,
            r#"{"socketId":"1.2","scope":"private"}"#,
        ] {
            let body = parse(body);
            assert_eq!(body.socket_id.as_deref(), Some("1.2"));
            assert_eq!(body.scope.as_deref(), Some("private"));
        }
    }

    #[test]
    fn a_string_goes_out_unchanged_and_anything_else_as_its_text() {
        for (data, sent) in [
            (r#""te\u0078t""#, r#""te\u0078t""#),
            (r#"{"a": "b"}"#, r#""{\"a\": \"b\"}""#),
            ("[1]", r#""[1]""#),
            ("1.50", r#""1.50""#),
            ("null", r#""{}""#),
        ] {
            let body = format!(r#"{{"data":{data}}}"#);
            assert_eq!(stringified(parse(&body).data_json), sent, "{data}");
        }
        assert_eq!(stringified(parse("{}").data_json), r#""{}""#);
    }

    #[test]
    fn what_is_no_object_is_refused() {
        for body in ["", "[]", "1", "{"] {
            assert!(ZinTrustBody::parse(body.as_bytes()).is_err(), "{body:?}");
        }
    }
}
