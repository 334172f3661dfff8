//! A dead letter as JSON, which is how it is stored.

use std::str;
use std::sync::Arc;

use bytes::Bytes;
use serde::{Deserialize, Serialize};

use super::DeadLetter;
use crate::log::Draft;

/// The fields as `docs/log-format.md` has them. Some that a later version adds are left alone.
#[derive(Serialize, Deserialize)]
struct Stored<'a> {
    id: Box<str>,
    error: Box<str>,
    attempts: u32,
    failed_unix_ms: u64,
    event_id: Box<str>,
    event_type: Box<str>,
    /// The event's JSON message without its sequence, as a string.
    text: std::borrow::Cow<'a, str>,
    sequence_at: u32,
    emitted_unix_ms: u64,
    expires_unix_ms: u64,
}

impl DeadLetter {
    /// The whole letter as JSON.
    ///
    /// # Panics
    /// If the event's message is no UTF-8, which no message is.
    pub fn to_json(&self) -> Bytes {
        let Self { id, draft, error, attempts, failed_unix_ms } = self;
        let stored = Stored {
            id: id.clone(),
            error: error.clone(),
            attempts: *attempts,
            failed_unix_ms: *failed_unix_ms,
            event_id: draft.id.clone(),
            event_type: Box::from(&*draft.event_type),
            text: str::from_utf8(&draft.text).expect("a message is text").into(),
            sequence_at: draft.sequence_at,
            emitted_unix_ms: draft.emitted_unix_ms,
            expires_unix_ms: draft.expires_unix_ms,
        };
        serde_json::to_vec(&stored).expect("text and numbers always have a JSON form").into()
    }

    /// The letter that `json` holds; `None` if it holds none.
    pub fn from_json(json: &[u8]) -> Option<Self> {
        let stored: Stored<'_> = serde_json::from_slice(json).ok()?;
        // The sequence is put there, so it must be a place between two characters.
        if !stored.text.is_char_boundary(stored.sequence_at as usize) {
            return None;
        }
        let draft = Draft {
            id: stored.event_id,
            event_type: Arc::from(stored.event_type),
            text: stored.text.into_owned().into(),
            sequence_at: stored.sequence_at,
            emitted_unix_ms: stored.emitted_unix_ms,
            expires_unix_ms: stored.expires_unix_ms,
        };
        let Stored { id, error, attempts, failed_unix_ms, .. } = stored;
        Some(Self { id, draft, error, attempts, failed_unix_ms })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn letter() -> DeadLetter {
        let draft = Draft {
            id: "e".into(),
            event_type: "t".into(),
            text: "{\"\u{e9}\":,\"a\":\"\\u0000\"}".into(),
            sequence_at: 6,
            emitted_unix_ms: 1,
            expires_unix_ms: u64::MAX,
        };
        DeadLetter { id: "d".into(), draft, error: "\"".into(), attempts: 2, failed_unix_ms: 3 }
    }

    #[test]
    fn a_letter_comes_back_as_it_was() {
        assert_eq!(DeadLetter::from_json(&letter().to_json()), Some(letter()));
    }

    #[test]
    fn what_is_no_letter_is_none() {
        let json = String::from_utf8(letter().to_json().to_vec()).unwrap();
        let outside = json.replace("\"sequence_at\":6", "\"sequence_at\":99");
        let inside = json.replace("\"sequence_at\":6", "\"sequence_at\":3");
        for bad in ["", "{}", &json[1..], &outside, &inside] {
            assert_eq!(DeadLetter::from_json(bad.as_bytes()), None, "{bad}");
        }
    }
}
