//! Questions about one channel's log, which its owner answers at once.

use bytes::Bytes;

use super::replay::ReplayRange;
use crate::id::CoreId;
use crate::log::{DeadLetter, Snapshot};
use crate::message::ChannelName;
use crate::question::QuestionToOne;
use crate::{Shard, ShardConfig};

/// Some events of a channel again, as whole frames.
#[derive(Clone, Debug)]
pub struct Replay {
    /// The channel.
    pub channel: ChannelName,
    /// Which events.
    pub range: ReplayRange,
}

impl QuestionToOne for Replay {
    type Answer = Vec<Bytes>;

    fn core(&self, config: &ShardConfig) -> CoreId {
        self.channel.owner(config.cores)
    }

    fn answer(self, shard: &mut Shard) -> Vec<Bytes> {
        shard.owner.read_range(&mut shard.route, &self.channel, &self.range)
    }

    fn answer_bytes(answer: &Vec<Bytes>) -> usize {
        answer.iter().map(Bytes::len).sum()
    }
}

/// The snapshot of a channel, if there is one.
#[derive(Clone, Debug)]
pub struct SnapshotOf(pub ChannelName);

impl QuestionToOne for SnapshotOf {
    type Answer = Option<Box<Snapshot>>;

    fn core(&self, config: &ShardConfig) -> CoreId {
        self.0.owner(config.cores)
    }

    fn answer(self, shard: &mut Shard) -> Option<Box<Snapshot>> {
        let index = shard.owner.logs.channels.find_name(&self.0);
        let snapshot = index.and_then(|index| shard.owner.log(index).snapshot.clone());
        shard.route.counters.snapshots_given += u64::from(snapshot.is_some());
        snapshot
    }

    fn answer_bytes(answer: &Option<Box<Snapshot>>) -> usize {
        answer.as_ref().map_or(0, |it| it.weight_bytes())
    }
}

/// Keep a dead letter. The answer is whether there was room.
#[derive(Clone, Debug)]
pub struct KeepDeadLetter {
    /// The channel.
    pub channel: ChannelName,
    /// The letter.
    pub letter: Box<DeadLetter>,
}

impl QuestionToOne for KeepDeadLetter {
    type Answer = bool;

    fn core(&self, config: &ShardConfig) -> CoreId {
        self.channel.owner(config.cores)
    }

    fn answer(self, shard: &mut Shard) -> bool {
        shard.owner.keep_dead_letter(&mut shard.route, &self.channel, *self.letter)
    }

    fn weight_bytes(&self) -> usize {
        self.letter.weight_bytes()
    }
}

/// Dead letters of a channel, oldest first.
#[derive(Clone, Debug)]
pub struct ListDeadLetters {
    /// The channel.
    pub channel: ChannelName,
    /// At most as many.
    pub limit: u32,
    /// Those that were given up then or later.
    pub from_unix_ms: u64,
}

impl QuestionToOne for ListDeadLetters {
    type Answer = Vec<DeadLetter>;

    fn core(&self, config: &ShardConfig) -> CoreId {
        self.channel.owner(config.cores)
    }

    fn answer(self, shard: &mut Shard) -> Vec<DeadLetter> {
        shard.owner.list_dead_letters(&self.channel, self.limit, self.from_unix_ms)
    }

    fn answer_bytes(answer: &Vec<DeadLetter>) -> usize {
        answer.iter().map(DeadLetter::weight_bytes).sum()
    }
}

/// Forget dead letters of a channel. The answer is how many were there.
#[derive(Clone, Debug)]
pub struct ForgetDeadLetters {
    /// The channel.
    pub channel: ChannelName,
    /// Those with these ids, whose events have been published again, for instance; `None` is all.
    pub ids: Option<Vec<Box<str>>>,
}

impl QuestionToOne for ForgetDeadLetters {
    type Answer = u32;

    fn core(&self, config: &ShardConfig) -> CoreId {
        self.channel.owner(config.cores)
    }

    fn answer(self, shard: &mut Shard) -> u32 {
        shard.owner.remove_dead_letters(&mut shard.route, &self.channel, self.ids.as_deref())
    }

    fn weight_bytes(&self) -> usize {
        self.ids.iter().flatten().map(|id| id.len()).sum()
    }
}

/// The log of a channel in numbers; `None` if the channel has none.
#[derive(Clone, Debug)]
pub struct LogInfo(pub ChannelName);

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

impl QuestionToOne for LogInfo {
    type Answer = Option<ChannelLogInfo>;

    fn core(&self, config: &ShardConfig) -> CoreId {
        self.0.owner(config.cores)
    }

    fn answer(self, shard: &mut Shard) -> Option<ChannelLogInfo> {
        let index = shard.owner.logs.channels.find_name(&self.0)?;
        let log = shard.owner.log(index);
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
