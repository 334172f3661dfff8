//! The event log of one channel, without any I/O: what is kept, for how long, and for whom.
//!
//! A log gives each event a sequence, from 1 and each one more than the one before, and keeps the
//! newest ones within its limits. What has expired is never shown again and never numbered anew. A
//! log knows no cores, connections or dialects: an event is a frame with a name and an end.
//!
//! Times are milliseconds since 1970, told by the caller.

mod cursors;
mod dead_letter;
mod draft;
mod history;
mod idempotency;
mod limits;
mod record;
mod sink_cursor;
mod snapshot;
pub mod stored;

pub use cursors::{AckError, Cursors, CursorsFull, cursor_name, subscriber_of};
pub use dead_letter::{DeadLetter, DeadLetters, DeadLettersFull};
pub use draft::Draft;
pub use history::{Entry, Evicted, History, Page, PageLimits};
pub use idempotency::Idempotency;
pub use limits::{HistoryLimits, LogLimits, NoLog};
pub use record::{Newest, NotKept, RecordKind};
pub use sink_cursor::{AfterFailure, SinkCursor, SinkRange};
pub use snapshot::{Snapshot, SnapshotTooLarge};
