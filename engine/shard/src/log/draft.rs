//! An event on its way into a log: all of its frame but the sequence.
//!
//! Whoever publishes writes the whole JSON message once and says where the sequence's digits go.
//! The owner of the channel, which alone knows the sequence, puts them there without reading it.

use std::sync::Arc;

use bytes::Bytes;
use uringcast_proto::ws::{Opcode, encode};

/// An event that has no sequence yet.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Draft {
    /// Names the event: a second one with the same id is the same event. Empty names none.
    pub id: Box<str>,
    /// What subscribers may filter by.
    pub event_type: Arc<str>,
    /// The JSON message in UTF-8, without the digits of the sequence.
    pub text: Bytes,
    /// Where in `text` those go, in bytes.
    pub sequence_at: u32,
    /// When the event was made.
    pub emitted_unix_ms: u64,
    /// From when on it is not replayed; the channel's own limit may end it sooner.
    pub expires_unix_ms: u64,
}

impl Draft {
    /// An event that nothing but its channel sets an end to, and that has no name.
    pub fn unnamed(text: Bytes, sequence_at: u32) -> Self {
        Self {
            id: Box::default(),
            event_type: Arc::default(),
            text,
            sequence_at,
            emitted_unix_ms: 0,
            expires_unix_ms: u64::MAX,
        }
    }

    /// The websocket frame of this event as number `sequence`, in one allocation.
    ///
    /// # Panics
    /// If `sequence_at` lies outside of `text`.
    pub fn frame(&self, sequence: u64) -> Bytes {
        let (head, tail) = self.text.split_at(self.sequence_at as usize);
        let mut digits = [0; DIGITS_MAX];
        let digits = write_digits(sequence, &mut digits);
        let payload_bytes = self.text.len() + digits.len();
        let mut frame = Vec::with_capacity(encode::header_bytes(payload_bytes) + payload_bytes);
        encode::header_into(Opcode::Text, payload_bytes, &mut frame);
        for part in [head, digits, tail] {
            frame.extend_from_slice(part);
        }
        Bytes::from(frame)
    }

    /// About how much memory the draft holds while it waits, in bytes.
    pub fn weight_bytes(&self) -> usize {
        size_of::<Self>() + self.id.len() + self.event_type.len() + self.text.len()
    }
}

/// Digits of the largest `u64`.
const DIGITS_MAX: usize = 20;

/// The decimal digits of `number`, at the end of `room`.
fn write_digits(mut number: u64, room: &mut [u8; DIGITS_MAX]) -> &[u8] {
    let mut start = DIGITS_MAX;
    loop {
        start -= 1;
        room[start] = b'0' + (number % 10) as u8;
        number /= 10;
        if number == 0 {
            return &room[start..];
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn draft(text: &'static str, sequence_at: u32) -> Draft {
        Draft {
            id: "a".into(),
            event_type: "t".into(),
            text: Bytes::from_static(text.as_bytes()),
            sequence_at,
            emitted_unix_ms: 0,
            expires_unix_ms: u64::MAX,
        }
    }

    #[test]
    fn the_sequence_is_put_where_it_belongs() {
        let draft = draft(r#"{"sequence":,"a":1}"#, 12);
        for sequence in [1, 10, 4_096, u64::MAX] {
            let frame = draft.frame(sequence);
            let text = format!(r#"{{"sequence":{sequence},"a":1}}"#);
            assert_eq!(frame, encode::text(text.as_bytes()));
        }
    }

    #[test]
    fn the_sequence_may_stand_at_either_end() {
        assert_eq!(draft("ab", 0).frame(7), encode::text(b"7ab"));
        assert_eq!(draft("ab", 2).frame(7), encode::text(b"ab7"));
    }
}
