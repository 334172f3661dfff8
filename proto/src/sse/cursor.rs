//! Where a stream stands in a room: `room@sequence`, the room percent-encoded.

use std::fmt::Write as _;

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, percent_decode_str, utf8_percent_encode};

/// What JavaScript's `encodeURIComponent` leaves as it is: clients compare these texts.
const COMPONENT: &AsciiSet = &NON_ALPHANUMERIC
    .remove(b'-')
    .remove(b'_')
    .remove(b'.')
    .remove(b'!')
    .remove(b'~')
    .remove(b'*')
    .remove(b'\'')
    .remove(b'(')
    .remove(b')');

/// The last event of a room that a client has.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Cursor {
    /// The room's name.
    pub room: String,
    /// The event's sequence; 0 is before the first one.
    pub sequence: u64,
}

/// A text that is no cursor. The client sees it in the body of a 400.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is not a room and a sequence joined by @")]
pub struct CursorError(pub String);

impl Cursor {
    /// Read one cursor.
    pub fn parse(text: &str) -> Result<Self, CursorError> {
        let error = || CursorError(text.to_owned());
        let (room, digits) = text.rsplit_once('@').ok_or_else(error)?;
        let room = percent_decode_str(room).decode_utf8().map_err(|_| error())?;
        let is_number = !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit());
        let sequence = digits.parse().ok().filter(|_| is_number && !room.is_empty());
        Ok(Self { room: room.into_owned(), sequence: sequence.ok_or_else(error)? })
    }

    /// Read cursors joined by commas; an empty text has none.
    pub fn parse_list(text: &str) -> Result<Vec<Self>, CursorError> {
        text.split(',').filter(|part| !part.is_empty()).map(Self::parse).collect()
    }

    /// Append the cursor of `room` at `sequence` to `text`.
    pub(super) fn write(room: &str, sequence: u64, text: &mut String) {
        text.extend(utf8_percent_encode(room, COMPONENT));
        let _ = write!(text, "@{sequence}"); // Writing to a `String` cannot fail.
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cursor_reads_back_as_it_was_written() {
        for room in ["chat:1", "chat:a:b", "r:100%", "r:a@b", "r:a,b", "r:caf\u{e9} x"] {
            let mut text = String::new();
            Cursor::write(room, u64::MAX, &mut text);
            assert!(text.bytes().all(|byte| byte.is_ascii_graphic() && byte != b','), "{text}");
            let cursor = Cursor { room: room.to_owned(), sequence: u64::MAX };
            assert_eq!(Cursor::parse(&text), Ok(cursor));
        }
        let mut text = String::new();
        Cursor::write("chat:1", 4, &mut text);
        assert_eq!(text, "chat%3A1@4");
    }

    #[test]
    fn a_list_may_be_empty_and_has_no_other_texts() {
        assert_eq!(Cursor::parse_list(""), Ok(Vec::new()));
        let list = Cursor::parse_list("chat%3A1@4,b:2@0").unwrap();
        let found: Vec<_> = list.iter().map(|it| (it.room.as_str(), it.sequence)).collect();
        assert_eq!(found, [("chat:1", 4), ("b:2", 0)]);
        let too_large = format!("r:1@{}0", u64::MAX);
        for text in ["chat:1", "chat:1@", "@4", "chat:1@-1", "chat:1@+1", "%ff@1", &too_large] {
            assert_eq!(Cursor::parse_list(text), Err(CursorError(text.to_owned())));
        }
    }
}
