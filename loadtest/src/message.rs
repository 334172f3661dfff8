//! Messages from the server, parsed: for everything that is not the load itself.
//!
//! What Pusher calls event and channel, zero-pub-sub calls type and room.

use std::borrow::Cow;

use serde::Deserialize;
use serde_json::value::RawValue;

/// One message, server to client.
#[derive(Debug, Deserialize)]
pub struct Message<'a> {
    /// Name of the event.
    #[serde(borrow, alias = "type")]
    pub event: Cow<'a, str>,
    /// The channel, where the event has one.
    #[serde(borrow, default, alias = "room")]
    pub channel: Option<Cow<'a, str>>,
    /// What the event carries, unparsed.
    #[serde(borrow, default)]
    pub data: Option<&'a RawValue>,
    /// What is wrong, in an error of zero-pub-sub.
    #[serde(borrow, default)]
    pub message: Option<Cow<'a, str>>,
    /// What has been acknowledged, in an answer of zero-pub-sub.
    #[serde(default)]
    pub sequence: Option<u64>,
}

impl<'a> Message<'a> {
    /// Parse one text frame.
    pub fn parse(payload: &'a [u8]) -> Result<Self, serde_json::Error> {
        serde_json::from_slice(payload)
    }

    /// The data as written, without a parse.
    pub fn raw_data(&self) -> &'a str {
        self.data.map_or("", RawValue::get)
    }

    /// What the server complains about, if this is a complaint.
    pub fn complaint(&self) -> Option<String> {
        match &*self.event {
            "pusher:error" | "pusher:subscription_error" => Some(self.raw_data().to_owned()),
            "error" => Some(self.message.as_deref().unwrap_or_default().to_owned()),
            _ => None,
        }
    }

    /// The socket id, if this greets a new connection.
    pub fn socket_id(&self) -> Option<String> {
        #[derive(Deserialize)]
        struct Established {
            socket_id: String,
        }
        if self.event != "pusher:connection_established" {
            return None;
        }
        // Data is a string holding JSON, as everywhere in the protocol; tolerate an object.
        let text = serde_json::from_str::<String>(self.raw_data());
        let text = text.as_deref().unwrap_or(self.raw_data());
        serde_json::from_str::<Established>(text).ok().map(|data| data.socket_id)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_greeting_gives_the_socket_id_in_either_form_of_data() {
        for text in [
            r#"{"event":"pusher:connection_established","data":"{\"socket_id\":\"1.2\"}"}"#,
            r#"{"event":"pusher:connection_established","data":{"socket_id":"1.2"}}"#,
        ] {
            let message = Message::parse(text.as_bytes()).unwrap();
            assert_eq!(message.socket_id().as_deref(), Some("1.2"));
            assert_eq!(message.complaint(), None);
        }
    }

    #[test]
    fn an_error_is_a_complaint_and_no_greeting() {
        let text = r#"{"event":"pusher:error","data":{"code":4301,"message":"slow down"}}"#;
        let message = Message::parse(text.as_bytes()).unwrap();
        assert_eq!(message.complaint().unwrap(), r#"{"code":4301,"message":"slow down"}"#);
        assert_eq!(message.socket_id(), None);
        let text = br#"{"type":"error","message":"Room scope is not allowed: a"}"#;
        let message = Message::parse(text).unwrap();
        assert_eq!(message.complaint().unwrap(), "Room scope is not allowed: a");
    }
}
