//! The event log of one channel, without any I/O: what is kept, for how long, and for whom; and
//! besides, in `commit` and `file`, the thread and the files that make it outlive the process.
//!
//! A log gives each event a sequence, from 1 and each one more than the one before, and keeps the
//! newest ones within its limits. What has expired is never shown again and never numbered anew. A
//! log knows no cores, connections or dialects: an event is a frame with a name and an end.
//!
//! Times are milliseconds since 1970, told by the caller.

pub mod commit;
pub mod counters;
mod cursors;
mod dead_letter;
mod draft;
pub mod file;
mod history;
mod idempotency;
mod limits;
mod record;
mod rule;
mod sink_cursor;
mod snapshot;
pub mod store;

pub use cursors::{AckError, Cursors, CursorsFull, cursor_name, subscriber_of};
pub use dead_letter::{DeadLetter, DeadLetters, DeadLettersFull};
pub use draft::Draft;
pub use history::{Entry, Evicted, History, Page, PageLimits};
pub use idempotency::Idempotency;
pub use limits::{HistoryLimits, LogLimits, NoLog};
pub use record::{LogRecord, Logged, Newest, NotKept, RecordKind, Renewed};
pub use rule::{HistoryRule, has_rule, is_match, is_room, rule_of, wildcard_of};
pub use sink_cursor::{AfterFailure, SinkCursor, SinkRange};
pub use snapshot::{Snapshot, SnapshotTooLarge};
