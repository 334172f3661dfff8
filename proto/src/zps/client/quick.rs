//! Reads publishes and acks in the form that they nearly always have, and leaves all else to serde.
//!
//! They are nearly all that is said. What is accepted here has known fields only, each once, with
//! the kinds of values that belong there; for anything else there is no answer, so what is refused
//! and with which words is decided in one place.
//!
//! Invariant: an answer is the one that serde would have given.

use std::borrow::Cow;

use super::{ClientMessage, Event, EventOptions};
use crate::json_reader::{Reader, once};

/// Read one text message.
pub(super) fn read(text: &str) -> Option<ClientMessage<'_>> {
    let mut reader = Reader::new(text);
    reader.take(b'{')?;
    if reader.key()? != "type" {
        return None;
    }
    let kind = reader.plain()?;
    if !reader.is_continued(b'}')? {
        return None;
    }
    let message = match kind {
        "ack" => ack(&mut reader)?,
        "publish" => ClientMessage::Publish(event(&mut reader)?),
        "publish_ephemeral" => ClientMessage::PublishEphemeral(event(&mut reader)?),
        _ => return None,
    };
    reader.end()?;
    Some(message)
}

/// The rest of an ack, with its brace.
fn ack<'a>(reader: &mut Reader<'a>) -> Option<ClientMessage<'a>> {
    let (mut room, mut sequence) = (None, None);
    loop {
        match reader.key()? {
            "room" => once(&mut room, reader.plain()?)?,
            "sequence" => once(&mut sequence, reader.digits()?)?,
            _ => return None,
        }
        if !reader.is_continued(b'}')? {
            let room = Cow::Borrowed(not_empty(room?)?);
            return Some(ClientMessage::Ack { room, sequence: sequence? });
        }
    }
}

/// The rest of a message that carries nothing but an event, with its brace.
fn event<'a>(reader: &mut Reader<'a>) -> Option<Event<'a>> {
    if reader.key()? != "event" {
        return None;
    }
    reader.take(b'{')?;
    let (mut room, mut kind, mut payload) = (None, None, None);
    let mut more = EventOptions::default();
    loop {
        match reader.key()? {
            "room" => once(&mut room, reader.plain()?)?,
            "type" => once(&mut kind, reader.plain()?)?,
            "payload" => once(&mut payload, reader.value_token()?)?,
            "id" => once(&mut more.id, reader.string_token()?)?,
            "metadata" => once(&mut more.metadata, reader.value_token()?)?,
            "ttlMs" => once(&mut more.ttl_ms, reader.value_token()?)?,
            _ => return None,
        }
        if !reader.is_continued(b'}')? {
            break;
        }
    }
    if reader.is_continued(b'}')? {
        return None;
    }
    Some(Event {
        room: Cow::Borrowed(not_empty(room?)?),
        event_type: Cow::Borrowed(not_empty(kind?)?),
        payload: payload?,
        more,
    })
}

fn not_empty(text: &str) -> Option<&str> {
    (!text.is_empty()).then_some(text)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::json_reader::slips;

    const MESSAGES: [&str; 7] = [
        r#"{"type":"ack","room":"chat:1","sequence":17}"#,
        r#" { "type" : "ack", "sequence":0 , "room":"chat:\u00e9" } "#,
        r#"{"type":"publish","event":{"room":"chat:1","type":"t","payload":"hello \"you\""}}"#,
        r#"{"type":"publish","event":{"type":"t","payload":{"a":[1,-2.5e3,null]},"room":"c:1"}}"#,
        r#"{"type":"publish_ephemeral","event":{"room":"c:1","type":"t","payload":12}}"#,
        concat!(
            r#"{"type":"publish","event":{"id":"a","room":"c:1","type":"t","payload":true,"#,
            r#""metadata":{"tenantId":"x"},"ttlMs":1000}}"#
        ),
        r#"{"type":"publish","event":{"room":"chat:1","type":"t","payload":"a longer payload"}}"#,
    ];

    /// Whether it is read here, and then as by serde.
    fn check(text: &str) -> bool {
        let quick = read(text);
        let slow = ClientMessage::parse_with_serde(text).ok();
        assert!(quick.is_none() || quick == slow, "{text}: {quick:?}, {slow:?}");
        quick.is_some()
    }

    #[test]
    fn usual_messages_are_read() {
        let read = MESSAGES.map(check);
        // A room with an escape is rare enough.
        assert_eq!(read, [true, false, true, true, true, true, true]);
    }

    #[test]
    fn what_is_read_is_what_serde_reads() {
        slips::each(&MESSAGES, |text| {
            check(text);
        });
    }

    #[test]
    fn what_is_unusual_is_left_to_serde() {
        for text in [
            "",
            "{}",
            r#"{"type":"ack"}"#,
            r#"{"type":"ack","room":"a:b","sequence":"1"}"#,
            r#"{"type":"ack","room":"a:b","sequence":1.0}"#,
            r#"{"type":"ack","room":"a:b","sequence":01}"#,
            r#"{"type":"ack","room":"a:b","sequence":9007199254740992}"#,
            r#"{"type":"ack","room":"","sequence":1}"#,
            r#"{"type":"ack","room":"a:b","sequence":1,"sequence":2}"#,
            r#"{"type":"ack","room":"a:b","sequence":1} x"#,
            r#"{"room":"a:b","type":"ack","sequence":1}"#,
            r#"{"type":"publish","event":{"room":"a:b","type":"t"}}"#,
            r#"{"type":"publish","event":{"room":"a:b","type":"t","payload":1},"room":"c:d"}"#,
            r#"{"type":"publish","event":{"room":"a:b","type":"t","payload":1,"sequence":2}}"#,
            r#"{"type":"publish","event":{"room":"a:b","type":"t","payload":{"a":1}"#,
            r#"{"type":"publish","event":{"room":"a:b","type":"t","payload":01}}"#,
            r#"{"type":"subscribe","room":"a:b"}"#,
        ] {
            assert!(!check(text), "{text}");
        }
    }
}
