//! One core's whole state: its connections, channels, outboxes and timers.
//!
//! A [`Shard`] does no I/O, reads no clock, draws no random number and takes no lock. The I/O layer
//! tells it what happened, then calls [`poll_output`](Shard::poll_output) until it returns `None`,
//! then tells it the next thing. At the end of a turn (all that had arrived is told) it calls
//! [`end_turn`](Shard::end_turn) and passes on what is queued for other cores.
//!
//! Every channel has one owner among the cores. The owner puts a channel's events in one order and
//! knows who is in it; the core of a subscriber keeps the list that events are fanned out to. So a
//! shard has two sides, `Local` and `Owner`, and what both need, `Route`. A file is about one
//! subject and may have an `impl` for each side; its `impl Shard` is what the I/O layer calls.
//!
//! Invariant: a connection's events of a channel are, from `subscription_succeeded` to the end,
//! the owner's order without a gap; or the connection is being closed.

mod aged;
pub mod app;
mod apps;
mod batch;
mod cache;
mod channel;
mod close;
mod connection;
mod counters;
mod counts;
mod deadline;
mod deflate;
mod drain;
mod event_rate;
mod fanout;
mod frames;
mod hear;
pub mod id;
mod invariants;
mod ledger;
mod lifecycle;
pub mod limits;
mod local;
pub mod log;
mod logged;
mod message;
pub mod middleware;
mod notice;
mod online;
mod operation;
mod outbox;
mod outgoing_batch;
mod output;
mod own_form;
mod owned;
mod owner;
#[cfg(test)]
mod plain;
mod question;
mod questions;
mod quota;
mod rate;
mod reach;
mod replies;
mod requests;
mod roster;
mod route;
pub mod setting;
mod slow;
mod subscribe;
mod subscription_count;
mod subscription_hints;
mod table;
mod user;
mod watch;
mod wheel;
mod word;

use std::rc::Rc;

pub use aged::Aged;
pub use aged::AgedLimits;
pub use apps::EVICTIONS_PER_TICK;
pub use batch::{Retained, Segment};
pub use counters::{
    Counters, Durations, FRAMES_PER_SEND_BOUNDS, LogLevels, Refusal, Refusals, SinkCounts,
};
pub use counts::DIALECTS_MAX;
pub use frames::Frames;
pub use ledger::{
    Budget, Cost, IdempotencyKey, IdempotencyStore, Kept, Once, Reserved, Settlement, Spend,
};
pub use lifecycle::{ConnectionsFull, OPERATOR_SOCKETS_MAX};
pub use logged::{
    AppendError, Appended, ChannelLag, ChannelLogInfo, Delivery, EnterError, ForgetDeadLetters,
    KeepDeadLetter, Lags, ListDeadLetters, LogAnswer, LogInfo, LogMessage, LogNews, LogRecord,
    Logged, NamedDraft, RefusedAck, Renewed, Replay, ReplayRange, Resume, ResumesFull, SinkId,
    SinkOutcome, SinkPost, SnapshotError, SnapshotOf, Start, SubscribeOptions,
};
pub use message::{
    CachedInfo, ChannelInfo, ChannelName, CoreMessage, Counted, Join, JoinRefused, Joined, LocalId,
    Member, Nature, OwnedId, Publication, Ticket, ToLocal, ToOwner, UserAction,
};
pub use notice::{Fact, Notice};
pub use online::OnlineStatus;
pub use outgoing_batch::Load;
pub use output::Output;
pub use question::{Answer, Asked, Errand, Part, Question, QuestionToOne, To};
pub use questions::{
    AllCounters, ChannelOf, Channels, Connections, Reach, Terminate, UsersOf, WorstLags,
};
pub use rate::{Bucket, Rate, Spent, Window};
pub use subscribe::{SubscribeError, Subscribed};
pub use user::SigninError;
pub use watch::NOTICES_MAX;
pub use word::{
    Begin, DialectId, DialectRow, Dialects, Ending, Members, OwnForm, Traits, Unnumbered, Word,
};

use batch::Joiner;
use local::Local;
use owner::Owner;
use route::{Route, Way};

use crate::app::Apps;
use crate::id::CoreId;
use crate::limits::{ConnectionConfig, CoreConfig};
use crate::log::LogLimits;

/// Milliseconds since an arbitrary moment before the engine started.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Millis(pub u64);

impl Millis {
    /// This moment `ms` milliseconds later.
    #[must_use]
    pub const fn plus(self, ms: u64) -> Self {
        Self(self.0.saturating_add(ms))
    }

    /// The milliseconds from `earlier` to this moment; 0 if it is not earlier.
    pub const fn since(self, earlier: Self) -> u64 {
        self.0.saturating_sub(earlier.0)
    }
}

/// What a shard must know of the engine and its limits. Every limit is a key of the configuration,
/// with the default of its row.
#[derive(Clone, Debug)]
pub struct ShardConfig {
    /// Which core this shard is.
    pub core: CoreId,
    /// How many cores the engine has.
    pub cores: usize,
    /// Seeds the hash of channel names; the same on all cores.
    pub hash_seed: u64,
    /// Sockets this core may hold.
    pub connections_max: usize,
    /// Sockets beyond those that are read and told why they cannot stay.
    pub turned_away_max: usize,
    /// Silence of its client after which a websocket is pinged.
    pub activity_timeout_ms: u64,
    /// Silence towards its client after which it is sent a ping frame.
    pub ping_interval_ms: u64,
    /// Further silence after which it is closed with 4201.
    pub pong_timeout_ms: u64,
    /// Time to send a first request's whole head.
    pub handshake_timeout_ms: u64,
    /// Time a peer has to answer a close frame.
    pub close_timeout_ms: u64,
    /// Unsent bytes of a connection from which on its own messages are not read.
    pub outbox_bytes_soft: usize,
    /// Unsent bytes of a connection above which it is a slow consumer.
    pub outbox_bytes_max: usize,
    /// Time without any byte taken after which it is a slow consumer, too.
    pub outbox_stall_ms: u64,
    /// Whether events of one turn travel together, and what waits for a send leaves together.
    pub is_coalescing: bool,
    /// Channels one connection may be subscribed to.
    pub subscriptions_max: usize,
    /// Bytes of shared frames that may wait for slow sockets.
    pub retained_bytes_max: usize,
    /// Bytes that may wait for another core before publishes are refused.
    pub mailbox_bytes_max: usize,
    /// Bytes that the last events of cache channels may take.
    pub cache_bytes_max: usize,
    /// Silence towards the client of a stream after which it is sent a comment.
    pub sse_heartbeat_ms: u64,
    /// What is kept of publishes that may be sent again.
    pub idempotency: AgedLimits,
    /// What is kept of channels with a log.
    pub log: LogLimits,
}

impl Default for ShardConfig {
    /// The only core of an engine, with every limit at its default.
    fn default() -> Self {
        Self::new(&ConnectionConfig::default(), &CoreConfig::default())
    }
}

impl ShardConfig {
    /// The only core of an engine, with these limits; those of logs are at their defaults.
    pub fn new(connection: &ConnectionConfig, core: &CoreConfig) -> Self {
        let ms = |seconds: u16| u64::from(seconds) * 1_000;
        Self {
            core: CoreId(0),
            cores: 1,
            hash_seed: 0,
            connections_max: core.connections_max as usize,
            turned_away_max: core.turned_away_max as usize,
            activity_timeout_ms: ms(connection.activity_timeout_s),
            ping_interval_ms: ms(connection.ping_interval_s),
            pong_timeout_ms: ms(connection.pong_timeout_s),
            handshake_timeout_ms: ms(connection.handshake_timeout_s),
            close_timeout_ms: ms(connection.close_timeout_s),
            outbox_bytes_soft: connection.outbox_bytes_soft as usize,
            outbox_bytes_max: connection.outbox_bytes_max as usize,
            outbox_stall_ms: ms(connection.outbox_stall_s),
            is_coalescing: core.coalesce,
            subscriptions_max: connection.subscriptions_max as usize,
            retained_bytes_max: core.retained_bytes_max as usize,
            mailbox_bytes_max: core.mailbox_bytes_max as usize,
            cache_bytes_max: core.cache_bytes_max as usize,
            sse_heartbeat_ms: connection.sse_heartbeat_ms.into(),
            idempotency: AgedLimits {
                entries_max: core.idempotency_keys_max as usize,
                bytes_max: core.idempotency_bytes_max as usize,
            },
            log: LogLimits::default(),
        }
    }

    /// Sockets that a core reserves addresses for.
    ///
    /// Memory is taken when it is first used, so the reserve costs nothing; a list that grew by
    /// doubling would copy itself, and leave its old places resident, when there are most clients.
    pub fn sockets_reserved(&self) -> usize {
        (self.connections_max + self.turned_away_max).min(SOCKETS_RESERVED_MAX)
    }
}

/// The most sockets that a core reserves addresses for: some 200 MB. Beyond it lists double.
const SOCKETS_RESERVED_MAX: usize = 1 << 20;

/// One core's state. See the module's documentation for how to drive it.
#[derive(Debug)]
pub struct Shard {
    /// Its connections.
    local: Local,
    /// What it puts in order for all cores.
    owner: Owner,
    /// What both need.
    route: Route,
}

impl Shard {
    /// An empty shard that serves `apps` to the clients of `dialects`, as of `now`.
    ///
    /// # Panics
    /// If the configuration contradicts itself: no cores, or a core beyond them. If there are more
    /// than [`DIALECTS_MAX`] rows, or none.
    pub fn new(config: ShardConfig, apps: Apps, dialects: &'static Dialects, now: Millis) -> Self {
        let dialects_are_few = (1..=DIALECTS_MAX).contains(&dialects.rows.len());
        assert!(dialects_are_few, "a shard takes one to {DIALECTS_MAX} dialects");
        assert!(usize::from(config.core.0) < config.cores, "a shard is one of the cores");
        assert!(config.outbox_bytes_soft <= config.outbox_bytes_max, "soft comes before hard");
        Self {
            local: Local::new(&config, now),
            owner: Owner::new(&config),
            route: Route::new(config, apps, dialects, now),
        }
    }

    /// Take in what another core sent, in its order.
    pub fn receive(&mut self, mut messages: Vec<CoreMessage>) {
        for message in messages.drain(..) {
            match message {
                CoreMessage::ToOwner(message) => {
                    self.with_owner(|owner, way| owner.take(way, message));
                }
                CoreMessage::ToLocal(message) => self.local.take(&mut self.route, message),
                CoreMessage::Ask { ticket, errand } => self.on_ask(ticket, errand),
            }
            self.settle();
        }
        self.route.recycle(messages);
    }

    /// Let the owner do something, and tell cores of it.
    #[inline]
    fn with_owner<R>(&mut self, act: impl FnOnce(&mut Owner, &mut Way<'_>) -> R) -> R {
        act(&mut self.owner, &mut Way::of(&mut self.route, &mut self.local))
    }

    /// Pass on what this core's connections have said to the owner that it is itself.
    ///
    /// Whatever lets a connection say something ends with this.
    #[inline]
    fn settle(&mut self) {
        while let Some(message) = self.route.next_to_own_owner() {
            self.with_owner(|owner, way| owner.take(way, message));
        }
    }

    /// The turn is over: hand every channel's events to its subscribers' outboxes.
    pub fn end_turn(&mut self) {
        assert!(self.route.is_settled(), "whoever lets a connection say something settles");
        self.local.tell_acks(&mut self.route);
        self.settle();
        self.local.send_replies(&mut self.route);
        self.with_owner(Owner::tell_counts);
        self.owner.tell_trimmed(&mut self.route);
        loop {
            self.local.tell_watchers(&mut self.route);
            self.with_owner(Owner::tell_rosters);
            self.local.seal_runs(&mut self.route);
            self.feed();
            self.close_overflowed();
            self.shed_retained();
            // Closing a slow consumer makes an event for those who see its user.
            if self.local.is_quiet() && !self.owner.has_rosters() {
                break;
            }
        }
        self.route.answer_publishes();
        self.owner.post_to_sinks(&mut self.route);
        self.local.joiners.iter_mut().for_each(Joiner::forget);
        assert!(self.route.is_settled(), "a turn ends with nothing unsaid");
        self.debug_check_invariants();
    }

    /// The next thing to do, or `None` when the shard waits for input.
    ///
    /// It is for a connection that is there: its slot names no other.
    pub fn poll_output(&mut self) -> Option<Output> {
        while let Some(output) = self.route.outputs.pop_front() {
            // What is for a connection that has gone since is for nobody.
            if output.conn().is_none_or(|conn| self.local.connection(conn).is_some()) {
                return Some(output);
            }
        }
        while let Some(conn) = self.local.dirty.pop() {
            if let Some(connection) = self.local.connection(conn) {
                connection.is_dirty = false;
                return Some(Output::Flush(conn));
            }
        }
        None
    }

    /// Whether [`poll_output`](Self::poll_output) may give something.
    pub fn has_outputs(&self) -> bool {
        !self.route.outputs.is_empty()
            || !self.local.dirty.is_empty()
            || self.local.can_feed(&self.route)
    }

    /// What waits for `core`, all of it; the I/O layer passes it on whole or puts it back.
    pub fn take_outgoing(&mut self, core: CoreId) -> Option<Vec<CoreMessage>> {
        self.route.take_outgoing(core)
    }

    /// Put back what `core`'s full mailbox did not take.
    pub fn return_outgoing(&mut self, core: CoreId, messages: Vec<CoreMessage>) {
        self.route.return_outgoing(core, messages);
    }

    /// Whether so much waits for another core that nothing new should be taken in.
    pub fn is_backlogged(&self) -> bool {
        let bytes_max = self.route.config.mailbox_bytes_max;
        self.route.outgoing.iter().any(|outgoing| outgoing.bytes > bytes_max)
    }

    /// Whether nothing is left: no connection, here or in an app that this core owns, no channel,
    /// question, event, or message for a core.
    ///
    /// Every shard comes to this once its clients have gone and its questions are answered. The
    /// last events of cache channels stay for clients to come.
    pub fn is_vacant(&self) -> bool {
        self.local.is_vacant() && self.owner.is_vacant() && self.route.is_vacant()
    }

    /// What this core has counted, for the I/O layer to add what only it sees.
    pub fn counters_mut(&mut self) -> &mut Counters {
        &mut self.route.counters
    }

    /// Count one refusal.
    pub fn refuse(&mut self, refusal: Refusal) {
        self.route.refuse(refusal);
    }

    /// The apps that are served.
    pub fn apps(&self) -> Rc<Apps> {
        Rc::clone(&self.route.apps)
    }

    /// The configuration this shard was made with.
    pub const fn config(&self) -> &ShardConfig {
        &self.route.config
    }
}
