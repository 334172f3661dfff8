//! What must be counted once for all cores: an app's budgets, and publishes that are sent again.
//!
//! Each budget is kept by one core, found by hashing the app, and each idempotency key by one core,
//! found by hashing the key; whoever is asked by a publisher asks there. Budgets divided among the
//! cores would need no question, but a publisher's few kept-alive connections are on a few cores,
//! and it would get their share alone. The question costs one message there and back, and only
//! where a limit is set or a key is given.

use hashbrown::HashMap;

use super::message::{CoreMessage, Ticket, hash, owner};
use super::{Millis, Refusal, Shard};
use crate::id::{AppIndex, CoreId};

mod idempotency;
mod rate;

pub use idempotency::{IdempotencyKey, IdempotencyLimits, IdempotencyStore, Kept, Once, Reserved};
pub use rate::{Bucket, Budget, Cost, Spent};

/// The accounts that one core keeps.
#[derive(Debug)]
pub(super) struct Ledger {
    /// At most one for each app and budget.
    buckets: HashMap<(AppIndex, Budget), Bucket, foldhash::fast::RandomState>,
    publishes: IdempotencyStore,
}

/// What is asked of the core that keeps an account.
#[derive(Clone, Debug)]
pub enum Application {
    /// To take something out of a budget of so many a second.
    Spend(Cost, u32),
    /// To be the one who publishes under a key.
    Reserve(Once),
    /// To keep how such a publish has ended.
    Settle(Settlement),
}

/// The answer to an [`Application`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Decision {
    /// The answer to [`Application::Spend`].
    Spent(Spent),
    /// The answer to [`Application::Reserve`].
    Reserved(Reserved),
    /// The answer to [`Application::Settle`].
    Settled,
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

impl Application {
    /// About how much memory it holds while it waits.
    pub(super) fn weight_bytes(&self) -> usize {
        let body = match self {
            Self::Spend(..) | Self::Reserve(_) => 0,
            Self::Settle(settlement) => settlement.kept.as_ref().map_or(0, |it| it.body.len()),
        };
        size_of::<Self>() + body
    }
}

impl Ledger {
    pub(super) fn new(limits: IdempotencyLimits) -> Self {
        Self { buckets: HashMap::default(), publishes: IdempotencyStore::new(limits) }
    }

    /// Forget what need not be remembered at `now`.
    pub(super) fn expire(&mut self, now: Millis) {
        self.publishes.expire(now.0);
    }
}

impl Shard {
    /// Ask to take `cost` out of its budget; the answer is a [`Decision::Spent`]. `None` if the
    /// budget has no limit.
    pub fn spend(&mut self, cost: Cost) -> Option<Ticket> {
        let per_second = cost.budget.per_second(&self.apps.app(cost.app).policy);
        if per_second == 0 {
            return None;
        }
        let keeper = self.keeper(cost.app, "");
        Some(self.apply(keeper, Application::Spend(cost, per_second)))
    }

    /// Ask to publish `once`; the answer is a [`Decision::Reserved`]. Whoever is told that it is
    /// the first must [`settle`](Self::settle).
    pub fn reserve(&mut self, once: Once) -> Ticket {
        let keeper = self.keeper(once.key.app, &once.key.text);
        self.apply(keeper, Application::Reserve(once))
    }

    /// Tell how a publish has ended that was the first under its key; the answer is
    /// [`Decision::Settled`], from when on nobody is told that the publish is under way.
    pub fn settle(&mut self, settlement: Settlement) -> Ticket {
        let keeper = self.keeper(settlement.key.app, &settlement.key.text);
        self.apply(keeper, Application::Settle(settlement))
    }

    pub(super) fn on_apply(&mut self, ticket: Ticket, application: Application) {
        let now = self.now.0;
        let decision = match application {
            Application::Spend(Cost { app, budget, amount }, per_second) => {
                let bucket = self.ledger.buckets.entry((app, budget));
                let bucket = bucket.or_insert_with(|| Bucket::full(per_second, now));
                Decision::Spent(bucket.spend(amount, per_second, now))
            }
            Application::Reserve(Once { key, fingerprint }) => {
                let window_s = self.apps.app(key.app).policy.idempotency_window_s;
                let window_ms = u64::from(window_s) * 1_000;
                let publishes = &mut self.ledger.publishes;
                let (reserved, forgotten) = publishes.reserve(&key, fingerprint, now, window_ms);
                self.count_forgotten(forgotten);
                Decision::Reserved(reserved)
            }
            Application::Settle(Settlement { key, serial, kept }) => {
                let forgotten = self.ledger.publishes.settle(&key, serial, kept);
                self.count_forgotten(forgotten);
                Decision::Settled
            }
        };
        let decision = Box::new(decision);
        self.tell(ticket.core, CoreMessage::Decided { ticket, decision });
    }

    fn apply(&mut self, keeper: CoreId, application: Application) -> Ticket {
        let ticket = self.open_application();
        let application = Box::new(application);
        self.tell(keeper, CoreMessage::Apply { ticket, application });
        ticket
    }

    /// The core that keeps what `name` stands for in `app`.
    fn keeper(&self, app: AppIndex, name: &str) -> CoreId {
        owner(hash(app, name, self.config.hash_seed), self.config.cores)
    }

    fn count_forgotten(&mut self, forgotten: u64) {
        (0..forgotten).for_each(|_| self.refuse(Refusal::IdempotencyKeys));
    }
}
