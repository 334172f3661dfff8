//! `POST /events`: keep events and send them to who is there.

use bytes::Bytes;
use uringcast_shard::id::AppIndex;
use uringcast_shard::middleware::Operation;
use uringcast_shard::{Budget, Cost, NamedDraft};

use super::answer::events;
use super::body::{Limits, ZpsEvents};
use super::caller::app_of;
use super::shard_calls::{append, judge, tell_time};
use crate::endpoint::{Asked, Endpoint, WRITE};
use crate::shards::spend;
use crate::{ApiConfig, ApiError, HttpAnswer, Shards, shards};

#[derive(Debug)]
pub(crate) struct Events(AppIndex, Limits);

impl Endpoint for Events {
    const PATH: &'static str = "/events";
    const ALLOW: &'static str = WRITE;
    type Action = ZpsEvents;

    fn head(asked: &Asked<'_>) -> Result<Self, ApiError> {
        app_of(asked).map(|(app, limits)| Self(app, limits))
    }

    fn body(self, _: &ApiConfig, body: &Bytes) -> Result<ZpsEvents, ApiError> {
        Ok(ZpsEvents { app: self.0, limits: self.1, body: body.clone() })
    }

    /// The answer is theirs once each is kept and queued.
    async fn answer(read: ZpsEvents, shards: &impl Shards) -> Result<HttpAnswer, ApiError> {
        tell_time(shards);
        let app = read.app;
        if shards.is_backlogged() {
            return Err(ApiError::Overloaded);
        }
        let (now_unix_ms, random) = (shards.unix_us() / 1_000, shards.random());
        let (drafts, is_array) = read.drafts(&shards.config().zps, now_unix_ms, random)?;
        for (room, draft) in &drafts {
            judge(shards, Operation::Publish, (app, room), &draft.text)?;
        }
        let cost = Cost { app, budget: Budget::Publish, amount: drafts.len() as u32 };
        let spent = spend(shards, cost).await?;
        let drafts = drafts.into_iter().map(|(room, draft)| {
            let channel = shards::channel(shards, app, &room);
            NamedDraft { channel, draft, skip: None }
        });
        let frames = append(shards, drafts.collect()).await?;
        Ok(events(&frames, is_array).with_budget(spent.as_ref()))
    }
}
