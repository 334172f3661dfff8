//! Which of the stored records are needed, and where the newest of each kind stand.
//!
//! The index holds no events and no values, only what tells whether a record may go: each log's
//! first and last sequence, how many bytes of events it has in each segment, and for each cursor,
//! snapshot and dead letter the place of its newest record.
//!
//! A log that is forgotten and begun again is another incarnation: records of an earlier one are
//! worth nothing, wherever they stand.

use std::collections::BTreeMap;
use std::hash::BuildHasher;
use std::sync::Arc;

use foldhash::fast::RandomState;
use hashbrown::{HashMap, HashTable};

use crate::log::stored::{Change, StoredDeadLetter};

/// Where a record stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Place {
    pub(super) segment: u64,
    /// Of the record in its segment, in bytes.
    pub(super) offset: u64,
    /// The size of the record, in bytes.
    pub(super) bytes: u32,
}

/// A log's place in the index.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(super) struct LogId(u32);

/// What became of a record that was applied.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Applied {
    /// The record belongs to what has been forgotten.
    Stale,
    /// The record counts.
    Current,
    /// The record counts, and nothing that came before it in its log does.
    Restarted,
}

/// What is known of all logs.
#[derive(Debug, Default)]
pub(super) struct Index {
    hasher: RandomState,
    names: HashTable<LogId>,
    logs: Vec<LogEntry>,
}

/// What is known of one log.
#[derive(Debug)]
pub(super) struct LogEntry {
    pub(super) app_id: Arc<str>,
    pub(super) channel: Arc<str>,
    pub(super) incarnation: u32,
    pub(super) first_sequence: u64,
    pub(super) last_sequence: u64,
    /// The newest record that tells the two.
    head: Option<Place>,
    /// The record that ended this incarnation.
    forgotten: Option<Place>,
    /// Its events, by segment.
    events: Vec<EventSpan>,
    snapshot: Option<Place>,
    /// The newest record of each subscriber, also one that says that its cursor is forgotten.
    cursors: HashMap<Arc<str>, Place, RandomState>,
    dead_letters: HashMap<Box<str>, Place, RandomState>,
}

/// The events of one log in one segment.
#[derive(Clone, Copy, Debug)]
struct EventSpan {
    segment: u64,
    first_sequence: u64,
    last_sequence: u64,
    expires_unix_ms: u64,
    bytes: u64,
}

impl Index {
    /// The log of `channel` in the app, which is made if there is none.
    pub(super) fn log(&mut self, app_id: &str, channel: &str) -> LogId {
        let hash = self.hasher.hash_one((app_id, channel));
        let logs = &self.logs;
        let is_it = |id: &LogId| logs[id.0 as usize].is(app_id, channel);
        if let Some(id) = self.names.find(hash, is_it) {
            return *id;
        }
        let id = LogId(self.logs.len() as u32);
        self.logs.push(LogEntry::new(app_id.into(), channel.into()));
        let (hasher, logs) = (&self.hasher, &self.logs);
        self.names.insert_unique(hash, id, |id| {
            let log = &logs[id.0 as usize];
            hasher.hash_one((&*log.app_id, &*log.channel))
        });
        id
    }

    /// What is known of a log.
    pub(super) fn get(&self, id: LogId) -> &LogEntry {
        &self.logs[id.0 as usize]
    }

    /// Every log.
    pub(super) fn iter(&self) -> impl Iterator<Item = (LogId, &LogEntry)> {
        self.logs.iter().enumerate().map(|(index, log)| (LogId(index as u32), log))
    }

    /// The record of `change` stands at `place`, behind all others.
    pub(super) fn apply(
        &mut self,
        id: LogId,
        incarnation: u32,
        change: &Change,
        place: Place,
    ) -> Applied {
        let log = &mut self.logs[id.0 as usize];
        let mut applied = Applied::Current;
        if incarnation > log.incarnation {
            log.restart(incarnation);
            applied = Applied::Restarted;
        } else if incarnation < log.incarnation {
            return Applied::Stale;
        }
        if *change == Change::Forgotten {
            log.restart(incarnation);
            applied = Applied::Restarted;
        } else if log.is_forgotten() {
            return Applied::Stale;
        }
        log.apply(change, place);
        applied
    }

    /// Whether the record of `change` at `place` must be kept, as of `now_unix_ms`, and if so, what
    /// must be written in its place.
    ///
    /// `is_oldest` says that no segment is older than its own: then there is nothing left of which
    /// it must be said that it is gone.
    pub(super) fn kept(
        &self,
        (id, incarnation): (LogId, u32),
        change: Change,
        place: Place,
        (is_oldest, now_unix_ms): (bool, u64),
    ) -> Option<Change> {
        let log = self.get(id);
        let named = |newest: Option<&Place>| newest == Some(&place);
        if incarnation != log.incarnation {
            return None;
        }
        let is_kept = match &change {
            Change::Event(event) => {
                let is_live = event.sequence >= log.first_sequence
                    && event.expires_unix_ms > now_unix_ms
                    && !log.is_forgotten();
                if !is_live && log.head == Some(place) {
                    return Some(log.head_change());
                }
                is_live
            }
            Change::Head { .. } => log.head == Some(place),
            Change::Cursor { subscriber_id, .. } => named(log.cursors.get(subscriber_id)),
            Change::CursorForgotten { subscriber_id } => {
                !is_oldest && named(log.cursors.get(subscriber_id))
            }
            Change::Snapshot(_) => log.snapshot == Some(place),
            Change::DeadLetter(letter) => named(log.dead_letters.get(&letter.id)),
            Change::DeadLetterGone { id } => !is_oldest && named(log.dead_letters.get(id)),
            Change::Forgotten => !is_oldest && log.forgotten == Some(place),
        };
        is_kept.then(|| log.renewed(change))
    }

    /// Nothing stands in `segment` any more.
    pub(super) fn forget_segment(&mut self, segment: u64) {
        for log in &mut self.logs {
            let is_there = |place: &Place| place.segment == segment;
            log.events.retain(|span| span.segment != segment);
            log.cursors.retain(|_, newest| !is_there(newest));
            log.dead_letters.retain(|_, newest| !is_there(newest));
        }
        self.drop_logs(|log| log.forgotten.is_some_and(|place| place.segment == segment));
    }

    /// About how many bytes of each segment are needed, as of `now_unix_ms`.
    pub(super) fn needed_bytes(&self, now_unix_ms: u64) -> BTreeMap<u64, u64> {
        let mut needed = BTreeMap::new();
        for log in &self.logs {
            log.add_needed(now_unix_ms, &mut needed);
        }
        needed
    }

    /// Forget the logs that are `done`; the ids of others may change.
    fn drop_logs(&mut self, done: impl Fn(&LogEntry) -> bool) {
        if !self.logs.iter().any(&done) {
            return;
        }
        self.logs.retain(|log| !done(log));
        let (hasher, logs) = (&self.hasher, &self.logs);
        let hash = |id: &LogId| {
            let log = &logs[id.0 as usize];
            hasher.hash_one((&*log.app_id, &*log.channel))
        };
        self.names.clear();
        for index in 0..logs.len() {
            let id = LogId(index as u32);
            self.names.insert_unique(hash(&id), id, hash);
        }
    }
}

impl LogEntry {
    fn new(app_id: Arc<str>, channel: Arc<str>) -> Self {
        Self {
            app_id,
            channel,
            incarnation: 0,
            first_sequence: 1,
            last_sequence: 0,
            head: None,
            forgotten: None,
            events: Vec::new(),
            snapshot: None,
            cursors: HashMap::default(),
            dead_letters: HashMap::default(),
        }
    }

    /// Whether it has been forgotten and not begun again.
    pub(super) const fn is_forgotten(&self) -> bool {
        self.forgotten.is_some()
    }

    /// The incarnation that what comes next belongs to.
    pub(super) fn next_incarnation(&self) -> u32 {
        self.incarnation + u32::from(self.is_forgotten())
    }

    fn is(&self, app_id: &str, channel: &str) -> bool {
        *self.channel == *channel && *self.app_id == *app_id
    }

    fn restart(&mut self, incarnation: u32) {
        let (app_id, channel) = (Arc::clone(&self.app_id), Arc::clone(&self.channel));
        *self = Self { incarnation, ..Self::new(app_id, channel) };
    }

    fn apply(&mut self, change: &Change, place: Place) {
        match change {
            Change::Event(event) => {
                self.first_sequence = self.first_sequence.max(event.first_sequence);
                if event.sequence >= self.last_sequence {
                    self.last_sequence = event.sequence;
                    self.head = Some(place);
                }
                self.add_event(event.sequence, event.expires_unix_ms, place);
            }
            Change::Head { first_sequence, last_sequence } => {
                self.first_sequence = self.first_sequence.max(*first_sequence);
                self.last_sequence = self.last_sequence.max(*last_sequence);
                self.head = Some(place);
            }
            Change::Cursor { subscriber_id, .. } | Change::CursorForgotten { subscriber_id } => {
                self.cursors.insert(Arc::clone(subscriber_id), place);
            }
            Change::Snapshot(_) => self.snapshot = Some(place),
            Change::DeadLetter(StoredDeadLetter { id, .. }) | Change::DeadLetterGone { id } => {
                self.dead_letters.insert(id.clone(), place);
            }
            Change::Forgotten => self.forgotten = Some(place),
        }
    }

    fn add_event(&mut self, sequence: u64, expires_unix_ms: u64, place: Place) {
        let bytes = u64::from(place.bytes);
        match self.events.last_mut() {
            Some(span) if span.segment == place.segment => {
                span.first_sequence = span.first_sequence.min(sequence);
                span.last_sequence = span.last_sequence.max(sequence);
                span.expires_unix_ms = span.expires_unix_ms.max(expires_unix_ms);
                span.bytes += bytes;
            }
            Some(_) | None => {
                let first_sequence = self.first_sequence;
                self.events.retain(|span| span.last_sequence >= first_sequence);
                self.events.push(EventSpan {
                    segment: place.segment,
                    first_sequence: sequence,
                    last_sequence: sequence,
                    expires_unix_ms,
                    bytes,
                });
            }
        }
    }

    const fn head_change(&self) -> Change {
        Change::Head { first_sequence: self.first_sequence, last_sequence: self.last_sequence }
    }

    /// `change` with what is known of the log by now.
    fn renewed(&self, change: Change) -> Change {
        match change {
            Change::Event(mut event) => {
                event.first_sequence = self.first_sequence;
                Change::Event(event)
            }
            Change::Head { .. } => self.head_change(),
            other @ (Change::Cursor { .. }
            | Change::CursorForgotten { .. }
            | Change::Snapshot(_)
            | Change::DeadLetter(_)
            | Change::DeadLetterGone { .. }
            | Change::Forgotten) => other,
        }
    }

    fn add_needed(&self, now_unix_ms: u64, needed: &mut BTreeMap<u64, u64>) {
        for span in &self.events {
            if span.expires_unix_ms > now_unix_ms && span.last_sequence >= self.first_sequence {
                *needed.entry(span.segment).or_default() += span.needed(self.first_sequence);
            }
        }
        let named = self.cursors.values().chain(self.dead_letters.values()).copied();
        let single = [self.head, self.forgotten, self.snapshot].into_iter().flatten();
        for place in named.chain(single) {
            *needed.entry(place.segment).or_default() += u64::from(place.bytes);
        }
    }
}

impl EventSpan {
    /// About how many of its bytes are events from `first_sequence` on.
    fn needed(&self, first_sequence: u64) -> u64 {
        let first = self.first_sequence.max(first_sequence);
        let (events, left) =
            (self.last_sequence - self.first_sequence + 1, self.last_sequence - first + 1);
        (u128::from(self.bytes) * u128::from(left) / u128::from(events)) as u64
    }
}
