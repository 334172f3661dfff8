//! UTF-8 text that arrives in pieces cut anywhere, also inside a character.
//!
//! Every byte is checked once, when it arrives, so that wrong text is refused at the first piece
//! that shows it.
//!
//! Invariant: `tail` is empty or the start of one character.

/// The text so far.
#[derive(Debug, Default)]
pub(super) struct TextBuffer {
    text: String,
    tail: [u8; 4],
    tail_len: usize,
}

/// No continuation of the bytes so far is UTF-8.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) struct InvalidUtf8;

impl TextBuffer {
    pub(super) fn append(&mut self, piece: &[u8]) -> Result<(), InvalidUtf8> {
        let piece = self.complete_tail(piece)?;
        let (whole, tail) = piece.split_at(piece.len() - cut_character_bytes(piece));
        self.text.push_str(str::from_utf8(whole).map_err(|_| InvalidUtf8)?);
        if !tail.is_empty() {
            self.tail[..tail.len()].copy_from_slice(tail);
            self.tail_len = tail.len();
            self.check_tail()?;
        }
        Ok(())
    }

    /// The text, unless it ends inside a character.
    pub(super) fn as_complete_str(&self) -> Result<&str, InvalidUtf8> {
        if self.tail_len == 0 { Ok(&self.text) } else { Err(InvalidUtf8) }
    }

    /// Bytes appended so far.
    pub(super) const fn len(&self) -> usize {
        self.text.len() + self.tail_len
    }

    pub(super) const fn capacity(&self) -> usize {
        self.text.capacity()
    }

    /// Finish the character that the last piece began; gives what is left of this piece.
    fn complete_tail<'p>(&mut self, mut piece: &'p [u8]) -> Result<&'p [u8], InvalidUtf8> {
        while self.tail_len > 0
            && let Some((&byte, rest)) = piece.split_first()
        {
            self.tail[self.tail_len] = byte;
            self.tail_len += 1;
            piece = rest;
            self.check_tail()?;
        }
        Ok(piece)
    }

    /// Move the tail to the text if it is a whole character, and refuse it if it cannot become one.
    fn check_tail(&mut self) -> Result<(), InvalidUtf8> {
        match str::from_utf8(&self.tail[..self.tail_len]) {
            Ok(character) => {
                self.text.push_str(character);
                self.tail_len = 0;
                Ok(())
            }
            Err(error) if error.error_len().is_none() => Ok(()),
            Err(_) => Err(InvalidUtf8),
        }
    }
}

/// How many bytes at the end of `piece` begin a character that they do not end: 0 to 3.
fn cut_character_bytes(piece: &[u8]) -> usize {
    for (index, byte) in piece.iter().rev().take(3).enumerate() {
        let present = index + 1;
        match byte {
            0xc0..=0xdf => return if present < 2 { present } else { 0 },
            0xe0..=0xef => return if present < 3 { present } else { 0 },
            0xf0..=0xff => return present, // At most 3 of 4 are looked at.
            0x80..=0xbf => {}              // Inside a character: look further back.
            0x00..=0x7f => return 0,
        }
    }
    0
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str = "a\u{7f}\u{80}\u{7ff}\u{800}\u{d7ff}\u{e000}\u{ffff}\u{10000}\u{10ffff}z";

    #[test]
    fn text_cut_anywhere_is_the_same_text() {
        let bytes = TEXT.as_bytes();
        for first in 0..=bytes.len() {
            for second in first..=bytes.len() {
                let mut buffer = TextBuffer::default();
                for piece in [&bytes[..first], &bytes[first..second], &bytes[second..]] {
                    buffer.append(piece).unwrap();
                }
                assert_eq!(buffer.as_complete_str(), Ok(TEXT));
                assert_eq!(buffer.len(), TEXT.len());
            }
        }
    }

    /// A piece is refused exactly when the bytes up to its end cannot be the start of UTF-8 text.
    #[test]
    fn wrong_text_is_refused_at_the_first_byte_that_shows_it() {
        for wrong in [
            &[0x80][..],
            &[0xc0, 0xaf],
            &[0xc3, 0x28],
            &[0xe0, 0x80, 0xaf],
            &[0xed, 0xa0, 0x80],
            &[0xf0, 0x80, 0x80, 0xaf],
            &[0xf4, 0x90, 0x80, 0x80],
            &[0xf5, 0x80],
            &[0xff],
            &[b'a', 0xce, 0xba, 0xf4, 0x90],
        ] {
            let mut byte_by_byte = TextBuffer::default();
            for end in 1..=wrong.len() {
                let hopeless =
                    str::from_utf8(&wrong[..end]).is_err_and(|error| error.error_len().is_some());
                let result = byte_by_byte.append(&wrong[end - 1..end]);
                assert_eq!(result.is_err(), hopeless, "{:x?}", &wrong[..end]);
                assert_eq!(TextBuffer::default().append(&wrong[..end]).is_err(), hopeless);
                if hopeless {
                    break;
                }
            }
        }
    }

    #[test]
    fn text_that_ends_inside_a_character_is_not_complete() {
        let mut buffer = TextBuffer::default();
        buffer.append(&[0xf0, 0x9f]).unwrap();
        assert_eq!(buffer.as_complete_str(), Err(InvalidUtf8));
    }
}
