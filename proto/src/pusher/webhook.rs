//! What an app's own server is told: the body of a webhook and its signature.
//!
//! A body is `{"time_ms":n,"events":[...]}`. Its exact bytes are signed, so whoever sends it must
//! not encode it again. Libraries of typed languages read `data` of a client event as a string, so
//! what is no string on the channel is put into one here.

use std::fmt::Write as _;

use serde::Deserialize;
use serde_json::value::RawValue;

use crate::json::escaped;
use crate::secret::Secret;
use crate::ws::encode;

/// One thing that an app's server is told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Event<'a> {
    /// Such as `channel_occupied`; needs no escape.
    pub name: &'a str,
    /// Where it happened, if it has a place.
    pub channel: Option<&'a str>,
    /// The rest of it.
    pub detail: Detail<'a>,
}

/// What an event has besides its name and its channel.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Detail<'a> {
    /// The event has nothing else.
    None,
    /// `user_id` of who came or went.
    User(&'a str),
    /// A client's event.
    ClientEvent {
        /// What the channel's subscribers get.
        relayed: Relayed<'a>,
        /// The sender's socket id.
        socket_id: &'a str,
    },
    /// `subscription_count`.
    Subscriptions(u32),
    /// `connection_count` and the threshold that it crossed.
    Connections {
        /// How many there are now.
        connections: u32,
        /// Told when the number comes to it, and when it falls below.
        threshold: u32,
    },
}

/// A client's event as it stands in the frame that a channel's subscribers get: JSON tokens.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Relayed<'a> {
    /// The event's name.
    pub event_json: &'a str,
    /// The event's data.
    pub data_json: &'a str,
    /// The sender on a presence channel.
    pub user_id_json: Option<&'a str>,
}

impl<'a> Relayed<'a> {
    /// Read a frame that [`super::server::event`] made; `None` for any other.
    pub fn parse(frame: &'a [u8]) -> Option<Self> {
        #[derive(Deserialize)]
        struct Message<'a> {
            #[serde(borrow)]
            event: &'a RawValue,
            #[serde(borrow)]
            data: &'a RawValue,
            #[serde(borrow)]
            user_id: Option<&'a RawValue>,
        }
        let message: Message<'_> = serde_json::from_slice(encode::payload(frame)?).ok()?;
        Some(Self {
            event_json: message.event.get(),
            data_json: message.data.get(),
            user_id_json: message.user_id.map(RawValue::get),
        })
    }
}

impl Event<'_> {
    /// Append the event as JSON.
    pub fn write(&self, json: &mut String) {
        // Writing to a `String` cannot fail.
        let _ = write!(json, r#"{{"name":"{}""#, self.name);
        if let Some(channel) = self.channel {
            let _ = write!(json, r#","channel":"{}""#, escaped(channel));
        }
        self.detail.write(json);
        json.push('}');
    }
}

impl Detail<'_> {
    fn write(&self, json: &mut String) {
        let _ = match self {
            Self::None => Ok(()),
            Self::User(user_id) => write!(json, r#","user_id":"{}""#, escaped(user_id)),
            Self::ClientEvent { relayed, socket_id } => relayed.write(socket_id, json),
            Self::Subscriptions(count) => write!(json, r#","subscription_count":{count}"#),
            Self::Connections { connections, threshold } => {
                write!(json, r#","connection_count":{connections},"threshold":{threshold}"#)
            }
        };
    }
}

impl Relayed<'_> {
    fn write(&self, socket_id: &str, json: &mut String) -> std::fmt::Result {
        write!(json, r#","event":{},"data":"#, self.event_json)?;
        if self.data_json.starts_with('"') {
            json.push_str(self.data_json);
        } else {
            write!(json, r#""{}""#, escaped(self.data_json))?;
        }
        write!(json, r#","socket_id":"{socket_id}""#)?;
        match self.user_id_json {
            Some(user_id) => write!(json, r#","user_id":{user_id}"#),
            None => Ok(()),
        }
    }
}

/// The body of one webhook; `events_json` are the events, joined by commas.
pub fn body(time_ms: u64, events_json: &str) -> String {
    format!(r#"{{"time_ms":{time_ms},"events":[{events_json}]}}"#)
}

/// The `X-Pusher-Signature` of `body`: hex HMAC-SHA256 under the secret of the `X-Pusher-Key`.
pub fn sign(secret: &str, body: &str) -> String {
    Secret::from(secret).sign_hex(&[body])
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::pusher::server;

    fn json(channel: Option<&str>, detail: Detail<'_>) -> String {
        let mut json = String::new();
        Event { name: "it", channel, detail }.write(&mut json);
        serde_json::from_str::<serde_json::Value>(&json).expect("an event is JSON");
        json
    }

    fn client_event(data: &str, user_id: Option<&str>) -> String {
        let frame = server::event("\"client-a\\\"b\"", "private-c", data, user_id);
        let relayed = Relayed::parse(&frame).expect("the frame is that of an event");
        json(Some("private-c"), Detail::ClientEvent { relayed, socket_id: "1.2" })
    }

    #[test]
    fn an_event_has_its_name_its_channel_and_its_detail() {
        assert_eq!(json(Some("a\"b"), Detail::None), r#"{"name":"it","channel":"a\"b"}"#);
        let user = json(Some("c"), Detail::User("\u{e9}\n"));
        assert_eq!(user, "{\"name\":\"it\",\"channel\":\"c\",\"user_id\":\"\u{e9}\\n\"}");
        let count = json(Some("c"), Detail::Subscriptions(3));
        assert_eq!(count, r#"{"name":"it","channel":"c","subscription_count":3}"#);
        let count = json(None, Detail::Connections { connections: 9, threshold: 10 });
        assert_eq!(count, r#"{"name":"it","connection_count":9,"threshold":10}"#);
    }

    #[test]
    fn data_that_is_a_string_stays_as_it_is_and_other_data_is_put_into_one() {
        let start = r#"{"name":"it","channel":"private-c","event":"client-a\"b","data":"#;
        for (data, told) in [
            (r#""a\u00e9""#, r#""a\u00e9""#),
            (r#"{"a":1}"#, r#""{\"a\":1}""#),
            ("null", "\"null\""),
        ] {
            let expected = format!(r#"{start}{told},"socket_id":"1.2"}}"#);
            assert_eq!(client_event(data, None), expected);
        }
    }

    #[test]
    fn the_user_of_a_presence_channel_is_told_and_long_frames_are_read() {
        let data = format!("\"{}\"", "x".repeat(70_000));
        assert!(
            client_event(&data, Some("u\"1")).ends_with(r#""socket_id":"1.2","user_id":"u\"1"}"#)
        );
    }

    #[test]
    fn what_is_no_event_is_not_read() {
        for frame in [&b""[..], b"\x81", b"\x81\x02{}", b"\x81\x7e\x00", b"\x81\x04{\"a\""] {
            assert_eq!(Relayed::parse(frame), None);
        }
    }

    #[test]
    fn the_signature_is_over_the_whole_body() {
        let body = body(7, "{},{}");
        assert_eq!(body, r#"{"time_ms":7,"events":[{},{}]}"#);
        assert_eq!(sign("secret", &body), Secret::from("secret").sign_hex(&[&body]));
        assert_ne!(sign("secret", &body), sign("secret", &body[1..]));
    }
}
