//! Carrying out what a request asks for: questions to the shards, and their answers as JSON.

use std::rc::Rc;

use super::super::core::Core;
use super::super::memory;
use super::{consult, publish, zps};
use crate::id::AppIndex;
use crate::rest::{self, Action, Answer, Info, Pending, Readiness, RestError};
use crate::shard::{
    self, ChannelName, ChannelOf, Channels, Connections, Cost, Question, Spent, Terminate, UsersOf,
};

/// Do what `action` says, within its app's budget.
pub(super) async fn carry_out(core: &Rc<Core>, action: Action) -> Result<Answer, RestError> {
    let spent = match (&action, action.cost()) {
        // Whether it costs anything depends on whether it was published before.
        (Action::Publish(_), _) | (_, None) => None,
        (_, Some(cost)) => spend(core, cost).await?,
    };
    let answer = match action {
        Action::Up => Answer::up(),
        Action::Ready => Answer::ready(readiness(core)),
        Action::Publish(publish) => publish::carry_out(core, publish).await?,
        Action::Granted(answer) => answer,
        Action::Consult(question) => consult::authorize(core, *question).await?,
        Action::Review(review) => consult::review(core, *review).await?,
        Action::Channels { app, prefix, info } => {
            let prefix = prefix.unwrap_or_default().into();
            let channels = ask(core, Channels { app, prefix }).await;
            Answer::channels(channels.into_iter().map(seen).collect(), info)
        }
        Action::Channel { app, channel, info } => one_channel(core, app, channel, info).await,
        Action::Users { app, channel } => {
            let users = ask(core, UsersOf(name(core, app, &channel))).await;
            Answer::users(&users.iter().map(ToString::to_string).collect::<Vec<_>>())
        }
        Action::Connections { app } => {
            Answer::connections(ask(core, Connections(app)).await.into())
        }
        Action::Zps(action) => zps::carry_out(core, action).await?,
        Action::Terminate { app, user_id } => {
            ask(core, Terminate { app, user_id: user_id.into() }).await;
            Answer::terminated()
        }
    };
    Ok(answer.with_budget(spent.as_ref()))
}

/// Take `cost` out of its app's budget; `None` if that has no limit.
pub(super) async fn spend(core: &Rc<Core>, cost: Cost) -> Result<Option<Spent>, RestError> {
    let Some(asked) = core.with_shard(|shard| shard.spend(cost)) else { return Ok(None) };
    let spent = core.answer(&asked).await;
    if spent.is_admitted {
        Ok(Some(spent))
    } else {
        Err(RestError::RateLimited(cost.budget, spent))
    }
}

/// Whether new clients should come here.
pub(super) fn readiness(core: &Core) -> Readiness {
    let max_bytes = u64::from(core.setup.config.server.memory_mib_max) << 20;
    let is_over_memory = max_bytes > 0 && memory::resident_bytes() > max_bytes;
    let timeout_ms = u64::from(core.setup.config.log.disk_timeout_s) * 1_000;
    let is_disk_silent = core.log.counters().is_some_and(|it| it.silent_ms() > timeout_ms);
    Readiness::of([
        (core.is_draining(), Readiness::Draining),
        (is_over_memory, Readiness::Memory),
        (is_disk_silent, Readiness::Disk),
        (core.is_backlogged(), Readiness::Backlogged),
    ])
}

/// Ask the shards and wait for the whole answer.
pub(super) fn ask<Q: Question>(core: &Core, question: Q) -> Pending<Q::Answer> {
    core.answer(&core.with_shard(|shard| shard.ask(question)))
}

/// A channel's name with its hash.
pub(super) fn name(core: &Core, app: AppIndex, channel: &str) -> ChannelName {
    core.ask(|shard| ChannelName::new(app, channel, shard.config().hash_seed))
}

async fn one_channel(core: &Rc<Core>, app: AppIndex, channel: String, info: Info) -> Answer {
    let found = ask(core, ChannelOf(name(core, app, &channel))).await;
    let vacant = || {
        let user_count = info.user_count.then_some(0); // It was asked of a presence channel.
        rest::ChannelInfo { name: channel, user_count, ..rest::ChannelInfo::default() }
    };
    Answer::channel(&found.map_or_else(vacant, seen), info)
}

fn seen(it: shard::ChannelInfo) -> rest::ChannelInfo {
    rest::ChannelInfo {
        name: it.name.to_string(),
        subscription_count: it.subscription_count,
        user_count: it.user_count,
        cache: it.cache.map(|cached| (cached.data_json.into(), cached.ttl_s)),
    }
}
