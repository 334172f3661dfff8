//! An app's own servers that get the events of its rooms.

use uringcast_proto::secret::Secret;

use super::retry::RetryPolicy;

/// One server that is posted every event of some rooms, each room's in their order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sink {
    /// Names it among the app's: how far it has come is remembered under it.
    pub name: String,
    /// Where events are posted to: `http://` or `https://`.
    pub url: String,
    /// The rooms, `*` for any part of a name.
    pub rooms: String,
    /// Headers to send besides our own, which they cannot replace.
    pub headers: Vec<(String, Secret)>,
    /// How an event that it does not take is tried again.
    pub retry: RetryPolicy,
    /// What becomes of events that come faster than it takes them.
    pub flow: Flow,
    /// Events in one request. Default 100, as webhooks have it.
    pub batch_events_max: u32,
}

/// What becomes of a room's events while its sink is busy.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Flow {
    /// They wait in the room's log for as long as that keeps them.
    #[default]
    Pause,
    /// They are left out, except for what one request holds.
    Drop,
    /// So many wait, besides those in flight; the oldest of more are left out.
    Buffer {
        /// How many events may wait.
        events_max: u32,
    },
}

impl Sink {
    /// A sink that gets the events of all rooms at `url`.
    pub fn new(name: impl Into<String>, url: impl Into<String>) -> Self {
        Self {
            name: name.into(),
            url: url.into(),
            rooms: "*".to_owned(),
            headers: Vec::new(),
            retry: RetryPolicy::default(),
            flow: Flow::default(),
            batch_events_max: 100,
        }
    }
}

impl Flow {
    /// How many events may wait besides one request's; `None` is as many as the log keeps.
    pub const fn waiting_max(self) -> Option<u32> {
        match self {
            Self::Pause => None,
            Self::Drop => Some(0),
            Self::Buffer { events_max } => Some(events_max),
        }
    }
}
