//! What has become of webhooks, for the metrics.
//!
//! One struct for the process: the side thread counts here, cores count what they had to drop, and
//! whoever answers a scrape reads. The numbers are not of one moment.

use std::sync::atomic::{AtomicU64, Ordering};

use super::endpoint::Depth;

/// Numbers since the start, and what waits now.
#[derive(Debug, Default)]
pub struct WebhookCounters {
    /// Events that an endpoint has taken, counted once for each endpoint.
    events: AtomicU64,
    /// Requests that an endpoint has taken.
    batches: AtomicU64,
    /// Requests sent while the endpoint had been failing.
    retries: AtomicU64,
    /// Requests that failed.
    failures: AtomicU64,
    /// Events written to the dead-letter file.
    dead_letters: AtomicU64,
    /// Events lost.
    dropped: AtomicU64,
    /// Batches that wait.
    queued_batches: AtomicU64,
    /// Bytes of the batches that wait.
    queued_bytes: AtomicU64,
}

impl WebhookCounters {
    /// What only grows: each with its name, its description and its value.
    pub fn counts(&self) -> [(&'static str, &'static str, u64); 6] {
        let value = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        [
            ("webhook_events", "Events that endpoints have taken", value(&self.events)),
            ("webhook_batches", "Requests that endpoints have taken", value(&self.batches)),
            ("webhook_retries", "Requests to endpoints that had failed", value(&self.retries)),
            ("webhook_failures", "Requests that failed", value(&self.failures)),
            ("webhook_dead_letters", "Events in the dead-letter file", value(&self.dead_letters)),
            ("webhook_dropped", "Events that were lost", value(&self.dropped)),
        ]
    }

    /// What goes up and down.
    pub fn levels(&self) -> [(&'static str, &'static str, u64); 2] {
        let value = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        [
            ("webhook_queue_batches", "Requests that wait", value(&self.queued_batches)),
            ("webhook_queue_bytes", "Bytes of requests that wait", value(&self.queued_bytes)),
        ]
    }

    /// Requests that were sent again.
    pub fn retried(&self) -> u64 {
        self.retries.load(Ordering::Relaxed)
    }

    /// `events` could not be kept.
    pub(crate) fn dropped(&self, events: u64) {
        self.dropped.fetch_add(events, Ordering::Relaxed);
    }

    pub(super) fn sent(&self, is_retry: bool) {
        self.retries.fetch_add(u64::from(is_retry), Ordering::Relaxed);
    }

    pub(super) fn delivered(&self, events: u32) {
        self.batches.fetch_add(1, Ordering::Relaxed);
        self.events.fetch_add(events.into(), Ordering::Relaxed);
    }

    pub(super) fn failed(&self) {
        self.failures.fetch_add(1, Ordering::Relaxed);
    }

    pub(super) fn buried(&self, events: u64) {
        self.dead_letters.fetch_add(events, Ordering::Relaxed);
    }

    pub(super) fn queued(&self, Depth { batches, bytes }: Depth) {
        self.queued_batches.store(batches as u64, Ordering::Relaxed);
        self.queued_bytes.store(bytes as u64, Ordering::Relaxed);
    }

    /// Events lost since the start.
    pub(super) fn lost(&self) -> u64 {
        self.dropped.load(Ordering::Relaxed)
    }
}
