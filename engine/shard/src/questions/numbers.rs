//! What whoever watches the server wants to know of every core.

use crate::counters::Counters;
use crate::id::CoreId;
use crate::logged::Lags;
use crate::question::{Question, To};
use crate::{Shard, ShardConfig};

/// What each core has counted. The answer is in the order of the cores.
#[derive(Clone, Debug)]
pub struct AllCounters;

impl Question for AllCounters {
    type Part = Box<Counters>;
    type Answer = Vec<(CoreId, Box<Counters>)>;

    fn to(&self, _: &ShardConfig) -> To {
        To::Every
    }

    fn part(self, shard: &mut Shard) -> Box<Counters> {
        Box::new(shard.counters())
    }

    fn whole(self, parts: Vec<(CoreId, Box<Counters>)>) -> Vec<(CoreId, Box<Counters>)> {
        parts
    }

    fn part_bytes(_: &Box<Counters>) -> usize {
        size_of::<Counters>()
    }
}

/// The channels whose subscribers are furthest behind, at most as many.
#[derive(Clone, Debug)]
pub struct WorstLags(pub u32);

impl Question for WorstLags {
    type Part = Lags;
    type Answer = Lags;

    fn to(&self, _: &ShardConfig) -> To {
        To::Every
    }

    fn part(self, shard: &mut Shard) -> Lags {
        shard.owner.lags(self.0 as usize)
    }

    fn whole(self, parts: Vec<(CoreId, Lags)>) -> Lags {
        let mut all = Lags::default();
        for (_, part) in parts {
            all.merge(part, self.0 as usize);
        }
        all
    }

    fn part_bytes(part: &Lags) -> usize {
        part.weight_bytes()
    }
}

impl Shard {
    /// What this core has counted, with what is a level and not a count.
    pub fn counters(&self) -> Counters {
        let mut counters = self.route.counters.clone();
        let outgoing = self.route.outgoing.iter().map(|to| to.messages.len() as u64);
        counters.mailbox_depth += outgoing.sum::<u64>();
        counters.retained_bytes = self.local.retained.bytes() as u64;
        counters.cached_events = self.owner.cache.len() as u64;
        counters.cached_bytes = self.owner.cache.bytes() as u64;
        counters.sockets = self.local.connections.len() as u64;
        counters.log = self.owner.log_levels(&self.route);
        (counters.sinks.in_flight, counters.sinks.pausing) = self.owner.sink_levels();
        counters
    }
}
