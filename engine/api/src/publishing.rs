//! Publishing: within the app's budget, and once for each key.

use std::hash::BuildHasher;
use std::sync::Arc;

use foldhash::fast::FixedState;
use uringcast_proto::pusher::rest::{PUBLISHED_BODY, batch_body, channels_body};
use uringcast_proto::pusher::signature::Query;
use uringcast_shard::app::App;
use uringcast_shard::id::AppIndex;
use uringcast_shard::{Budget, Cost, Counted, IdempotencyKey, Once, Reach, Reserved, Settlement};

use super::answer::HttpAnswer;
use super::append::{Events, append};
use super::authenticate::Authenticated;
use super::error::ApiError;
use super::head::Head;
use super::info::Occupancy;
use super::once;
use super::publish::{Publication, Tell};
use super::shards::{Shards, spend};
use super::zintrust::{Drafts, Review};

/// Who wants to publish, and what the head says about sending it again.
#[derive(Debug)]
pub(super) struct Publisher {
    sender: Authenticated,
    /// `None` where the app remembers no keys.
    named: Option<Named>,
}

#[derive(Debug)]
struct Named {
    /// The key in the headers.
    header: Option<String>,
    /// Tells this path and query, where they say what to publish, from others.
    salt: u64,
}

/// A publish on its way: straight to the shards, or through the app's policy.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Publishing {
    /// Publish all of these, in this order, before answering.
    Now(Publish),
    /// Ask the app's policy first, then publish what it decides.
    Review(Box<Review>),
}

/// Events to publish, and how to answer. It is complete and valid: a batch with one bad event
/// yields none.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Publish {
    /// The app.
    pub app: AppIndex,
    /// The events, in their order.
    pub publications: Vec<Publication>,
    /// What the answer tells.
    pub tell: Tell,
    /// What names this publish, if the publisher may send it again.
    pub once: Option<Once>,
}

/// The headers that name a publish: the field that is about to be a standard, and the one that
/// Sockudo reads.
const KEY_HEADERS: [&str; 2] = ["idempotency-key", "x-idempotency-key"];

impl Publisher {
    pub(super) fn new(
        head: &Head<'_>,
        sender: Authenticated,
        query: &Query<'_>,
    ) -> Result<Self, ApiError> {
        let is_named = sender.app.policy.idempotency_window_s > 0;
        let named = if is_named { Some(Named::new(head, query)?) } else { None };
        Ok(Self { sender, named })
    }

    pub(super) fn app(&self) -> &App {
        &self.sender.app
    }

    /// Whether the app has its publishes judged.
    pub(super) fn has_policy(&self) -> bool {
        self.sender.app.publish_policy_url.is_some()
    }

    /// Check that the body belongs to the request.
    pub(super) fn check_body(&self, body: &[u8]) -> Result<(), ApiError> {
        self.sender.check_body(body)
    }

    /// What is to be done with what was read from `body`; its `id` may name the publish, and
    /// `drafts` are what a policy judges.
    pub(super) fn finish(
        self,
        body: &[u8],
        (publications, tell): (Vec<Publication>, Tell),
        id: Option<&str>,
        drafts: Option<Drafts>,
    ) -> Result<Publishing, ApiError> {
        let Self { sender: Authenticated { index: app, app: found, .. }, named } = self;
        let once = match named {
            Some(Named { header, salt }) => {
                let key = once::key(header.as_deref(), id)?;
                let fingerprint = FixedState::with_seed(salt).hash_one(body);
                key.map(|text| Once { key: IdempotencyKey { app, text }, fingerprint })
            }
            None => None,
        };
        let publish = Publish { app, publications, tell, once };
        Ok(match found.publish_policy_url.clone().zip(drafts) {
            Some((url, drafts)) => {
                Publishing::Review(Box::new(Review::new(Arc::clone(&found), url, drafts, publish)))
            }
            None => Publishing::Now(publish),
        })
    }
}

impl Named {
    fn new(head: &Head<'_>, query: &Query<'_>) -> Result<Self, ApiError> {
        let header = KEY_HEADERS.into_iter().find_map(|name| head.headers.get(name));
        let header = header.map(|value| value.to_str().map(str::to_owned)).transpose();
        let header = header.map_err(|_| ApiError::IdempotencyKeyEncoding)?;
        let salt = FixedState::default().hash_one((head.path, query.value("name")));
        Ok(Self { header, salt })
    }
}

impl Publishing {
    /// Publish all of it, or nothing.
    pub(super) async fn answer(self, shards: &impl Shards) -> Result<HttpAnswer, ApiError> {
        let mut publish = match self {
            Self::Now(publish) => publish,
            Self::Review(review) => review.judged(shards).await?,
        };
        let Some(once) = publish.once.take() else {
            return publish_now(shards, publish, None).await;
        };
        // Apart: if the publisher hangs up, it asks again and must learn how it ended.
        let apart = shards.clone();
        shards.apart(async move { publish_once(&apart, publish, once).await }).await
    }
}

async fn publish_once(
    shards: &impl Shards,
    publish: Publish,
    once: Once,
) -> Result<HttpAnswer, ApiError> {
    let key = once.key.clone();
    let serial = match shards.ask(once).await {
        Reserved::First(serial) => serial,
        Reserved::Running => return Err(ApiError::IdempotencyRunning),
        Reserved::Done(kept) => return Ok(HttpAnswer::replayed(kept)),
        Reserved::OtherBody => return Err(ApiError::IdempotencyBody),
    };
    let result = publish_now(shards, publish, Some(&key.text)).await;
    let kept = result.as_ref().ok().map(HttpAnswer::kept);
    // Whoever reads the answer and asks again is not told to wait.
    shards.ask(Settlement { key, serial, kept }).await;
    result
}

async fn publish_now(
    shards: &impl Shards,
    publish: Publish,
    key: Option<&str>,
) -> Result<HttpAnswer, ApiError> {
    let Publish { app, publications, tell, .. } = publish;
    if shards.is_backlogged() && !publications.is_empty() {
        return Err(ApiError::Overloaded);
    }
    // One for each channel that each event goes to.
    let amount = publications.len() as u32;
    let spent = spend(shards, Cost { app, budget: Budget::Publish, amount }).await?;
    if publications.is_empty() {
        return Ok(HttpAnswer::published(&tell, &[]).with_budget(spent.as_ref()));
    }
    let events = Events::new(shards, app, publications, key);
    let answer = if let Tell::Deliveries { channels, event } = tell {
        HttpAnswer::delivered(&channels, &event, deliver(shards, events).await?)
    } else {
        answer(&tell, &publish_all(shards, events).await?)
    };
    Ok(answer.with_budget(spent.as_ref()))
}

/// Publish all of `events`; the channels that were to be counted.
async fn publish_all(shards: &impl Shards, mut events: Events) -> Result<Vec<Counted>, ApiError> {
    let mut counts = append(shards, &mut events).await?;
    if events.plain.is_empty() {
        return Ok(counts);
    }
    counts.extend(shards.begin(|shard| shard.publish(events.plain)).await);
    Ok(counts)
}

/// Publish one event; how many sockets it went to.
async fn deliver(shards: &impl Shards, events: Events) -> Result<u32, ApiError> {
    // At once, so that both see the same subscribers unless some come or go this very moment.
    let reached = shards.ask(Reach { channels: events.channels(), skip: events.skip() });
    let published = publish_all(shards, events).await;
    let sockets = reached.await;
    published.map(|_| sockets)
}

fn answer(tell: &Tell, counted: &[Counted]) -> HttpAnswer {
    let occupancy = |it: &Counted| {
        let (subscription_count, user_count) = (it.subscription_count, it.user_count);
        (it.place, Occupancy { subscription_count, user_count })
    };
    HttpAnswer::published(tell, &counted.iter().map(occupancy).collect::<Vec<_>>())
}

impl HttpAnswer {
    /// Every publication is queued.
    ///
    /// `counted` has the channels of those publications that were to be counted, by their place in
    /// the publish. A publish whose deliveries were counted is answered by
    /// [`delivered`](Self::delivered).
    pub(super) fn published(tell: &Tell, counted: &[(u32, Occupancy)]) -> Self {
        let of = |place: usize| {
            let found = counted.iter().find(|(counted, _)| *counted as usize == place);
            found.map(|(_, occupancy)| *occupancy).unwrap_or_default()
        };
        match tell {
            Tell::Empty => Self::ok(PUBLISHED_BODY.into()),
            Tell::Accepted => Self::new(202, PUBLISHED_BODY.into()),
            Tell::Channels(names, info) => {
                // An object has each name once, also if the publish named it twice.
                let is_first = |(place, name): &(usize, &String)| !names[..*place].contains(name);
                let names = names.iter().enumerate().filter(is_first);
                let channels =
                    names.map(|(place, name)| (name.as_str(), of(place).attributes(*info)));
                Self::ok(channels_body(channels).into())
            }
            Tell::Batch(infos) => {
                let events =
                    infos.iter().map(|(place, info)| of(*place as usize).attributes(*info));
                let events: Vec<_> = events.collect();
                Self::ok(batch_body(&events).into())
            }
            Tell::Deliveries { channels, event } => Self::delivered(channels, event, 0),
        }
    }
}
