//! The seam to whatever stores logs.
//!
//! A [`Store`] keeps records in the order in which they come, and gives back what they add up to
//! when the process starts again. It knows neither shards nor clients. Reading for subscribers is
//! no part of it: they are served from the owner's memory.
//!
//! Invariant: once [`Store::commit`] has returned `Ok`, its records are what the next
//! [`Store::recover`] gives back, whatever becomes of the process or the machine in between.

use std::path::PathBuf;

use crate::log::stored::{Record, StoredLog};

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
