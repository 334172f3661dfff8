//! One core's whole state: its connections, channels, outboxes and timers.
//!
//! A [`Shard`] does no I/O, reads no clock, draws no random number and takes no lock. The I/O layer
//! tells it what happened, then calls [`poll_output`](Shard::poll_output) until it returns `None`,
//! then tells it the next thing. At the end of a turn (all that had arrived is told) it calls
//! [`end_turn`](Shard::end_turn) and passes on what is queued for other cores.
//!
//! Every channel has one owner among the cores. The owner puts a channel's events in one order and
//! knows who is in it; the core of a subscriber keeps the list that events are fanned out to. On
//! one core both sides are the same shard and no message is needed.
//!
//! Invariant: a connection's events of a channel are, from `subscription_succeeded` to the end,
//! the owner's order without a gap; or the connection is being closed.

mod aged;
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
mod invariants;
mod ledger;
mod lifecycle;
mod log;
mod message;
mod notice;
mod online;
mod operation;
mod outbox;
mod outgoing_batch;
mod output;
mod owner;
mod question;
mod questions;
mod quota;
mod rate;
mod reach;
mod replies;
mod requests;
mod roster;
mod slow;
mod stream;
mod subscribe;
mod subscription_count;
mod subscription_hints;
mod table;
mod user;
mod watch;
mod wheel;
mod word;

use std::collections::VecDeque;
use std::rc::Rc;

use slab::Slab;
use uringcast_proto::ws::deflate::Deflater;

pub(crate) use aged::Aged;
pub use aged::AgedLimits;
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
pub use log::{
    AppendError, Appended, ChannelLag, ChannelLogInfo, Delivery, EnterError, ForgetDeadLetters,
    KeepDeadLetter, Lags, ListDeadLetters, LogInfo, LogMessage, NamedDraft, RefusedAck, Replay,
    ReplayRange, Resume, ResumesFull, SinkId, SinkOutcome, SinkPost, SnapshotError, SnapshotOf,
    Start, SubscribeOptions,
};
pub use message::{
    CachedInfo, ChannelInfo, ChannelName, CoreMessage, Counted, Join, JoinRefused, Joined, LocalId,
    Member, Nature, OwnedId, Publication, Ticket, UserMessage,
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
pub use word::{Begin, DialectId, DialectRow, Dialects, Ending, Members, Traits, Unnumbered, Word};

use batch::Joiner;
use cache::Cache;
use channel::{Channel, Run};
use connection::Connection;
use ledger::Ledger;
use log::Logs;
use owner::Owned;
use quota::AppConnections;
use replies::Replies;
use subscription_count::Untold;
use subscription_hints::SubscriptionHints;
use table::Table;
use user::Users;
use wheel::Wheel;
use word::TraitsTable;

use crate::app::Apps;
use crate::id::{ConnId, CoreId};
use crate::limits::{ConnectionConfig, CoreConfig};
use crate::log::LogLimits;
use crate::middleware::{Chain, Operation};

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

/// Empty lists that a core keeps for messages to others, and the longest that it keeps: a full read
/// is as many messages.
const SPARES_MAX: usize = 4;
const SPARE_MESSAGES_MAX: usize = 4_096;

/// Messages that wait to be passed to one other core.
#[derive(Debug, Default)]
struct Outgoing {
    messages: Vec<CoreMessage>,
    bytes: usize,
    /// What those weigh that the I/O layer tries to pass on.
    taken_bytes: usize,
}

/// One core's state. See the module's documentation for how to drive it.
#[derive(Debug)]
pub struct Shard {
    config: ShardConfig,
    dialects: &'static Dialects,
    apps: Rc<Apps>,
    /// What holds for the connections of each dialect in each app.
    traits: TraitsTable,
    connections: Slab<Connection>,
    /// How many of them came in on the listeners for metrics and tests.
    operator_sockets: usize,
    /// How many of them came in beyond the limit, to be told so.
    turned_away_sockets: usize,
    /// Connections on all cores of each app that this core owns, by the app's index.
    app_connections: Vec<AppConnections>,
    /// Channels that connections of this core are subscribed to.
    locals: Table<Channel>,
    /// Where connections have channels that they sent events to.
    subscription_hints: SubscriptionHints,
    /// Channels that this core puts in order.
    owned: Table<Owned>,
    /// Last events of the cache channels among those, and of such as nobody is subscribed to.
    cache: Cache,
    /// Channels among those owned whose subscribers wait to hear how many they are.
    untold: Untold,
    users: Users,
    /// Events of this turn, one run for each channel that has any.
    runs: Vec<Run>,
    /// Answers to the messages that are being worked off.
    replies: Replies,
    outgoing: Vec<Outgoing>,
    /// Lists of messages that came from other cores, empty, for those that go to them: memory that
    /// one core takes and another gives back is faulted in anew each time.
    spares: Vec<Vec<CoreMessage>>,
    requests: Slab<requests::Request>,
    /// Publishes to answer at the turn's end.
    published: Vec<(Ticket, Vec<Counted>)>,
    /// Events of logs to answer at the turn's end, with what became of each.
    appended: Vec<(Ticket, Vec<Result<Appended, AppendError>>)>,
    /// Budgets and keys that this core keeps for all cores.
    ledger: Ledger,
    /// Logs of the channels that this core owns.
    logs: Logs,
    wheel: Wheel,
    /// Client events of each app with a limit on all of its clients together, by its index.
    event_rates: Vec<Window>,
    /// One for each form that events have, so that no kind of connection spoils what another
    /// shares.
    joiners: [Joiner; 3],
    /// There from the first frame on that is to be compressed.
    deflater: Option<Box<Deflater>>,
    retained: Retained,
    counters: Counters,
    outputs: VecDeque<Output>,
    /// Connections whose outbox wants a send.
    dirty: Vec<ConnId>,
    /// Connections that had a send in flight when they were last looked at.
    watched: Vec<ConnId>,
    /// Connections found over their limit while their channel's list was walked.
    overflowed: Vec<ConnId>,
    /// The operator's own code; `None` where there is none.
    middleware: Option<Chain>,
    /// What the message that is being worked off does, as far as it has been counted.
    operation: Option<Operation>,
    /// Messages of rooms' clients until the next one that is timed.
    until_timed: u32,
    drain: Option<drain::Drain>,
    /// Clients of apps that are served no more, who have yet to be closed.
    evicted: Vec<(ConnId, Ending)>,
    /// Whether so much waits between cores that clients' messages wait, too.
    are_cores_backlogged: bool,
    /// Connections whose messages wait for that to end.
    waiting_for_cores: Vec<ConnId>,
    now: Millis,
    /// Distinguishes connections in the same slot, requests in the same place, and attempts.
    serial: u32,
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
        let traits = TraitsTable::new(&config, dialects.rows, &apps);
        Self {
            dialects,
            traits,
            apps: Rc::new(apps),
            connections: Slab::with_capacity(config.sockets_reserved()),
            operator_sockets: 0,
            turned_away_sockets: 0,
            app_connections: Vec::new(),
            locals: Table::new(),
            subscription_hints: SubscriptionHints::new(),
            owned: Table::new(),
            cache: Cache::new(config.cache_bytes_max),
            untold: Untold::default(),
            users: Users::new(),
            runs: Vec::new(),
            replies: Replies::default(),
            outgoing: (0..config.cores).map(|_| Outgoing::default()).collect(),
            spares: Vec::new(),
            requests: Slab::new(),
            published: Vec::new(),
            appended: Vec::new(),
            ledger: Ledger::new(config.idempotency),
            logs: Logs::new(),
            wheel: Wheel::new(now),
            event_rates: Vec::new(),
            joiners: Default::default(),
            deflater: None,
            retained: Retained::default(),
            counters: Counters::default(),
            outputs: VecDeque::new(),
            dirty: Vec::new(),
            watched: Vec::new(),
            overflowed: Vec::new(),
            middleware: None,
            operation: None,
            until_timed: 0,
            drain: None,
            evicted: Vec::new(),
            are_cores_backlogged: false,
            waiting_for_cores: Vec::new(),
            now,
            serial: 0,
            config,
        }
    }

    /// Take in what another core sent, in its order.
    pub fn receive(&mut self, mut messages: Vec<CoreMessage>) {
        for message in messages.drain(..) {
            self.receive_one(message);
        }
        if messages.capacity() <= SPARE_MESSAGES_MAX && self.spares.len() < SPARES_MAX {
            self.spares.push(messages);
        }
    }

    /// The turn is over: hand every channel's events to its subscribers' outboxes.
    pub fn end_turn(&mut self) {
        self.tell_acks();
        self.send_replies();
        self.tell_counts();
        self.tell_trimmed();
        loop {
            self.tell_watchers();
            self.tell_rosters();
            let mut runs = std::mem::take(&mut self.runs);
            for run in runs.drain(..) {
                self.seal_at_end(run);
            }
            self.runs = runs; // Empty, with its room: sealing a run starts none.
            self.feed();
            self.close_overflowed();
            self.shed_retained();
            // Closing a slow consumer makes an event for those who see its user.
            let is_told = self.users.notices.is_empty() && !self.has_rosters();
            if self.runs.is_empty() && self.overflowed.is_empty() && is_told {
                break;
            }
        }
        let answers = self.published.drain(..);
        let answer = |(ticket, counted)| Output::Answer(ticket, Answer::published(counted));
        self.outputs.extend(answers.map(answer));
        let answers = self.appended.drain(..);
        let answer = |(ticket, outcomes)| Output::Answer(ticket, Answer::appended(outcomes));
        self.outputs.extend(answers.map(answer));
        self.post_to_sinks();
        self.joiners.iter_mut().for_each(Joiner::forget);
        self.debug_check_invariants();
    }

    /// The next thing to do, or `None` when the shard waits for input.
    ///
    /// It is for a connection that is there: its slot names no other.
    pub fn poll_output(&mut self) -> Option<Output> {
        while let Some(output) = self.outputs.pop_front() {
            // What is for a connection that has gone since is for nobody.
            if output.conn().is_none_or(|conn| self.connection(conn).is_some()) {
                return Some(output);
            }
        }
        while let Some(conn) = self.dirty.pop() {
            if let Some(connection) = self.connection(conn) {
                connection.is_dirty = false;
                return Some(Output::Flush(conn));
            }
        }
        None
    }

    /// Whether [`poll_output`](Self::poll_output) may give something.
    pub fn has_outputs(&self) -> bool {
        !self.outputs.is_empty() || !self.dirty.is_empty() || self.can_feed()
    }

    /// What waits for `core`, all of it; the I/O layer passes it on whole or puts it back.
    pub fn take_outgoing(&mut self, core: CoreId) -> Option<Vec<CoreMessage>> {
        let outgoing = &mut self.outgoing[usize::from(core.0)];
        if outgoing.messages.is_empty() {
            return None;
        }
        outgoing.taken_bytes = std::mem::take(&mut outgoing.bytes);
        // The next turn has as many, most likely, and growing towards that would copy them again.
        let room = outgoing.messages.len().min(SPARE_MESSAGES_MAX);
        let next = self.spares.pop().unwrap_or_else(|| Vec::with_capacity(room));
        Some(std::mem::replace(&mut outgoing.messages, next))
    }

    /// Put back what `core`'s full mailbox did not take.
    pub fn return_outgoing(&mut self, core: CoreId, messages: Vec<CoreMessage>) {
        let outgoing = &mut self.outgoing[usize::from(core.0)];
        assert!(outgoing.messages.is_empty(), "returned in the same turn");
        outgoing.bytes = outgoing.taken_bytes;
        outgoing.messages = messages;
    }

    /// Whether so much waits for another core that nothing new should be taken in.
    pub fn is_backlogged(&self) -> bool {
        self.outgoing.iter().any(|outgoing| outgoing.bytes > self.config.mailbox_bytes_max)
    }

    /// Whether nothing is left: no connection, here or in an app that this core owns, no channel,
    /// question, event, or message for a core.
    ///
    /// Every shard comes to this once its clients have gone and its questions are answered. The
    /// last events of cache channels stay for clients to come.
    pub fn is_vacant(&self) -> bool {
        self.connections.is_empty()
            && self.locals.iter().next().is_none()
            && self.owned.iter().next().is_none()
            && self.users.is_vacant()
            && self.requests.is_empty()
            && self.app_connections.iter().all(AppConnections::is_vacant)
            && self.runs.is_empty()
            && self.outgoing.iter().all(|outgoing| outgoing.messages.is_empty())
            && self.retained.bytes() == 0
    }

    /// What this core has counted, for the I/O layer to add what only it sees.
    pub fn counters_mut(&mut self) -> &mut Counters {
        &mut self.counters
    }

    /// Count one refusal.
    pub fn refuse(&mut self, refusal: Refusal) {
        self.counters.refuse(refusal);
    }

    /// The apps that are served.
    pub fn apps(&self) -> Rc<Apps> {
        Rc::clone(&self.apps)
    }

    /// The configuration this shard was made with.
    pub const fn config(&self) -> &ShardConfig {
        &self.config
    }

    fn receive_one(&mut self, message: CoreMessage) {
        match message {
            CoreMessage::Join(join) => self.on_join(*join),
            CoreMessage::Leave { channel, core, dialect, user_id } => {
                self.on_leave(&channel, core, dialect, user_id.as_deref());
            }
            CoreMessage::Publish { owned, frames, skip } => self.on_publish(owned, frames, skip),
            CoreMessage::PublishNamed { publication, ticket } => {
                self.on_publish_named(*publication, ticket);
            }
            CoreMessage::Joined(joined) => self.on_joined(*joined),
            CoreMessage::Deliver { local, frames, skip, ticket } => {
                self.on_deliver(local, frames, skip, ticket);
            }
            CoreMessage::DeliverMany { local, load } => self.on_deliver_many(local, *load),
            CoreMessage::DeliverLogged(delivery) => self.on_deliver_logged(delivery),
            CoreMessage::Log(message) => self.on_log_message(*message),
            CoreMessage::User(message) => self.on_user_message(message),
            CoreMessage::Routed { ticket, cores, counted } => {
                self.on_routed(ticket, cores, counted);
            }
            CoreMessage::Queued { ticket } => self.on_queued(ticket),
            CoreMessage::Ask { ticket, errand } => self.on_ask(ticket, errand),
            CoreMessage::Part { ticket, core, part } => self.on_part(ticket, core, part),
            CoreMessage::Enter { app, ticket, connections_max } => {
                self.on_enter(app, ticket, connections_max);
            }
            CoreMessage::Entered { ticket, is_admitted } => self.on_entered(ticket, is_admitted),
            CoreMessage::Exit { app } => self.on_exit(app),
        }
    }

    /// Pass `message` to `core`, which may be this one.
    fn tell(&mut self, core: CoreId, message: CoreMessage) {
        if core == self.config.core {
            self.receive_one(message);
        } else {
            let outgoing = &mut self.outgoing[usize::from(core.0)];
            outgoing.bytes += message.weight_bytes();
            outgoing.messages.push(message);
        }
    }

    fn connection(&mut self, conn: ConnId) -> Option<&mut Connection> {
        let connection = self.connections.get_mut(conn.slot as usize)?;
        (connection.generation == conn.generation).then_some(connection)
    }

    fn next_serial(&mut self) -> u32 {
        self.serial = self.serial.wrapping_add(1);
        self.serial
    }
}

#[cfg(test)]
mod tests;
