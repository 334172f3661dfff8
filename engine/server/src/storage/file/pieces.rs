//! The bytes of a segment, from its beginning to its end, a piece at a time.
//!
//! Segments are large, and what is looked at in one is small. So that reading one takes no more
//! memory the larger it is, nothing of it is held but what comes next.
//!
//! Invariant: at most [`PIECE_BYTES`] are held, or what was asked for at once if that is more.

use std::fs::File;
use std::io::Read;
use std::path::{Path, PathBuf};

use super::super::store::StoreError;
use super::directory::fault;

/// Bytes that are read at a time: of so many a system call's own cost is a hundredth.
pub(super) const PIECE_BYTES: usize = 256 * 1024;

/// A segment that is being read.
#[derive(Debug)]
pub(super) struct Pieces<R> {
    source: R,
    /// The segment's file, which errors name.
    path: PathBuf,
    /// Where in the segment the first byte stands that was not passed.
    offset: u64,
    /// Bytes up to the segment's end that are not held.
    unread: u64,
    held: Vec<u8>,
    /// Bytes at the beginning of `held` that were passed.
    passed: usize,
}

impl Pieces<File> {
    /// The file at `path` up to `end`, or to its own end if that comes first.
    ///
    /// # Errors
    /// If it cannot be opened.
    pub(super) fn open(path: &Path, end: Option<u64>) -> Result<Self, StoreError> {
        let file = File::open(path).map_err(fault("cannot open", path))?;
        let bytes = file.metadata().map_err(fault("cannot read", path))?.len();
        Ok(Self::new(file, path, end.map_or(bytes, |end| end.min(bytes))))
    }
}

impl<R: Read> Pieces<R> {
    /// The first `bytes` of `source`, which has as many; errors name `path`.
    pub(super) fn new(source: R, path: &Path, bytes: u64) -> Self {
        let path = path.to_owned();
        Self { source, path, offset: 0, unread: bytes, held: Vec::new(), passed: 0 }
    }

    /// What comes next: at least `bytes`, or all that is left if that is less.
    ///
    /// # Errors
    /// If the file cannot be read.
    pub(super) fn next(&mut self, bytes: usize) -> Result<&[u8], StoreError> {
        if self.held.len() - self.passed < bytes && self.unread > 0 {
            self.read(bytes.max(PIECE_BYTES))?;
        }
        Ok(&self.held[self.passed..])
    }

    /// Go on behind so many bytes of what [`next`](Self::next) has shown.
    pub(super) fn pass(&mut self, bytes: usize) {
        self.passed += bytes;
        self.offset += bytes as u64;
        assert!(self.passed <= self.held.len(), "only what was seen is passed");
    }

    /// Where in the segment what comes next stands.
    pub(super) const fn offset(&self) -> u64 {
        self.offset
    }

    /// Bytes from there to the end.
    pub(super) const fn left(&self) -> u64 {
        (self.held.len() - self.passed) as u64 + self.unread
    }

    /// Let go of what was passed, and hold `bytes`, or all that is left if that is less.
    fn read(&mut self, bytes: usize) -> Result<(), StoreError> {
        self.held.drain(..std::mem::take(&mut self.passed));
        let start = self.held.len();
        let wanted = (bytes - start) as u64;
        let end = start + wanted.min(self.unread) as usize;
        self.held.shrink_to(end);
        self.held.reserve_exact(end - start);
        self.held.resize(end, 0);
        let read = self.source.read_exact(&mut self.held[start..]);
        read.map_err(fault("cannot read", &self.path))?;
        self.unread -= (end - start) as u64;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pieces(bytes: &[u8]) -> Pieces<&[u8]> {
        Pieces::new(bytes, Path::new("segment"), bytes.len() as u64)
    }

    #[test]
    fn no_more_is_held_than_a_piece_or_what_is_asked_for() {
        let bytes: Vec<u8> = (0..5 * PIECE_BYTES + 3).map(|at| (at % 251) as u8).collect();
        let mut pieces = pieces(&bytes);
        // Small ones, one of a piece, one past it, one of more pieces, and small ones again.
        let large = [PIECE_BYTES, PIECE_BYTES + 1, 2 * PIECE_BYTES + 77];
        let small = [1, 1_000, 0, 99_999];
        let mut passed = 0;
        for asked in small.into_iter().chain(large).chain(small) {
            assert_eq!(pieces.offset(), passed as u64);
            assert_eq!(pieces.left(), (bytes.len() - passed) as u64);
            let next = pieces.next(asked).unwrap();
            assert!(next.len() >= asked);
            assert_eq!(next, &bytes[passed..passed + next.len()]);
            assert!(pieces.held.len() <= asked.max(PIECE_BYTES), "{asked}");
            // A larger record's memory goes when the next piece is read.
            let room = pieces.held.capacity();
            assert!(room <= pieces.held.len().max(PIECE_BYTES), "{asked}: {room}");
            pieces.pass(asked);
            passed += asked;
        }
    }

    #[test]
    fn at_the_end_there_is_less_than_what_is_asked_for_and_then_nothing() {
        let mut pieces = pieces(b"abc");
        assert_eq!(pieces.next(4).unwrap(), b"abc");
        pieces.pass(2);
        assert_eq!(pieces.next(2).unwrap(), b"c");
        assert_eq!((pieces.offset(), pieces.left()), (2, 1));
        pieces.pass(1);
        assert_eq!(pieces.next(1).unwrap(), b"");
        assert_eq!((pieces.offset(), pieces.left()), (3, 0));
    }

    #[test]
    fn a_file_that_is_shorter_than_it_was_cannot_be_read() {
        let mut pieces = Pieces::new(&b"abc"[..], Path::new("segment"), 4);
        let error = pieces.next(1).unwrap_err();
        assert!(matches!(error, StoreError::Io { doing: "cannot read", .. }), "{error}");
    }
}
