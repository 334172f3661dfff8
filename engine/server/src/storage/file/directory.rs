//! The directory of a log: its lock, and the names of its segments.
//!
//! Invariant: as long as a [`Directory`] lives, no other process has one of the same path.

use std::fs::{self, File, OpenOptions, TryLockError};
use std::io;
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use super::super::store::StoreError;

/// The file that is locked. It is empty and stays.
const LOCK_NAME: &str = "lock";

/// What the names of segments end with.
const SEGMENT_EXTENSION: &str = "log";

/// Digits of a segment's number in its name, so that names sort as numbers do.
const NUMBER_DIGITS: usize = 20;

/// A locked directory.
#[derive(Debug)]
pub(super) struct Directory {
    path: PathBuf,
    /// Open to be synced.
    this: File,
    /// Locked until it is closed.
    _lock: File,
}

impl Directory {
    /// Make the directory at `path` if it is not there, and lock it.
    ///
    /// # Errors
    /// If another process has it locked, or if it cannot be made or read.
    pub(super) fn open(path: &Path) -> Result<Self, StoreError> {
        let make = fs::DirBuilder::new().recursive(true).mode(0o700).create(path);
        make.map_err(fault("cannot make the directory", path))?;
        let this = File::open(path).map_err(fault("cannot open", path))?;
        let name = path.join(LOCK_NAME);
        let mut options = OpenOptions::new();
        let options = options.write(true).create(true).truncate(false).mode(0o600);
        let lock = options.open(&name).map_err(fault("cannot open", &name))?;
        match lock.try_lock() {
            Ok(()) => Ok(Self { path: path.to_owned(), this, _lock: lock }),
            Err(TryLockError::WouldBlock) => Err(StoreError::Locked { path: path.to_owned() }),
            Err(TryLockError::Error(error)) => Err(fault("cannot lock", &name)(error)),
        }
    }

    /// Where the segment with this number is.
    pub(super) fn segment_path(&self, number: u64) -> PathBuf {
        self.path.join(format!("{number:0NUMBER_DIGITS$}.{SEGMENT_EXTENSION}"))
    }

    /// The numbers of all segments, in ascending order. Files of other names are left alone.
    pub(super) fn segments(&self) -> Result<Vec<u64>, StoreError> {
        let doing = "cannot list";
        let mut numbers = Vec::new();
        for entry in fs::read_dir(&self.path).map_err(fault(doing, &self.path))? {
            let name = entry.map_err(fault(doing, &self.path))?.file_name();
            numbers.extend(name.to_str().and_then(number));
        }
        numbers.sort_unstable();
        Ok(numbers)
    }

    /// Make what was created and removed durable.
    pub(super) fn sync(&self) -> Result<(), StoreError> {
        self.this.sync_all().map_err(fault("cannot sync", &self.path))
    }

    /// Remove the segment with this number.
    pub(super) fn remove(&self, number: u64) -> Result<(), StoreError> {
        let path = self.segment_path(number);
        fs::remove_file(&path).map_err(fault("cannot remove", &path))
    }
}

/// What went wrong with the file at `path`.
pub(super) fn fault(doing: &'static str, path: &Path) -> impl FnOnce(io::Error) -> StoreError {
    let path = path.to_owned();
    move |error| StoreError::Io { doing, path, error }
}

/// The number of the segment that is called `name`.
fn number(name: &str) -> Option<u64> {
    let digits = name.strip_suffix(SEGMENT_EXTENSION)?.strip_suffix('.')?;
    let is_ours = digits.len() == NUMBER_DIGITS && digits.bytes().all(|it| it.is_ascii_digit());
    if is_ours { digits.parse().ok() } else { None }
}
