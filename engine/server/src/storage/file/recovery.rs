//! What the records of all segments add up to, read in the order in which they were written.
//!
//! Every segment but the newest must be whole up to the end that its successor names. The newest
//! may have a torn end, which is cut off: nothing in it was ever said to be durable.

use std::collections::{BTreeMap, VecDeque};
use std::fs::File;
use std::io::Read;
use std::path::Path;
use std::sync::Arc;

use foldhash::fast::RandomState;
use hashbrown::HashMap;

use super::super::store::{Recovered, StoreError};
use super::directory::{Directory, fault};
use super::format::{Entry, HEADER_BYTES, Header, HeaderFault};
use super::index::{Applied, Index, LogId, Place};
use super::pieces::Pieces;
use super::scan::{Span, scan};
use crate::log::stored::{Change, StoredDeadLetter, StoredEvent, StoredLog};
use crate::log::stored::{StoredCursor, StoredSnapshot};

/// What damage is called.
const UNREADABLE: &str = "what stands there was never written";

/// A segment that was found.
#[derive(Clone, Copy, Debug)]
pub(super) struct Found {
    pub(super) header: Header,
    /// Where it ends, in bytes: the newest one behind its last good record.
    pub(super) end: u64,
}

/// What recovery leaves behind besides what it has found.
#[derive(Debug, Default)]
pub(super) struct Outcome {
    pub(super) recovered: Recovered,
    pub(super) index: Index,
    /// In the order of their numbers.
    pub(super) segments: Vec<Found>,
    /// Files of segments that had not been begun when the process ended.
    pub(super) unborn: Vec<u64>,
}

/// Read all segments in `directory` as of `now_unix_ms`; `is_skipping` damage, or else failing.
pub(super) fn recover(
    directory: &Directory,
    is_skipping: bool,
    now_unix_ms: u64,
) -> Result<Outcome, StoreError> {
    let mut recovery = Recovery { is_skipping, ..Recovery::default() };
    let headers = recovery.headers(directory)?;
    let ends: BTreeMap<u64, u64> =
        headers.values().map(|header| (header.previous, header.previous_end)).collect();
    let newest = headers.last_key_value().map(|(number, _)| *number);
    for (number, header) in headers {
        let path = directory.segment_path(number);
        let is_newest = Some(number) == newest;
        recovery.segment(&path, header, (ends.get(&number).copied(), is_newest))?;
    }
    Ok(recovery.finish(now_unix_ms))
}

/// The contents of one log so far.
#[derive(Debug, Default)]
struct Contents {
    events: VecDeque<StoredEvent>,
    cursors: HashMap<Arc<str>, StoredCursor, RandomState>,
    snapshot: Option<StoredSnapshot>,
    dead_letters: Vec<StoredDeadLetter>,
}

#[derive(Debug, Default)]
struct Recovery {
    is_skipping: bool,
    outcome: Outcome,
    contents: HashMap<LogId, Contents, RandomState>,
}

impl Recovery {
    /// The headers of all segments, but for files that hold none yet.
    fn headers(&mut self, directory: &Directory) -> Result<BTreeMap<u64, Header>, StoreError> {
        let mut headers = BTreeMap::new();
        let numbers = directory.segments()?;
        for number in &numbers {
            let path = directory.segment_path(*number);
            match read_header(&path, *number)? {
                Ok(header) => _ = headers.insert(*number, header),
                Err(bytes) if bytes <= HEADER_BYTES as u64 && numbers.last() == Some(number) => {
                    self.outcome.unborn.push(*number);
                    self.outcome.recovered.cut_bytes += bytes;
                }
                Err(bytes) => self.damaged(&path, (0, bytes), "it has no header")?,
            }
        }
        Ok(headers)
    }

    /// Take in one segment, whose successor says that it ends at `end`.
    fn segment(
        &mut self,
        path: &Path,
        header: Header,
        (end, is_newest): (Option<u64>, bool),
    ) -> Result<(), StoreError> {
        let mut pieces = Pieces::open(path, end)?;
        let end = end.unwrap_or(pieces.left());
        let scanned = scan(header.salt, &mut pieces, |entry, span| {
            self.record(header.number, &entry, span);
            Ok(())
        })?;
        for damage in scanned.damages {
            self.damaged(path, damage, UNREADABLE)?;
        }
        let left = end - scanned.end;
        if left > 0 && !is_newest {
            self.damaged(path, (scanned.end, left), UNREADABLE)?;
        }
        let recovered = &mut self.outcome.recovered;
        recovered.segments += 1;
        recovered.bytes += scanned.end;
        recovered.cut_bytes += if is_newest { left } else { 0 };
        let end = if is_newest { scanned.end } else { end };
        self.outcome.segments.push(Found { header, end });
        Ok(())
    }

    /// Take in one record.
    fn record(&mut self, segment: u64, entry: &Entry<'_>, span: Span) {
        self.outcome.recovered.records += 1;
        let id = self.outcome.index.log(entry.app_id, entry.channel);
        let place = Place { segment, offset: span.offset, bytes: span.bytes as u32 };
        let applied = self.outcome.index.apply(id, entry.incarnation, &entry.change, place);
        match applied {
            Applied::Stale => return,
            Applied::Restarted => _ = self.contents.remove(&id),
            Applied::Current => {}
        }
        let first_sequence = self.outcome.index.get(id).first_sequence;
        self.contents.entry(id).or_default().apply(&entry.change, first_sequence);
    }

    /// `bytes` of the file cannot be read: the end, or so many less.
    fn damaged(
        &mut self,
        path: &Path,
        (offset, bytes): (u64, u64),
        what: &'static str,
    ) -> Result<(), StoreError> {
        if !self.is_skipping {
            return Err(StoreError::Damaged { path: path.to_owned(), offset, what });
        }
        self.outcome.recovered.skipped_bytes += bytes;
        Ok(())
    }

    fn finish(mut self, now_unix_ms: u64) -> Outcome {
        let mut logs = Vec::new();
        for (id, log) in self.outcome.index.iter().filter(|(_, log)| !log.is_forgotten()) {
            let mut contents = self.contents.remove(&id).unwrap_or_default();
            logs.push(StoredLog {
                app_id: log.app_id.clone(),
                channel: log.channel.clone(),
                first_sequence: log.first_sequence,
                last_sequence: log.last_sequence,
                events: contents.live_events(log.first_sequence, now_unix_ms),
                cursors: contents.cursors.into_values().collect(),
                snapshot: contents.snapshot,
                dead_letters: contents.dead_letters,
            });
        }
        logs.sort_by(|left, right| {
            (&left.app_id, &left.channel).cmp(&(&right.app_id, &right.channel))
        });
        self.outcome.recovered.logs = logs;
        self.outcome
    }
}

impl Contents {
    /// Take in `change` of a log that is kept from `first_sequence` on.
    fn apply(&mut self, change: &Change, first_sequence: u64) {
        match change {
            Change::Event(event) => self.events.push_back(event.clone()),
            Change::Cursor { subscriber_id, sequence, used_unix_ms } => {
                let (sequence, used_unix_ms) = (*sequence, *used_unix_ms);
                let subscriber_id = Arc::clone(subscriber_id);
                let cursor = StoredCursor { subscriber_id, sequence, used_unix_ms };
                self.cursors.insert(Arc::clone(&cursor.subscriber_id), cursor);
            }
            Change::CursorForgotten { subscriber_id } => _ = self.cursors.remove(subscriber_id),
            Change::Snapshot(snapshot) => self.snapshot = Some(snapshot.clone()),
            Change::DeadLetter(letter) => {
                self.dead_letters.retain(|it| it.id != letter.id);
                self.dead_letters.push(letter.clone());
            }
            Change::DeadLetterGone { id } => self.dead_letters.retain(|it| it.id != *id),
            Change::Head { .. } | Change::Forgotten => {}
        }
        // No more is held than the owner held when this was written.
        while self.events.front().is_some_and(|event| event.sequence < first_sequence) {
            self.events.pop_front();
        }
    }

    /// The events that are neither let go nor expired, in their order.
    fn live_events(&mut self, first_sequence: u64, now_unix_ms: u64) -> Vec<StoredEvent> {
        let is_live = |event: &StoredEvent| {
            event.sequence >= first_sequence && event.expires_unix_ms > now_unix_ms
        };
        let mut events: Vec<_> = self.events.drain(..).filter(is_live).collect();
        // One that was copied from an old segment may be there twice, and stands behind newer ones.
        events.sort_by_key(|event| event.sequence);
        events.dedup_by_key(|event| event.sequence);
        events
    }
}

/// The header of the file at `path`, which is called `number`; its size if it has none.
fn read_header(path: &Path, number: u64) -> Result<Result<Header, u64>, StoreError> {
    let mut bytes = Vec::with_capacity(HEADER_BYTES);
    let mut file = File::open(path).map_err(fault("cannot open", path))?;
    let read = (&mut file).take(HEADER_BYTES as u64).read_to_end(&mut bytes);
    read.map_err(fault("cannot read", path))?;
    let size = file.metadata().map_err(fault("cannot read", path))?.len();
    match Header::decode(&bytes) {
        Ok(header) if header.number == number => Ok(Ok(header)),
        Ok(_) | Err(HeaderFault::Damaged) => Ok(Err(size)),
        Err(HeaderFault::Version(version)) => {
            Err(StoreError::Version { path: path.to_owned(), version })
        }
    }
}
