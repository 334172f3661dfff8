//! The directory of the log, and what a machine that loses its power does to it.

use std::env;
use std::fs::{self, OpenOptions};
use std::io::{Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};
use std::process;

/// A directory of this test alone, which is gone afterwards.
pub(crate) struct LogDirectory(PathBuf);

impl LogDirectory {
    pub(crate) fn new() -> Self {
        let path = env::temp_dir().join(format!("uringcast-crash-{}", process::id()));
        let _ = fs::remove_dir_all(&path); // Of a process that had this id before.
        Self(path)
    }

    pub(crate) fn path(&self) -> &Path {
        &self.0
    }

    /// Leave `bytes` of a write behind the newest segment that was never finished: they were bytes
    /// of a group once, further to the front. Returns how many there were.
    pub(crate) fn tear(&self, bytes: u32) -> u32 {
        let entries = fs::read_dir(&self.0).expect("the server has made it");
        let paths = entries.map(|entry| entry.expect("the folder is readable").path());
        let newest = paths.filter(|path| path.extension().is_some_and(|it| it == "log")).max();
        let path = newest.expect("the server has written");
        let mut options = OpenOptions::new();
        let mut file = options.read(true).write(true).open(path).expect("the file is ours");
        let mut torn = Vec::new();
        file.seek(SeekFrom::Start(HEADER_BYTES)).expect("the file can be read");
        Read::by_ref(&mut file).take(bytes.into()).read_to_end(&mut torn).expect("it is readable");
        file.seek(SeekFrom::End(0)).expect("the file is open");
        file.write_all(&torn).expect("the disk has room");
        // The mark of the first group names its own place, so none of this can be read here.
        torn.len() as u32
    }
}

/// Bytes of a segment's header (docs/log-format.md).
const HEADER_BYTES: u64 = 48;

impl Drop for LogDirectory {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}
