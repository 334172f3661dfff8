//! Publishing: within the app's budget, and once for each key.

use std::rc::Rc;

use super::super::core::Core;
use super::super::guarded::run_apart;
use super::action::{ask, spend};
use super::append::{Events, append};
use crate::rest::{Answer, Occupancy, Publish, Reply, RestError};
use crate::shard::{Counted, Once, Reach, Reserved, Settlement};

/// Publish all of `publish`, or nothing.
pub(super) async fn carry_out(core: &Rc<Core>, mut publish: Publish) -> Result<Answer, RestError> {
    match publish.once.take() {
        None => publish_now(core, publish, None).await,
        // A task of its own: if the publisher hangs up, it asks again and must learn how it ended.
        Some(once) => run_apart(publish_once(Rc::clone(core), publish, once)).await,
    }
}

async fn publish_once(core: Rc<Core>, publish: Publish, once: Once) -> Result<Answer, RestError> {
    let _open = core.open_request();
    let key = once.key.clone();
    let serial = match ask(&core, once).await {
        Reserved::First(serial) => serial,
        Reserved::Running => return Err(RestError::IdempotencyRunning),
        Reserved::Done(kept) => return Ok(Answer::replayed(kept)),
        Reserved::OtherBody => return Err(RestError::IdempotencyBody),
    };
    let result = publish_now(&core, publish, Some(&key.text)).await;
    let kept = result.as_ref().ok().map(Answer::kept);
    ask(&core, Settlement { key, serial, kept }).await; // Whoever reads the answer and asks again is not told to wait.
    result
}

async fn publish_now(
    core: &Rc<Core>,
    publish: Publish,
    key: Option<&str>,
) -> Result<Answer, RestError> {
    if core.is_backlogged() && !publish.publications.is_empty() {
        return Err(RestError::Overloaded);
    }
    let spent = spend(core, publish.cost()).await?;
    let Publish { app, publications, reply, .. } = publish;
    if publications.is_empty() {
        return Ok(Answer::published(&reply, &[]).with_budget(spent.as_ref()));
    }
    let events = Events::new(core, app, publications, key);
    let answer = if let Reply::Deliveries { channels, event } = reply {
        Answer::delivered(&channels, &event, deliver(core, events).await?)
    } else {
        answer(&reply, &publish_all(core, events).await?)
    };
    Ok(answer.with_budget(spent.as_ref()))
}

/// Publish all of `events`; the channels that were to be counted.
async fn publish_all(core: &Rc<Core>, mut events: Events) -> Result<Vec<Counted>, RestError> {
    let mut counts = append(core, &mut events).await?;
    if events.plain.is_empty() {
        return Ok(counts);
    }
    let asked = core.with_shard(|shard| shard.publish(events.plain));
    counts.extend(core.answer(&asked).await);
    Ok(counts)
}

/// Publish one event; how many sockets it went to.
async fn deliver(core: &Rc<Core>, events: Events) -> Result<u32, RestError> {
    // At once, so that both see the same subscribers unless some come or go this very moment.
    let reached = ask(core, Reach { channels: events.channels(), skip: events.skip() });
    let published = publish_all(core, events).await;
    let sockets = reached.await;
    published.map(|_| sockets)
}

fn answer(reply: &Reply, counted: &[Counted]) -> Answer {
    let occupancy = |it: &Counted| {
        let (subscription_count, user_count) = (it.subscription_count, it.user_count);
        (it.place, Occupancy { subscription_count, user_count })
    };
    Answer::published(reply, &counted.iter().map(occupancy).collect::<Vec<_>>())
}
