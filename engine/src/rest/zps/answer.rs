//! What zero-pub-sub's backend client gets back.

use bytes::Bytes;
use uringcast_proto::zps::http::ephemeral_of;
use uringcast_proto::zps::{server, time};

use super::health::Health;
use crate::rest::Answer;

/// A dead letter as the client reads it.
#[derive(Clone, Copy, Debug)]
pub struct DeadLetterView<'a> {
    /// The letter's id.
    pub id: &'a str,
    /// The frame of its event, as number 0.
    pub frame: &'a [u8],
    /// Why it could not be delivered.
    pub error: &'a str,
    /// How often it was tried.
    pub attempts: u32,
    /// When it was given up, in milliseconds since 1970.
    pub failed_unix_ms: u64,
}

impl Answer {
    /// The answer to events that were kept, or to one that was sent: the envelopes in their frames.
    pub fn zps_events(frames: &[Bytes], is_array: bool) -> Self {
        let envelopes = frames.iter().filter_map(|frame| server::envelope_of(frame));
        if is_array {
            return Self::ok(array(envelopes, "[", "]"));
        }
        Self::ok(envelopes.map(str::to_owned).next().unwrap_or_default().into())
    }

    /// The answer to an event that was sent and is not kept: what is in its frame.
    pub fn zps_ephemeral(frame: &[u8]) -> Self {
        let envelope = ephemeral_of(frame).unwrap_or("{}");
        Self::ok(Bytes::copy_from_slice(envelope.as_bytes()))
    }

    /// The answer to a replay: the envelopes in the frames.
    pub fn zps_replayed(frames: &[Bytes]) -> Self {
        let envelopes = frames.iter().filter_map(|frame| server::envelope_of(frame));
        Self::ok(array(envelopes, r#"{"events":["#, "]}"))
    }

    /// The answer that says that it is done, and nothing else.
    pub const fn zps_done() -> Self {
        Self::no_content()
    }

    /// The answer to a question for a room's snapshot, or to its being kept: JSON or `None`.
    pub fn zps_snapshot(snapshot_json: Option<String>) -> Self {
        // A 404 would be an error to the client.
        Self::ok(snapshot_json.unwrap_or_else(|| "null".to_owned()).into())
    }

    /// The answer to a question for dead letters.
    pub fn zps_dead_letters<'a>(
        room: &str,
        letters: impl Iterator<Item = DeadLetterView<'a>>,
    ) -> Self {
        let letters: Vec<String> = letters.map(|letter| dead_letter(room, &letter)).collect();
        Self::ok(array(letters.iter().map(String::as_str), "[", "]"))
    }

    /// The answer that counts what was forgotten.
    pub fn zps_count(count: u32) -> Self {
        Self::ok(count.to_string().into())
    }

    /// The answer to a question for the server's health.
    pub fn zps_health(health: &Health) -> Self {
        Self::ok(health.body().into())
    }
}

fn array<'a>(
    items: impl Iterator<Item = &'a str> + Clone,
    head: &'static str,
    tail: &'static str,
) -> Bytes {
    let bytes = items.clone().map(|item| item.len() + 1).sum::<usize>();
    let mut body = String::with_capacity(head.len() + bytes + tail.len());
    body.push_str(head);
    for (index, item) in items.enumerate() {
        body.push_str(if index == 0 { "" } else { "," });
        body.push_str(item);
    }
    body.push_str(tail);
    body.into()
}

fn dead_letter(room: &str, letter: &DeadLetterView<'_>) -> String {
    let text = |text: &str| serde_json::to_string(text).expect("a string always has a JSON form");
    let event = server::envelope_of(letter.frame).unwrap_or("null");
    let mut failed_at = Vec::new();
    time::write(&mut failed_at, letter.failed_unix_ms);
    format!(
        r#"{{"id":{},"room":{},"originalEvent":{event},"error":{},"attempts":{},"failedAt":"{}"}}"#,
        text(letter.id),
        text(room),
        text(letter.error),
        letter.attempts,
        String::from_utf8_lossy(&failed_at),
    )
}
