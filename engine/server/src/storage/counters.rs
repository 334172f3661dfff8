//! What has become of the log's files, for the metrics.
//!
//! One struct for the process: the log thread counts here, cores count what they could not hand
//! over, and whoever answers a scrape reads. The numbers are not of one moment.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use super::store::{Recovered, StoreSize};

/// Numbers since the start, and what is stored now.
#[derive(Debug, Default)]
pub struct LogCounters {
    began: Began,
    /// When the log thread was last known not to wait for the disk, in milliseconds since then.
    alive_ms: AtomicU64,
    groups: AtomicU64,
    records: AtomicU64,
    commit_us: AtomicU64,
    commit_failures: AtomicU64,
    failed_records: AtomicU64,
    retain_failures: AtomicU64,
    batches_returned: AtomicU64,
    segments: AtomicU64,
    segment_bytes: AtomicU64,
    recovery_ms: AtomicU64,
    recovered_records: AtomicU64,
    recovered_bytes: AtomicU64,
    cut_bytes: AtomicU64,
    skipped_bytes: AtomicU64,
}

/// When the counting began.
#[derive(Debug)]
struct Began(Instant);

impl Default for Began {
    fn default() -> Self {
        Self(Instant::now())
    }
}

impl LogCounters {
    /// The log thread does not wait for the disk now, as it does not once a second at least.
    pub(super) fn is_alive(&self) {
        self.alive_ms.store(self.began.0.elapsed().as_millis() as u64, Ordering::Relaxed);
    }

    /// Milliseconds for which the log thread may have been waiting for the disk.
    pub fn silent_ms(&self) -> u64 {
        let now_ms = self.began.0.elapsed().as_millis() as u64;
        now_ms.saturating_sub(self.alive_ms.load(Ordering::Relaxed))
    }

    /// What only grows: each with its name, its description and its value.
    pub fn counts(&self) -> [(&'static str, &'static str, u64); 7] {
        let value = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        [
            ("log_groups", "Groups of records made durable", value(&self.groups)),
            ("log_records", "Records made durable", value(&self.records)),
            ("log_commit_microseconds", "Time that took", value(&self.commit_us)),
            (
                "log_commit_failures",
                "Groups that could not be stored",
                value(&self.commit_failures),
            ),
            ("log_failed_records", "Records that were not stored", value(&self.failed_records)),
            ("log_retain_failures", "Old segments that did not go", value(&self.retain_failures)),
            ("log_batches_returned", "Times a log thread was busy", value(&self.batches_returned)),
        ]
    }

    /// What goes up and down, and what the start has found.
    pub fn levels(&self) -> [(&'static str, &'static str, u64); 8] {
        let value = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        [
            (
                "log_silent_milliseconds",
                "Time for which the disk may not have answered",
                self.silent_ms(),
            ),
            ("log_segments", "Segments of the log", value(&self.segments)),
            ("log_segment_bytes", "Their bytes", value(&self.segment_bytes)),
            ("log_recovery_milliseconds", "Time the recovery took", value(&self.recovery_ms)),
            ("log_recovered_records", "Records it has read", value(&self.recovered_records)),
            ("log_recovered_bytes", "Bytes it has read", value(&self.recovered_bytes)),
            ("log_cut_bytes", "Bytes of a torn end it has cut off", value(&self.cut_bytes)),
            ("log_skipped_bytes", "Damaged bytes it has left out", value(&self.skipped_bytes)),
        ]
    }

    /// The start has found this.
    pub fn recovered(&self, recovered: &Recovered, took: Duration) {
        let store = |counter: &AtomicU64, value| counter.store(value, Ordering::Relaxed);
        store(&self.recovery_ms, took.as_millis() as u64);
        store(&self.recovered_records, recovered.records);
        store(&self.recovered_bytes, recovered.bytes);
        store(&self.cut_bytes, recovered.cut_bytes);
        store(&self.skipped_bytes, recovered.skipped_bytes);
    }

    /// A core had to take a batch back.
    pub fn batch_returned(&self) {
        self.batches_returned.fetch_add(1, Ordering::Relaxed);
    }

    pub(super) fn committed(&self, records: usize, took: Duration) {
        self.groups.fetch_add(1, Ordering::Relaxed);
        self.records.fetch_add(records as u64, Ordering::Relaxed);
        self.commit_us.fetch_add(took.as_micros() as u64, Ordering::Relaxed);
    }

    pub(super) fn commit_failed(&self, records: usize) {
        self.commit_failures.fetch_add(1, Ordering::Relaxed);
        self.failed_records.fetch_add(records as u64, Ordering::Relaxed);
    }

    pub(super) fn retain_failed(&self) {
        self.retain_failures.fetch_add(1, Ordering::Relaxed);
    }

    pub(super) fn stored(&self, size: StoreSize) {
        self.segments.store(size.segments, Ordering::Relaxed);
        self.segment_bytes.store(size.bytes, Ordering::Relaxed);
    }
}
