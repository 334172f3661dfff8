//! What is stored of logged channels.
//!
//! A channel's owner says what has changed as a [`Record`], which whatever stores it keeps, and
//! gets back what records add up to, a [`StoredLog`], when the process starts again. Nothing here
//! knows who that is.

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
