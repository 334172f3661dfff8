//! The log's files: what groups of events cost to write and sync, and what a start costs.
//!
//! `LOG_BENCH_DIR` is the directory, on the disk that is measured; the default is under the
//! temporary directory, which may be memory. A sync costs what the disk takes for one, so the
//! numbers are those of a disk more than of this code: the memory store shows the rest.

#![allow(clippy::unwrap_used, reason = "a benchmark's inputs are its own")]

use std::env;
use std::fs;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use bytes::Bytes;
use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use uringcast::log::stored::{Change, Record, StoredEvent};
use uringcast::storage::file::{FileOptions, FileStore};
use uringcast::storage::store::{MemoryStore, Store};

/// Events of one group, the default of `log.sync_events_max`.
const GROUP_EVENTS: usize = 1_000;
/// Bytes of one event's frame.
const FRAME_BYTES: usize = 300;
/// Channels that the events are spread over.
const CHANNELS: u64 = 100;
/// Events that a recovery reads.
const RECOVERED_EVENTS: usize = 1_000_000;

/// The group with this number: every channel goes on where the last one has left it.
fn group(number: u64) -> Vec<Record> {
    let frame = Bytes::from(vec![b'x'; FRAME_BYTES]);
    let of_each = GROUP_EVENTS as u64 / CHANNELS;
    let event = |at: u64| StoredEvent {
        sequence: number * of_each + at / CHANNELS + 1,
        first_sequence: (number * of_each).saturating_sub(10_000).max(1),
        unix_ms: 0,
        expires_unix_ms: u64::MAX,
        id: format!("{number}-{at}").into(),
        event_type: "tick".into(),
        frame: frame.clone(),
    };
    let record = |at: u64| Record {
        app_id: "app-id".into(),
        channel: format!("room:{}", at % CHANNELS).into(),
        change: Change::Event(event(at)),
    };
    (0..GROUP_EVENTS as u64).map(record).collect()
}

fn commit_groups(store: &mut impl Store, next: &mut u64, groups: u64) -> Duration {
    let mut took = Duration::ZERO;
    for _ in 0..groups {
        let records = group(*next);
        *next += 1;
        let started = Instant::now();
        store.commit(&records).unwrap();
        took += started.elapsed();
    }
    took
}

fn directory() -> PathBuf {
    let parent = env::var_os("LOG_BENCH_DIR").map_or_else(env::temp_dir, PathBuf::from);
    parent.join(format!("uringcast-bench-log-{}", std::process::id()))
}

fn open(dir: PathBuf) -> FileStore {
    let options = FileOptions { dir, segment_bytes: 32 * 1024 * 1024, is_skipping: false };
    FileStore::open(options).unwrap()
}

fn commits(c: &mut Criterion) {
    let mut bench = c.benchmark_group("log/group of 1000");
    bench.throughput(Throughput::Elements(GROUP_EVENTS as u64));
    bench.bench_function("memory", |b| {
        let mut next = 0;
        b.iter_custom(|groups| commit_groups(&mut MemoryStore, &mut next, groups));
    });
    let dir = directory();
    let mut store = open(dir.clone());
    store.recover(0).unwrap();
    let mut next = 0;
    bench.bench_function("file, synced", |b| {
        b.iter_custom(|groups| commit_groups(&mut store, &mut next, groups));
    });
    bench.finish();
    drop(store);
    fs::remove_dir_all(dir).unwrap();
}

fn recovery(c: &mut Criterion) {
    let dir = directory();
    let mut store = open(dir.clone());
    store.recover(0).unwrap();
    commit_groups(&mut store, &mut 0, (RECOVERED_EVENTS / GROUP_EVENTS) as u64);
    drop(store);
    let mut bench = c.benchmark_group("log");
    bench.throughput(Throughput::Elements(RECOVERED_EVENTS as u64)).sample_size(10);
    bench.bench_function("recovery of a million", |b| {
        b.iter(|| open(dir.clone()).recover(0).unwrap().records);
    });
    bench.finish();
    fs::remove_dir_all(dir).unwrap();
}

criterion_group!(benches, commits, recovery);
criterion_main!(benches);
