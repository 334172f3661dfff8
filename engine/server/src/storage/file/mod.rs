//! The durable store: segments that are only ever appended to, in one directory.
//!
//! All logs of the process share them, so that one write and one sync make a whole group durable.
//! A segment goes when nothing in it is needed; what little is still needed of an old one is copied
//! behind the newest records first. The format is described in docs/log-format.md.
//!
//! Invariant: a record counts if it is in front of a segment's end, which is moved only when it is
//! known that all in front of it is durable. A segment in which that was once not known is written
//! no more, and its successor says where it ends.

mod directory;
mod format;
mod index;
mod pieces;
mod recovery;
mod retention;
mod scan;
mod segment;

use std::collections::BTreeMap;
use std::fs::File;
use std::path::PathBuf;

use self::directory::Directory;
use self::format::{Header, RECORD_BYTES_MAX, encode, encode_mark};
use self::index::{Index, LogId, Place};
use self::segment::{Segment, SyncData};
use super::store::{Recovered, Store, StoreError, StoreSize};
use crate::log::stored::{Change, Record};

/// Bytes of the buffer for groups that are kept for the next one.
const KEPT_BYTES_MAX: usize = 4 * 1024 * 1024;

/// What a file store is made of.
#[derive(Clone, Debug)]
pub struct FileOptions {
    /// The directory; it is made if it is not there.
    pub dir: PathBuf,
    /// Bytes from which on a segment is followed by a new one. It exceeds them by one group at
    /// most.
    pub segment_bytes: u64,
    /// Whether recovery goes on without what it cannot read, instead of failing.
    pub is_skipping: bool,
}

/// Logs in a directory of this process's own.
#[derive(Debug)]
pub struct FileStore {
    options: FileOptions,
    directory: Directory,
    index: Index,
    /// The end of each segment, in bytes, by its number.
    ends: BTreeMap<u64, u64>,
    /// What is written to; `None` before the first commit and after one that failed.
    current: Option<Segment>,
    /// The highest number that a segment has had.
    last_number: u64,
    /// The group that is being written.
    group: Group,
    /// What owners have written since room was last given back.
    written_bytes: u64,
    sync_data: SyncData,
}

/// Where changes come from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Origin {
    /// From a log's owner: they are new.
    Owner,
    /// From an old segment: they are as they were.
    Copy,
}

/// Records that are written at once.
#[derive(Debug, Default)]
struct Group {
    bytes: Vec<u8>,
    /// One for each record: its log, its incarnation, where it begins and its size, in bytes.
    entries: Vec<(LogId, u32, usize, usize)>,
    /// Logs that this group begins again or forgets, with their new incarnations.
    restarts: Vec<(LogId, u32)>,
}

impl FileStore {
    /// Lock the directory, which is made if it is not there.
    ///
    /// # Errors
    /// If another process uses it, or if it cannot be made.
    pub fn open(options: FileOptions) -> Result<Self, StoreError> {
        let directory = Directory::open(&options.dir)?;
        Ok(Self {
            options,
            directory,
            index: Index::default(),
            ends: BTreeMap::new(),
            current: None,
            last_number: 0,
            group: Group::default(),
            written_bytes: 0,
            sync_data: File::sync_data,
        })
    }

    /// Write and sync `changes`, new ones or copies, as one group.
    fn commit_group<'a>(
        &mut self,
        origin: Origin,
        changes: impl Iterator<Item = (LogId, &'a Change)> + Clone,
    ) -> Result<(), StoreError> {
        let segment = self.writable()?;
        let (salt, start) = (segment.header.salt, segment.end());
        self.group.encode(&self.index, origin, changes.clone(), (salt, start))?;
        let segment = self.current.as_mut().expect("writable has just made sure of one");
        if let Err(error) = segment.append(&self.group.bytes, self.sync_data) {
            self.abandon();
            return Err(error);
        }
        let number = segment.header.number;
        self.ends.insert(number, segment.end());
        if origin == Origin::Owner {
            self.written_bytes += self.group.bytes.len() as u64;
        }
        for ((_, change), entry) in changes.zip(&self.group.entries) {
            let (id, incarnation, offset, bytes) = *entry;
            let offset = start + offset as u64;
            let place = Place { segment: number, offset, bytes: bytes as u32 };
            self.index.apply(id, incarnation, change, place);
        }
        Ok(())
    }

    /// The segment to write to: the current one, or a new one if that is full or there is none.
    fn writable(&mut self) -> Result<&Segment, StoreError> {
        let is_full = |it: &Segment| !it.is_empty() && it.end() >= self.options.segment_bytes;
        if self.current.as_ref().is_none_or(is_full) {
            let number = self.last_number + 1;
            let (previous, previous_end) =
                self.ends.last_key_value().map_or((0, 0), |(number, end)| (*number, *end));
            let salt = getrandom::u32().map_err(|error| StoreError::Io {
                doing: "cannot draw a number for",
                path: self.directory.segment_path(number),
                error: std::io::Error::other(error),
            })?;
            let header = Header { number, salt, previous, previous_end };
            let created = Segment::create(&self.directory, header, self.sync_data);
            let segment = created.inspect_err(|_| {
                let _ = self.directory.remove(number); // It may not even be there.
            })?;
            self.last_number = number;
            self.ends.insert(number, segment.end());
            self.current = Some(segment);
        }
        Ok(self.current.as_ref().expect("where there was none, one was made above"))
    }

    /// Never write to the current segment again: what is behind its end may or may not be durable.
    fn abandon(&mut self) {
        let Some(segment) = self.current.take() else { return };
        let number = segment.header.number;
        if segment.is_empty() && self.directory.remove(number).is_ok() {
            self.ends.remove(&number);
        } else {
            let _ = segment.cut(); // The next segment's header says the same.
        }
    }
}

impl Store for FileStore {
    fn recover(&mut self, now_unix_ms: u64) -> Result<Recovered, StoreError> {
        let outcome = recovery::recover(&self.directory, self.options.is_skipping, now_unix_ms)?;
        for number in &outcome.unborn {
            self.directory.remove(*number)?;
        }
        self.last_number = self.directory.segments()?.last().copied().unwrap_or(0);
        self.ends = outcome.segments.iter().map(|it| (it.header.number, it.end)).collect();
        if let Some(newest) = outcome.segments.last() {
            let segment =
                Segment::reopen(&self.directory, newest.header, newest.end, self.sync_data)?;
            self.current = Some(segment);
        }
        self.directory.sync()?;
        self.index = outcome.index;
        Ok(outcome.recovered)
    }

    fn commit(&mut self, records: &[Record]) -> Result<(), StoreError> {
        let ids: Vec<LogId> =
            records.iter().map(|it| self.index.log(&it.app_id, &it.channel)).collect();
        let changes = records.iter().map(|record| &record.change);
        self.commit_group(Origin::Owner, ids.into_iter().zip(changes))
    }

    fn retain(&mut self, now_unix_ms: u64) -> Result<(), StoreError> {
        self.retire(now_unix_ms)
    }

    fn size(&self) -> StoreSize {
        StoreSize { segments: self.ends.len() as u64, bytes: self.ends.values().sum() }
    }
}

impl Group {
    /// Encode `changes` for a segment with this `salt`, behind its end.
    fn encode<'a>(
        &mut self,
        index: &Index,
        origin: Origin,
        changes: impl Iterator<Item = (LogId, &'a Change)>,
        (salt, end): (u32, u64),
    ) -> Result<(), StoreError> {
        self.bytes.clear();
        self.bytes.shrink_to(KEPT_BYTES_MAX);
        self.entries.clear();
        self.restarts.clear();
        encode_mark(salt, end, &mut self.bytes);
        for (id, change) in changes {
            let log = index.get(id);
            let incarnation = match origin {
                Origin::Owner => self.incarnation(index, id, change),
                Origin::Copy => log.incarnation,
            };
            let start = self.bytes.len();
            encode(salt, (&log.app_id, &log.channel, incarnation), change, &mut self.bytes);
            let bytes = self.bytes.len() - start;
            if bytes > RECORD_BYTES_MAX {
                return Err(StoreError::RecordTooLarge { bytes, bytes_max: RECORD_BYTES_MAX });
            }
            self.entries.push((id, incarnation, start, bytes));
        }
        Ok(())
    }

    /// The incarnation that `change` belongs to, behind those that are in the group.
    fn incarnation(&mut self, index: &Index, id: LogId, change: &Change) -> u32 {
        let restarted = self.restarts.iter_mut().find(|(restarted, _)| *restarted == id);
        let incarnation = match &restarted {
            Some((_, incarnation)) => *incarnation,
            None => index.get(id).next_incarnation(),
        };
        let next = incarnation + u32::from(*change == Change::Forgotten);
        match restarted {
            Some(restarted) => restarted.1 = next,
            None if next != index.get(id).incarnation => self.restarts.push((id, next)),
            None => {}
        }
        incarnation
    }
}

#[cfg(test)]
mod tests;
