//! The segment that is being written.
//!
//! Invariant: `end` is behind the last group that is durable, and nothing is ever written behind a
//! group of which that is not known: a segment that failed once is written no more.

use std::fs::{File, OpenOptions};
use std::io;
use std::os::unix::fs::{FileExt, OpenOptionsExt};
use std::path::PathBuf;

use super::super::store::StoreError;
use super::directory::{Directory, fault};
use super::format::{HEADER_BYTES, Header};

/// Makes what was written to a file durable: `fdatasync`, but for tests in which that fails.
pub(super) type SyncData = fn(&File) -> io::Result<()>;

/// A segment that groups are written to.
#[derive(Debug)]
pub(super) struct Segment {
    pub(super) header: Header,
    file: File,
    path: PathBuf,
    end: u64,
}

impl Segment {
    /// A new, empty segment, which is there whatever happens next.
    pub(super) fn create(
        directory: &Directory,
        header: Header,
        sync_data: SyncData,
    ) -> Result<Self, StoreError> {
        let path = directory.segment_path(header.number);
        let mut options = OpenOptions::new();
        let options = options.read(true).write(true).create(true).truncate(true).mode(0o600);
        let file = options.open(&path).map_err(fault("cannot create", &path))?;
        let mut this = Self { header, file, path, end: 0 };
        this.append(&header.encode(), sync_data)?;
        directory.sync()?;
        Ok(this)
    }

    /// The segment that was written last before this process; all behind `end` is cut off.
    pub(super) fn reopen(
        directory: &Directory,
        header: Header,
        end: u64,
        sync_data: SyncData,
    ) -> Result<Self, StoreError> {
        let path = directory.segment_path(header.number);
        let opened = OpenOptions::new().read(true).write(true).open(&path);
        let file = opened.map_err(fault("cannot open", &path))?;
        let this = Self { header, file, path, end };
        this.cut()?;
        // What was read may be in memory only: it must be durable before anybody relies on it.
        sync_data(&this.file).map_err(fault("cannot sync", &this.path))?;
        Ok(this)
    }

    /// Write `bytes` behind the last and wait until they are durable.
    pub(super) fn append(&mut self, bytes: &[u8], sync_data: SyncData) -> Result<(), StoreError> {
        let written = self.file.write_all_at(bytes, self.end);
        written.map_err(fault("cannot write", &self.path))?;
        sync_data(&self.file).map_err(fault("cannot sync", &self.path))?;
        self.end += bytes.len() as u64;
        Ok(())
    }

    /// Cut off what is behind the last durable group.
    pub(super) fn cut(&self) -> Result<(), StoreError> {
        self.file.set_len(self.end).map_err(fault("cannot cut", &self.path))
    }

    /// Where its last durable group ends, in bytes.
    pub(super) const fn end(&self) -> u64 {
        self.end
    }

    /// Whether no group is in it.
    pub(super) const fn is_empty(&self) -> bool {
        self.end <= HEADER_BYTES as u64
    }
}
