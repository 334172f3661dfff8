//! What cores say to each other about logs.

use std::sync::Arc;

use bytes::Bytes;

use super::super::message::{ChannelName, Ticket};
use super::super::{CoreMessage, DialectId, Shard};
use super::ack::AckUpdate;
use super::append::{AppendError, Appended};
use super::ask::{LogAnswer, LogQuestion};
use super::page::{PageFor, PageOf};
use super::replay::ReplayRange;
use super::room_presence::{EnterError, Entering};
use crate::id::{ConnId, CoreId, SocketId};
use crate::log::Draft;

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
pub(in super::super) enum Target {
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

    pub(in super::super) fn weight_bytes(&self) -> usize {
        self.0.weight_bytes()
    }
}

/// What a message about logs says.
#[derive(Debug)]
pub(super) enum Message {
    /// To the owner: an event to append.
    Append(Append),
    /// To the owner: an event that is not kept.
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
    /// To the owner: how far subscribers have come.
    Acks {
        /// If somebody waits to hear that this is durable: what to answer.
        ticket: Option<Ticket>,
        updates: Vec<AckUpdate>,
    },
    /// To the owner: the next page for a subscriber.
    ReadPage(PageOf),
    /// From the owner: the page.
    Page(PageFor),
    /// To the owner: a connection wants some events again.
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
    /// From the owner: those events.
    Replayed {
        /// The channel.
        channel: ChannelName,
        /// The connection.
        conn: ConnId,
        /// The event after which they were wanted.
        after: u64,
        /// The events, as whole frames.
        frames: Vec<Bytes>,
    },
    /// To the owner: a connection enters a user or takes one out.
    Enter(Entering),
    /// From the owner: that is done, or why not.
    Entered { channel: ChannelName, conn: ConnId, outcome: Result<(), EnterError> },
    /// To the asker: what became of an event, which went to this many other cores.
    Appended { ticket: Ticket, place: u32, cores: u32, outcome: Result<Appended, AppendError> },
    /// To the publisher's core: its event was not taken.
    AppendRefused { channel: ChannelName, conn: ConnId, error: AppendError },
    /// To the owner: a question.
    Ask { ticket: Ticket, channel: ChannelName, question: LogQuestion },
    /// To the asker: the answer.
    Answer { ticket: Ticket, answer: LogAnswer },
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
    /// As a message between cores.
    pub(super) fn into_core(self) -> CoreMessage {
        CoreMessage::Log(Box::new(LogMessage(self)))
    }

    /// About how much memory the message holds while it waits.
    pub(in super::super) fn weight_bytes(&self) -> usize {
        let held = match self {
            Self::Append(append) => append.channel.as_str().len() + append.draft.weight_bytes(),
            Self::Ephemeral { frame, .. } | Self::Relay { frame, .. } => frame.len(),
            Self::Acks { updates, .. } => size_of_val(&**updates),
            Self::ReadPage(_)
            | Self::Replay { .. }
            | Self::Entered { .. }
            | Self::Appended { .. }
            | Self::AppendRefused { .. } => 0,
            Self::Page(page) => page.weight_bytes(),
            Self::Replayed { frames, .. } => frames.iter().map(Bytes::len).sum(),
            Self::Enter(entering) => entering.weight_bytes(),
            Self::Ask { question, .. } => question.weight_bytes(),
            Self::Answer { answer, .. } => answer.weight_bytes(),
        };
        held + size_of::<Self>()
    }
}

impl Shard {
    pub(in super::super) fn on_log_message(&mut self, LogMessage(message): LogMessage) {
        match message {
            Message::Append(append) => self.on_append(append),
            Message::Ephemeral { channel, frame } => self.on_ephemeral(&channel, frame),
            Message::Relay { channel, event_type, frame } => {
                self.on_relay(&channel, event_type.as_ref(), &frame);
            }
            Message::Acks { ticket, updates } => self.on_acks(ticket, updates),
            Message::ReadPage(request) => self.on_read_page(request),
            Message::Page(page) => self.on_page(page),
            Message::Replay { channel, core, conn, range } => {
                let frames = self.read_range(&channel, &range);
                let after = range.after;
                let replayed = Message::Replayed { channel, conn, after, frames };
                self.tell(core, Message::into_core(replayed));
            }
            Message::Replayed { channel, conn, after, frames } => {
                self.on_replayed(&channel, conn, after, &frames);
            }
            Message::Enter(entering) => self.on_enter_user(entering),
            Message::Entered { channel, conn, outcome } => {
                self.on_user_entered(&channel, conn, outcome);
            }
            Message::Appended { ticket, place, cores, outcome } => {
                self.on_appended(ticket, place, cores, outcome);
            }
            Message::AppendRefused { channel, conn, error } => {
                self.on_append_refused(&channel, conn, error);
            }
            Message::Ask { ticket, channel, question } => {
                self.on_log_question(ticket, &channel, question);
            }
            Message::Answer { ticket, answer } => self.on_log_answer(ticket, answer),
        }
    }

    /// Pass `message` to the owner of `channel`.
    pub(super) fn tell_log_owner(&mut self, channel: &ChannelName, message: Message) -> CoreId {
        let owner = channel.owner(self.config.cores);
        self.tell_log(owner, message);
        owner
    }

    /// Pass `message` to `core`, in a box only where that is another one.
    pub(super) fn tell_log(&mut self, core: CoreId, message: Message) {
        if core == self.config.core {
            self.on_log_message(LogMessage(message));
        } else {
            self.tell(core, message.into_core());
        }
    }

    /// The channel called `name` in the app of `conn`, and what that speaks, if it is open.
    pub(super) fn channel_of(
        &mut self,
        conn: ConnId,
        name: &str,
    ) -> Option<(ChannelName, DialectId)> {
        let (app, dialect) = self.speaks(conn)?;
        Some((self.channel(app, name), dialect))
    }
}
