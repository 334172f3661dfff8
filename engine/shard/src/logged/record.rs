//! What a log thread is given to keep, and what it says when it has.

use crate::ChannelName;
use crate::log::{Newest, RecordKind};

/// Something to be kept beyond the process.
#[derive(Clone, Debug)]
pub struct LogRecord {
    /// The channel whose log it is.
    pub channel: ChannelName,
    /// What is to be kept.
    pub kind: RecordKind,
}

/// What became of a cursor or a snapshot that was given to the log thread.
#[derive(Clone, Debug)]
pub struct Renewed {
    /// The channel whose log it is.
    pub channel: ChannelName,
    /// Which cursor or snapshot it is.
    pub what: Newest,
    /// Whether it is kept.
    pub is_kept: bool,
}

/// What became of events that were given to the log thread.
#[derive(Clone, Debug)]
pub struct Logged {
    /// The channel whose log it is.
    pub channel: ChannelName,
    /// If it is kept: the last event that is, all before it included. If it failed: the first that
    /// is not, and nothing from it on will be.
    pub sequence: u64,
    /// Whether it is kept.
    pub is_kept: bool,
}
