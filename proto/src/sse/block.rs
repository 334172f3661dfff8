//! Blocks of a stream, made of the messages that websockets get.
//!
//! A logged event becomes a block with an id and `{"room","event"}`. Every other message becomes a
//! block named like its type with the whole message as data, which clients that do not know the
//! name pass over. Lines end with LF alone: zero-pub-sub's client knows no other.

use memchr::memchr2_iter;
use serde::{Deserialize, Serialize};

use super::cursor::Cursor;
use crate::zps::http::head_of;

/// Says that the stream is alive.
pub const HEARTBEAT: &[u8] = b"event: heartbeat\ndata: {}\n\n";

/// How every logged event's message begins.
const EVENT_HEAD: &[u8] = b"{\"type\":\"event\",\"data\":";

/// The first block of a stream, which goes on after these sequences of its rooms.
pub fn ready<'a>(since: impl Iterator<Item = (&'a str, u64)>) -> Vec<u8> {
    #[derive(Serialize)]
    struct Ready {
        since: String,
    }
    let mut text = String::new();
    for (room, sequence) in since {
        if !text.is_empty() {
            text.push(',');
        }
        Cursor::write(room, sequence, &mut text);
    }
    let json = serde_json::to_vec(&Ready { since: text }).expect("text always has a JSON form");
    let mut block = Vec::with_capacity(json.len() + 32);
    named_into("ready", &json, &mut block);
    block
}

/// The last block of a stream that the server ends, and why.
pub fn closing(reason: &str) -> Vec<u8> {
    let mut block = Vec::with_capacity(reason.len() + 32);
    named_into("error", reason.as_bytes(), &mut block);
    block
}

/// Append the block of one message, which is the JSON that websockets get.
pub fn message_into(json: &[u8], block: &mut Vec<u8>) {
    match event(json) {
        Some((room, sequence, envelope)) => event_into(room, sequence, envelope, block),
        None => other_into(json, block),
    }
}

/// A logged event's room as a JSON string, its sequence, and its envelope.
fn event(json: &[u8]) -> Option<(&[u8], u64, &[u8])> {
    let envelope = json.strip_prefix(EVENT_HEAD)?.strip_suffix(b"}")?;
    let (room, sequence) = head_of(envelope)?;
    Some((room, sequence, envelope))
}

fn event_into(room_json: &[u8], sequence: u64, envelope: &[u8], block: &mut Vec<u8>) {
    let room: String = serde_json::from_slice(room_json).unwrap_or_default(); // Of our own making.
    let mut cursor = String::with_capacity(room.len() + 24);
    Cursor::write(&room, sequence, &mut cursor);
    block.reserve(envelope.len() + room_json.len() + cursor.len() + 32);
    block.extend_from_slice(b"id: ");
    block.extend_from_slice(cursor.as_bytes());
    block.extend_from_slice(b"\ndata: {\"room\":");
    block.extend_from_slice(room_json);
    block.extend_from_slice(b",\"event\":");
    line_into(envelope, block);
    block.extend_from_slice(b"}\n\n");
}

/// A message without a sequence. Errors are their words alone, as clients expect.
fn other_into(json: &[u8], block: &mut Vec<u8>) {
    #[derive(Deserialize)]
    struct Message {
        #[serde(rename = "type")]
        name: String,
        message: Option<String>,
    }
    let read = serde_json::from_slice::<Message>(json);
    debug_assert!(read.is_ok(), "the server's own messages have a type");
    match read {
        Ok(Message { name, message: Some(text) }) if name == "error" => {
            named_into(&name, text.as_bytes(), block);
        }
        Ok(Message { name, .. }) => named_into(&name, json, block),
        Err(_) => {}
    }
}

fn named_into(name: &str, data: &[u8], block: &mut Vec<u8>) {
    block.extend_from_slice(b"event: ");
    line_into(name.as_bytes(), block);
    block.extend_from_slice(b"\ndata: ");
    line_into(data, block);
    block.extend_from_slice(b"\n\n");
}

/// Append `data` as one line. In JSON an end of line stands between tokens only, where a space
/// means the same.
fn line_into(data: &[u8], block: &mut Vec<u8>) {
    let start = block.len();
    block.extend_from_slice(data);
    for at in memchr2_iter(b'\n', b'\r', data) {
        block[start + at] = b' ';
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn block(json: &str) -> String {
        let mut block = Vec::new();
        message_into(json.as_bytes(), &mut block);
        String::from_utf8(block).unwrap()
    }

    #[test]
    fn an_event_has_its_cursor_as_id() {
        let envelope =
            r#"{"id":"e\"\\","type":"t","room":"chat:1","sequence":4,"payload":{"x":1}}"#;
        let found = block(&format!(r#"{{"type":"event","data":{envelope}}}"#));
        let data = format!(r#"{{"room":"chat:1","event":{envelope}}}"#);
        assert_eq!(found, format!("id: chat%3A1@4\ndata: {data}\n\n"));
    }

    #[test]
    fn a_room_with_escapes_is_encoded_as_the_client_does() {
        let found = block(
            r#"{"type":"event","data":{"id":"","type":"","room":"c:\"\u00e9","sequence":1,"x":0}}"#,
        );
        assert!(found.starts_with("id: c%3A%22%C3%A9@1\ndata: {\"room\":\"c:\\\"\\u00e9\","));
    }

    /// A payload may be written over several lines; a block's data is one.
    #[test]
    fn line_ends_between_tokens_become_spaces() {
        let found = block(
            "{\"type\":\"event\",\"data\":{\"id\":\"e\",\"type\":\"t\",\"room\":\"c:1\",\
             \"sequence\":1,\"payload\":{\r\n\"x\":1\n}}}",
        );
        assert_eq!(found.matches('\n').count(), 3, "{found:?}");
        assert!(found.contains("{  \"x\":1 }") && !found.contains('\r'), "{found:?}");
    }

    #[test]
    fn other_messages_are_named_by_their_type() {
        let presence = r#"{"type":"presence","room":"chat:1","users":[]}"#;
        assert_eq!(block(presence), format!("event: presence\ndata: {presence}\n\n"));
        let error = block(r#"{"type":"error","message":"Access\nis denied","code":"4401"}"#);
        assert_eq!(error, "event: error\ndata: Access is denied\n\n");
    }

    #[test]
    fn the_first_block_names_where_the_stream_goes_on() {
        let found = ready([("chat:1", 3), ("b:2", 0)].into_iter());
        let text = "event: ready\ndata: {\"since\":\"chat%3A1@3,b%3A2@0\"}\n\n";
        assert_eq!(String::from_utf8(found).unwrap(), text);
    }
}
