//! Giving room back: segments in which nothing, or little, is needed.
//!
//! A segment of which nothing is needed is removed. One of which at most half is needed goes, too,
//! but first what is needed is written once more behind the newest records: as many of them each
//! time as were written since the time before, so that copying keeps up with writing. So the
//! segments hold about twice what is needed at most, what was written since the last time and the
//! segment that is being written, whatever one long-lived event or cursor stands in; and no record
//! is copied more often than it pays.

use std::fs;
use std::path::PathBuf;

use super::super::store::StoreError;
use super::directory::fault;
use super::format::{Entry, HEADER_BYTES, Header, HeaderFault};
use super::index::{LogId, Place};
use super::pieces::Pieces;
use super::scan::{Span, scan};
use super::{FileStore, Origin};
use crate::log::stored::Change;

/// Bytes of changes that are copied as one group.
const COPIED_BYTES_MAX: usize = 256 * 1024;

impl FileStore {
    /// Remove the segments of which nothing is needed, and of others once what is needed of them is
    /// copied: at most about as many bytes as were written since the last time, or half a segment.
    pub(super) fn retire(&mut self, now_unix_ms: u64) -> Result<(), StoreError> {
        let current = self.current.as_ref().map(|segment| segment.header.number);
        let needed = self.index.needed_bytes(now_unix_ms);
        let needed = |number: u64| needed.get(&number).copied().unwrap_or(0);
        let closed = self.ends.iter().filter(|(number, _)| Some(**number) != current);
        let closed: Vec<(u64, u64)> = closed.map(|(number, end)| (*number, *end)).collect();
        let mut is_removed = false;
        for &(number, _) in closed.iter().filter(|(number, _)| needed(*number) == 0) {
            self.remove(number)?;
            is_removed = true;
        }
        let mut left = std::mem::take(&mut self.written_bytes).max(1);
        for &(number, end) in &closed {
            let needed = needed(number);
            if needed == 0 || 2 * needed > end || left == 0 {
                continue;
            }
            self.copy(number, now_unix_ms)?;
            self.remove(number)?;
            is_removed = true;
            left = left.saturating_sub(needed);
        }
        if is_removed { self.directory.sync() } else { Ok(()) }
    }

    /// Write what is needed of a segment behind the newest records.
    fn copy(&mut self, number: u64, now_unix_ms: u64) -> Result<(), StoreError> {
        let is_oldest = self.ends.first_key_value().is_some_and(|(oldest, _)| *oldest == number);
        let closed = Closed {
            path: self.directory.segment_path(number),
            end: self.ends[&number],
            is_skipping: self.options.is_skipping,
        };
        // What cannot be read whole stays, and would be copied again each time.
        closed.read(|_, _| Ok(()))?;
        let mut group: Vec<(LogId, Change)> = Vec::new();
        let mut bytes = 0;
        closed.read(|entry, span| {
            let id = self.index.log(entry.app_id, entry.channel);
            let place = Place { segment: number, offset: span.offset, bytes: span.bytes as u32 };
            let log = (id, entry.incarnation);
            let kept = self.index.kept(log, entry.change, place, (is_oldest, now_unix_ms));
            let Some(change) = kept else { return Ok(()) };
            bytes += span.bytes;
            group.push((id, change));
            if bytes >= COPIED_BYTES_MAX {
                self.commit_copies(&group)?;
                group.clear();
                bytes = 0;
            }
            Ok(())
        })?;
        if group.is_empty() { Ok(()) } else { self.commit_copies(&group) }
    }

    fn commit_copies(&mut self, group: &[(LogId, Change)]) -> Result<(), StoreError> {
        self.commit_group(Origin::Copy, group.iter().map(|(id, change)| (*id, change)))
    }

    /// Remove a segment's file. The removal is durable once the directory is synced.
    fn remove(&mut self, number: u64) -> Result<(), StoreError> {
        self.cut_before(number)?;
        self.directory.remove(number)?;
        self.ends.remove(&number);
        self.index.forget_segment(number);
        Ok(())
    }

    /// Cut the segment before this one where it ends, which nothing else will say from now on.
    fn cut_before(&self, number: u64) -> Result<(), StoreError> {
        let Some((&before, &end)) = self.ends.range(..number).next_back() else { return Ok(()) };
        let path = self.directory.segment_path(before);
        let file = fs::OpenOptions::new().write(true).open(&path);
        let file = file.map_err(fault("cannot open", &path))?;
        let size = file.metadata().map_err(fault("cannot read", &path))?.len();
        if size > end {
            file.set_len(end).map_err(fault("cannot cut", &path))?;
            file.sync_all().map_err(fault("cannot sync", &path))?;
        }
        Ok(())
    }
}

/// A segment that is written no more.
struct Closed {
    path: PathBuf,
    /// Where it ends, in bytes.
    end: u64,
    is_skipping: bool,
}

impl Closed {
    /// Give `each` change in it, all of which must be what was written, but when skipping.
    fn read(
        &self,
        each: impl FnMut(Entry<'_>, Span) -> Result<(), StoreError>,
    ) -> Result<(), StoreError> {
        let mut pieces = Pieces::open(&self.path, Some(self.end))?;
        if pieces.left() < self.end {
            return Err(self.damaged(pieces.left(), "it has become shorter"));
        }
        let header = Header::decode(pieces.next(HEADER_BYTES)?).map_err(|fault| match fault {
            HeaderFault::Damaged | HeaderFault::Version(_) => {
                self.damaged(0, "its header has changed")
            }
        })?;
        let read = scan(header.salt, &mut pieces, each)?;
        let damage = read.damages.first().map(|(offset, _)| *offset);
        match damage.or((read.end < self.end).then_some(read.end)) {
            Some(offset) if !self.is_skipping => {
                Err(self.damaged(offset, "what was written there has changed"))
            }
            Some(_) | None => Ok(()),
        }
    }

    fn damaged(&self, offset: u64, what: &'static str) -> StoreError {
        StoreError::Damaged { path: self.path.clone(), offset, what }
    }
}
