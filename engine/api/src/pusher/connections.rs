//! `GET /apps/{app}/connections`: how many websockets the app has.

use bytes::Bytes;
use uringcast_proto::pusher::rest::connections_body;
use uringcast_shard as shard;
use uringcast_shard::id::AppIndex;

use super::Own;
use crate::authenticate::Authenticated;
use crate::endpoint::{Asked, Endpoint, READ};
use crate::shards::spend_read;
use crate::{ApiConfig, ApiError, HttpAnswer, Shards};

#[derive(Debug)]
pub(crate) struct Connections(Authenticated);

impl Endpoint for Connections {
    const PATH: &'static str = "/apps/{}/connections";
    const ALLOW: &'static str = READ;
    type Action = AppIndex;

    fn head(asked: &Asked<'_>) -> Result<Self, ApiError> {
        Own::new(asked).map(|own| Self(own.sender))
    }

    fn body(self, _: &ApiConfig, body: &Bytes) -> Result<AppIndex, ApiError> {
        self.0.check_body(body).map(|()| self.0.index)
    }

    async fn answer(app: AppIndex, shards: &impl Shards) -> Result<HttpAnswer, ApiError> {
        let spent = spend_read(shards, app).await?;
        let connections = shards.ask(shard::Connections(app)).await;
        Ok(HttpAnswer::connections(connections.into()).with_budget(spent.as_ref()))
    }
}

impl HttpAnswer {
    /// How many there are.
    pub(crate) fn connections(connections: u64) -> Self {
        Self::ok(connections_body(connections).into())
    }
}
