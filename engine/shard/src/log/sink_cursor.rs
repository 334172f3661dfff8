//! How far one sink of one channel has come, and what it is sent next.
//!
//! The log itself is the queue: a cursor is a few numbers, however many events wait. What is sent
//! is a batch; while it is not taken, its events are sent one by one, so that an event that the
//! sink cannot deal with holds none of the others back for ever.
//!
//! Invariant: `cursor <= batch_last <= from`: taken or given up is what is up to the cursor, being
//! delivered what is up to the batch's last, left out what is up to `from`; the rest waits.

use crate::app::{RetryPolicy, Sink};

/// One sink of one channel.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SinkCursor {
    cursor: u64,
    batch_last: u64,
    from: u64,
    /// Whether the batch is sent one by one.
    is_split: bool,
    /// Failures of the event after the cursor, sent alone.
    failures: u32,
    stage: Stage,
}

/// What happens with a cursor.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Stage {
    /// There is nothing to send.
    Idle,
    /// It waits for its turn to be sent something.
    Queued,
    /// It is being sent what is up to here.
    InFlight(u64),
    /// It waits to be tried again.
    Pausing,
}

/// What is to be read from the log for the next request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SinkRange {
    /// Events after this one,
    pub after: u64,
    /// up to this one,
    pub to: u64,
    /// and no more than so many.
    pub events_max: u32,
}

/// What follows from a failure.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AfterFailure {
    /// Try again after so many milliseconds.
    Retry {
        /// The pause before the next attempt, in milliseconds.
        delay_ms: u64,
    },
    /// The event has been tried as often as it may be, and the next one is due.
    GiveUp {
        /// The number of the event that is given up.
        sequence: u64,
        /// How often it was tried.
        attempts: u32,
    },
}

impl SinkCursor {
    /// A cursor of a sink that has everything up to `cursor`.
    pub const fn after(cursor: u64) -> Self {
        Self {
            cursor,
            batch_last: cursor,
            from: cursor,
            is_split: false,
            failures: 0,
            stage: Stage::Idle,
        }
    }

    /// The log has events up to `last` now. What there are too many of is left out; how many.
    pub fn appended(&mut self, last: u64, sink: &Sink) -> u64 {
        let Some(waiting_max) = sink.flow.waiting_max() else { return 0 };
        let is_free = self.cursor == self.batch_last;
        let next_batch = if is_free { sink.batch_events_max } else { 0 };
        let waiting_max = u64::from(waiting_max) + u64::from(next_batch);
        let dropped = last.saturating_sub(self.from).saturating_sub(waiting_max);
        self.from += dropped;
        dropped
    }

    /// Something has come, or the time to try again: true if it is to be queued for its turn.
    pub fn queue(&mut self) -> bool {
        let is_free = matches!(self.stage, Stage::Idle);
        if is_free {
            self.stage = Stage::Queued;
        }
        is_free
    }

    /// The pause is over: it is queued for its turn.
    pub fn resume(&mut self) {
        assert_eq!(self.stage, Stage::Pausing, "only what pauses goes on");
        self.stage = Stage::Queued;
    }

    /// It is its turn: what is to be read, of a log that has events up to `last`.
    pub fn range(&self, last: u64, sink: &Sink) -> SinkRange {
        let (after, to) = if self.cursor < self.batch_last {
            (self.cursor, self.batch_last)
        } else {
            (self.from, last)
        };
        SinkRange { after, to, events_max: if self.is_split { 1 } else { sink.batch_events_max } }
    }

    /// What was read is sent: events after `after`, which may be further on than what was to be
    /// read if some are gone, up to `last`.
    pub fn sent(&mut self, after: u64, last: u64) {
        assert!(after >= self.cursor && last > after, "something is sent");
        if after > self.cursor {
            self.failures = 0; // Those were of an event that is gone.
        }
        self.cursor = after;
        self.batch_last = self.batch_last.max(last);
        self.from = self.from.max(self.batch_last);
        self.stage = Stage::InFlight(last);
    }

    /// Nothing of what was to be read is there any more, up to `last`; there may be more behind.
    pub fn skip(&mut self, last: u64) {
        self.move_to(last);
        self.stage = Stage::Queued;
    }

    /// There is nothing to send.
    pub fn rest(&mut self) {
        self.stage = Stage::Idle;
    }

    /// The sink has taken what was sent; it is queued for its turn again.
    pub fn taken(&mut self) {
        let Stage::InFlight(last) = self.stage else { return };
        self.move_to(last);
        self.stage = Stage::Queued;
    }

    /// The sink has not.
    pub fn failed(&mut self, retry: &RetryPolicy) -> AfterFailure {
        let Stage::InFlight(last) = self.stage else {
            return AfterFailure::Retry { delay_ms: retry.delay_ms(1) };
        };
        self.stage = Stage::Pausing;
        let is_alone = last == self.cursor + 1;
        if !is_alone {
            self.is_split = true; // It counts for none of them.
            return AfterFailure::Retry { delay_ms: retry.delay_ms(1) };
        }
        self.failures += 1;
        if self.failures < retry.attempts_max {
            return AfterFailure::Retry { delay_ms: retry.delay_ms(self.failures) };
        }
        let (sequence, attempts) = (last, self.failures);
        self.move_to(last);
        self.stage = Stage::Queued;
        AfterFailure::GiveUp { sequence, attempts }
    }

    /// It could not be sent, for no fault of the sink's: it is to be tried again after a while.
    pub fn not_tried(&mut self) {
        self.stage = Stage::Pausing;
    }

    /// Everything up to here is taken or given up.
    pub const fn sequence(&self) -> u64 {
        self.cursor
    }

    /// Whether nothing is to be sent, is being sent, or waits to be.
    pub const fn is_idle(&self) -> bool {
        matches!(self.stage, Stage::Idle)
    }

    /// Whether what is sent now was sent before.
    pub const fn is_retrying(&self) -> bool {
        self.failures > 0
    }

    fn move_to(&mut self, last: u64) {
        self.cursor = self.cursor.max(last);
        self.failures = 0;
        if self.cursor >= self.batch_last {
            self.batch_last = self.cursor;
            self.is_split = false;
        }
        self.from = self.from.max(self.batch_last);
    }
}

#[cfg(test)]
mod tests;
