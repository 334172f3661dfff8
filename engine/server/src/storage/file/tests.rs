//! The store against a real file system: what was durable comes back, whatever is cut or fails.

mod faults;
mod recovery;
mod retention;

use std::fs;
use std::path::PathBuf;
use std::sync::atomic::{AtomicU32, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use bytes::Bytes;

use super::*;
use crate::log::stored::{StoredCursor, StoredDeadLetter, StoredEvent, StoredLog, StoredSnapshot};

/// A moment at which nothing has expired that has not expired for ever.
const NOW: u64 = 1_000_000;

/// A directory of its own for one test, which is gone afterwards.
struct Place(PathBuf);

impl Place {
    fn new() -> Self {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let count = COUNT.fetch_add(1, Ordering::Relaxed);
        let name = format!("uringcast-log-{}-{count}", std::process::id());
        let path = std::env::temp_dir().join(name);
        let _ = fs::remove_dir_all(&path); // Of a process that had this id before.
        Self(path)
    }

    fn options(&self) -> FileOptions {
        FileOptions { dir: self.0.clone(), segment_bytes: 1 << 20, is_skipping: false }
    }

    fn open(&self) -> FileStore {
        open(&self.options())
    }

    /// The store as a process finds it that starts now, and what it has found.
    fn start(&self) -> (FileStore, Recovered) {
        let mut store = self.open();
        let recovered = store.recover(NOW).unwrap();
        (store, recovered)
    }

    /// A store with segments of at least `segment_bytes`, recovered, on a disk that is fast.
    fn start_small(&self, segment_bytes: u64) -> FileStore {
        let mut store = open(&FileOptions { segment_bytes, ..self.options() });
        store.recover(NOW).unwrap();
        store.sync_data = |_file| Ok(());
        store
    }

    fn segments(&self) -> Vec<PathBuf> {
        let entries = fs::read_dir(&self.0).unwrap().map(|entry| entry.unwrap().path());
        let mut paths: Vec<_> =
            entries.filter(|path| path.extension().is_some_and(|it| it == "log")).collect();
        paths.sort();
        paths
    }
}

/// Another test may just start a program, which has all files of ours open for a moment.
fn open(options: &FileOptions) -> FileStore {
    let deadline = Instant::now() + Duration::from_secs(10);
    loop {
        match FileStore::open(options.clone()) {
            Err(StoreError::Locked { .. }) if Instant::now() < deadline => thread::yield_now(),
            opened => return opened.unwrap(),
        }
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

fn record(channel: &str, change: Change) -> Record {
    Record { app_id: "app".into(), channel: channel.into(), change }
}

fn stored_event(sequence: u64) -> StoredEvent {
    StoredEvent {
        sequence,
        first_sequence: 1,
        unix_ms: 5,
        expires_unix_ms: u64::MAX,
        id: format!("id-{sequence}").into(),
        event_type: "type".into(),
        frame: Bytes::from(format!("frame {sequence}")),
    }
}

fn event(channel: &str, sequence: u64) -> Record {
    record(channel, Change::Event(stored_event(sequence)))
}

/// An event after which the log begins at `first_sequence`.
fn trimming_event(channel: &str, sequence: u64, first_sequence: u64) -> Record {
    let event = StoredEvent { first_sequence, ..stored_event(sequence) };
    record(channel, Change::Event(event))
}

fn cursor(channel: &str, subscriber_id: &str, sequence: u64) -> Record {
    record(
        channel,
        Change::Cursor { subscriber_id: subscriber_id.into(), sequence, used_unix_ms: 7 },
    )
}

fn stored_cursor(subscriber_id: &str, sequence: u64) -> StoredCursor {
    StoredCursor { subscriber_id: subscriber_id.into(), sequence, used_unix_ms: 7 }
}

/// The log of `channel`, which must be there.
fn log<'a>(recovered: &'a Recovered, channel: &str) -> &'a StoredLog {
    recovered.logs.iter().find(|log| &*log.channel == channel).expect("the log was recovered")
}

fn sequences(log: &StoredLog) -> Vec<u64> {
    log.events.iter().map(|event| event.sequence).collect()
}
