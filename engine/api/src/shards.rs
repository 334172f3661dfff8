//! What an endpoint sees of the engine: shards that answer, other servers, and a few facts.

use std::future::Future;
use std::time::Duration;

use uringcast_shard::id::AppIndex;
use uringcast_shard::{Asked, Budget, ChannelName, Cost, Question, Shard, Spent};

use super::admin::ready::Readiness;
use super::call::{Call, CallOutcome};
use super::config::ApiConfig;
use super::error::ApiError;
use super::reply::Reply;

/// The shards, as the core sees them that a request came to, and what is around them.
///
/// Whatever is asked is on its way when its [`Reply`] is there. The second implementation is the
/// world of the tests.
pub trait Shards: Facts + Clone + 'static {
    /// Ask one core or all of them.
    fn ask<Q: Question>(&self, question: Q) -> Reply<Q::Answer> {
        self.begin(|shard| shard.ask(question))
    }

    /// Have this core's shard begin what is answered later, such as a publish.
    fn begin<A: 'static>(&self, begin: impl FnOnce(&mut Shard) -> Asked<A>) -> Reply<A>;

    /// Look at this core's shard, or tell it something that nobody waits for.
    fn near<R>(&self, look: impl FnOnce(&mut Shard) -> R) -> R;

    /// Call another server.
    fn call(&self, call: Call) -> Reply<CallOutcome>;

    /// Do `work` to its end though the asker may hang up meanwhile.
    fn apart<T: 'static>(&self, work: impl Future<Output = T> + 'static)
    -> impl Future<Output = T>;
}

/// What is so outside of the shards.
pub trait Facts {
    /// What holds for every request.
    fn config(&self) -> &ApiConfig;

    /// The time since an arbitrary moment.
    fn now(&self) -> Duration;

    /// Microseconds since 1970.
    fn unix_us(&self) -> u64;

    /// A random number.
    fn random(&self) -> u64;

    /// Whether so much waits between cores that nothing new should be taken in.
    fn is_backlogged(&self) -> bool;

    /// Whether new clients should come here.
    fn readiness(&self) -> Readiness;

    /// How often apps' servers were told something again.
    fn calls_retried(&self) -> u64;
}

/// The channel `name` of `app`, with its hash.
pub(super) fn channel(shards: &impl Shards, app: AppIndex, name: &str) -> ChannelName {
    shards.near(|shard| shard.channel(app, name))
}

/// Take `cost` out of its app's budget; `None` if that has no limit.
pub(super) async fn spend(shards: &impl Shards, cost: Cost) -> Result<Option<Spent>, ApiError> {
    let Some(spend) = shards.near(|shard| shard.price(cost)) else { return Ok(None) };
    let spent = shards.ask(spend).await;
    if spent.is_admitted { Ok(Some(spent)) } else { Err(ApiError::RateLimited(cost.budget, spent)) }
}

/// Take one question out of what `app` may read.
pub(super) async fn spend_read(
    shards: &impl Shards,
    app: AppIndex,
) -> Result<Option<Spent>, ApiError> {
    spend(shards, Cost { app, budget: Budget::Read, amount: 1 }).await
}
