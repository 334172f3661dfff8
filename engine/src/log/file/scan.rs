//! Reading a segment from its beginning, and telling a torn end from damage.
//!
//! A process or a machine that ends in the middle of a write leaves a torn group, and nothing
//! behind it: the next group is written only once one is durable. So a record that cannot be read
//! is the torn end if no group begins behind it, and otherwise something has changed what was once
//! durable.

use super::format::{Entry, HEADER_BYTES, Item, MARK_BYTES, decode};

/// The bytes of a record before its payload that every group begins with: its length.
const MARK_LENGTH: [u8; 4] = ((MARK_BYTES - 8) as u32).to_le_bytes();

/// Where a record stands: its offset in its segment, and its size, in bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Span {
    pub(super) offset: usize,
    pub(super) bytes: usize,
}

/// What reading a segment came to.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Scanned {
    /// Where the last record that can be read ends.
    pub(super) end: usize,
    /// What cannot be read in front of that: offset and bytes.
    pub(super) damages: Vec<(usize, usize)>,
}

/// Give `each` change that can be read in a segment's `bytes`.
pub(super) fn scan(salt: u32, bytes: &[u8], mut each: impl FnMut(Entry<'_>, Span)) -> Scanned {
    let mut scanned = Scanned { end: HEADER_BYTES, damages: Vec::new() };
    let mut offset = HEADER_BYTES;
    loop {
        while let Some((item, end)) = decode(salt, bytes, offset) {
            match item {
                Item::Mark => {}
                Item::Change(entry) => each(entry, Span { offset, bytes: end - offset }),
            }
            offset = end;
        }
        scanned.end = offset;
        let Some(next) = next_group(salt, bytes, offset) else { return scanned };
        scanned.damages.push((offset, next - offset));
        offset = next;
    }
}

/// The first group that begins at `start` or behind it.
fn next_group(salt: u32, bytes: &[u8], start: usize) -> Option<usize> {
    (start..bytes.len().saturating_sub(MARK_BYTES - 1)).find(|&offset| {
        bytes[offset..].starts_with(&MARK_LENGTH)
            && matches!(decode(salt, bytes, offset), Some((Item::Mark, _)))
    })
}

#[cfg(test)]
mod tests {
    use super::super::format::{encode, encode_mark};
    use super::*;
    use crate::log::store::Change;

    /// Two groups of a record each, and where the second begins.
    fn two_groups() -> (Vec<u8>, usize) {
        let mut bytes = vec![0; HEADER_BYTES];
        let mut second = 0;
        for _ in 0..2 {
            second = bytes.len();
            encode_mark(1, second as u64, &mut bytes);
            encode(1, ("a", "b", 0), &Change::Forgotten, &mut bytes);
        }
        (bytes, second)
    }

    fn changes(bytes: &[u8]) -> (usize, Scanned) {
        let mut changes = 0;
        let scanned = scan(1, bytes, |_, _| changes += 1);
        (changes, scanned)
    }

    #[test]
    fn a_whole_segment_is_read_to_its_end() {
        let (bytes, _) = two_groups();
        let whole = Scanned { end: bytes.len(), damages: vec![] };
        assert_eq!(changes(&bytes), (2, whole));
    }

    #[test]
    fn what_is_torn_is_at_the_end_and_behind_damage_there_is_a_group() {
        let (bytes, second) = two_groups();
        for at in HEADER_BYTES..bytes.len() {
            let mut damaged = bytes.clone();
            damaged[at] ^= 1;
            let (changed, scanned) = changes(&damaged);
            if at < second {
                let [(start, length)] = scanned.damages[..] else { panic!("byte {at}") };
                assert!(start <= at && start + length == second, "byte {at}");
                assert_eq!((changed, scanned.end), (1, bytes.len()));
            } else {
                assert!(scanned.damages.is_empty() && scanned.end <= at, "byte {at}");
            }
            let (_, torn) = changes(&bytes[..at]);
            assert!(torn.damages.is_empty() && torn.end <= at, "cut at {at}");
        }
    }
}
