//! Questions about one channel's log, which its owner answers at once.

use bytes::Bytes;

use super::super::message::ChannelName;
use super::super::question::{Question, To, only};
use super::super::{Shard, ShardConfig};
use super::replay::ReplayRange;
use crate::id::CoreId;
use crate::log::{DeadLetter, Snapshot};

/// Some events of a channel again, as whole frames.
#[derive(Clone, Debug)]
pub struct Replay {
    /// The channel.
    pub channel: ChannelName,
    /// Which events.
    pub range: ReplayRange,
}

impl Question for Replay {
    type Part = Vec<Bytes>;
    type Answer = Vec<Bytes>;

    fn to(&self, config: &ShardConfig) -> To {
        owner(&self.channel, config)
    }

    fn part(self, shard: &mut Shard) -> Vec<Bytes> {
        shard.owner.read_range(&mut shard.route, &self.channel, &self.range)
    }

    fn whole(self, parts: Vec<(CoreId, Vec<Bytes>)>) -> Vec<Bytes> {
        only(parts)
    }

    fn part_bytes(part: &Vec<Bytes>) -> usize {
        part.iter().map(Bytes::len).sum()
    }
}

/// The snapshot of a channel, if there is one.
#[derive(Clone, Debug)]
pub struct SnapshotOf(pub ChannelName);

impl Question for SnapshotOf {
    type Part = Option<Box<Snapshot>>;
    type Answer = Option<Box<Snapshot>>;

    fn to(&self, config: &ShardConfig) -> To {
        owner(&self.0, config)
    }

    fn part(self, shard: &mut Shard) -> Option<Box<Snapshot>> {
        let index = shard.owner.logs.channels.find_name(&self.0);
        let snapshot = index.and_then(|index| shard.owner.log(index).snapshot.clone());
        shard.route.counters.snapshots_given += u64::from(snapshot.is_some());
        snapshot
    }

    fn whole(self, parts: Vec<(CoreId, Option<Box<Snapshot>>)>) -> Option<Box<Snapshot>> {
        only(parts)
    }

    fn part_bytes(part: &Option<Box<Snapshot>>) -> usize {
        part.as_ref().map_or(0, |it| it.weight_bytes())
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

impl Question for KeepDeadLetter {
    type Part = bool;
    type Answer = bool;

    fn to(&self, config: &ShardConfig) -> To {
        owner(&self.channel, config)
    }

    fn part(self, shard: &mut Shard) -> bool {
        shard.owner.keep_dead_letter(&mut shard.route, &self.channel, *self.letter)
    }

    fn whole(self, parts: Vec<(CoreId, bool)>) -> bool {
        only(parts)
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

impl Question for ListDeadLetters {
    type Part = Vec<DeadLetter>;
    type Answer = Vec<DeadLetter>;

    fn to(&self, config: &ShardConfig) -> To {
        owner(&self.channel, config)
    }

    fn part(self, shard: &mut Shard) -> Vec<DeadLetter> {
        shard.owner.list_dead_letters(&self.channel, self.limit, self.from_unix_ms)
    }

    fn whole(self, parts: Vec<(CoreId, Vec<DeadLetter>)>) -> Vec<DeadLetter> {
        only(parts)
    }

    fn part_bytes(part: &Vec<DeadLetter>) -> usize {
        part.iter().map(DeadLetter::weight_bytes).sum()
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

impl Question for ForgetDeadLetters {
    type Part = u32;
    type Answer = u32;

    fn to(&self, config: &ShardConfig) -> To {
        owner(&self.channel, config)
    }

    fn part(self, shard: &mut Shard) -> u32 {
        shard.owner.remove_dead_letters(&mut shard.route, &self.channel, self.ids.as_deref())
    }

    fn whole(self, parts: Vec<(CoreId, u32)>) -> u32 {
        only(parts)
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

impl Question for LogInfo {
    type Part = Option<ChannelLogInfo>;
    type Answer = Option<ChannelLogInfo>;

    fn to(&self, config: &ShardConfig) -> To {
        owner(&self.0, config)
    }

    fn part(self, shard: &mut Shard) -> Option<ChannelLogInfo> {
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

    fn whole(self, parts: Vec<(CoreId, Option<ChannelLogInfo>)>) -> Option<ChannelLogInfo> {
        only(parts)
    }
}

fn owner(channel: &ChannelName, config: &ShardConfig) -> To {
    To::One(channel.owner(config.cores))
}
