//! Questions about one channel's log, answered by its owner.

use std::sync::Arc;

use bytes::Bytes;

use super::super::message::{ChannelName, Ticket};
use super::super::{Refusal, Shard};
use super::ack::{Moved, RefusedAck};
use super::message::Message;
use super::replay::ReplayRange;
use super::unkept::Waiter;
use crate::log::{AckError, DeadLetter, Newest, NoLog, NotKept, Snapshot};

/// A question about a channel's log.
#[derive(Debug)]
pub(super) enum LogQuestion {
    /// Move a cursor on.
    Ack { subscriber_id: Arc<str>, sequence: u64 },
    /// Keep a snapshot in the place of the one before, unless it is older.
    SetSnapshot(Snapshot),
    /// The snapshot.
    Snapshot,
    /// Some events.
    Replay(ReplayRange),
    /// Keep a dead letter.
    AddDeadLetter(Box<DeadLetter>),
    /// At most `limit` dead letters from a moment on.
    DeadLetters { limit: u32, from_unix_ms: u64 },
    /// Forget the dead letters with these ids.
    ForgetDeadLetters { ids: Vec<Box<str>> },
    /// Forget all dead letters.
    ClearDeadLetters,
    /// How far the log and its subscribers are.
    Info,
}

/// The answer to a question about a channel's log.
#[derive(Clone, Debug)]
pub enum LogAnswer {
    /// Whether the ack counts.
    Acked(Result<(), AckError>),
    /// Those acks of a core's turn that do not count.
    TurnAcked(Vec<RefusedAck>),
    /// Whether the snapshot is kept.
    SnapshotSet(Result<(), SnapshotError>),
    /// The snapshot, if there is one.
    Snapshot(Option<Box<Snapshot>>),
    /// The events that were asked for, as whole frames.
    Replayed(Vec<Bytes>),
    /// Whether there was room for the letter.
    DeadLetterAdded(bool),
    /// The dead letters, oldest first.
    DeadLetters(Vec<DeadLetter>),
    /// How many were forgotten.
    DeadLettersCleared(u32),
    /// The log in numbers; `None` if the channel has none.
    Info(Option<ChannelLogInfo>),
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

/// One channel's log in numbers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ChannelLogInfo {
    /// The number of the oldest event that is there.
    pub first_sequence: u64,
    /// The number of the newest event.
    pub last_sequence: u64,
    /// What its events weigh, in bytes.
    pub bytes: u64,
    /// Subscribers with a cursor.
    pub cursors: u32,
    /// Events between the subscriber or sink that is furthest behind and the newest one.
    pub lag: u64,
    /// Dead letters.
    pub dead_letters: u32,
}

impl LogQuestion {
    pub(super) fn weight_bytes(&self) -> usize {
        match self {
            Self::SetSnapshot(snapshot) => snapshot.weight_bytes(),
            Self::AddDeadLetter(letter) => letter.weight_bytes(),
            Self::ForgetDeadLetters { ids } => ids.iter().map(|id| id.len()).sum(),
            Self::Ack { .. }
            | Self::Snapshot
            | Self::Replay(_)
            | Self::DeadLetters { .. }
            | Self::ClearDeadLetters
            | Self::Info => 0,
        }
    }
}

impl LogAnswer {
    pub(super) fn weight_bytes(&self) -> usize {
        match self {
            Self::Snapshot(snapshot) => snapshot.as_ref().map_or(0, |it| it.weight_bytes()),
            Self::Replayed(frames) => frames.iter().map(Bytes::len).sum(),
            Self::DeadLetters(letters) => letters.iter().map(DeadLetter::weight_bytes).sum(),
            Self::TurnAcked(refused) => size_of_val(&**refused),
            Self::Acked(_)
            | Self::SnapshotSet(_)
            | Self::DeadLetterAdded(_)
            | Self::DeadLettersCleared(_)
            | Self::Info(_) => 0,
        }
    }
}

impl Shard {
    /// Move the cursor of `subscriber_id` on; the answer is a [`LogAnswer::Acked`].
    pub fn ack_for(&mut self, channel: &ChannelName, subscriber_id: &str, sequence: u64) -> Ticket {
        self.counters.acks_received += 1;
        self.ask_log(channel, LogQuestion::Ack { subscriber_id: subscriber_id.into(), sequence })
    }

    /// Keep `snapshot`; the answer is a [`LogAnswer::SnapshotSet`].
    pub fn set_snapshot(&mut self, channel: &ChannelName, snapshot: Snapshot) -> Ticket {
        self.ask_log(channel, LogQuestion::SetSnapshot(snapshot))
    }

    /// The snapshot of a channel; the answer is a [`LogAnswer::Snapshot`].
    pub fn snapshot(&mut self, channel: &ChannelName) -> Ticket {
        self.ask_log(channel, LogQuestion::Snapshot)
    }

    /// Keep a dead letter; the answer is a [`LogAnswer::DeadLetterAdded`].
    pub fn add_dead_letter(&mut self, channel: &ChannelName, letter: DeadLetter) -> Ticket {
        self.ask_log(channel, LogQuestion::AddDeadLetter(Box::new(letter)))
    }

    /// At most `limit` dead letters of a channel that were given up at `from_unix_ms` or later; the
    /// answer is a [`LogAnswer::DeadLetters`].
    pub fn dead_letters(&mut self, channel: &ChannelName, limit: u32, from_unix_ms: u64) -> Ticket {
        self.ask_log(channel, LogQuestion::DeadLetters { limit, from_unix_ms })
    }

    /// Forget the dead letters of a channel with these `ids`, whose events have been published
    /// again, for instance; the answer is a [`LogAnswer::DeadLettersCleared`].
    pub fn forget_dead_letters(&mut self, channel: &ChannelName, ids: Vec<Box<str>>) -> Ticket {
        self.ask_log(channel, LogQuestion::ForgetDeadLetters { ids })
    }

    /// Forget all dead letters of a channel; the answer is a [`LogAnswer::DeadLettersCleared`].
    pub fn clear_dead_letters(&mut self, channel: &ChannelName) -> Ticket {
        self.ask_log(channel, LogQuestion::ClearDeadLetters)
    }

    /// The log of a channel in numbers; the answer is a [`LogAnswer::Info`].
    pub fn log_info(&mut self, channel: &ChannelName) -> Ticket {
        self.ask_log(channel, LogQuestion::Info)
    }

    pub(super) fn ask_log(&mut self, channel: &ChannelName, question: LogQuestion) -> Ticket {
        let ticket = self.open_application();
        let ask = Message::Ask { ticket, channel: channel.clone(), question };
        self.tell_log_owner(channel, ask);
        ticket
    }

    pub(super) fn on_log_question(
        &mut self,
        ticket: Ticket,
        channel: &ChannelName,
        question: LogQuestion,
    ) {
        let answer = match question {
            LogQuestion::Ack { subscriber_id, sequence } => {
                let waiter = Some(Waiter::Ack(ticket));
                match self.move_cursor(channel, &subscriber_id, sequence, waiter) {
                    Ok(Moved::Waits) => return, // It is answered when it is durable.
                    Ok(Moved::Kept) => LogAnswer::Acked(Ok(())),
                    Err(error) => LogAnswer::Acked(Err(error)),
                }
            }
            LogQuestion::SetSnapshot(snapshot) => {
                match self.keep_snapshot(channel, snapshot, ticket) {
                    Some(outcome) => LogAnswer::SnapshotSet(outcome),
                    None => return, // As above.
                }
            }
            LogQuestion::Snapshot => {
                let index = self.logs.channels.find_name(channel);
                let snapshot = index.and_then(|index| self.log(index).snapshot.clone());
                self.counters.snapshots_given += u64::from(snapshot.is_some());
                LogAnswer::Snapshot(snapshot)
            }
            LogQuestion::Replay(range) => LogAnswer::Replayed(self.read_range(channel, &range)),
            LogQuestion::AddDeadLetter(letter) => {
                LogAnswer::DeadLetterAdded(self.keep_dead_letter(channel, *letter))
            }
            LogQuestion::DeadLetters { limit, from_unix_ms } => {
                LogAnswer::DeadLetters(self.list_dead_letters(channel, limit, from_unix_ms))
            }
            LogQuestion::ForgetDeadLetters { ids } => {
                LogAnswer::DeadLettersCleared(self.remove_dead_letters(channel, Some(&ids)))
            }
            LogQuestion::ClearDeadLetters => {
                LogAnswer::DeadLettersCleared(self.remove_dead_letters(channel, None))
            }
            LogQuestion::Info => LogAnswer::Info(self.info_of_log(channel)),
        };
        let answer = Message::Answer { ticket, answer };
        self.tell(ticket.core, Message::into_core(answer));
    }

    /// Keep a snapshot; what came of it, if that is known by now.
    fn keep_snapshot(
        &mut self,
        channel: &ChannelName,
        snapshot: Snapshot,
        ticket: Ticket,
    ) -> Option<Result<(), SnapshotError>> {
        let bytes = snapshot.weight_bytes();
        let index = match self.check_snapshot(channel, &snapshot) {
            Ok(index) => index,
            Err(error) => return Some(Err(error)),
        };
        let is_durable = self.config.log.is_durable;
        if is_durable && !self.may_wait(index, &Newest::Snapshot, bytes) {
            self.refuse(Refusal::LogUnsynced);
            return Some(Err(SnapshotError::NotKept(NotKept::Backlogged)));
        }
        let before = self.log(index).snapshot.replace(Box::new(snapshot));
        let before = before.map_or(0, |it| it.weight_bytes());
        self.logs.snapshot_bytes = self.logs.snapshot_bytes - before + bytes;
        self.logs.bytes = self.logs.bytes - before + bytes;
        if is_durable {
            self.renew(index, &Newest::Snapshot, bytes, Some(Waiter::Snapshot(ticket)));
        }
        self.make_room();
        (!is_durable).then_some(Ok(()))
    }

    /// Whether there is room for a snapshot, and the log of its channel.
    fn check_snapshot(
        &mut self,
        channel: &ChannelName,
        snapshot: &Snapshot,
    ) -> Result<u32, SnapshotError> {
        if !self.has_log(channel) {
            return Err(SnapshotError::NotLogged);
        }
        let checked = snapshot.check(self.config.log.snapshot_bytes_max);
        checked.inspect_err(|_| self.refuse(Refusal::LogSnapshotBytes))?;
        let index =
            self.open_log(channel, None).inspect_err(|error| self.refuse(error.refusal()))?;
        let bytes = snapshot.weight_bytes();
        let before = self.log(index).snapshot.as_ref().map_or(0, |it| it.weight_bytes());
        if self.logs.snapshot_bytes - before + bytes > self.config.log.bytes_max / 2 {
            self.refuse(Refusal::LogSnapshotBytes);
            return Err(SnapshotError::Full);
        }
        Ok(index)
    }

    fn info_of_log(&mut self, channel: &ChannelName) -> Option<ChannelLogInfo> {
        let index = self.logs.channels.find_name(channel)?;
        let log = self.log(index);
        let last_sequence = log.history.last_sequence();
        let lowest = log.cursors.lowest().into_iter().chain(log.lowest_sink()).min();
        Some(ChannelLogInfo {
            first_sequence: log.history.first_sequence(),
            last_sequence,
            bytes: log.history.bytes() as u64,
            cursors: log.cursors.len() as u32,
            lag: lowest.map_or(0, |lowest| last_sequence - lowest),
            dead_letters: log.dead_letters.as_ref().map_or(0, |it| it.len() as u32),
        })
    }
}
