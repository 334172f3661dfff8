//! What happened in one world: what the owners put in order, and what each client heard.
//!
//! It knows no shard, so the checker can be shown histories that no shard should ever make.

use std::collections::{BTreeMap, BTreeSet};

/// Everything the checker looks at.
#[derive(Clone, Default)]
pub(crate) struct History {
    /// Each channel's events in its owner's order.
    pub(crate) channels: BTreeMap<String, Vec<Event>>,
    /// One story for each connection there has been.
    pub(crate) clients: Vec<Story>,
    /// How long a cache channel keeps its last event.
    pub(crate) cache_ttl_ms: u64,
    /// Whether kept events may have to make room for others before their time.
    pub(crate) is_cache_small: bool,
}

/// An event that an owner has taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Event {
    /// No two events have the same.
    pub(crate) id: u64,
    /// The one client that does not get it.
    pub(crate) skip: Option<usize>,
    /// Whether a cache channel keeps it: it came over HTTP.
    pub(crate) is_kept: bool,
    /// When the owner took it.
    pub(crate) taken_ms: u64,
}

/// One connection's part.
#[derive(Clone, Default)]
pub(crate) struct Story {
    /// The subscriptions it asked for that the server did not refuse at once, by channel.
    pub(crate) attempts: BTreeMap<String, Vec<Attempt>>,
    /// What it heard, in order.
    pub(crate) heard: Vec<Heard>,
    /// Answers that promised it an event.
    pub(crate) promises: Vec<Promise>,
    /// The users that it watches, if it has signed in.
    pub(crate) watchlist: BTreeSet<String>,
    /// Whether it was open to the end and has heard all that it was sent.
    pub(crate) is_complete: bool,
}

/// One subscription asked for.
#[derive(Clone, Debug, Default)]
pub(crate) struct Attempt {
    /// How many events the owner had taken when it took the join.
    pub(crate) joined_at: Option<usize>,
    /// When it took it.
    pub(crate) joined_ms: u64,
    /// The pong before which the server was told to end the subscription, counted from 1.
    pub(crate) over_at_pong: Option<usize>,
    /// Who it is presented as, on presence channels.
    pub(crate) user: Option<String>,
}

/// A publish was answered: the event must be heard before this pong, which was asked for then.
#[derive(Clone, Debug)]
pub(crate) struct Promise {
    /// The number of that pong, counted from 1.
    pub(crate) pong: usize,
    /// The event.
    pub(crate) id: u64,
}

/// One thing that a client heard.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Heard {
    /// The greeting.
    Established,
    /// A subscription has begun, with these users on presence channels.
    Succeeded { channel: String, members: Option<BTreeSet<String>> },
    /// The owner refused the subscription.
    Refused { channel: String },
    /// An event.
    Event { channel: String, id: u64 },
    /// A cache channel had no event for its new subscriber.
    Missed { channel: String },
    /// How many subscriptions a channel has.
    Counted { channel: String, count: u32 },
    /// A user came.
    Added { channel: String, user: String },
    /// A user left.
    Removed { channel: String, user: String },
    /// The client has signed in.
    SignedIn,
    /// Users it watches are online, or not.
    Watchlist { changes: Vec<(String, bool)> },
    /// The answer to the client's ping.
    Pong,
    /// The server wants a sign of life.
    Ping,
    /// Something the client asked for was not done.
    Error,
    /// The last thing there is to hear.
    Close { code: Option<u16> },
}
