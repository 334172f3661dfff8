//! The newest events of one channel, by their sequence.
//!
//! A ring without holes: an event in the middle that has expired keeps its place until it comes to
//! the front, and is skipped meanwhile. So an event is found by subtracting, and no number moves.
//!
//! Invariant: the entries have the sequences from `first_sequence` to `last_sequence`; `bytes` is
//! the sum of their weights.

use std::collections::VecDeque;
use std::sync::Arc;

use bytes::Bytes;

use super::idempotency::Idempotency;
use super::limits::HistoryLimits;
use crate::id::SocketId;

/// What an event costs besides its bytes: its entry, its allocations and its places in the tables.
const ENTRY_OVERHEAD_BYTES: usize = 192;

/// One event that is kept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// Its name; empty if it has none.
    pub id: Box<str>,
    /// What subscribers may filter by.
    pub event_type: Arc<str>,
    /// From when on it is not shown.
    pub expires_unix_ms: u64,
    /// A whole websocket frame.
    pub frame: Bytes,
    /// The one connection that does not get it, not from the log either. It is known while the
    /// process lives, and so does the connection.
    pub skip: Option<SocketId>,
}

impl Entry {
    /// What it costs, in bytes.
    pub fn weight_bytes(&self) -> usize {
        self.id.len() + self.event_type.len() + self.frame.len() + ENTRY_OVERHEAD_BYTES
    }
}

/// How much is read at once.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PageLimits {
    /// How many events at most.
    pub events_max: usize,
    /// Bytes of their frames; one event is given whatever it has.
    pub bytes_max: usize,
}

/// Events in their order, without a hole between the first and the last that was asked for.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Page {
    /// The frames of the events, shared.
    pub frames: Vec<Bytes>,
    /// The last event that was looked at: the next page comes after it.
    pub last: u64,
    /// Events that are gone, first and last, right before this page.
    pub lost: Option<(u64, u64)>,
}

/// What had to go.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Evicted {
    /// For want of room.
    pub events: u64,
    /// Because their time was over.
    pub expired: u64,
}

/// One channel's events.
#[derive(Debug)]
pub struct History {
    entries: VecDeque<Entry>,
    ids: Idempotency,
    /// The first event whose id is known again.
    ids_from: u64,
    last_sequence: u64,
    bytes: usize,
}

impl History {
    /// An empty history whose next event is the one after `last_sequence`.
    pub fn after(last_sequence: u64) -> Self {
        Self {
            entries: VecDeque::new(),
            ids: Idempotency::default(),
            ids_from: last_sequence + 1,
            last_sequence,
            bytes: 0,
        }
    }

    /// The number of the newest event that there ever was; 0 if there was none.
    pub const fn last_sequence(&self) -> u64 {
        self.last_sequence
    }

    /// The number of the oldest event that is there; one more than the last if none is.
    pub fn first_sequence(&self) -> u64 {
        self.last_sequence + 1 - self.entries.len() as u64
    }

    /// How many events are there, expired ones among them included.
    pub fn len(&self) -> usize {
        self.entries.len()
    }

    /// Whether no events are there.
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// What they weigh, in bytes.
    pub const fn bytes(&self) -> usize {
        self.bytes
    }

    /// Append `entry` as the next event, and let go of what has no room beside it.
    ///
    /// With no room for itself it is numbered and gone.
    pub fn append(&mut self, entry: Entry, limits: &HistoryLimits, ids_max: usize) -> Evicted {
        self.last_sequence += 1;
        self.bytes += entry.weight_bytes();
        if !entry.id.is_empty() {
            self.ids.insert(&entry.id, self.last_sequence);
        }
        self.entries.push_back(entry);
        while self.last_sequence + 1 - self.ids_from > ids_max as u64 {
            self.forget_id();
        }
        self.shrink(limits)
    }

    /// Let go of the oldest events until the rest is within `limits`.
    pub fn shrink(&mut self, limits: &HistoryLimits) -> Evicted {
        let mut evicted = Evicted::default();
        while self.entries.len() > limits.events_max || self.bytes > limits.bytes_max {
            self.pop();
            evicted.events += 1;
        }
        evicted
    }

    /// Let go of the oldest event, if `sequence` is that one.
    pub fn evict(&mut self, sequence: u64) -> bool {
        let is_oldest = !self.entries.is_empty() && self.first_sequence() == sequence;
        if is_oldest {
            self.pop();
        }
        is_oldest
    }

    /// Let go of what has expired at the front; true if anything has.
    pub fn expire(&mut self, now_unix_ms: u64) -> Evicted {
        let mut evicted = Evicted::default();
        while self.entries.front().is_some_and(|it| it.expires_unix_ms <= now_unix_ms) {
            self.pop();
            evicted.expired += 1;
        }
        evicted
    }

    /// The event with this sequence, expired or not.
    pub fn get(&self, sequence: u64) -> Option<&Entry> {
        let index = sequence.checked_sub(self.first_sequence())?;
        self.entries.get(index as usize)
    }

    /// The event with this id, if it is among those known again.
    pub fn find_id(&self, id: &str) -> Option<(u64, &Entry)> {
        let is_it = |sequence| self.get(sequence).is_some_and(|it| *it.id == *id);
        let sequence = self.ids.find(id, is_it)?;
        Some((sequence, self.get(sequence)?))
    }

    /// Events after `after` and not after `to` of which `is_wanted` says so, as of `now_unix_ms`.
    ///
    /// Where an event is gone the page begins behind it and says so, or ends before it.
    pub fn page(
        &self,
        after: u64,
        to: u64,
        now_unix_ms: u64,
        limits: PageLimits,
        is_wanted: impl Fn(&Entry) -> bool,
    ) -> Page {
        let to = to.min(self.last_sequence);
        let is_live =
            |sequence| self.get(sequence).is_some_and(|it| it.expires_unix_ms > now_unix_ms);
        let start = (after + 1).max(self.first_sequence());
        let start = (start..=to).find(|&sequence| is_live(sequence)).unwrap_or(to + 1);
        let lost = (start > after + 1).then(|| (after + 1, start - 1));
        let mut page = Page { frames: Vec::new(), last: after.max(start - 1), lost };
        let mut bytes = 0;
        for sequence in (start..=to).take(SCANNED_MAX).take_while(|&sequence| is_live(sequence)) {
            let entry = self.get(sequence).expect("only events that are there are live");
            if is_wanted(entry) {
                bytes += entry.frame.len();
                let is_full = page.frames.len() >= limits.events_max || bytes > limits.bytes_max;
                if is_full && !page.frames.is_empty() {
                    break;
                }
                page.frames.push(entry.frame.clone());
            }
            page.last = sequence;
        }
        page
    }

    fn pop(&mut self) {
        let sequence = self.first_sequence();
        if self.ids_from == sequence {
            self.forget_id();
        }
        let entry = self.entries.pop_front().expect("events are popped only while there are any");
        self.bytes -= entry.weight_bytes();
    }

    /// The oldest id that is known is not known any more.
    fn forget_id(&mut self) {
        let sequence = self.ids_from;
        let index = sequence - self.first_sequence();
        let id = &self.entries[index as usize].id;
        if !id.is_empty() {
            self.ids.remove(id, sequence);
        }
        self.ids_from += 1;
    }
}

impl Default for History {
    fn default() -> Self {
        Self::after(0)
    }
}

/// Events looked at for one page, whether they are wanted or not: a page takes a bounded time.
const SCANNED_MAX: usize = 4_096;

#[cfg(test)]
mod tests;
