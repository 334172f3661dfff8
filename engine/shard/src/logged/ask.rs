//! What the owner of a log is asked to keep for somebody who waits until it is durable.

use std::sync::Arc;

use super::ack::{Moved, RefusedAck};
use super::message::Message;
use super::unkept::Waiter;
use crate::log::{AckError, Newest, NoLog, NotKept, Snapshot};
use crate::message::{ChannelName, Ticket, ToLocal};
use crate::owner::Owner;
use crate::question::Asked;
use crate::route::{Route, Way};
use crate::{Refusal, Shard};

/// What the owner of a log is to keep: it may answer later, when that is durable.
#[derive(Debug)]
pub(super) enum LogQuestion {
    /// Move a cursor on.
    Ack { subscriber_id: Arc<str>, sequence: u64 },
    /// Keep a snapshot in the place of the one before, unless it is older.
    SetSnapshot(Snapshot),
}

/// What came of that.
#[derive(Clone, Debug)]
pub enum LogAnswer {
    /// Whether the ack counts.
    Acked(Result<(), AckError>),
    /// Those acks of a core's turn that do not count.
    TurnAcked(Vec<RefusedAck>),
    /// Whether the snapshot is kept.
    SnapshotSet(Result<(), SnapshotError>),
}

/// Why a snapshot was not kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SnapshotError {
    /// `log.snapshot_bytes_max`.
    #[error("{0}")]
    TooLarge(#[from] crate::log::SnapshotTooLarge),
    /// The channel has no log and gets none.
    #[error("{0}")]
    NoLog(#[from] NoLog),
    /// All logs together are full.
    #[error("there is no room for another snapshot")]
    Full,
    /// The channel's app keeps nothing of it.
    #[error("the channel has no log")]
    NotLogged,
    /// It is not on the disk.
    #[error("the snapshot is not kept: {0}")]
    NotKept(NotKept),
}

impl LogQuestion {
    pub(super) fn weight_bytes(&self) -> usize {
        match self {
            Self::SetSnapshot(snapshot) => snapshot.weight_bytes(),
            Self::Ack { .. } => 0,
        }
    }
}

impl LogAnswer {
    pub(crate) fn weight_bytes(&self) -> usize {
        match self {
            Self::TurnAcked(refused) => size_of_val(&**refused),
            Self::Acked(_) | Self::SnapshotSet(_) => 0,
        }
    }
}

impl Shard {
    /// Move the cursor of `subscriber_id` on; the answer is whether the ack counts.
    pub fn ack_for(
        &mut self,
        channel: &ChannelName,
        subscriber_id: &str,
        sequence: u64,
    ) -> Asked<Result<(), AckError>> {
        self.route.counters.acks_received += 1;
        self.ask_log(channel, LogQuestion::Ack { subscriber_id: subscriber_id.into(), sequence })
    }

    /// Keep `snapshot`; the answer is whether it is kept.
    pub fn set_snapshot(
        &mut self,
        channel: &ChannelName,
        snapshot: Snapshot,
    ) -> Asked<Result<(), SnapshotError>> {
        self.ask_log(channel, LogQuestion::SetSnapshot(snapshot))
    }

    fn ask_log<A: 'static>(&mut self, channel: &ChannelName, question: LogQuestion) -> Asked<A> {
        let ticket = self.route.open_keeping();
        self.tell_log_owner(Message::Ask { ticket, channel: channel.clone(), question });
        Asked::new(ticket)
    }
}

impl Owner {
    pub(super) fn on_log_question(
        &mut self,
        way: &mut Way<'_>,
        ticket: Ticket,
        channel: &ChannelName,
        question: LogQuestion,
    ) {
        let answer = match question {
            LogQuestion::Ack { subscriber_id, sequence } => {
                let waiter = Some(Waiter::Ack(ticket));
                match self.move_cursor(way, channel, &subscriber_id, sequence, waiter) {
                    Ok(Moved::Waits) => return, // It is answered when it is durable.
                    Ok(Moved::Kept) => LogAnswer::Acked(Ok(())),
                    Err(error) => LogAnswer::Acked(Err(error)),
                }
            }
            LogQuestion::SetSnapshot(snapshot) => {
                match self.keep_snapshot(way, channel, snapshot, ticket) {
                    Some(outcome) => LogAnswer::SnapshotSet(outcome),
                    None => return, // As above.
                }
            }
        };
        way.tell(ticket.core, ToLocal::Answered { ticket, answer });
    }

    /// Keep a snapshot; what came of it, if that is known by now.
    fn keep_snapshot(
        &mut self,
        way: &mut Way<'_>,
        channel: &ChannelName,
        snapshot: Snapshot,
        ticket: Ticket,
    ) -> Option<Result<(), SnapshotError>> {
        let bytes = snapshot.weight_bytes();
        let index = match self.check_snapshot(way.route, channel, &snapshot) {
            Ok(index) => index,
            Err(error) => return Some(Err(error)),
        };
        let is_durable = way.route.config.log.is_durable;
        if is_durable && !self.may_wait(way.route, index, &Newest::Snapshot, bytes) {
            way.route.refuse(Refusal::LogUnsynced);
            return Some(Err(SnapshotError::NotKept(NotKept::Backlogged)));
        }
        let before = self.log(index).snapshot.replace(Box::new(snapshot));
        let before = before.map_or(0, |it| it.weight_bytes());
        self.logs.snapshot_bytes = self.logs.snapshot_bytes - before + bytes;
        self.logs.bytes = self.logs.bytes - before + bytes;
        if is_durable {
            self.renew(way, index, &Newest::Snapshot, bytes, Some(Waiter::Snapshot(ticket)));
        }
        self.make_room(way.route);
        (!is_durable).then_some(Ok(()))
    }

    /// Whether there is room for a snapshot, and the log of its channel.
    fn check_snapshot(
        &mut self,
        route: &mut Route,
        channel: &ChannelName,
        snapshot: &Snapshot,
    ) -> Result<u32, SnapshotError> {
        if !route.has_log(channel) {
            return Err(SnapshotError::NotLogged);
        }
        let checked = snapshot.check(route.config.log.snapshot_bytes_max);
        checked.inspect_err(|_| route.refuse(Refusal::LogSnapshotBytes))?;
        let index = self
            .open_log(route, channel, None)
            .inspect_err(|error| route.refuse(error.refusal()))?;
        let bytes = snapshot.weight_bytes();
        let before = self.log(index).snapshot.as_ref().map_or(0, |it| it.weight_bytes());
        if self.logs.snapshot_bytes - before + bytes > route.config.log.bytes_max / 2 {
            route.refuse(Refusal::LogSnapshotBytes);
            return Err(SnapshotError::Full);
        }
        Ok(index)
    }
}
