//! `POST /apps/{app}/users/{user}/terminate_connections`: close every connection of one user.

use bytes::Bytes;
use uringcast_proto::pusher::rest::PUBLISHED_BODY;
use uringcast_shard as shard;
use uringcast_shard::app::App;
use uringcast_shard::id::AppIndex;

use super::Own;
use crate::authenticate::Authenticated;
use crate::endpoint::{Asked, Endpoint, WRITE};
use crate::head::decode;
use crate::shards::spend_read;
use crate::{ApiConfig, ApiError, HttpAnswer, Shards};

#[derive(Debug)]
pub(crate) struct Terminate {
    sender: Authenticated,
    wanted: Wanted,
}

#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Wanted {
    pub(crate) app: AppIndex,
    /// The user whose connections are closed.
    pub(crate) user_id: String,
}

impl Endpoint for Terminate {
    const PATH: &'static str = "/apps/{}/users/{}/terminate_connections";
    const ALLOW: &'static str = WRITE;
    type Action = Wanted;

    fn head(asked: &Asked<'_>) -> Result<Self, ApiError> {
        let Own { sender, .. } = Own::new(asked)?;
        let wanted = Wanted { app: sender.index, user_id: user_id(&sender.app, asked.names[1])? };
        Ok(Self { sender, wanted })
    }

    fn body(self, _: &ApiConfig, body: &Bytes) -> Result<Wanted, ApiError> {
        self.sender.check_body(body).map(|()| self.wanted)
    }

    async fn answer(wanted: Wanted, shards: &impl Shards) -> Result<HttpAnswer, ApiError> {
        let Wanted { app, user_id } = wanted;
        let spent = spend_read(shards, app).await?;
        shards.ask(shard::Terminate { app, user_id: user_id.into() }).await;
        Ok(HttpAnswer::terminated().with_budget(spent.as_ref()))
    }
}

impl HttpAnswer {
    /// Every core has been told.
    pub(crate) const fn terminated() -> Self {
        Self::ok(Bytes::from_static(PUBLISHED_BODY.as_bytes()))
    }
}

fn user_id(app: &App, segment: &str) -> Result<String, ApiError> {
    let user_id = decode(segment)?;
    let (bytes, bytes_max) = (user_id.len(), app.policy.presence_user_id_max as usize);
    if (1..=bytes_max).contains(&bytes) {
        return Ok(user_id.into_owned());
    }
    Err(ApiError::UserIdLength { bytes, bytes_max })
}
