//! `POST /ephemeral`: send an event to who is there, and keep nothing.

use bytes::Bytes;
use uringcast_proto::ws::encode;
use uringcast_proto::zps::http::ephemeral_of;
use uringcast_shard::id::AppIndex;
use uringcast_shard::middleware::Operation;
use uringcast_shard::{Budget, Cost};

use super::body::{Limits, ZpsEvents};
use super::caller::app_of;
use super::shard_calls::{judge, tell_time};
use crate::endpoint::{Asked, Endpoint, WRITE};
use crate::shards::spend;
use crate::{ApiConfig, ApiError, HttpAnswer, Shards};

#[derive(Debug)]
pub(crate) struct Ephemeral(AppIndex, Limits);

impl Endpoint for Ephemeral {
    const PATH: &'static str = "/ephemeral";
    const ALLOW: &'static str = WRITE;
    type Action = ZpsEvents;

    fn head(asked: &Asked<'_>) -> Result<Self, ApiError> {
        app_of(asked).map(|(app, limits)| Self(app, limits))
    }

    fn body(self, _: &ApiConfig, body: &Bytes) -> Result<ZpsEvents, ApiError> {
        Ok(ZpsEvents { app: self.0, limits: self.1, body: body.clone() })
    }

    async fn answer(event: ZpsEvents, shards: &impl Shards) -> Result<HttpAnswer, ApiError> {
        tell_time(shards);
        let app = event.app;
        if shards.is_backlogged() {
            return Err(ApiError::Overloaded);
        }
        let (now_unix_ms, random) = (shards.unix_us() / 1_000, shards.random());
        let (room, frame) = event.ephemeral(&shards.config().zps, now_unix_ms, random)?;
        let message = encode::payload(&frame).unwrap_or_default();
        judge(shards, Operation::EphemeralPublish, (app, &room), message)?;
        let spent = spend(shards, Cost { app, budget: Budget::Publish, amount: 1 }).await?;
        let envelope = ephemeral_of(&frame).unwrap_or("{}");
        let answer = HttpAnswer::ok(Bytes::copy_from_slice(envelope.as_bytes()));
        shards.near(|shard| shard.publish_ephemeral(app, &room, frame));
        Ok(answer.with_budget(spent.as_ref()))
    }
}
