//! Reads client events in the form that they nearly always have, and leaves all else to serde.
//!
//! They are nearly all that a busy client says. What is accepted here has the fields of an event
//! only, each once, and a name and a channel without escapes; for anything else there is no answer,
//! so what is refused and with which words is decided in one place.
//!
//! Invariant: an answer is the one that serde would have given.

use std::borrow::Cow;

use super::ClientMessage;
use crate::json_reader::{Reader, once};

/// Read one text message.
pub(super) fn event(text: &str) -> Option<ClientMessage<'_>> {
    let mut reader = Reader::new(text);
    let (mut event, mut channel, mut data) = (None, None, None);
    reader.take(b'{')?;
    loop {
        match reader.key_among([r#""event""#, r#""channel""#, r#""data""#])? {
            0 => once(&mut event, client_event_name(&mut reader)?)?,
            1 => once(&mut channel, reader.plain()?)?,
            _ => once(&mut data, reader.value_token()?)?,
        }
        if !reader.is_continued(b'}')? {
            break;
        }
    }
    reader.end()?;
    let (event, event_name) = event?;
    let (event_name, channel) = (Cow::Borrowed(event_name), Cow::Borrowed(channel?));
    Some(ClientMessage::Event { event, event_name, channel, data })
}

/// The name of a client event, with its quotes and without.
fn client_event_name<'a>(reader: &mut Reader<'a>) -> Option<(&'a str, &'a str)> {
    let (token, name) = reader.plain_token()?;
    name.starts_with("client-").then_some((token, name))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::json_reader::slips;

    const EVENTS: [&str; 6] = [
        r#"{"event":"client-a","channel":"private-a","data":"text"}"#,
        r#"{"event":"client-a","data":{"x":[1,-2.5e3,null],"y":"\ud83d\n"},"channel":"private-a"}"#,
        r#" { "data" : null , "channel":"presence-a" , "event" : "client-" } "#,
        r#"{"event":"client-a","channel":"private-a"}"#,
        "{\"event\":\"client-\u{e9}\",\"channel\":\"\u{1f600}\",\"data\":[\"\u{e9}\",true]}",
        r#"{"event":"client-typing","channel":"private-room-17","data":"twenty bytes or more"}"#,
    ];

    /// Whether it is read here, and then as by serde.
    fn check(text: &str) -> bool {
        let quick = event(text);
        let slow = ClientMessage::parse_with_serde(text).ok();
        assert!(quick.is_none() || quick == slow, "{text}: {quick:?}, {slow:?}");
        quick.is_some()
    }

    #[test]
    fn usual_events_are_read() {
        for text in EVENTS {
            assert!(check(text), "{text}");
        }
    }

    #[test]
    fn what_is_read_is_what_serde_reads() {
        slips::each(&EVENTS, |text| {
            check(text);
        });
    }

    #[test]
    fn what_is_unusual_is_left_to_serde() {
        for text in [
            "",
            "{}",
            "[]",
            r#"{"event":"client-a"}"#,
            r#"{"channel":"private-a","data":1}"#,
            r#"{"event":"pusher:ping","data":{}}"#,
            r#"{"event":"client-\u0061","channel":"private-a"}"#,
            r#"{"event":"client-a","channel":"private-\u0061"}"#,
            r#"{"event":"client-a","channel":null,"data":1}"#,
            r#"{"event":"client-a","channel":"private-a","data":1,"more":1}"#,
            r#"{"event":"client-a","channel":"private-a","data":1,"data":1}"#,
            r#"{"event":"client-a","channel":"private-a","channel":"private-a"}"#,
            r#"{"event":"client-a","event":"client-a","channel":"private-a"}"#,
            r#"{"event":"client-a","channel":"private-a","data":01}"#,
            r#"{"event":"client-a","channel":"private-a","data":1} x"#,
        ] {
            assert!(!check(text), "{text}");
        }
    }
}
