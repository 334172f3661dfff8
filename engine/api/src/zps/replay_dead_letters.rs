//! `POST /rooms/{room}/dlq/replay`: publish the events of dead letters, which are no more then.

use bytes::Bytes;
use uringcast_shard::id::AppIndex;
use uringcast_shard::log::Draft;
use uringcast_shard::middleware::Operation;
use uringcast_shard::{ChannelName, ForgetDeadLetters, ListDeadLetters, NamedDraft};

use super::answer::events;
use super::caller::app_of;
use super::room::room;
use super::shard_calls::{append_each, judge, tell_time};
use crate::endpoint::{Asked, Endpoint, WRITE};
use crate::{ApiConfig, ApiError, HttpAnswer, Shards, shards};

#[derive(Debug, PartialEq, Eq)]
pub(crate) struct ReplayDeadLetters {
    app: AppIndex,
    room: String,
}

/// As many as the list shows at a time.
const DEAD_LETTERS_AT_ONCE: u32 = 100;

impl Endpoint for ReplayDeadLetters {
    const PATH: &'static str = "/rooms/{}/dlq/replay";
    const ALLOW: &'static str = WRITE;
    type Action = Self;

    fn head(asked: &Asked<'_>) -> Result<Self, ApiError> {
        let (app, limits) = app_of(asked)?;
        Ok(Self { app, room: room(asked.names[0], limits.room)? })
    }

    fn body(self, _: &ApiConfig, _: &Bytes) -> Result<Self, ApiError> {
        Ok(self)
    }

    async fn answer(wanted: Self, shards: &impl Shards) -> Result<HttpAnswer, ApiError> {
        let Self { app, room } = wanted;
        tell_time(shards);
        judge(shards, Operation::DlqReplay, (app, &room), b"")?;
        replayed(shards, &shards::channel(shards, app, &room)).await
    }
}

/// Publish the events of the oldest dead letters; those that fail again stay dead.
///
/// A letter is forgotten once its event is kept, so a crash in between leaves both. The answer has
/// the events that were kept; it is an error only if none was.
async fn replayed(shards: &impl Shards, room: &ChannelName) -> Result<HttpAnswer, ApiError> {
    let (channel, limit) = (room.clone(), DEAD_LETTERS_AT_ONCE);
    let dead = shards.ask(ListDeadLetters { channel, limit, from_unix_ms: 0 }).await;
    if dead.is_empty() {
        return Ok(events(&[], true));
    }
    let drafts = dead.iter().map(|letter| {
        // Nobody has had the event: that its id was seen must not hold it back.
        let draft = Draft { id: "".into(), ..letter.draft.clone() };
        NamedDraft { channel: room.clone(), draft, skip: None }
    });
    let outcomes = append_each(shards, drafts.collect()).await;
    let (mut frames, mut published, mut failure) = (Vec::new(), Vec::new(), None);
    for (letter, outcome) in dead.into_iter().zip(outcomes) {
        match outcome {
            Ok(frame) => {
                frames.push(frame);
                published.push(letter.id);
            }
            Err(error) => failure = failure.or(Some(error)),
        }
    }
    if let Some(error) = failure.filter(|_| frames.is_empty()) {
        return Err(error);
    }
    shards.ask(ForgetDeadLetters { channel: room.clone(), ids: Some(published) }).await;
    Ok(events(&frames, true))
}
