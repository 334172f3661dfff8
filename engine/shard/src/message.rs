//! What cores say to each other.
//!
//! A channel has one owner core, found by hashing its name. Everything that must be in one total
//! order goes through the owner, and what the owner sends to one core arrives in that order: a
//! subscriber's [`Joined`](ToLocal::Joined) stands exactly between the last event from before
//! and the first event from after. Messages to one core travel together, once a turn.

use std::hash::BuildHasher;
use std::sync::Arc;

use bytes::Bytes;
use foldhash::fast::FixedState;

use crate::counters::Refusal;
use crate::frames::Frames;
use crate::id::{AppIndex, ConnId, CoreId, SocketId};
use crate::log::NoLog;
use crate::logged::{
    AppendError, Appended, Delivery, JoinLog, LogAnswer, LogMessage, LogNews, LogWelcome,
};
use crate::online::OnlineStatus;
use crate::outgoing_batch::Load;
use crate::question::{Errand, Part};
use crate::word::{DialectId, Said};

/// What a channel is, by its name.
#[expect(clippy::struct_excessive_bools, reason = "each is a fact of its own")]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Nature {
    /// It always has a log, its events go to sinks and to its scope's wildcard, and users are
    /// entered into it. It has no members, no count and no cached event.
    pub is_room: bool,
    /// Its subscribers are members, who are told of each other.
    pub has_members: bool,
    /// It keeps its last event for whoever subscribes later.
    pub is_cached: bool,
    /// It is one user's own: no webhook is told of it, and nobody of its count.
    pub is_of_user: bool,
}

/// A channel's name within its app, with its hash and what the channel is.
#[derive(Clone, Debug)]
pub struct ChannelName {
    app: AppIndex,
    nature: Nature,
    name: Arc<str>,
    hash: u64,
}

impl ChannelName {
    /// The channel `name` of `app`, which is of this `nature`; all cores of a process must use the
    /// same `seed`.
    pub fn new(app: AppIndex, name: impl Into<Arc<str>>, nature: Nature, seed: u64) -> Self {
        let name = name.into();
        let hash = hash(app, &name, seed);
        Self { app, nature, name, hash }
    }

    /// What the channel is.
    pub const fn nature(&self) -> Nature {
        self.nature
    }

    /// The app that the channel belongs to.
    pub const fn app(&self) -> AppIndex {
        self.app
    }

    /// The name as clients know it.
    pub fn as_str(&self) -> &str {
        &self.name
    }

    /// The name, shared.
    pub fn shared(&self) -> Arc<str> {
        Arc::clone(&self.name)
    }

    /// The hash that finds the owner and the table entry.
    pub const fn hash(&self) -> u64 {
        self.hash
    }

    /// The core, of `cores`, that owns this channel.
    #[inline]
    pub fn owner(&self, cores: usize) -> CoreId {
        owner(self.hash, cores)
    }
}

impl PartialEq for ChannelName {
    fn eq(&self, other: &Self) -> bool {
        self.hash == other.hash && self.app == other.app && self.name == other.name
    }
}

/// The hash of a channel's name, seeded so that clients cannot aim at one bucket.
pub(super) fn hash(app: AppIndex, name: &str, seed: u64) -> u64 {
    FixedState::with_seed(seed).hash_one((app, name))
}

/// The core, of `cores`, that owns the channel with this hash.
#[inline]
pub(super) fn owner(hash: u64, cores: usize) -> CoreId {
    assert!(cores > 0, "an engine has at least one core");
    // The tables use the top and the bottom bits; the middle ones choose the core.
    let middle = (hash >> 24) & 0xffff_ffff;
    CoreId(((middle * cores as u64) >> 32) as u8)
}

/// A channel in the table of the core that has subscribers of it, or a user in that of the core
/// that has watchers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LocalId {
    pub(super) index: u32,
    pub(super) generation: u32,
}

/// A channel in the table of the core that owns it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct OwnedId {
    pub(super) index: u32,
    pub(super) generation: u32,
}

/// A presence channel's user as one subscription presents it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Member {
    /// Names the user; several connections may present the same.
    pub user_id: Box<str>,
    /// Raw JSON, relayed untouched.
    pub user_info: Box<str>,
}

/// A question that was asked on one core and is answered there.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Ticket {
    pub(super) core: CoreId,
    pub(super) index: u32,
    pub(super) serial: u32,
}

/// One event, encoded for the wire.
#[derive(Clone, Debug)]
pub struct Publication {
    /// The channel that it goes to.
    pub channel: ChannelName,
    /// A whole frame.
    pub frame: Bytes,
    /// The one connection that does not get it.
    pub skip: Option<SocketId>,
    /// Its place in its publish, if the answer tells who was in the channel.
    pub counted_as: Option<u32>,
}

/// How many were in a channel when its owner took an event for it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Counted {
    /// The event's place in its publish.
    pub place: u32,
    /// Subscriptions on all cores.
    pub subscription_count: u32,
    /// Distinct users, on presence channels only.
    pub user_count: Option<u32>,
}

impl Publication {
    fn weight_bytes(&self) -> usize {
        size_of::<Self>() + self.channel.as_str().len() + self.frame.len()
    }
}

/// Why the owner refused a subscription.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum JoinRefused {
    /// The presence channel holds as many users as the configuration allows.
    #[error("presence channel is full at {members_max} members")]
    PresenceFull {
        /// The limit, `pusher.presence_members_max`.
        members_max: u32,
    },
    /// The channel needs a log and gets none.
    #[error("{0}")]
    NoLog(#[from] NoLog),
}

impl JoinRefused {
    /// What it counts as.
    pub(super) const fn refusal(self) -> Refusal {
        match self {
            Self::PresenceFull { .. } => Refusal::PresenceMembers,
            Self::NoLog(error) => error.refusal(),
        }
    }
}

/// A subscription on its way to the owner.
#[derive(Debug)]
pub struct Join {
    pub(super) channel: ChannelName,
    /// The core that the connection is on.
    pub(super) core: CoreId,
    pub(super) conn: ConnId,
    pub(super) local: LocalId,
    /// Tells this attempt from an earlier one of the same connection and channel.
    pub(super) attempt: u32,
    pub(super) dialect: DialectId,
    pub(super) member: Option<Member>,
    /// Where it begins, if it follows the channel's log.
    pub(super) log: Option<Box<JoinLog>>,
}

impl Join {
    /// The channel to join; its owner puts the joiner into the channel's order.
    pub const fn channel(&self) -> &ChannelName {
        &self.channel
    }

    /// The connection that subscribes, and its core.
    pub const fn subscriber(&self) -> (CoreId, ConnId) {
        (self.core, self.conn)
    }

    fn weight_bytes(&self) -> usize {
        let member = self.member.as_ref().map_or(0, |it| it.user_id.len() + it.user_info.len());
        let log = self.log.as_ref().map_or(0, |log| log.weight_bytes());
        size_of::<Self>() + self.channel.as_str().len() + member + log
    }
}

/// The owner's answer to a [`Join`].
#[derive(Debug)]
pub struct Joined {
    pub(super) conn: ConnId,
    pub(super) local: LocalId,
    pub(super) attempt: u32,
    pub(super) owned: OwnedId,
    /// What the join spoke, and the user that it presented, for the leave if nobody waits for this
    /// answer.
    pub(super) dialect: DialectId,
    pub(super) user_id: Option<Box<str>>,
    /// Whether the join had options about the channel's log, and so holds its connection.
    pub(super) is_logged: bool,
    /// Whether the first page of the log is right behind this answer: it is the end of the hold.
    pub(super) is_page_next: bool,
    /// What the client is told, or why it may not subscribe.
    pub(super) outcome: Result<Welcome, JoinRefused>,
}

/// What a new subscriber is told before anything that comes after its join.
#[derive(Debug)]
pub(super) struct Welcome {
    /// That it is subscribed.
    pub(super) subscribed: Said,
    /// On cache channels: the last event from before the join, or that there is none.
    pub(super) cached: Said,
    /// How many subscriptions there are, if the channel itself is told only later.
    pub(super) count: Said,
    /// Where it begins, if it follows the channel's log.
    pub(super) log: Option<Box<LogWelcome>>,
}

impl Welcome {
    fn weight_bytes(&self) -> usize {
        let said = [&self.subscribed, &self.cached, &self.count];
        let log = self.log.as_ref().map_or(0, |log| log.weight_bytes());
        said.into_iter().map(|it| it.bytes.len()).sum::<usize>() + log
    }
}

/// A channel as the HTTP API shows it: an occupied one, or one that is asked for by its name and
/// has a cached event.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ChannelInfo {
    /// The name.
    pub name: Arc<str>,
    /// Subscriptions on all cores.
    pub subscription_count: u32,
    /// Distinct users, on presence channels only.
    pub user_count: Option<u32>,
    /// The last event of a cache channel; only where it is asked for by its name.
    pub cache: Option<CachedInfo>,
}

impl ChannelInfo {
    pub(super) fn weight_bytes(&self) -> usize {
        size_of::<Self>() + self.cache.as_ref().map_or(0, |cached| cached.data_json.len())
    }
}

/// The last event of a cache channel.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CachedInfo {
    /// Its `data` as the JSON token that the publisher sent: a string.
    pub data_json: Box<str>,
    /// Seconds until it is forgotten, rounded up: at least 1.
    pub ttl_s: u32,
}

/// What a core has to say of a user to the user's owner.
#[derive(Clone, Copy, Debug)]
pub enum UserAction {
    /// It has its first connection of the user.
    SignedIn,
    /// It has lost its last one.
    SignedOut,
    /// It has its first watcher of the user, whom it knows as this one.
    Watch(LocalId),
    /// It has lost its last watcher.
    Unwatch,
}

/// One message from one core to another.
#[derive(Debug)]
pub enum CoreMessage {
    /// What connections want of the owner of a channel, a user or an app.
    ToOwner(ToOwner),
    /// What an owner has to say to a core's connections, or an answer to who asked there.
    ToLocal(ToLocal),
    /// A question to the whole core.
    Ask {
        /// The question's name.
        ticket: Ticket,
        /// The question.
        errand: Errand,
    },
}

/// What connections of any core want of an owner.
#[derive(Debug)]
pub enum ToOwner {
    /// A connection subscribes.
    Join(Box<Join>),
    /// A subscription has ended.
    Leave {
        /// The channel.
        channel: ChannelName,
        /// The core that the subscription was on.
        core: CoreId,
        /// What its connection speaks.
        dialect: DialectId,
        /// The user that the subscription presented.
        user_id: Option<Box<str>>,
    },
    /// Events from a subscriber.
    Publish {
        /// The channel; it is alive because the sender is subscribed.
        owned: OwnedId,
        /// What it has published in this turn.
        frames: Frames,
        /// The sender.
        skip: SocketId,
    },
    /// An event from the HTTP API.
    PublishNamed {
        /// The event.
        publication: Box<Publication>,
        /// Who waits for it to be queued.
        ticket: Ticket,
    },
    /// About a log.
    Log(Box<LogMessage>),
    /// About a user.
    User {
        /// The user, named by their own channel.
        user: ChannelName,
        /// The core that says it.
        core: CoreId,
        /// What has happened.
        action: UserAction,
    },
    /// A connection enters an app.
    Enter {
        /// The app.
        app: AppIndex,
        /// Who waits to be let in; `None` if it is in already.
        ticket: Option<Ticket>,
        /// As many may be in where one waits.
        connections_max: u32,
    },
    /// A connection that had entered an app is gone.
    Exit {
        /// The app.
        app: AppIndex,
    },
}

/// What an owner has to say to the connections of a core, or to who has asked on it.
#[derive(Debug)]
pub enum ToLocal {
    /// The answer to a join.
    Joined(Box<Joined>),
    /// Events for this core's subscribers.
    Deliver {
        /// The channel.
        local: LocalId,
        /// One event, or several of one sender.
        frames: Frames,
        /// The one connection that does not get them.
        skip: Option<SocketId>,
        /// Who waits for them to be queued.
        ticket: Option<Ticket>,
    },
    /// Several events of a turn for this core's subscribers.
    DeliverMany {
        /// The channel.
        local: LocalId,
        /// The events.
        load: Box<Load>,
    },
    /// An event of a log for this core's subscribers.
    DeliverLogged(Delivery),
    /// About a log.
    Log(Box<LogNews>),
    /// A user is online or not, first as an answer, then at every change.
    Status {
        /// The user.
        watched: LocalId,
        /// What is so from here on.
        status: OnlineStatus,
    },
    /// An event went to this many other cores.
    Routed {
        /// The question's name.
        ticket: Ticket,
        /// How many [`Queued`](Self::Queued) will come.
        cores: u32,
        /// Who was there, if that was asked.
        counted: Option<Counted>,
    },
    /// An event has been queued to every subscriber of one core.
    Queued {
        /// The question's name.
        ticket: Ticket,
    },
    /// What became of an event of a log.
    Appended {
        /// The question's name.
        ticket: Ticket,
        /// The event's place in its publish.
        place: u32,
        /// How many [`Queued`](Self::Queued) will come.
        cores: u32,
        /// The outcome.
        outcome: Box<Result<Appended, AppendError>>,
    },
    /// What became of an acknowledgement or a snapshot.
    Answered {
        /// The question's name.
        ticket: Ticket,
        /// The answer.
        answer: LogAnswer,
    },
    /// One core's part of the answer to a question.
    Part {
        /// The question's name.
        ticket: Ticket,
        /// The core.
        core: CoreId,
        /// What it says.
        part: Part,
    },
    /// The answer to an [`Enter`](ToOwner::Enter) with a ticket.
    Entered {
        /// The question's name.
        ticket: Ticket,
        /// Whether there was room.
        is_admitted: bool,
    },
}

impl CoreMessage {
    /// About how much memory the message holds while it waits.
    pub(super) fn weight_bytes(&self) -> usize {
        let held = match self {
            Self::ToOwner(message) => message.held_bytes(),
            Self::ToLocal(message) => message.held_bytes(),
            Self::Ask { errand, .. } => errand.weight_bytes(),
        };
        held + size_of::<Self>()
    }
}

impl ToOwner {
    /// About how much memory it holds besides itself.
    fn held_bytes(&self) -> usize {
        match self {
            Self::Publish { frames, .. } => frames.len(),
            Self::PublishNamed { publication, .. } => publication.weight_bytes(),
            Self::Join(join) => join.weight_bytes(),
            Self::Leave { channel, user_id, .. } => {
                channel.as_str().len() + user_id.as_ref().map_or(0, |id| id.len())
            }
            Self::Log(message) => message.weight_bytes(),
            Self::User { user, .. } => user.as_str().len(),
            Self::Enter { .. } | Self::Exit { .. } => 0,
        }
    }
}

impl ToLocal {
    /// About how much memory it holds besides itself.
    fn held_bytes(&self) -> usize {
        match self {
            Self::Deliver { frames, .. } => frames.len(),
            Self::DeliverMany { load, .. } => load.weight_bytes(),
            Self::Joined(joined) => joined.outcome.as_ref().map_or(0, Welcome::weight_bytes),
            Self::DeliverLogged(delivery) => delivery.frame.len(),
            Self::Log(news) => news.weight_bytes(),
            Self::Answered { answer, .. } => answer.weight_bytes(),
            Self::Part { part, .. } => part.bytes,
            Self::Appended { .. } => size_of::<Appended>(),
            Self::Status { .. }
            | Self::Routed { .. }
            | Self::Queued { .. }
            | Self::Entered { .. } => 0,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_core_owns_a_fair_share_of_channels() {
        let mut owned = [0_u32; 4];
        for index in 0..4_000 {
            let name = ChannelName::new(AppIndex(0), format!("room-{index}"), Nature::default(), 7);
            owned[usize::from(name.owner(4).0)] += 1;
        }
        assert!(owned.iter().all(|&count| (850..1_150).contains(&count)), "{owned:?}");
    }

    #[test]
    fn the_same_name_in_two_apps_is_two_channels() {
        let room = |app| ChannelName::new(AppIndex(app), "room", Nature::default(), 7);
        assert_ne!(room(0), room(1));
        assert_eq!(room(0), room(0));
    }

    #[test]
    fn a_message_between_cores_stays_small() {
        assert!(size_of::<CoreMessage>() <= 80, "{}", size_of::<CoreMessage>());
    }
}
