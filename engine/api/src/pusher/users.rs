//! `GET /apps/{app}/channels/{channel}/users`: the users of a presence channel.

use bytes::Bytes;
use uringcast_proto::pusher::channel::ChannelKind;
use uringcast_proto::pusher::rest::users_body;
use uringcast_shard::UsersOf;
use uringcast_shard::id::AppIndex;

use super::{Own, channel};
use crate::authenticate::Authenticated;
use crate::endpoint::{Asked, Endpoint, READ};
use crate::shards::spend_read;
use crate::{ApiConfig, ApiError, HttpAnswer, Shards, shards};

#[derive(Debug)]
pub(crate) struct Users {
    sender: Authenticated,
    wanted: Wanted,
}

#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Wanted {
    pub(crate) app: AppIndex,
    /// The channel's name, valid.
    pub(crate) channel: String,
}

impl Endpoint for Users {
    const PATH: &'static str = "/apps/{}/channels/{}/users";
    const ALLOW: &'static str = READ;
    type Action = Wanted;

    fn head(asked: &Asked<'_>) -> Result<Self, ApiError> {
        let Own { sender, .. } = Own::new(asked)?;
        let (channel, kind) = channel(asked.names[1])?;
        if kind != ChannelKind::Presence {
            return Err(ApiError::NotPresence);
        }
        let wanted = Wanted { app: sender.index, channel };
        Ok(Self { sender, wanted })
    }

    fn body(self, _: &ApiConfig, body: &Bytes) -> Result<Wanted, ApiError> {
        self.sender.check_body(body).map(|()| self.wanted)
    }

    async fn answer(wanted: Wanted, shards: &impl Shards) -> Result<HttpAnswer, ApiError> {
        let Wanted { app, channel } = wanted;
        let spent = spend_read(shards, app).await?;
        let users = shards.ask(UsersOf(shards::channel(shards, app, &channel))).await;
        Ok(HttpAnswer::users(&users).with_budget(spent.as_ref()))
    }
}

impl HttpAnswer {
    /// Each user once.
    pub(crate) fn users(user_ids: &[Box<str>]) -> Self {
        Self::ok(users_body(user_ids.iter().map(|id| &**id)).into())
    }
}
