//! Publishing: within the app's budget, and once for each key.

use std::rc::Rc;

use super::super::core::Core;
use super::super::guarded::run_apart;
use super::action::{decision, spend};
use crate::rest::{Answer, Occupancy, Once, Publish, Reply, Reserved, RestError};
use crate::shard::{self, ChannelName, Decision, Publication, Query, Settlement};

/// Publish all of `publish`, or nothing.
pub(super) async fn carry_out(core: &Rc<Core>, mut publish: Publish) -> Result<Answer, RestError> {
    match publish.once.take() {
        None => publish_now(core, publish).await,
        // A task of its own: if the publisher hangs up, it asks again and must learn how it ended.
        Some(once) => run_apart(publish_once(Rc::clone(core), publish, once)).await,
    }
}

async fn publish_once(core: Rc<Core>, publish: Publish, once: Once) -> Result<Answer, RestError> {
    let _open = core.open_request();
    let key = once.key.clone();
    let ticket = core.with_shard(|shard| shard.reserve(once));
    let serial = match decision(&core, ticket).await {
        Decision::Reserved(Reserved::First(serial)) => serial,
        Decision::Reserved(Reserved::Running) => return Err(RestError::IdempotencyRunning),
        Decision::Reserved(Reserved::Done(kept)) => return Ok(Answer::replayed(kept)),
        Decision::Reserved(Reserved::OtherBody) => return Err(RestError::IdempotencyBody),
        Decision::Spent(_) | Decision::Settled => unreachable!("a key was to be reserved"),
    };
    let result = publish_now(&core, publish).await;
    let kept = result.as_ref().ok().map(Answer::kept);
    let ticket = core.with_shard(|shard| shard.settle(Settlement { key, serial, kept }));
    decision(&core, ticket).await; // Whoever reads the answer and asks again is not told to wait.
    result
}

async fn publish_now(core: &Rc<Core>, publish: Publish) -> Result<Answer, RestError> {
    if core.is_backlogged() && !publish.publications.is_empty() {
        return Err(RestError::Overloaded);
    }
    let spent = spend(core, publish.cost()).await?;
    let Publish { app, publications, reply, .. } = publish;
    if publications.is_empty() {
        return Ok(Answer::published(&reply, &[]).with_budget(spent.as_ref()));
    }
    let seed = core.ask(|shard| shard.config().hash_seed);
    let publications = (0..).zip(publications).map(|(place, it)| Publication {
        channel: ChannelName::new(app, it.channel, seed),
        frame: it.frame,
        skip: it.skip,
        counted_as: it.is_counted.then_some(place),
    });
    let publications: Vec<_> = publications.collect();
    if let Reply::Deliveries { channels, event } = reply {
        let deliveries = deliver(core, publications).await;
        let answer = Answer::delivered(&channels, &event, deliveries);
        return Ok(answer.with_budget(spent.as_ref()));
    }
    let ticket = core.with_shard(|shard| shard.publish(publications));
    let shard::Answer::Published(counted) = core.answer(ticket).await else {
        unreachable!("a publish was asked for");
    };
    Ok(answer(&reply, &counted).with_budget(spent.as_ref()))
}

/// Publish one event; how many sockets it went to.
async fn deliver(core: &Rc<Core>, publications: Vec<Publication>) -> u32 {
    let skip = publications.first().and_then(|publication| publication.skip);
    let channels = publications.iter().map(|publication| publication.channel.clone()).collect();
    // At once, so that both see the same subscribers unless some come or go this very moment.
    let (published, reached) = core.with_shard(|shard| {
        (shard.publish(publications), shard.query(&Query::Reach { channels, skip }))
    });
    let (published, reached) = (core.answer(published), core.answer(reached));
    published.await;
    let shard::Answer::Reached(sockets) = reached.await else {
        unreachable!("the reach was asked for");
    };
    sockets
}

fn answer(reply: &Reply, counted: &[shard::Counted]) -> Answer {
    let occupancy = |it: &shard::Counted| {
        let (subscription_count, user_count) = (it.subscription_count, it.user_count);
        (it.place, Occupancy { subscription_count, user_count })
    };
    Answer::published(reply, &counted.iter().map(occupancy).collect::<Vec<_>>())
}
