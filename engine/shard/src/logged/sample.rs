//! How long deliveries and reads of logs take, looked at once a turn.
//!
//! The first room's event that a turn hands to outboxes stands for all of the turn, and so does the
//! first read of a log. The I/O layer reads its clock once, after the turn's end, if there was any:
//! nothing is added to what an event or a subscriber costs.

use crate::Shard;
use crate::route::Route;

/// Who publishes may say any time: one an hour ago says nothing about this server.
const LAG_MS_MAX: u64 = 3_600_000;

/// What this turn is measured by.
#[derive(Debug, Default)]
pub(crate) struct Samples {
    /// When an event was emitted that has been queued to its subscribers.
    emitted_unix_ms: Option<u64>,
    /// When a question arrived for which a log has been read, in microseconds since 1970.
    asked_unix_us: Option<u64>,
}

impl Shard {
    /// It is `unix_us` microseconds after the beginning of 1970.
    pub fn set_unix_us(&mut self, unix_us: u64) {
        self.route.unix_us = unix_us;
        self.route.unix_ms = unix_us / 1_000;
    }

    /// Whether [`take_samples`](Self::take_samples) has anything to do.
    pub const fn has_samples(&self) -> bool {
        let Samples { emitted_unix_ms, asked_unix_us } = &self.route.samples;
        emitted_unix_ms.is_some() || asked_unix_us.is_some()
    }

    /// The turn has ended, at `unix_us`: count how long its first delivery and read took.
    pub fn take_samples(&mut self, unix_us: u64) {
        let Samples { emitted_unix_ms, asked_unix_us } = std::mem::take(&mut self.route.samples);
        // Both in whole milliseconds: then the errors of many samples cancel out.
        let lag_ms = emitted_unix_ms.and_then(|at| (unix_us / 1_000).checked_sub(at));
        if let Some(lag_ms) = lag_ms.filter(|lag_ms| *lag_ms <= LAG_MS_MAX) {
            self.route.counters.delivery_lag.add(lag_ms * 1_000);
        }
        if let Some(asked) = asked_unix_us {
            self.route.counters.replay_time.add(unix_us.saturating_sub(asked));
        }
    }
}

impl Route {
    /// `frames` have been queued to the subscribers of a channel with a log.
    pub(crate) fn sample_delivery(&mut self, frames: &[u8]) {
        let sample = &mut self.samples.emitted_unix_ms;
        if sample.is_none() {
            *sample = (self.dialects.emitted_unix_ms)(frames);
        }
    }

    /// A log is read for somebody who has missed events.
    pub(super) fn sample_read(&mut self) {
        let unix_us = self.unix_us;
        self.samples.asked_unix_us.get_or_insert(unix_us);
    }
}
