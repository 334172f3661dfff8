//! What is stored of logged channels, and the seam to whatever stores it.
//!
//! A channel's owner says what has changed as a [`Record`]; a [`Store`] keeps records in the order
//! in which they come, and gives back what they add up to when the process starts again. It knows
//! neither shards nor clients. Reading for subscribers is no part of it: they are served from the
//! owner's memory.
//!
//! Invariant: once [`Store::commit`] has returned `Ok`, its records are what the next
//! [`Store::recover`] gives back, whatever becomes of the process or the machine in between.

use std::path::PathBuf;
use std::sync::Arc;

use bytes::Bytes;

/// One change of one log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Record {
    /// The id of the log's app, which means the same in every run: the app's index does not.
    pub app_id: Arc<str>,
    /// The name of the log's channel within the app.
    pub channel: Arc<str>,
    /// What has changed.
    pub change: Change,
}

/// What can change in a log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Change {
    /// An event was appended.
    Event(StoredEvent),
    /// The log holds from `first_sequence` to `last_sequence`, and nothing if the first is above
    /// the last. What is below is gone for good, and no sequence up to the last is given again.
    ///
    /// An owner says so when it lets events go without an append, and so keeps the last sequence
    /// of a log that is empty.
    Head {
        /// The oldest event that is kept.
        first_sequence: u64,
        /// The newest event that there has been.
        last_sequence: u64,
    },
    /// A subscriber has everything up to `sequence`.
    Cursor {
        /// The subscriber's id.
        subscriber_id: Arc<str>,
        /// The highest sequence that it has acknowledged.
        sequence: u64,
        /// When its cursor was last used, in milliseconds since 1970; 0 if nothing tells, as in
        /// records of the first versions.
        used_unix_ms: u64,
    },
    /// A subscriber's cursor is forgotten.
    CursorForgotten {
        /// The id of the subscriber whose cursor it was.
        subscriber_id: Arc<str>,
    },
    /// The snapshot was replaced.
    Snapshot(StoredSnapshot),
    /// A dead letter was added, or replaced if there was one of the same id.
    DeadLetter(StoredDeadLetter),
    /// A dead letter is gone.
    DeadLetterGone {
        /// The letter's id.
        id: Box<str>,
    },
    /// The whole log is forgotten, its sequences, too: what comes next starts a new one.
    Forgotten,
}

/// An event of a log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StoredEvent {
    /// Its place in the log, from 1.
    pub sequence: u64,
    /// The oldest event that the log holds once this one is in it. What is below is gone for good.
    pub first_sequence: u64,
    /// When it was published, in milliseconds since 1970.
    pub unix_ms: u64,
    /// When it is as good as gone, in milliseconds since 1970; `u64::MAX` is never.
    pub expires_unix_ms: u64,
    /// Tells it from others of its log, whoever publishes it again; empty if it has none.
    pub id: Box<str>,
    /// What subscribers may choose by.
    pub event_type: Arc<str>,
    /// The whole websocket frame, as subscribers get it.
    pub frame: Bytes,
}

/// What a log adds up to at one of its events, as a client has put it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StoredSnapshot {
    /// The event up to which it counts.
    pub last_sequence: u64,
    /// When it was made, in milliseconds since 1970.
    pub created_unix_ms: u64,
    /// Raw JSON.
    pub state: Bytes,
}

/// An event that somebody could not deal with.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StoredDeadLetter {
    /// Tells it from others of its log.
    pub id: Box<str>,
    /// Raw JSON, with whatever there is to say.
    pub entry: Bytes,
}

/// How far a subscriber has come.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StoredCursor {
    /// The subscriber's id.
    pub subscriber_id: Arc<str>,
    /// The highest sequence that it has acknowledged.
    pub sequence: u64,
    /// When the cursor was last used, in milliseconds since 1970; 0 if nothing tells.
    pub used_unix_ms: u64,
}

/// All that is stored of one log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StoredLog {
    /// The id of its app.
    pub app_id: Arc<str>,
    /// The name of its channel within the app.
    pub channel: Arc<str>,
    /// The oldest event that its owner kept.
    pub first_sequence: u64,
    /// The newest event that there has been, 0 if there was none.
    pub last_sequence: u64,
    /// The events that were neither let go nor expired, in ascending order of their sequences. One
    /// that expired before its neighbours leaves a hole.
    pub events: Vec<StoredEvent>,
    /// Each subscriber's cursor, in no order.
    pub cursors: Vec<StoredCursor>,
    /// The snapshot, if there is one.
    pub snapshot: Option<StoredSnapshot>,
    /// The dead letters, oldest first.
    pub dead_letters: Vec<StoredDeadLetter>,
}

/// What a recovery has found.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Recovered {
    /// Every log of which anything is stored, in the order of their names.
    pub logs: Vec<StoredLog>,
    /// Records read.
    pub records: u64,
    /// Bytes read.
    pub bytes: u64,
    /// Bytes cut off the end: a write that was under way when the process ended.
    pub cut_bytes: u64,
    /// Bytes that could not be read and were left out, as `log.recover` wants it.
    pub skipped_bytes: u64,
    /// Files read.
    pub segments: u64,
}

/// What is stored now.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct StoreSize {
    /// How many files there are.
    pub segments: u64,
    /// The bytes of all files.
    pub bytes: u64,
}

/// Why a store cannot do what it should.
///
/// Before the start this ends the process; later, publishers are told and the next commit tries
/// again.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// Another process has the directory open.
    #[error("{} is in use by another process", path.display())]
    Locked {
        /// The directory.
        path: PathBuf,
    },
    /// A file holds what was never written, and not at the end of the newest one, where a crash
    /// would leave it.
    #[error(
        "{} is damaged at byte {offset}: {what}; restore it from a backup, or start with \
         log.recover = \"skip\" to go on without what cannot be read",
        path.display()
    )]
    Damaged {
        /// The file.
        path: PathBuf,
        /// Where in the file, in bytes.
        offset: u64,
        /// What is wrong there.
        what: &'static str,
    },
    /// The file is of a version that this one does not know.
    #[error("{} has format version {version}, which this version cannot read", path.display())]
    Version {
        /// The file.
        path: PathBuf,
        /// The file's version.
        version: u32,
    },
    /// A record is larger than the format allows. Nothing of its group is stored.
    #[error("a record of {bytes} bytes is above the {bytes_max} that can be stored")]
    RecordTooLarge {
        /// The size of the record, in bytes.
        bytes: usize,
        /// The limit.
        bytes_max: usize,
    },
    /// The disk is full, failing, or not what it should be.
    #[error("{} {}: {error}", doing, path.display())]
    Io {
        /// What was being done, as in "cannot write".
        doing: &'static str,
        /// The file.
        path: PathBuf,
        /// What the system says.
        error: std::io::Error,
    },
}

/// Keeps records.
///
/// One thread uses it, and waits for it: [`recover`](Self::recover) once, then the others.
pub trait Store: Send {
    /// Everything that is stored, as of `now_unix_ms`.
    ///
    /// # Errors
    /// If something that was once durable cannot be read. Nothing was changed then.
    fn recover(&mut self, now_unix_ms: u64) -> Result<Recovered, StoreError>;

    /// Store `records` behind all others and wait until they are durable.
    ///
    /// # Errors
    /// If they may not be durable. Then none of them counts as stored, and sequences that they hold
    /// may be given again; the store can be used as before.
    fn commit(&mut self, records: &[Record]) -> Result<(), StoreError>;

    /// Give back room that nothing needs any more, as of `now_unix_ms`. Called from time to time.
    ///
    /// # Errors
    /// If that cannot be done now. Nothing that is needed was lost.
    fn retain(&mut self, now_unix_ms: u64) -> Result<(), StoreError>;

    /// What is stored now.
    fn size(&self) -> StoreSize;
}

/// The store of the memory driver: nothing outlives the process, and nothing is waited for.
#[derive(Clone, Copy, Debug, Default)]
pub struct MemoryStore;

impl Store for MemoryStore {
    fn recover(&mut self, _now_unix_ms: u64) -> Result<Recovered, StoreError> {
        Ok(Recovered::default())
    }

    fn commit(&mut self, _records: &[Record]) -> Result<(), StoreError> {
        Ok(())
    }

    fn retain(&mut self, _now_unix_ms: u64) -> Result<(), StoreError> {
        Ok(())
    }

    fn size(&self) -> StoreSize {
        StoreSize::default()
    }
}

impl Record {
    /// About how much memory the record holds while it waits.
    pub fn weight_bytes(&self) -> usize {
        size_of::<Self>() + self.change.held_bytes()
    }
}

impl Change {
    fn held_bytes(&self) -> usize {
        match self {
            Self::Event(event) => event.id.len() + event.event_type.len() + event.frame.len(),
            Self::Cursor { subscriber_id, .. } | Self::CursorForgotten { subscriber_id } => {
                subscriber_id.len()
            }
            Self::Snapshot(snapshot) => snapshot.state.len(),
            Self::DeadLetter(letter) => letter.id.len() + letter.entry.len(),
            Self::DeadLetterGone { id } => id.len(),
            Self::Head { .. } | Self::Forgotten => 0,
        }
    }
}
