//! What must be counted once for all cores: an app's budgets, and publishes that are sent again.
//!
//! Each budget is kept by one core, found by hashing the app, and each idempotency key by one core,
//! found by hashing the key; whoever is asked by a publisher asks there. Budgets divided among the
//! cores would need no question, but a publisher's few kept-alive connections are on a few cores,
//! and it would get their share alone. The question costs one message there and back, and only
//! where a limit is set or a key is given.

use hashbrown::HashMap;

use crate::id::{AppIndex, CoreId};
use crate::message::{hash, owner};
use crate::question::QuestionToOne;
use crate::rate::{Bucket, Rate, Spent};
use crate::{AgedLimits, Millis, Refusal, Shard, ShardConfig};

mod budget;
mod idempotency;

pub use budget::{Budget, Cost};
pub use idempotency::{IdempotencyKey, IdempotencyStore, Kept, Once, Reserved};

/// The accounts that one core keeps.
#[derive(Debug)]
pub(super) struct Ledger {
    /// At most one for each app and budget.
    buckets: HashMap<(AppIndex, Budget), Bucket, foldhash::fast::RandomState>,
    publishes: IdempotencyStore,
}

/// How a publish under a key has ended.
#[derive(Clone, Debug)]
pub struct Settlement {
    /// The key.
    pub key: IdempotencyKey,
    /// The number that came with [`Reserved::First`].
    pub serial: u64,
    /// What it was answered; `None` if nothing was published.
    pub kept: Option<Kept>,
}

/// To take something out of a budget of so many a second.
#[derive(Clone, Debug)]
pub struct Spend(Cost, u32);

impl QuestionToOne for Spend {
    type Answer = Spent;

    fn core(&self, config: &ShardConfig) -> CoreId {
        keeper(config, self.0.app, "")
    }

    fn answer(self, shard: &mut Shard) -> Spent {
        let (Self(Cost { app, budget, amount }, per_second), now) = (self, shard.route.now);
        let rate = Rate::each_second(per_second);
        let bucket = shard.owner.ledger.buckets.entry((app, budget));
        bucket.or_insert_with(|| Bucket::full(rate, now)).spend(amount, rate, now)
    }
}

/// To be the one who publishes under a key. Whoever is told that it is the first must tell how it
/// has ended, in a [`Settlement`].
impl QuestionToOne for Once {
    type Answer = Reserved;

    fn core(&self, config: &ShardConfig) -> CoreId {
        keeper(config, self.key.app, &self.key.text)
    }

    fn answer(self, shard: &mut Shard) -> Reserved {
        let window_ms =
            u64::from(shard.route.apps.app(self.key.app).policy.idempotency_window_s) * 1_000;
        let reserved = shard.owner.ledger.publishes.reserve(self, shard.route.now, window_ms);
        shard.count_evicted();
        reserved
    }

    fn answer_bytes(_: &Reserved) -> usize {
        size_of::<Reserved>()
    }
}

/// To keep how a publish has ended that was the first under its key. Once this is answered nobody
/// is told that the publish is under way.
impl QuestionToOne for Settlement {
    type Answer = ();

    fn core(&self, config: &ShardConfig) -> CoreId {
        keeper(config, self.key.app, &self.key.text)
    }

    fn answer(self, shard: &mut Shard) {
        shard.owner.ledger.publishes.settle(&self.key, self.serial, self.kept, shard.route.now);
        shard.count_evicted();
    }

    fn weight_bytes(&self) -> usize {
        self.kept.as_ref().map_or(0, |kept| kept.body.len())
    }
}

impl Ledger {
    pub(super) fn new(limits: AgedLimits) -> Self {
        Self { buckets: HashMap::default(), publishes: IdempotencyStore::new(limits) }
    }

    /// Forget what need not be remembered at `now`.
    pub(super) fn expire(&mut self, now: Millis) {
        self.publishes.keys.forget(now);
    }
}

impl Shard {
    /// The question that takes `cost` out of its budget; `None` if that has no limit.
    pub fn price(&self, cost: Cost) -> Option<Spend> {
        let per_second = cost.budget.per_second(&self.route.apps.app(cost.app).policy);
        (per_second > 0).then_some(Spend(cost, per_second))
    }

    fn count_evicted(&mut self) {
        let evicted = std::mem::take(&mut self.owner.ledger.publishes.keys.evicted);
        (0..evicted).for_each(|_| self.route.refuse(Refusal::IdempotencyKeys));
    }
}

/// The core that keeps what `name` stands for in `app`.
fn keeper(config: &ShardConfig, app: AppIndex, name: &str) -> CoreId {
    owner(hash(app, name, config.hash_seed), config.cores)
}
