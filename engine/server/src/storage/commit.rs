//! Group commit: what cores hand over to be stored, and what they are told of it.
//!
//! Cores never wait. Each hands over the records of a turn as one [`Batch`]; the log thread puts
//! what has come into one group, stores it at once, and tells each core how many more of its
//! records are durable. Records of one core are stored, and answered for, in the order in which
//! they were handed over.
//!
//! Invariant: a core is told of each record that it has handed over, exactly once: that it is
//! durable, or, of all that it has not heard of by then, that they are not and will not be.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use crossbeam_channel::{Receiver, RecvTimeoutError};

use super::counters::LogCounters;
use super::store::{Store, StoreError};
use crate::id::CoreId;
use crate::log::stored::Record;

/// What one core hands over at a time.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Batch {
    /// The core that is to be told.
    pub core: CoreId,
    /// How many [`Committed::Failed`] the core had been told of when it made this.
    ///
    /// What was made before it heard of a failure is not stored: it continues what has failed.
    pub epoch: u32,
    /// What is to be stored, in this order.
    pub records: Vec<Record>,
}

/// What has become of records that a core handed over.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Committed {
    /// The next `records` of those that the core has handed over and not heard of are durable.
    Synced {
        /// How many records those are.
        records: usize,
    },
    /// Nothing that the core has handed over and not heard of is stored, nor will be. The core
    /// takes its logs back to their last durable sequences and counts one more epoch.
    Failed,
}

/// How much is stored at once.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct GroupLimits {
    /// How many records at most.
    pub events_max: usize,
    /// Their bytes; a larger record is stored alone.
    pub bytes_max: usize,
    /// How long the first waits for others.
    pub delay: Duration,
}

/// Tells a core, or gives back what it cannot be told yet.
pub type Deliver = Box<dyn Fn(CoreId, Committed) -> Result<(), Committed> + Send>;

/// How soon a core whose mailbox was full is told again.
const REDELIVER_INTERVAL: Duration = Duration::from_millis(1);

/// How often the store gives back what is not needed.
const RETAIN_INTERVAL: Duration = Duration::from_secs(1);

/// What runs on the log thread.
pub struct Committer<S> {
    store: S,
    limits: GroupLimits,
    batches: Receiver<Batch>,
    deliver: Deliver,
    counters: Arc<LogCounters>,
    /// What has come and is not stored, oldest first.
    records: Vec<Record>,
    /// The cores that they are from: so many of one core, then so many of another.
    runs: VecDeque<(CoreId, usize)>,
    bytes: usize,
    cores: Vec<CoreState>,
    retain_at: Instant,
    /// Whether the last commit has failed, which is reported once.
    is_failing: bool,
    is_retain_failing: bool,
}

/// What the log thread knows of a core.
#[derive(Debug, Default)]
struct CoreState {
    epoch: u32,
    /// What it has yet to be told.
    owed: VecDeque<Committed>,
}

impl<S: Store> Committer<S> {
    /// Store what comes from `cores` cores through `batches` in `store`, which has been recovered.
    pub fn new(
        store: S,
        limits: GroupLimits,
        cores: usize,
        batches: Receiver<Batch>,
        deliver: Deliver,
        counters: Arc<LogCounters>,
    ) -> Self {
        counters.stored(store.size());
        Self {
            store,
            limits,
            batches,
            deliver,
            counters,
            records: Vec::new(),
            runs: VecDeque::new(),
            bytes: 0,
            cores: (0..cores).map(|_| CoreState::default()).collect(),
            // At once: a process that never lives for long must give room back, too.
            retain_at: Instant::now(),
            is_failing: false,
            is_retain_failing: false,
        }
    }

    /// Run until every sender of batches is gone, and all that they sent is stored.
    pub fn run(mut self) {
        while self.gather() {
            while self.is_full() {
                self.commit_group();
            }
            if !self.records.is_empty() {
                self.commit_group();
            }
            self.hand_over();
            self.retain();
        }
        self.hand_over();
    }

    /// Wait for records, but not past what else is to be done; false if none can come any more.
    fn gather(&mut self) -> bool {
        self.counters.is_alive();
        let is_owing = self.cores.iter().any(|core| !core.owed.is_empty());
        let soon = Instant::now() + REDELIVER_INTERVAL;
        let wake = if is_owing { soon.min(self.retain_at) } else { self.retain_at };
        match self.batches.recv_deadline(wake) {
            Ok(batch) => self.take(batch),
            Err(RecvTimeoutError::Timeout) => return true,
            Err(RecvTimeoutError::Disconnected) => return false,
        }
        let deadline = Instant::now() + self.limits.delay;
        while !self.is_full() {
            let Ok(batch) = self.batches.recv_deadline(deadline) else { break };
            self.take(batch);
        }
        true
    }

    fn take(&mut self, batch: Batch) {
        let Batch { core, epoch, records } = batch;
        if epoch != self.cores[usize::from(core.0)].epoch {
            return; // The core has been told, or is about to be, that these are not stored.
        }
        self.bytes += records.iter().map(Record::weight_bytes).sum::<usize>();
        self.runs.push_back((core, records.len()));
        self.records.extend(records);
    }

    fn is_full(&self) -> bool {
        self.records.len() >= self.limits.events_max || self.bytes >= self.limits.bytes_max
    }

    /// Store the oldest records, as many as the limits allow, and note who is to be told.
    fn commit_group(&mut self) {
        let count = self.group_length();
        let started = Instant::now();
        let outcome = self.store.commit(&self.records[..count]);
        self.counters.is_alive();
        match outcome {
            Ok(()) => {
                self.counters.committed(count, started.elapsed());
                self.synced(count);
                if std::mem::take(&mut self.is_failing) {
                    tracing::info!("the log can be written again");
                }
            }
            Err(error) => {
                self.failed(count);
                if !std::mem::replace(&mut self.is_failing, true) {
                    tracing::error!("the log cannot be written: {error}");
                }
            }
        }
        self.counters.stored(self.store.size());
        self.hand_over();
    }

    /// How many of the oldest records make a group.
    fn group_length(&self) -> usize {
        let mut bytes = 0;
        let fits = self.records.iter().take(self.limits.events_max).take_while(|record| {
            bytes += record.weight_bytes();
            bytes <= self.limits.bytes_max
        });
        fits.count().max(1)
    }

    /// The first `count` records are durable.
    fn synced(&mut self, count: usize) {
        let mut left = count;
        while left > 0 {
            let (core, run) = self.runs.front_mut().expect("every record is of a run");
            let (core, records) = (*core, left.min(*run));
            *run -= records;
            if *run == 0 {
                self.runs.pop_front();
            }
            left -= records;
            self.cores[usize::from(core.0)].owe_synced(records);
        }
        self.bytes -= self.records.drain(..count).map(|it| it.weight_bytes()).sum::<usize>();
    }

    /// The first `count` records cannot be stored, nor can what comes after them of those cores.
    fn failed(&mut self, count: usize) {
        let mut left = count;
        let mut failed = vec![false; self.cores.len()];
        for (core, run) in &self.runs {
            if left == 0 {
                break;
            }
            failed[usize::from(core.0)] = true;
            left = left.saturating_sub(*run);
        }
        for (state, _) in self.cores.iter_mut().zip(&failed).filter(|(_, failed)| **failed) {
            state.epoch += 1;
            state.owed.push_back(Committed::Failed);
        }
        let before = self.records.len();
        let mut records = std::mem::take(&mut self.records).into_iter();
        for (core, run) in std::mem::take(&mut self.runs) {
            let of_run = records.by_ref().take(run);
            if failed[usize::from(core.0)] {
                of_run.for_each(drop);
            } else {
                self.records.extend(of_run);
                self.runs.push_back((core, run));
            }
        }
        self.bytes = self.records.iter().map(Record::weight_bytes).sum();
        self.counters.commit_failed(before - self.records.len());
    }

    /// Tell cores what they are owed, as far as their mailboxes have room.
    fn hand_over(&mut self) {
        for (index, core) in self.cores.iter_mut().enumerate() {
            while let Some(committed) = core.owed.pop_front() {
                if let Err(returned) = (self.deliver)(CoreId(index as u8), committed) {
                    core.owed.push_front(returned);
                    break;
                }
            }
        }
    }

    fn retain(&mut self) {
        let now = Instant::now();
        if now < self.retain_at {
            return;
        }
        self.retain_at = now + RETAIN_INTERVAL;
        if let Err(error) = self.store.retain(unix_ms()) {
            self.counters.retain_failed();
            self.report_retain(&error);
        } else {
            self.is_retain_failing = false;
        }
        self.counters.stored(self.store.size());
    }

    fn report_retain(&mut self, error: &StoreError) {
        if !std::mem::replace(&mut self.is_retain_failing, true) {
            tracing::warn!("old segments of the log cannot be removed: {error}");
        }
    }
}

impl CoreState {
    fn owe_synced(&mut self, more: usize) {
        match self.owed.back_mut() {
            Some(Committed::Synced { records }) => *records += more,
            Some(Committed::Failed) | None => {
                self.owed.push_back(Committed::Synced { records: more });
            }
        }
    }
}

/// Milliseconds since 1970.
pub fn unix_ms() -> u64 {
    let now = SystemTime::now().duration_since(UNIX_EPOCH);
    now.map_or(0, |since| since.as_millis() as u64)
}

#[cfg(test)]
mod tests;
