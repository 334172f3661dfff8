//! What there is to keep of a channel beyond the process.

use std::sync::Arc;

use bytes::Bytes;

/// What there is to keep of a channel.
#[derive(Clone, Debug)]
pub enum RecordKind {
    /// An event; whoever keeps it says so.
    Event {
        /// The event's number in the log.
        sequence: u64,
        /// The first event that is still needed.
        first_sequence: u64,
        /// When its owner took it.
        unix_ms: u64,
        /// From when on it is not replayed.
        expires_unix_ms: u64,
        /// Its name; empty if it has none.
        id: Box<str>,
        /// What it is filtered by.
        event_type: Arc<str>,
        /// A whole websocket frame.
        frame: Bytes,
    },
    /// Events were let go without one that came in their place.
    Trimmed {
        /// The first event that is still needed.
        first_sequence: u64,
        /// The newest event that is kept.
        last_sequence: u64,
    },
    /// A subscriber has everything up to here.
    Cursor {
        /// The subscriber.
        subscriber_id: Box<str>,
        /// The last event it has.
        sequence: u64,
        /// When it was last used.
        used_unix_ms: u64,
    },
    /// A subscriber's cursor is forgotten.
    CursorForgotten {
        /// The subscriber.
        subscriber_id: Box<str>,
    },
    /// The state of whatever the channel is about, as of an event.
    Snapshot {
        /// The number of that event.
        last_sequence: u64,
        /// When it was made.
        created_unix_ms: u64,
        /// The state as JSON.
        state_json: Box<str>,
    },
    /// An event that could not be delivered.
    DeadLetter {
        /// Tells it from others of its log; one with the same id is replaced.
        id: Box<str>,
        /// The whole letter, as [`DeadLetter::to_json`](super::DeadLetter::to_json) has it.
        letter_json: Bytes,
    },
    /// A dead letter is forgotten.
    DeadLetterGone {
        /// The letter's id.
        id: Box<str>,
    },
    /// Nothing of the log is needed any more.
    Forgotten {
        /// The highest number of an event in any log that was forgotten: new ones begin above it.
        floor: u64,
    },
}

/// What is kept of a channel besides its events and of which only the newest counts.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Newest {
    /// The channel's snapshot.
    Snapshot,
    /// The cursor of the subscriber with this id.
    Cursor(Arc<str>),
}

impl RecordKind {
    /// Whether it says that a log or a cursor is forgotten.
    pub const fn is_forgotten(&self) -> bool {
        matches!(self, Self::CursorForgotten { .. } | Self::Forgotten { .. })
    }

    /// What it renews, if it does.
    pub fn newest(&self) -> Option<Newest> {
        match self {
            Self::Snapshot { .. } => Some(Newest::Snapshot),
            Self::Cursor { subscriber_id, .. } => Some(Newest::Cursor(Arc::from(&**subscriber_id))),
            Self::Event { .. }
            | Self::Trimmed { .. }
            | Self::CursorForgotten { .. }
            | Self::DeadLetter { .. }
            | Self::DeadLetterGone { .. }
            | Self::Forgotten { .. } => None,
        }
    }
}

/// Why a cursor or a snapshot is not kept. It may be all the same, later: it is tried again.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NotKept {
    /// `log.unsynced_bytes_max`: the disk does not keep up. Nothing has changed.
    #[error("too much waits to be written")]
    Backlogged,
    /// The disk failed.
    #[error("it could not be written")]
    NotWritten,
}
