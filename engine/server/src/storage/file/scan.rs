//! Reading a segment from its beginning, and telling a torn end from damage.
//!
//! A process or a machine that ends in the middle of a write leaves a torn group, and nothing
//! behind it: the next group is written only once one is durable. So a record that cannot be read
//! is the torn end if no group begins behind it, and otherwise something has changed what was once
//! durable.

use std::io::Read;

use super::super::store::StoreError;
use super::format::{Entry, HEADER_BYTES, Item, MARK_BYTES, decode, record_bytes};
use super::pieces::Pieces;

/// The bytes of a record before its payload that every group begins with: its length.
const MARK_LENGTH: [u8; 4] = ((MARK_BYTES - 8) as u32).to_le_bytes();

/// Where a record stands: its offset in its segment, and its size, in bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Span {
    pub(super) offset: u64,
    pub(super) bytes: usize,
}

/// What reading a segment came to.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Scanned {
    /// Where the last record that can be read ends.
    pub(super) end: u64,
    /// What cannot be read in front of that: offset and bytes.
    pub(super) damages: Vec<(u64, u64)>,
}

/// Give `each` change that can be read in a segment, of which nothing was passed.
///
/// # Errors
/// If the file cannot be read, or with the first that `each` gives.
pub(super) fn scan<R: Read>(
    salt: u32,
    pieces: &mut Pieces<R>,
    mut each: impl FnMut(Entry<'_>, Span) -> Result<(), StoreError>,
) -> Result<Scanned, StoreError> {
    let mut scanned = Scanned::default();
    let header_bytes = pieces.next(HEADER_BYTES)?.len().min(HEADER_BYTES);
    pieces.pass(header_bytes);
    loop {
        pass_records(salt, pieces, &mut each)?;
        scanned.end = pieces.offset();
        if !pass_to_group(salt, pieces)? {
            return Ok(scanned);
        }
        scanned.damages.push((scanned.end, pieces.offset() - scanned.end));
    }
}

/// Pass the records up to the first that cannot be read.
fn pass_records<R: Read>(
    salt: u32,
    pieces: &mut Pieces<R>,
    each: &mut impl FnMut(Entry<'_>, Span) -> Result<(), StoreError>,
) -> Result<(), StoreError> {
    loop {
        let offset = pieces.offset();
        let bytes = record_bytes(pieces.next(MARK_LENGTH.len())?);
        // A length that is none must not be held, however large it is.
        let Some(bytes) = bytes.filter(|&bytes| bytes as u64 <= pieces.left()) else {
            return Ok(());
        };
        match decode(salt, pieces.next(bytes)?, offset) {
            Some((Item::Mark, _)) => {}
            Some((Item::Change(entry), _)) => each(entry, Span { offset, bytes })?,
            None => return Ok(()),
        }
        pieces.pass(bytes);
    }
}

/// Pass what is in front of the first group that begins here or further on; false if none does.
fn pass_to_group<R: Read>(salt: u32, pieces: &mut Pieces<R>) -> Result<bool, StoreError> {
    loop {
        let offset = pieces.offset();
        let bytes = pieces.next(MARK_BYTES)?;
        let is_group = |(at, bytes): (usize, &[u8])| {
            bytes.starts_with(&MARK_LENGTH)
                && matches!(decode(salt, bytes, offset + at as u64), Some((Item::Mark, _)))
        };
        let windows = bytes.windows(MARK_BYTES);
        let searched = windows.len();
        let found = windows.enumerate().position(is_group);
        pieces.pass(found.unwrap_or(searched));
        if found.is_some() || searched == 0 {
            return Ok(found.is_some());
        }
    }
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;
    use std::io;
    use std::path::Path;

    use super::super::format::{encode, encode_mark};
    use super::super::pieces::PIECE_BYTES;
    use super::*;
    use crate::log::stored::{Change, StoredSnapshot};

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
        let mut pieces = Pieces::new(bytes, Path::new("segment"), bytes.len() as u64);
        let scanned = scan(1, &mut pieces, |_, _| {
            changes += 1;
            Ok(())
        });
        (changes, scanned.unwrap())
    }

    #[test]
    fn a_whole_segment_is_read_to_its_end() {
        let (bytes, _) = two_groups();
        let whole = Scanned { end: bytes.len() as u64, damages: vec![] };
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
                assert!(start <= at as u64 && start + length == second as u64, "byte {at}");
                assert_eq!((changed, scanned.end), (1, bytes.len() as u64));
            } else {
                assert!(scanned.damages.is_empty() && scanned.end <= at as u64, "byte {at}");
            }
            let (_, torn) = changes(&bytes[..at]);
            assert!(torn.damages.is_empty() && torn.end <= at as u64, "cut at {at}");
        }
    }
    fn put_snapshot(state_bytes: usize, out: &mut Vec<u8>) {
        let state = vec![0; state_bytes].into();
        let snapshot = StoredSnapshot { last_sequence: 1, created_unix_ms: 1, state };
        encode(1, ("a", "b", 0), &Change::Snapshot(snapshot), out);
    }

    /// A group of one small record until `bytes` has as many as `size`.
    fn put_small_groups(size: usize, bytes: &mut Vec<u8>) {
        while bytes.len() < size {
            encode_mark(1, bytes.len() as u64, bytes);
            put_snapshot(bytes.len() % 997, bytes);
        }
    }

    /// What has been read of a segment at each moment.
    struct Counted<'a> {
        bytes: &'a [u8],
        read: &'a Cell<u64>,
    }

    impl Read for Counted<'_> {
        fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
            let read = self.bytes.read(buffer)?;
            self.read.set(self.read.get() + read as u64);
            Ok(read)
        }
    }

    #[test]
    fn a_large_segment_is_read_no_further_than_a_piece_from_the_record_that_is_next() {
        let mut bytes = vec![0; HEADER_BYTES];
        put_small_groups(8 * PIECE_BYTES, &mut bytes);
        put_snapshot(2 * PIECE_BYTES, &mut bytes);
        put_small_groups(16 * PIECE_BYTES, &mut bytes);
        // Damage takes a search for the group behind it, which is not to hold any more either.
        bytes[100..100 + 3 * PIECE_BYTES].fill(0);
        let read = Cell::new(0);
        let counted = Counted { bytes: &bytes, read: &read };
        let mut pieces = Pieces::new(counted, Path::new("segment"), bytes.len() as u64);
        let (mut ahead_max, mut larger) = (0, 0);
        let scanned = scan(1, &mut pieces, |_, span| {
            let ahead = read.get() - span.offset;
            if span.bytes > PIECE_BYTES {
                larger += 1;
                assert_eq!(ahead, span.bytes as u64, "a larger one is held alone");
            } else {
                ahead_max = ahead.max(ahead_max);
            }
            Ok(())
        });
        let scanned = scanned.unwrap();
        assert_eq!((scanned.end, scanned.damages.len(), larger), (bytes.len() as u64, 1, 1));
        assert!(ahead_max <= PIECE_BYTES as u64, "{ahead_max}");
        assert_eq!(read.get(), bytes.len() as u64, "each byte is read once");
    }

    #[test]
    fn wherever_a_piece_ends_records_and_groups_are_found() {
        let mut first = vec![0; HEADER_BYTES];
        encode_mark(1, first.len() as u64, &mut first);
        let start = first.len();
        for second in PIECE_BYTES - 2 * MARK_BYTES..PIECE_BYTES + 2 * MARK_BYTES {
            let mut bytes = first.clone();
            put_snapshot(0, &mut bytes);
            let state_bytes = second - bytes.len();
            bytes.truncate(start);
            put_snapshot(state_bytes, &mut bytes);
            encode_mark(1, second as u64, &mut bytes);
            encode(1, ("a", "b", 0), &Change::Forgotten, &mut bytes);
            let end = bytes.len() as u64;
            assert_eq!(changes(&bytes), (2, Scanned { end, damages: vec![] }));
            for torn in second..bytes.len() {
                let whole_bytes = if torn < second + MARK_BYTES { 0 } else { MARK_BYTES };
                let end = (second + whole_bytes) as u64;
                assert_eq!(changes(&bytes[..torn]), (1, Scanned { end, damages: vec![] }));
            }
            bytes[start + 50] ^= 1;
            let damages = vec![(start as u64, (second - start) as u64)];
            assert_eq!(changes(&bytes), (1, Scanned { end, damages }), "group at {second}");
        }
    }
}
