//! What a core's logs keep together, and what goes first.
//!
//! Invariant: `bytes` and `events` are the sums over all logs, and every event that is kept stands
//! in the order of age, where those that are gone may still stand, too.

use super::ChannelLog;
use crate::counters::LogLevels;
use crate::log::{Entry, Evicted, RecordKind};
use crate::owner::Owner;
use crate::route::Route;
use crate::{LogRecord, Output, Shard};

/// Logs looked at for expired events at a time, at least; all of them within a few seconds.
const SWEPT_MIN: usize = 64;

/// Dead places that the order of age may have before it is put in order.
const STALE_MAX: usize = 1_024;

/// Logs and cursors that the disk has been told to forget and has not answered, at most. While it
/// is silent no more are forgotten.
const FORGOTTEN_MAX: usize = 1_024;

impl Shard {
    /// The log thread has answered `count` records that something is forgotten: it is, or a start
    /// finds it again and forgets it then.
    pub fn on_forgotten(&mut self, count: usize) {
        self.owner.logs.forgotten -= count;
    }
}

impl Owner {
    /// Keep `entry` as the next event of the log at `index`; returns its number.
    pub(super) fn keep(&mut self, route: &mut Route, index: u32, entry: Entry) -> u64 {
        let ids_max = route.config.log.ids_max;
        let found = self.logs.channels.at(index);
        let generation = found.generation;
        let ChannelLog { history, rule, .. } = &mut found.value;
        let before = (history.len(), history.bytes());
        let evicted = history.append(entry, &rule.limits(), ids_max);
        let after = (history.len(), history.bytes());
        let sequence = history.last_sequence();
        self.count_history(route, before, after, evicted);
        self.logs.by_age.push_back((index, generation, sequence));
        route.counters.log_appends += 1;
        self.make_room(route);
        sequence
    }

    /// Let go of the oldest events of all channels until the rest is within the core's limit.
    pub(super) fn make_room(&mut self, route: &mut Route) {
        while self.logs.bytes > route.config.log.bytes_max
            && let Some((index, generation, sequence)) = self.logs.by_age.pop_front()
        {
            let Some(found) = self.logs.channels.get(index, generation) else { continue };
            let ChannelLog { history, is_trimmed, .. } = &mut found.value;
            let before = (history.len(), history.bytes());
            let evicted = u64::from(history.evict(sequence));
            let is_news = evicted > 0 && route.config.log.is_durable;
            if is_news && !std::mem::replace(is_trimmed, true) {
                self.logs.trimmed.push((index, generation));
            }
            let after = (history.len(), history.bytes());
            self.count_history(route, before, after, Evicted { events: evicted, expired: 0 });
        }
        if self.logs.by_age.len() > 2 * self.logs.events + STALE_MAX {
            let channels = &mut self.logs.channels;
            self.logs.by_age.retain(|&(index, generation, sequence)| {
                let found = channels.get(index, generation);
                found.is_some_and(|it| it.value.history.first_sequence() <= sequence)
            });
        }
    }

    /// Hand a record of the log at `index` to the log thread.
    pub(super) fn store(&mut self, route: &mut Route, index: u32, kind: RecordKind) {
        let entry = self.logs.channels.at(index);
        entry.value.is_stored = true;
        let channel = entry.name.clone();
        route.outputs.push_back(Output::Log(LogRecord { channel, kind }));
    }

    /// How much more the disk may be told to forget before it has answered.
    pub(super) const fn may_forget(&self) -> usize {
        FORGOTTEN_MAX.saturating_sub(self.logs.forgotten)
    }

    /// Hand a record to the log thread that something of the log at `index` is forgotten.
    pub(super) fn store_forgotten(&mut self, route: &mut Route, index: u32, kind: RecordKind) {
        self.logs.forgotten += 1;
        self.store(route, index, kind);
    }

    /// Tell the disk of the logs that have let events go without an append to tell it by: else it
    /// would keep what memory has no room for.
    pub(crate) fn tell_trimmed(&mut self, route: &mut Route) {
        for (index, generation) in std::mem::take(&mut self.logs.trimmed) {
            let Some(found) = self.logs.channels.get(index, generation) else { continue };
            let ChannelLog { history, is_trimmed, .. } = &mut found.value;
            *is_trimmed = false;
            let first_sequence = history.first_sequence();
            let last_sequence = history.last_sequence();
            self.store(route, index, RecordKind::Trimmed { first_sequence, last_sequence });
        }
    }

    /// Look for what has expired in some of the logs, and for cursors that nobody uses.
    pub(crate) fn expire_logs(&mut self, route: &mut Route) {
        let count = self.logs.channels.len();
        for _ in 0..count.min(SWEPT_MIN.max(count / SWEPT_MIN)) {
            let Some(index) = self.logs.channels.next_from(self.logs.sweep) else { return };
            self.logs.sweep = index + 1;
            self.expire_log(route, index);
            self.forget_idle_cursors(route, index);
        }
    }

    /// Let go of what has expired of one log.
    pub(super) fn expire_log(&mut self, route: &mut Route, index: u32) {
        let now = route.unix_ms;
        let history = &mut self.log(index).history;
        let before = (history.len(), history.bytes());
        let evicted = history.expire(now);
        let after = (history.len(), history.bytes());
        self.count_history(route, before, after, evicted);
    }

    pub(super) fn count_history(
        &mut self,
        route: &mut Route,
        before: (usize, usize),
        after: (usize, usize),
        evicted: Evicted,
    ) {
        self.logs.events = self.logs.events + after.0 - before.0;
        self.logs.bytes = self.logs.bytes + after.1 - before.1;
        route.counters.log_evictions += evicted.events;
        route.counters.log_expired += evicted.expired;
    }

    /// What all logs hold now, for the counters.
    pub(crate) fn log_levels(&self, route: &Route) -> LogLevels {
        LogLevels {
            channels: self.logs.channels.len() as u64,
            events: self.logs.events as u64,
            bytes: self.logs.bytes as u64,
            snapshot_bytes: self.logs.snapshot_bytes as u64,
            dead_letters: self.logs.dead_letters as u64,
            unsynced_bytes: route.unsynced_bytes as u64,
        }
    }
}
