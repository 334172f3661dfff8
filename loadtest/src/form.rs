//! How a server writes the events of one room: what stands around the text that was published.
//!
//! Every event is compared byte for byte with what was published, so its text need only be found.
//! Where the form is known that takes no parse.

use std::borrow::Cow;

use serde::Deserialize;
use serde_json::value::RawValue;

use crate::message::Message;
use crate::payload::Damaged;

/// A room's form.
#[derive(Debug)]
pub enum Form {
    /// Of the Pusher protocol and of topics: all is the same but the text. Learnt from the first
    /// event.
    Envelope(Option<Envelope>),
    /// Of zero-pub-sub: events have an id, a sequence and times.
    Numbered(Numbered),
}

/// What one frame was found to hold.
#[derive(Debug)]
pub enum Found<'a> {
    /// An event with this text, and its sequence where the server gives one.
    Event(&'a [u8], Option<u64>),
    /// Something of the load that is wrong.
    Damaged(Damaged),
    /// The answer to the ack of this sequence.
    Acked(u64),
    /// Something else the server says.
    Other(Message<'a>),
}

/// The bytes around an event's text.
#[derive(Debug)]
pub struct Envelope {
    before: Vec<u8>,
    after: Vec<u8>,
}

/// The bytes of zero-pub-sub that are the same for all of a room's events.
#[derive(Debug)]
pub struct Numbered {
    /// Between the id and the sequence.
    after_id: Vec<u8>,
    /// Behind the text; learnt from the first event.
    after: Option<Vec<u8>>,
    /// Before the sequence that has been acknowledged.
    ack: Vec<u8>,
}

/// What every event of zero-pub-sub begins with, before its id.
const EVENT_HEAD: &[u8] = br#"{"type":"event","data":{"id":""#;
/// What stands before its text.
const TEXT_HEAD: &[u8] = br#","payload":""#;

impl Form {
    /// Read one frame, parsing it only if the form is not known; `channel` and `event` are the
    /// room's, `text_bytes` is the length of its texts.
    #[inline]
    pub fn read<'a>(
        &mut self,
        payload: &'a [u8],
        channel: &str,
        event: &str,
        text_bytes: usize,
    ) -> Result<Found<'a>, serde_json::Error> {
        let known = match self {
            Self::Envelope(envelope) => envelope.as_ref().and_then(|it| it.open(payload)),
            Self::Numbered(numbered) => numbered.open(payload, text_bytes),
        };
        match known {
            Some(found) => Ok(found),
            None => self.read_unknown(payload, channel, event),
        }
    }

    /// Parse a frame of unknown form; if it is an event, remember the form.
    #[cold]
    fn read_unknown<'a>(
        &mut self,
        payload: &'a [u8],
        channel: &str,
        event: &str,
    ) -> Result<Found<'a>, serde_json::Error> {
        let message = Message::parse(payload)?;
        match self {
            Self::Envelope(envelope) if message.event == event => {
                if message.channel.as_deref() != Some(channel) {
                    return Ok(Found::Damaged(Damaged("channel")));
                }
                let Some(text) = text_of(message.raw_data()) else { return Ok(NO_TEXT) };
                *envelope = Envelope::around(payload, text);
                Ok(Found::Event(text.as_bytes(), None))
            }
            Self::Envelope(_) => Ok(Found::Other(message)),
            Self::Numbered(numbered) => numbered.read_unknown(payload, message, channel, event),
        }
    }
}

const NO_TEXT: Found<'_> = Found::Damaged(Damaged("data is not the string that was published"));

impl Envelope {
    fn around(payload: &[u8], text: &str) -> Option<Self> {
        let start = (text.as_ptr() as usize).checked_sub(payload.as_ptr() as usize)?;
        let (before, rest) = payload.split_at_checked(start)?;
        let after = rest.get(text.len()..)?;
        Some(Self { before: before.to_vec(), after: after.to_vec() })
    }

    #[inline]
    fn open<'a>(&self, payload: &'a [u8]) -> Option<Found<'a>> {
        let text = payload.strip_prefix(&*self.before)?.strip_suffix(&*self.after)?;
        Some(Found::Event(text, None))
    }
}

impl Numbered {
    /// The form of the events called `event` in room `channel`.
    pub fn new(channel: &str, event: &str) -> Self {
        Self {
            after_id: format!(r#"","type":"{event}","room":"{channel}","sequence":"#).into_bytes(),
            after: None,
            ack: format!(r#"{{"type":"ack","room":"{channel}","sequence":"#).into_bytes(),
        }
    }

    /// Times are not looked at, nor is the id.
    #[inline]
    fn open<'a>(&self, payload: &'a [u8], text_bytes: usize) -> Option<Found<'a>> {
        if let Some(rest) = payload.strip_prefix(&*self.ack) {
            return Some(Found::Acked(number(rest.strip_suffix(b"}")?)?));
        }
        let rest = payload.strip_prefix(EVENT_HEAD)?.strip_suffix(&**self.after.as_ref()?)?;
        let (rest, text) = rest.split_at_checked(rest.len().checked_sub(text_bytes)?)?;
        let rest = rest.strip_suffix(TEXT_HEAD)?;
        let rest = &rest[memchr::memchr(b'"', rest)?..];
        let rest = rest.strip_prefix(&*self.after_id)?;
        let sequence = number(&rest[..memchr::memchr(b',', rest)?])?;
        Some(Found::Event(text, Some(sequence)))
    }

    fn read_unknown<'a>(
        &mut self,
        payload: &'a [u8],
        message: Message<'a>,
        channel: &str,
        event: &str,
    ) -> Result<Found<'a>, serde_json::Error> {
        match (&*message.event, message.sequence) {
            ("event", _) => self.learn(payload, message.raw_data(), channel, event),
            ("ack", Some(sequence)) if message.channel.as_deref() == Some(channel) => {
                Ok(Found::Acked(sequence))
            }
            ("ack", _) => Ok(Found::Damaged(Damaged("answer to an ack"))),
            (_, _) => Ok(Found::Other(message)),
        }
    }

    fn learn<'a>(
        &mut self,
        payload: &'a [u8],
        data: &'a str,
        channel: &str,
        event: &str,
    ) -> Result<Found<'a>, serde_json::Error> {
        #[derive(Deserialize)]
        struct Event<'a> {
            #[serde(borrow, rename = "type")]
            kind: Cow<'a, str>,
            #[serde(borrow)]
            room: Cow<'a, str>,
            sequence: u64,
            #[serde(borrow)]
            payload: &'a RawValue,
        }
        let found: Event<'a> = serde_json::from_str(data)?;
        if found.kind != event || found.room != channel {
            return Ok(Found::Damaged(Damaged("type or room")));
        }
        let Some(text) = text_of(found.payload.get()) else { return Ok(NO_TEXT) };
        self.after = Envelope::around(payload, text).map(|envelope| envelope.after);
        Ok(Found::Event(text.as_bytes(), Some(found.sequence)))
    }
}

/// What stands between the quotes of a string.
fn text_of(token: &str) -> Option<&str> {
    token.strip_prefix('"')?.strip_suffix('"')
}

fn number(digits: &[u8]) -> Option<u64> {
    let is_number = (1..=19).contains(&digits.len()) && digits.iter().all(u8::is_ascii_digit);
    is_number.then(|| digits.iter().fold(0, |number, digit| number * 10 + u64::from(digit - b'0')))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn event(sequence: u64, text: &str) -> String {
        format!(
            concat!(
                r#"{{"type":"event","data":{{"id":"evt_{}","type":"load.event","room":"a:b","#,
                r#""sequence":{},"emittedAt":"2026-11-21T03:05:48.888Z","payload":"{}","#,
                r#""metadata":{{"provider":"memory"}}}}}}"#
            ),
            sequence * 7,
            sequence,
            text
        )
    }

    fn read<'a>(form: &mut Form, text: &'a str) -> Found<'a> {
        form.read(text.as_bytes(), "a:b", "load.event", 5).unwrap()
    }

    fn assert_event(form: &mut Form, text: &str, sequence: u64) {
        let found = read(form, text);
        assert!(matches!(found, Found::Event(b"hello", Some(it)) if it == sequence), "{found:?}");
    }

    fn numbered() -> Form {
        Form::Numbered(Numbered::new("a:b", "load.event"))
    }

    #[test]
    fn the_first_event_teaches_the_form_and_the_next_needs_no_parse() {
        let mut form = numbered();
        assert_event(&mut form, &event(9, "hello"), 9);
        let Form::Numbered(known) = &form else { panic!("it stays what it is") };
        let next = event(10_000, "world");
        let found = known.open(next.as_bytes(), 5);
        assert!(matches!(found, Some(Found::Event(b"world", Some(10_000)))), "{found:?}");
    }

    #[test]
    fn another_order_of_the_keys_is_read_as_well() {
        let mut form = numbered();
        let text = concat!(
            r#"{"data":{"sequence":3,"payload":"hello","room":"a:b","type":"load.event"},"#,
            r#""type":"event"}"#
        );
        for _ in 0..2 {
            assert_event(&mut form, text, 3);
            assert_event(&mut form, &event(4, "hello"), 4);
        }
    }

    #[test]
    fn events_of_other_rooms_and_types_are_damaged_and_answers_are_told_apart() {
        let mut form = numbered();
        for _ in 0..2 {
            let stray = event(1, "hello").replace("a:b", "a:c");
            assert!(matches!(read(&mut form, &stray), Found::Damaged(_)));
            let other = event(1, "hello").replace("load.event", "load.other");
            assert!(matches!(read(&mut form, &other), Found::Damaged(_)));
            let ack = r#"{"type":"ack","room":"a:b","sequence":12}"#;
            assert!(matches!(read(&mut form, ack), Found::Acked(12)));
            let spaced = r#"{"type": "ack", "sequence": 13, "room": "a:b"}"#;
            assert!(matches!(read(&mut form, spaced), Found::Acked(13)));
            let stray = r#"{"type":"ack","room":"a:c","sequence":12}"#;
            assert!(matches!(read(&mut form, stray), Found::Damaged(_)));
            let error = r#"{"type":"error","message":"no"}"#;
            assert!(matches!(read(&mut form, error), Found::Other(_)));
            assert_event(&mut form, &event(1, "hello"), 1);
        }
    }
}
