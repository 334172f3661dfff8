//! What the server says: each function makes one complete, unmasked websocket text frame.
//!
//! Keys stand in the original server's order. JSON tokens given in are copied as they are; all
//! other text is escaped here.

use bytes::Bytes;

use super::client::PresentUser;
use super::codes::Code;
use super::time;
use crate::json::escape_into;
use crate::json_frame::JsonFrame;
use crate::ws::{Opcode, encode};

/// What every frame of an event begins with, behind the websocket's header.
pub(super) const EVENT_HEAD: &str = r#"{"type":"event","data":"#;

/// The answer to every `init`.
pub fn ready(subscriber_id: &str) -> Bytes {
    named(r#"{"type":"ready","subscriberId":""#, subscriber_id)
}

/// A subscription to `room` has begun.
pub fn subscribed(room: &str) -> Bytes {
    named(r#"{"type":"subscribed","room":""#, room)
}

/// There is no subscription to `room`, whether or not there was one.
pub fn unsubscribed(room: &str) -> Bytes {
    named(r#"{"type":"unsubscribed","room":""#, room)
}

/// Append the frame that says that the client's ack of `sequence` was taken in.
///
/// There may be as many as events, so they are written together.
pub fn ack_into(frames: &mut Vec<u8>, room: &str, sequence: u64) {
    const HEAD: &str = r#"{"type":"ack","room":""#;
    const MIDDLE: &str = r#"","sequence":"#;
    let mut digits = itoa::Buffer::new();
    let digits = digits.format(sequence);
    let room = crate::json::escaped(room);
    let payload_bytes = HEAD.len() + room.len() + MIDDLE.len() + digits.len() + 1;
    frames.reserve(encode::header_bytes(payload_bytes) + payload_bytes);
    encode::header_into(Opcode::Text, payload_bytes, frames);
    for part in [HEAD, &room, MIDDLE, digits, "}"] {
        frames.extend_from_slice(part.as_bytes());
    }
}

/// What the client asked cannot be done. The connection lives on.
pub fn error(message: &str) -> Bytes {
    named(r#"{"type":"error","message":""#, message)
}

/// The last word before a close frame, for the codes that have one.
pub fn closing_error(code: Code) -> Bytes {
    coded_error(code.text(), code)
}

/// An error that carries a close code's number, without being the last word.
pub fn coded_error(message: &str, code: Code) -> Bytes {
    JsonFrame::with_capacity(48 + message.len())
        .raw(r#"{"type":"error","message":""#)
        .text(message)
        .raw(r#"","code":""#)
        .number(code.value().into())
        .raw(r#""}"#)
        .finish()
}

/// A room's snapshot as JSON, or `None` if it has none.
pub fn snapshot(room: &str, snapshot_json: Option<&str>) -> Bytes {
    let snapshot_json = snapshot_json.unwrap_or("null");
    JsonFrame::with_capacity(42 + room.len() + snapshot_json.len())
        .raw(r#"{"type":"snapshot","room":""#)
        .text(room)
        .raw(r#"","snapshot":"#)
        .raw(snapshot_json)
        .raw("}")
        .finish()
}

/// A snapshot as JSON: the state of `room` up to `last_sequence`.
pub fn snapshot_json(
    room: &str,
    last_sequence: u64,
    state_json: &str,
    created_unix_ms: u64,
) -> String {
    let mut json = Vec::with_capacity(96 + room.len() + state_json.len());
    json.extend_from_slice(br#"{"room":""#);
    escape_into(&mut json, room);
    json.extend_from_slice(br#"","lastSequence":"#);
    json.extend_from_slice(itoa::Buffer::new().format(last_sequence).as_bytes());
    json.extend_from_slice(br#","state":"#);
    json.extend_from_slice(state_json.as_bytes());
    json.extend_from_slice(br#","createdAt":""#);
    time::write(&mut json, created_unix_ms);
    json.extend_from_slice(br#""}"#);
    String::from_utf8(json).expect("all its parts are UTF-8")
}

/// Tells a client that what comes next is after `last_sequence`, and that it has not missed what it
/// could have asked for: original clients would ask for events that are gone, for ever.
pub fn fast_forward(room: &str, last_sequence: u64, now_unix_ms: u64) -> Bytes {
    snapshot(room, Some(&snapshot_json(room, last_sequence, "null", now_unix_ms)))
}

/// Everyone who is present in a room; `users` are as [`user_json`] makes them.
pub fn presence<'a>(room: &str, users: impl Iterator<Item = &'a str> + Clone) -> Bytes {
    let users_bytes: usize = users.clone().map(|user| user.len() + 1).sum();
    let mut frame = JsonFrame::with_capacity(40 + room.len() + users_bytes)
        .raw(r#"{"type":"presence","room":""#)
        .text(room)
        .raw(r#"","users":["#);
    for (index, user) in users.enumerate() {
        frame = frame.raw(if index == 0 { "" } else { "," }).raw(user);
    }
    frame.raw("]}").finish()
}

/// A present user as JSON; who was never said to be seen is seen now.
pub fn user_json(user: &PresentUser<'_>, now_unix_ms: u64) -> String {
    let metadata_bytes = user.metadata.map_or(0, str::len);
    let mut json = Vec::with_capacity(80 + user.user_id.len() + metadata_bytes);
    json.extend_from_slice(br#"{"userId":""#);
    escape_into(&mut json, &user.user_id);
    json.push(b'"');
    if let Some(metadata) = user.metadata {
        json.extend_from_slice(br#","metadata":"#);
        json.extend_from_slice(metadata.as_bytes());
    }
    json.extend_from_slice(br#","lastSeenAt":"#);
    if let Some(token) = user.last_seen_at {
        json.extend_from_slice(token.as_bytes());
    } else {
        json.push(b'"');
        time::write(&mut json, now_unix_ms);
        json.push(b'"');
    }
    json.push(b'}');
    String::from_utf8(json).expect("all its parts are UTF-8")
}

/// An event that is not kept, as its parts.
#[derive(Clone, Copy, Debug)]
pub struct Ephemeral<'a> {
    /// The event's id.
    pub id: &'a str,
    /// The event's type.
    pub event_type: &'a str,
    /// The event's room.
    pub room: &'a str,
    /// When it was sent, in milliseconds since 1970.
    pub emitted_unix_ms: u64,
    /// Any JSON value.
    pub payload_json: &'a str,
    /// A JSON object.
    pub metadata_json: Option<&'a str>,
}

/// The frame of an event that is not kept.
pub fn ephemeral(event: &Ephemeral<'_>) -> Bytes {
    let Ephemeral { id, event_type, room, payload_json, metadata_json, .. } = *event;
    let values_bytes = id.len() + event_type.len() + room.len() + payload_json.len();
    let mut frame = JsonFrame::with_capacity(
        values_bytes + metadata_json.map_or(0, |json| json.len() + r#","metadata":"#.len()) + 109,
    )
    .raw(r#"{"type":"ephemeral","data":{"id":""#)
    .text(id)
    .raw(r#"","type":""#)
    .text(event_type)
    .raw(r#"","room":""#)
    .text(room)
    .raw(r#"","emittedAt":""#)
    .with(|output| time::write(output, event.emitted_unix_ms))
    .raw(r#"","payload":"#)
    .raw(payload_json);
    if let Some(metadata_json) = metadata_json {
        frame = frame.raw(r#","metadata":"#).raw(metadata_json);
    }
    frame.raw("}}").finish()
}

/// Who has entered or left a room, for those who follow it by its events.
#[derive(Clone, Copy, Debug)]
pub enum PresenceChange<'a> {
    /// A user as [`user_json`] makes it.
    Enter {
        /// The user, as JSON.
        user_json: &'a str,
    },
    /// A user by id.
    Leave {
        /// The user's id.
        user_id: &'a str,
    },
}

/// The event `presence.enter` or `presence.leave`; `producer` is the subscriber who said so, if one
/// did.
pub fn presence_change(
    id: &str,
    room: &str,
    change: PresenceChange<'_>,
    producer: Option<&str>,
    now_unix_ms: u64,
) -> Bytes {
    let (event_type, payload) = match change {
        PresenceChange::Enter { user_json } => {
            ("presence.enter", format!(r#"{{"user":{user_json}}}"#))
        }
        PresenceChange::Leave { user_id } => {
            ("presence.leave", format!(r#"{{"userId":"{}"}}"#, crate::json::escaped(user_id)))
        }
    };
    let metadata = producer.map(|it| format!(r#"{{"producer":"{}"}}"#, crate::json::escaped(it)));
    ephemeral(&Ephemeral {
        id,
        event_type,
        room,
        emitted_unix_ms: now_unix_ms,
        payload_json: &payload,
        metadata_json: metadata.as_deref(),
    })
}

/// Part of a room's log; `frames` are frames of its events, as they were sent.
pub fn replay<'a>(room: &str, frames: impl Iterator<Item = &'a [u8]> + Clone) -> Bytes {
    let events = frames.filter_map(envelope_of);
    let events_bytes: usize = events.clone().map(|event| event.len() + 1).sum();
    let mut reply = JsonFrame::with_capacity(38 + room.len() + events_bytes)
        .raw(r#"{"type":"replay","room":""#)
        .text(room)
        .raw(r#"","events":["#);
    for (index, event) in events.enumerate() {
        reply = reply.raw(if index == 0 { "" } else { "," }).raw(event);
    }
    reply.raw("]}").finish()
}

/// The envelope in the frame of an event; `None` if it is no frame of an event.
pub fn envelope_of(frame: &[u8]) -> Option<&str> {
    let payload = encode::payload(frame)?;
    let envelope = payload.strip_prefix(EVENT_HEAD.as_bytes())?.strip_suffix(b"}")?;
    std::str::from_utf8(envelope).ok()
}

/// A frame with one text in it; `head` ends before that text.
fn named(head: &str, text: &str) -> Bytes {
    let capacity = head.len() + text.len() + 2;
    JsonFrame::with_capacity(capacity).raw(head).text(text).raw(r#""}"#).finish()
}

#[cfg(test)]
mod tests;
