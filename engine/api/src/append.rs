//! Publishing to channels with a log: the answer waits until the events are kept and queued.

use std::sync::Arc;

use uringcast_shard::id::{AppIndex, SocketId};
use uringcast_shard::log::Draft;
use uringcast_shard::{AppendError, ChannelName, ChannelOf, Counted, NamedDraft, Publication};

use super::error::ApiError;
use super::publish::{self, Encoded};
use super::shards::Shards;

/// The events of one publish, by what their channels make of them.
pub(super) struct Events {
    /// For channels without a log.
    pub(super) plain: Vec<Publication>,
    /// For channels with one.
    logged: Vec<NamedDraft>,
    /// Of these, channels that are to be counted, by the events' places in the publish.
    counted: Vec<(u32, ChannelName)>,
}

impl Events {
    /// Those of `publications`. What is published again under `key` is known again by the logs, and
    /// after a restart, too.
    pub(super) fn new(
        shards: &impl Shards,
        app: AppIndex,
        publications: Vec<publish::Publication>,
        key: Option<&str>,
    ) -> Self {
        let plain = Vec::with_capacity(publications.len());
        let mut events = Self { plain, logged: Vec::new(), counted: Vec::new() };
        for (place, publication) in (0..).zip(publications) {
            let publish::Publication { channel, event, skip, is_counted } = publication;
            let channel = shards.near(|shard| shard.channel(app, channel));
            match event {
                Encoded::Frame(frame) => {
                    let counted_as = is_counted.then_some(place);
                    events.plain.push(Publication { channel, frame, skip, counted_as });
                }
                Encoded::Unnumbered { text, sequence_at } => {
                    if is_counted {
                        events.counted.push((place, channel.clone()));
                    }
                    let id = key.map(|key| format!("{key} {place}").into()).unwrap_or_default();
                    let draft = Draft { id, ..Draft::unnamed(text, sequence_at) };
                    events.logged.push(NamedDraft { channel, draft, skip });
                }
            }
        }
        events
    }

    /// The channels that they go to.
    pub(super) fn channels(&self) -> Arc<[ChannelName]> {
        let logged = self.logged.iter().map(|event| &event.channel);
        self.plain.iter().map(|event| &event.channel).chain(logged).cloned().collect()
    }

    /// The connection that must not get them, which is the same for all events of one publish.
    pub(super) fn skip(&self) -> Option<SocketId> {
        let logged = self.logged.first().and_then(|event| event.skip);
        self.plain.first().map_or(logged, |event| event.skip)
    }
}

/// Append what goes to logs, all of it; the channels that were to be counted.
///
/// It goes before all else that is published: it may fail, and the rest cannot.
pub(super) async fn append(
    shards: &impl Shards,
    events: &mut Events,
) -> Result<Vec<Counted>, ApiError> {
    let mut counts = Vec::new();
    for (place, channel) in events.counted.drain(..) {
        counts.push(count(shards, place, channel).await);
    }
    let drafts = std::mem::take(&mut events.logged);
    if drafts.is_empty() {
        return Ok(counts);
    }
    let outcomes = shards.begin(|shard| shard.append_all(drafts)).await;
    match outcomes.into_iter().find_map(Result::err) {
        Some(error) => Err(refused(error)),
        None => Ok(counts),
    }
}

/// Who is in `channel`.
async fn count(shards: &impl Shards, place: u32, channel: ChannelName) -> Counted {
    let is_presence = channel.nature().has_members;
    let found = shards.ask(ChannelOf(channel)).await;
    let users = found.as_ref().and_then(|channel| channel.user_count);
    Counted {
        place,
        subscription_count: found.map_or(0, |channel| channel.subscription_count),
        user_count: users.or(is_presence.then_some(0)),
    }
}

const fn refused(error: AppendError) -> ApiError {
    match error {
        AppendError::NoLog(error) => ApiError::NoLog(error),
        AppendError::TooLarge { bytes, bytes_max } => ApiError::LogEventLength { bytes, bytes_max },
        AppendError::Backlogged => ApiError::LogBacklogged,
        AppendError::NotWritten => ApiError::LogWrite,
    }
}
