//! What cores say to each other about logs.

use std::sync::Arc;

use bytes::Bytes;

use super::ack::AckUpdate;
use super::append::AppendError;
use super::ask::LogQuestion;
use super::page::{PageFor, PageOf};
use super::replay::ReplayRange;
use super::room_presence::{EnterError, Entering};
use crate::id::{ConnId, CoreId, SocketId};
use crate::local::Local;
use crate::log::Draft;
use crate::message::{ChannelName, Ticket, ToLocal, ToOwner};
use crate::owner::Owner;
use crate::route::{Route, Way};
use crate::{CoreMessage, DialectId, Shard, Word};

/// An event for a channel with a log.
#[derive(Clone, Debug)]
pub struct NamedDraft {
    /// The channel.
    pub channel: ChannelName,
    /// The event.
    pub draft: Draft,
    /// The one connection that does not get it, live or catching up. It does if it asks for events
    /// again.
    pub skip: Option<SocketId>,
}

/// Who waits to hear what became of an event.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Target {
    /// A connection, which is told of errors only.
    Conn(CoreId, ConnId),
    /// A question, of which this is the part with this place.
    Ticket(Ticket, u32),
}

/// One message about logs.
#[derive(Debug)]
pub struct LogMessage(Message);

impl LogMessage {
    /// The channel and the frame's text of an event on its way to its owner, without the sequence.
    pub fn draft(&self) -> Option<(&ChannelName, &Draft)> {
        let Message::Append(append) = &self.0 else { return None };
        Some((&append.channel, &append.draft))
    }

    pub(crate) fn weight_bytes(&self) -> usize {
        self.0.weight_bytes()
    }
}

/// What a message about logs says to an owner.
#[derive(Debug)]
pub(super) enum Message {
    /// An event to append.
    Append(Append),
    /// An event that is not kept.
    Ephemeral {
        /// The channel.
        channel: ChannelName,
        /// A whole frame.
        frame: Bytes,
    },
    /// To a wildcard's owner: an event of one of its rooms.
    Relay {
        /// The wildcard.
        channel: ChannelName,
        /// What it is filtered by.
        event_type: Option<Arc<str>>,
        /// A whole frame.
        frame: Bytes,
    },
    /// How far subscribers have come.
    Acks {
        /// If somebody waits to hear that this is durable: what to answer.
        ticket: Option<Ticket>,
        updates: Vec<AckUpdate>,
    },
    /// A subscriber wants its next page.
    ReadPage(PageOf),
    /// A connection wants some events again.
    Replay {
        /// The channel.
        channel: ChannelName,
        /// The connection's core.
        core: CoreId,
        /// The connection.
        conn: ConnId,
        /// Which events are wanted.
        range: ReplayRange,
    },
    /// A connection enters a user or takes one out.
    Enter(Entering),
    /// A question.
    Ask { ticket: Ticket, channel: ChannelName, question: LogQuestion },
}

/// What the owner of a log has to say to one connection.
#[derive(Debug)]
pub struct LogNews {
    pub(super) conn: ConnId,
    pub(super) news: News,
}

#[derive(Debug)]
pub(super) enum News {
    /// The page that it has asked for.
    Page(PageFor),
    /// The events that it wanted again.
    Replayed {
        /// The channel.
        channel: ChannelName,
        /// The event after which they were wanted.
        after: u64,
        /// The events, as whole frames.
        frames: Vec<Bytes>,
    },
    /// A user is entered or taken out, or why not.
    UserEntered { channel: ChannelName, outcome: Result<(), EnterError> },
    /// Its event was not taken.
    AppendRefused { channel: ChannelName, error: AppendError },
}

/// An event on its way to the owner.
#[derive(Debug)]
pub(super) struct Append {
    pub(super) channel: ChannelName,
    pub(super) draft: Draft,
    pub(super) skip: Option<SocketId>,
    pub(super) target: Target,
}

impl Message {
    /// The channel whose owner is told.
    fn channel(&self) -> &ChannelName {
        match self {
            Self::Append(Append { channel, .. })
            | Self::Ephemeral { channel, .. }
            | Self::Relay { channel, .. }
            | Self::ReadPage(PageOf { channel, .. })
            | Self::Replay { channel, .. }
            | Self::Enter(Entering { channel, .. })
            | Self::Ask { channel, .. } => channel,
            Self::Acks { .. } => unreachable!("acks are of many channels of one owner"),
        }
    }

    /// As a message to the owner on another core.
    pub(super) fn boxed(self) -> ToOwner {
        ToOwner::Log(Box::new(LogMessage(self)))
    }

    /// About how much memory the message holds while it waits.
    fn weight_bytes(&self) -> usize {
        let held = match self {
            Self::Append(append) => append.channel.as_str().len() + append.draft.weight_bytes(),
            Self::Ephemeral { frame, .. } | Self::Relay { frame, .. } => frame.len(),
            Self::Acks { updates, .. } => size_of_val(&**updates),
            Self::ReadPage(_) | Self::Replay { .. } => 0,
            Self::Enter(entering) => entering.weight_bytes(),
            Self::Ask { question, .. } => question.weight_bytes(),
        };
        held + size_of::<Self>()
    }
}

impl LogNews {
    /// About how much memory the message holds while it waits.
    pub(crate) fn weight_bytes(&self) -> usize {
        let held = match &self.news {
            News::Page(page) => page.weight_bytes(),
            News::Replayed { frames, .. } => frames.iter().map(Bytes::len).sum(),
            News::UserEntered { .. } | News::AppendRefused { .. } => 0,
        };
        held + size_of::<Self>()
    }
}

impl Shard {
    /// Pass `message` to the owner of its channel, in a box only where that is on another core.
    pub(super) fn tell_log_owner(&mut self, message: Message) {
        let owner = message.channel().owner(self.route.config.cores);
        if self.route.is_here(owner) {
            self.with_owner(|owner, way| owner.on_log_message(way, LogMessage(message)));
            self.settle();
        } else {
            self.route.send(owner, CoreMessage::ToOwner(message.boxed()));
        }
    }
}

impl Owner {
    pub(crate) fn on_log_message(&mut self, way: &mut Way<'_>, message: LogMessage) {
        match message.0 {
            Message::Append(append) => self.on_append(way, append),
            Message::Ephemeral { channel, frame } => self.on_ephemeral(way, &channel, frame),
            Message::Relay { channel, event_type, frame } => {
                self.on_relay(way, &channel, event_type.as_ref(), &frame);
            }
            Message::Acks { ticket, updates } => self.on_acks(way, ticket, updates),
            Message::ReadPage(request) => self.on_read_page(way, request),
            Message::Replay { channel, core, conn, range } => {
                let frames = self.read_range(way.route, &channel, &range);
                let after = range.after;
                way.tell_conn(core, conn, News::Replayed { channel, after, frames });
            }
            Message::Enter(entering) => self.on_enter_user(way, entering),
            Message::Ask { ticket, channel, question } => {
                self.on_log_question(way, ticket, &channel, question);
            }
        }
    }
}

impl Local {
    pub(crate) fn on_log_news(&mut self, route: &mut Route, news: LogNews) {
        let LogNews { conn, news } = news;
        match news {
            News::Page(page) => self.on_page(route, conn, page),
            News::Replayed { channel, after, frames } => {
                self.on_replayed(route, &channel, conn, after, &frames);
            }
            News::UserEntered { channel, outcome } => {
                self.on_user_entered(route, &channel, conn, outcome);
            }
            News::AppendRefused { channel, error } => {
                let refused = Word::AppendRefused { channel: channel.as_str(), error };
                self.tell_word(route, conn, &refused);
            }
        }
    }

    /// The channel called `name` in the app of `conn`, and what that speaks, if it is open.
    pub(super) fn channel_of(
        &mut self,
        route: &Route,
        conn: ConnId,
        name: &str,
    ) -> Option<(ChannelName, DialectId)> {
        let (app, dialect) = self.speaks(conn)?;
        Some((route.channel(app, name), dialect))
    }
}

impl Route {
    /// Pass `message` to the owner of its channel; on this core it waits its turn, in a box all the
    /// same.
    pub(super) fn tell_log_owner(&mut self, message: Message) {
        let owner = message.channel().owner(self.config.cores);
        self.tell_owner(owner, message.boxed());
    }
}

impl Way<'_> {
    /// Tell `conn` of `core` something about a log, in a box only where that is another core.
    pub(super) fn tell_conn(&mut self, core: CoreId, conn: ConnId, news: News) {
        let news = LogNews { conn, news };
        if self.route.is_here(core) {
            self.near.on_log_news(self.route, news);
        } else {
            self.route.send(core, CoreMessage::ToLocal(ToLocal::Log(Box::new(news))));
        }
    }
}
