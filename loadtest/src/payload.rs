//! The `data` text of one event: who it is, when it was due, and filler that proves it whole.
//!
//! Everything but the two numbers is a function of the room and the sequence, so a receiver knows
//! every byte in advance and compares all of them. The text needs no escaping inside a JSON string.
//!
//! Layout, in lower-case hexadecimal:
//! `sequence(10) . room(6) . due_ns(16) . check(8) . filler`

/// Bytes before the filler: also the shortest text.
pub const HEADER_BYTES: usize = 10 + 1 + 6 + 1 + 16 + 1 + 8 + 1;

/// The filler repeats these, starting at a place that depends on the event.
const ALPHABET: &[u8; 61] = b"abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ012345678";

/// What one event says about itself.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Stamp {
    /// Position in its room, from 0.
    pub sequence: u64,
    /// Index of the room.
    pub room: u32,
    /// When it was meant to be sent, in nanoseconds since the load began.
    pub due_ns: u64,
}

impl Stamp {
    /// A number over all three fields, so that a changed time is seen as well.
    const fn check(self) -> u32 {
        let mixed = self.sequence.wrapping_mul(0x9e37_79b9_7f4a_7c15)
            ^ self.due_ns.wrapping_mul(0xbf58_476d_1ce4_e5b9)
            ^ (self.room as u64).wrapping_mul(0x94d0_49bb_1331_11eb);
        (mixed ^ (mixed >> 32)) as u32
    }

    /// Where in the pattern this event's filler starts.
    const fn filler_start(self) -> usize {
        ((self.sequence.wrapping_mul(7)).wrapping_add(self.room as u64 * 13)
            % ALPHABET.len() as u64) as usize
    }
}

/// A text that is not what the publisher wrote.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
#[error("payload damaged: {0}")]
pub struct Damaged(pub &'static str);

/// Writes and reads the text of events, all of them up to one length.
#[derive(Debug)]
pub struct Template {
    /// The alphabet, repeated beyond the longest filler, so that any filler is one slice of it.
    pattern: Vec<u8>,
}

impl Template {
    /// A template for texts of at most `text_bytes_max` bytes.
    pub fn new(text_bytes_max: usize) -> Self {
        let length = text_bytes_max + ALPHABET.len();
        Self { pattern: ALPHABET.iter().copied().cycle().take(length).collect() }
    }

    /// Append the text of one event, `text_bytes` long.
    ///
    /// # Panics
    ///
    /// If `text_bytes` is less than [`HEADER_BYTES`].
    #[inline]
    pub fn write(&self, out: &mut Vec<u8>, stamp: Stamp, text_bytes: usize) {
        assert!(text_bytes >= HEADER_BYTES, "the text must hold its header");
        let mut header = [b'.'; HEADER_BYTES];
        hex_write(&mut header[0..10], stamp.sequence);
        hex_write(&mut header[11..17], u64::from(stamp.room));
        hex_write(&mut header[18..34], stamp.due_ns);
        hex_write(&mut header[35..43], u64::from(stamp.check()));
        out.extend_from_slice(&header);
        out.extend_from_slice(self.filler(stamp, text_bytes - HEADER_BYTES));
    }

    /// Read a text back, comparing every byte with what the event must contain.
    #[inline]
    pub fn read(&self, text: &[u8], room: u32, text_bytes: usize) -> Result<Stamp, Damaged> {
        if text.len() != text_bytes {
            return Err(Damaged("length"));
        }
        let Some((header, filler)) = text.split_first_chunk::<HEADER_BYTES>() else {
            return Err(Damaged("length"));
        };
        if [header[10], header[17], header[34], header[43]] != [b'.'; 4] {
            return Err(Damaged("separator"));
        }
        let sequence = hex_read(&header[0..10]).ok_or(Damaged("sequence"))?;
        let due_ns = hex_read(&header[18..34]).ok_or(Damaged("time"))?;
        let stamp = Stamp { sequence, room, due_ns };
        if hex_read(&header[11..17]) != Some(u64::from(room)) {
            return Err(Damaged("room"));
        }
        if hex_read(&header[35..43]) != Some(u64::from(stamp.check())) {
            return Err(Damaged("check"));
        }
        if filler != self.filler(stamp, filler.len()) {
            return Err(Damaged("filler"));
        }
        Ok(stamp)
    }

    fn filler(&self, stamp: Stamp, length: usize) -> &[u8] {
        let start = stamp.filler_start();
        &self.pattern[start..start + length]
    }
}

fn hex_write(out: &mut [u8], value: u64) {
    let mut rest = value;
    for digit in out.iter_mut().rev() {
        *digit = b"0123456789abcdef"[(rest & 15) as usize];
        rest >>= 4;
    }
    debug_assert_eq!(rest, 0, "the number must fit its field");
}

fn hex_read(digits: &[u8]) -> Option<u64> {
    digits.iter().try_fold(0, |value, digit| {
        let nibble = match digit {
            b'0'..=b'9' => digit - b'0',
            b'a'..=b'f' => digit - b'a' + 10,
            _ => return None,
        };
        Some(value << 4 | u64::from(nibble))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const STAMP: Stamp = Stamp { sequence: 12_345, room: 77, due_ns: 9_876_543_210 };

    fn written(text_bytes: usize) -> (Template, Vec<u8>) {
        let template = Template::new(300);
        let mut text = Vec::new();
        template.write(&mut text, STAMP, text_bytes);
        (template, text)
    }

    #[test]
    fn a_text_reads_back_at_the_shortest_and_at_the_longest_length() {
        for text_bytes in [HEADER_BYTES, HEADER_BYTES + 1, 200, 300] {
            let (template, text) = written(text_bytes);
            assert_eq!(text.len(), text_bytes);
            assert_eq!(template.read(&text, 77, text_bytes), Ok(STAMP));
        }
    }

    #[test]
    fn a_text_needs_no_escaping_in_json() {
        let (_, text) = written(200);
        let text = String::from_utf8(text).unwrap();
        assert_eq!(serde_json::to_string(&text).unwrap(), format!("\"{text}\""));
    }

    #[test]
    fn every_single_changed_byte_is_seen() {
        let (template, text) = written(200);
        for index in 0..text.len() {
            for change in [1, 2, 0x20, 0x80] {
                let mut damaged = text.clone();
                damaged[index] ^= change;
                assert!(template.read(&damaged, 77, 200).is_err(), "byte {index} ^ {change}");
            }
        }
    }

    #[test]
    fn a_text_of_another_room_or_length_is_seen() {
        let (template, text) = written(200);
        assert_eq!(template.read(&text, 78, 200), Err(Damaged("room")));
        assert_eq!(template.read(&text[..199], 77, 200), Err(Damaged("length")));
        assert_eq!(template.read(&text, 77, 201), Err(Damaged("length")));
    }

    #[test]
    fn a_filler_of_another_event_is_seen() {
        let (template, mut text) = written(200);
        let mut other = Vec::new();
        template.write(&mut other, Stamp { sequence: 12_346, ..STAMP }, 200);
        text[HEADER_BYTES..].copy_from_slice(&other[HEADER_BYTES..]);
        assert_eq!(template.read(&text, 77, 200), Err(Damaged("filler")));
    }
}
