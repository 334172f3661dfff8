//! Bodies that zero-pub-sub's backend client sends over HTTP.
//!
//! They have the fields of the messages with the same meaning, and what is wrong with them is said
//! in the same words. Fields that a client sends besides are ignored.

use std::borrow::Cow;

use serde_json::value::RawValue;

use super::client::{ClientMessageError, Event, Replay};
use super::fields::{Object, Raw, fields, number, number_if_any, positive_if_any, text};
use super::fields::{text_if_any, texts_if_any};
use super::server::EVENT_HEAD;
use super::time;
use crate::json;
use crate::ws::encode;

/// What `POST /ack` says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AckBody<'a> {
    /// The room, not checked.
    pub room: Cow<'a, str>,
    /// The last sequence that the subscriber has.
    pub sequence: u64,
    /// Whose ack it is, not empty.
    pub subscriber_id: Cow<'a, str>,
    /// The user that its token names, if it has one.
    pub sub: Option<Cow<'a, str>>,
}

/// What `PUT /rooms/{room}/snapshot` says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SnapshotBody<'a> {
    /// The last sequence that the state knows of.
    pub last_sequence: u64,
    /// Any JSON value, as the token that came in.
    pub state_json: &'a str,
    /// When it was made, in milliseconds since 1970, if the body says so.
    pub created_unix_ms: Option<u64>,
}

/// Why a snapshot's body is refused.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SnapshotBodyError {
    /// A field is missing or is something else than it must be.
    #[error("{0}")]
    Field(#[from] ClientMessageError),
    /// There is no `state`.
    #[error("snapshot must include state")]
    State,
    /// `createdAt` is no moment.
    #[error("createdAt must be a date")]
    CreatedAt,
}

fields! {
    /// The fields that any of these bodies may have.
    Body {
        "room" => room: &'a RawValue,
        "sequence" => sequence: &'a RawValue,
        "subscriberId" => subscriber_id: &'a RawValue,
        "sub" => sub: &'a RawValue,
        "fromSequence" => from_sequence: &'a RawValue,
        "toSequence" => to_sequence: &'a RawValue,
        "eventTypes" => event_types: &'a RawValue,
        "limit" => limit: &'a RawValue,
        "lastSequence" => last_sequence: &'a RawValue,
        "state" => state: &'a RawValue,
        "createdAt" => created_at: &'a RawValue,
    }
}

impl<'a> Body<'a> {
    fn parse(text: &'a str) -> Result<Self, ClientMessageError> {
        match json::parse(text) {
            Ok(Object::Is(body)) => Ok(body),
            Ok(Object::IsNot) | Err(_) => Err(ClientMessageError::Json),
        }
    }
}

impl<'a> Replay<'a> {
    /// Read the body of `POST /replay`, where `from_sequence` is 0 if it does not say.
    pub fn parse_body(text: &'a str) -> Result<Self, ClientMessageError> {
        let body = Body::parse(text)?;
        Ok(Self {
            room: self::text(body.room, "room")?,
            from_sequence: number_if_any(given(body.from_sequence), "fromSequence")?.unwrap_or(0),
            to_sequence: number_if_any(given(body.to_sequence), "toSequence")?,
            event_types: texts_if_any(given(body.event_types), "eventTypes")?,
            limit: positive_if_any(given(body.limit), "limit")?,
        })
    }
}

impl<'a> AckBody<'a> {
    /// Read the body of `POST /ack`.
    pub fn parse(text: &'a str) -> Result<Self, ClientMessageError> {
        let body = Body::parse(text)?;
        Ok(Self {
            room: self::text(body.room, "room")?,
            sequence: number(body.sequence, "sequence")?,
            subscriber_id: self::text(body.subscriber_id, "subscriberId")?,
            sub: text_if_any(given(body.sub), "sub")?,
        })
    }
}

impl<'a> SnapshotBody<'a> {
    /// Read the body of `PUT /rooms/{room}/snapshot`.
    pub fn parse(text: &'a str) -> Result<Self, SnapshotBodyError> {
        let body = Body::parse(text)?;
        let created_at = text_if_any(given(body.created_at), "createdAt")?;
        let created_unix_ms = match created_at {
            Some(text) => Some(time::parse(&text).ok_or(SnapshotBodyError::CreatedAt)?),
            None => None,
        };
        Ok(Self {
            last_sequence: number(body.last_sequence, "lastSequence")?,
            state_json: body.state.ok_or(SnapshotBodyError::State)?.get(),
            created_unix_ms,
        })
    }
}

/// What `POST /events` sends.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Events<'a> {
    /// Each event, and the bytes that it came in.
    pub events: Vec<(Event<'a>, usize)>,
    /// Whether they came in an array, and are answered by one.
    pub is_array: bool,
}

/// Why the body of `POST /events` is refused. Nothing of it is published.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum EventsError {
    /// An event cannot be read.
    #[error("{0}")]
    Event(#[from] ClientMessageError),
    /// There are more than may be.
    #[error("the batch has more than {events_max} events")]
    Count {
        /// The limit.
        events_max: usize,
    },
}

impl<'a> Events<'a> {
    /// Read one event, or an array of at most `events_max`.
    pub fn parse(text: &'a str, events_max: usize) -> Result<Self, EventsError> {
        if !text.trim_ascii_start().starts_with('[') {
            return Ok(Self { events: vec![(Event::parse(text)?, text.len())], is_array: false });
        }
        let invalid = |_| ClientMessageError::Json;
        let tokens: Vec<&RawValue> = json::parse(text).map_err(invalid)?;
        if tokens.len() > events_max {
            return Err(EventsError::Count { events_max });
        }
        let tokens = tokens.into_iter().map(RawValue::get);
        let events = tokens.map(|token| Ok((Event::parse(token)?, token.len())));
        Ok(Self { events: events.collect::<Result<_, EventsError>>()?, is_array: true })
    }
}

/// Whether an event says whose it is: `metadata.tenantId` is text that is not empty.
pub fn has_tenant(event: &Event<'_>) -> bool {
    #[derive(serde::Deserialize)]
    struct Metadata<'a> {
        #[serde(rename = "tenantId", borrow)]
        tenant_id: Option<json::Text<'a>>,
    }
    let metadata = event.more.metadata.and_then(|token| serde_json::from_str(token).ok());
    let tenant_id = metadata.and_then(|metadata: Metadata<'_>| metadata.tenant_id);
    tenant_id.is_some_and(|id| !id.0.is_empty())
}

/// The event in the frame of one that is not kept; `None` if it is no such frame.
pub fn ephemeral_of(frame: &[u8]) -> Option<&str> {
    let payload = encode::payload(frame)?;
    let event = payload.strip_prefix(br#"{"type":"ephemeral","data":"#)?.strip_suffix(b"}")?;
    std::str::from_utf8(event).ok()
}

/// The sequence in an event's envelope of this server's own making.
pub fn sequence_of(envelope: &str) -> Option<u64> {
    head_of(envelope.as_bytes()).map(|(_, sequence)| sequence)
}

/// When the first event of `frames` was emitted, in milliseconds since 1970; `None` if they do not
/// begin with the frame of an event of this server's own making.
pub fn emitted_unix_ms(frames: &[u8]) -> Option<u64> {
    let envelope = encode::payload(frames)?.strip_prefix(EVENT_HEAD.as_bytes())?;
    let (_, _, rest) = split_head(envelope)?;
    let text = rest.strip_prefix(b",\"emittedAt\":\"")?.get(..time::TEXT_BYTES)?;
    time::parse(std::str::from_utf8(text).ok()?)
}

/// The message of an event's frame of this server's own making without the digits of its sequence,
/// and where those stood, in bytes.
pub fn split_sequence(frame: &[u8]) -> Option<(Vec<u8>, usize)> {
    let payload = encode::payload(frame)?;
    let envelope = payload.strip_prefix(EVENT_HEAD.as_bytes())?;
    let rest = skip_string(envelope.strip_prefix(b"{\"id\":")?)?;
    let rest = skip_string(rest.strip_prefix(b",\"type\":")?)?;
    let rest = skip_string(rest.strip_prefix(b",\"room\":")?)?;
    let digits = rest.strip_prefix(b",\"sequence\":")?;
    let count = digits.iter().position(|byte| !byte.is_ascii_digit())?;
    let at = payload.len() - digits.len();
    let text = [&payload[..at], &digits[count..]].concat();
    Some((text, at))
}

/// The room of an envelope of this server's own making, as a JSON string, and its sequence.
pub(crate) fn head_of(envelope: &[u8]) -> Option<(&[u8], u64)> {
    split_head(envelope).map(|(room, sequence, _)| (room, sequence))
}

/// The room of an envelope of this server's own making, as a JSON string, its sequence, and what
/// follows.
fn split_head(envelope: &[u8]) -> Option<(&[u8], u64, &[u8])> {
    let rest = skip_string(envelope.strip_prefix(b"{\"id\":")?)?;
    let rest = skip_string(rest.strip_prefix(b",\"type\":")?)?;
    let rest = rest.strip_prefix(b",\"room\":")?;
    let after = skip_string(rest)?;
    let room = &rest[..rest.len() - after.len()];
    let digits = after.strip_prefix(b",\"sequence\":")?;
    let count = digits.iter().position(|byte| !byte.is_ascii_digit())?;
    let sequence = std::str::from_utf8(&digits[..count]).ok()?.parse().ok()?;
    Some((room, sequence, &digits[count..]))
}

/// What follows the JSON string that `text` begins with.
fn skip_string(text: &[u8]) -> Option<&[u8]> {
    let inner = text.strip_prefix(b"\"")?;
    let mut is_escaped = false;
    let end = inner.iter().position(|&byte| {
        let is_end = byte == b'"' && !is_escaped;
        is_escaped = byte == b'\\' && !is_escaped;
        is_end
    })?;
    Some(&inner[end + 1..])
}

/// A field that is there and not `null`.
fn given(raw: Raw<'_>) -> Raw<'_> {
    raw.filter(|raw| raw.get() != "null")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_replay_asks_for_all_unless_it_says_what() {
        let body = Replay::parse_body(r#"{"room":"a:1","batchSize":9,"limit":null}"#).unwrap();
        assert_eq!((&*body.room, body.from_sequence, body.limit), ("a:1", 0, None));
        let text = r#"{"room":"a:1","fromSequence":3,"toSequence":9,"eventTypes":["t"],"limit":2}"#;
        let body = Replay::parse_body(text).unwrap();
        assert_eq!((body.from_sequence, body.to_sequence, body.limit), (3, Some(9), Some(2)));
        assert_eq!(body.event_types, Some(vec!["t".into()]));
        let error = Replay::parse_body(r#"{"room":"a:1","limit":0}"#).unwrap_err().to_string();
        assert_eq!(error, "Realtime message field limit must be a positive integer");
    }

    #[test]
    fn a_frame_gives_its_sequence_back_whatever_its_names_say() {
        let head =
            r#"{"type":"event","data":{"id":"\"sequence\":1","type":"a","room":"a:,","sequence":"#;
        let tail = r#","emittedAt":"x","payload":{"sequence":7}}}"#;
        let frame = encode::text(format!("{head}12{tail}").as_bytes());
        let text = [head, tail].concat().into_bytes();
        assert_eq!(split_sequence(&frame), Some((text, head.len())));
        assert_eq!(split_sequence(&encode::text(br#"{"type":"presence"}"#)), None);
        assert_eq!(split_sequence(b""), None);
    }

    #[test]
    fn an_ack_names_its_subscriber() {
        let body = AckBody::parse(r#"{"room":"a:1","sequence":3,"subscriberId":"s"}"#).unwrap();
        assert_eq!((body.sequence, &*body.subscriber_id, body.sub), (3, "s", None));
        let text = r#"{"room":"a:1","sequence":3,"subscriberId":"s","sub":"u"}"#;
        assert_eq!(AckBody::parse(text).unwrap().sub.as_deref(), Some("u"));
        let error = AckBody::parse(r#"{"room":"a:1","sequence":3}"#).unwrap_err().to_string();
        assert_eq!(error, "Realtime message field subscriberId must be a non-empty string");
        assert_eq!(AckBody::parse("[]"), Err(ClientMessageError::Json));
    }

    #[test]
    fn a_snapshot_has_any_state() {
        let text = r#"{"lastSequence":3,"state":null,"createdAt":"2026-11-21T03:05:43.395Z"}"#;
        let body = SnapshotBody::parse(text).unwrap();
        assert_eq!((body.last_sequence, body.state_json), (3, "null"));
        assert_eq!(body.created_unix_ms, Some(1_795_230_343_395));
        let error = SnapshotBody::parse(r#"{"lastSequence":3}"#).unwrap_err();
        assert_eq!(error, SnapshotBodyError::State);
        let text = r#"{"lastSequence":3,"state":1,"createdAt":"soon"}"#;
        assert_eq!(SnapshotBody::parse(text), Err(SnapshotBodyError::CreatedAt));
    }

    #[test]
    fn an_event_without_a_tenant_is_told_from_one_with() {
        for (metadata, expected) in [
            (r#","metadata":{"tenantId":"t"}"#, true),
            (r#","metadata":{"tenantId":""}"#, false),
            (r#","metadata":{"tenantId":7}"#, false),
            (r#","metadata":{"tenant":"t"}"#, false),
            ("", false),
        ] {
            let text = format!(r#"{{"room":"a:1","type":"t","payload":1{metadata}}}"#);
            assert_eq!(has_tenant(&Event::parse(&text).unwrap()), expected, "{metadata}");
        }
    }

    #[test]
    fn an_ephemeral_event_is_in_its_frame() {
        let text = r#"{"room":"a:1","type":"t","id":"i","emittedAt":1,"payload":1}"#;
        let frame = Event::parse(text).unwrap().ephemeral(5, 7).unwrap();
        let event = ephemeral_of(&frame).unwrap();
        assert!(event.starts_with(r#"{"id":"i","type":"t","room":"a:1","emittedAt":"1970-"#));
        assert_eq!(ephemeral_of(&crate::zps::server::ready("s")), None);
    }

    #[test]
    fn an_event_says_when_it_was_emitted() {
        let text = r#"{"room":"a:1","type":"t\"","emittedAt":5,"payload":{"emittedAt":"x"}}"#;
        let draft = Event::parse(text).unwrap().draft(9, 7, crate::zps::Provider("memory"));
        let draft = draft.unwrap();
        let mut payload = draft.text.clone();
        payload.splice(draft.sequence_at as usize..draft.sequence_at as usize, *b"12");
        let mut frames = encode::text(&payload).to_vec();
        assert_eq!(emitted_unix_ms(&frames), Some(5));
        frames.extend_from_slice(&crate::zps::server::ready("s"));
        assert_eq!(emitted_unix_ms(&frames), Some(5), "of the first");
        assert_eq!(emitted_unix_ms(&crate::zps::server::ready("s")), None);
        assert_eq!(emitted_unix_ms(b""), None);
    }

    #[test]
    fn events_come_alone_or_together() {
        let one = r#"{"room":"a:1","type":"t","payload":1}"#;
        let Events { events, is_array } = Events::parse(one, 1).unwrap();
        assert_eq!((events.len(), events[0].1, is_array), (1, one.len(), false));
        let two = format!("[{one}, {one}]");
        let Events { events, is_array } = Events::parse(&two, 2).unwrap();
        assert_eq!((events.len(), events[1].1, is_array), (2, one.len(), true));
        assert_eq!(Events::parse(&two, 1), Err(EventsError::Count { events_max: 1 }));
        assert_eq!(Events::parse("[1]", 1), Err(ClientMessageError::Event.into()));
        assert_eq!(Events::parse("[", 1), Err(ClientMessageError::Json.into()));
    }
}
