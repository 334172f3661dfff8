//! `GET /apps/{app}/channels/{channel}`: one channel.

use bytes::Bytes;
use uringcast_proto::pusher::rest::channel_body;

use super::{Own, channel};
use crate::api::authenticate::Authenticated;
use crate::api::endpoint::{Asked, Endpoint, READ};
use crate::api::info::{ChannelInfo, Info};
use crate::api::shards::spend_read;
use crate::api::{ApiConfig, ApiError, HttpAnswer, Shards, shards};
use crate::id::AppIndex;
use crate::shard::ChannelOf;

#[derive(Debug)]
pub(crate) struct Channel {
    sender: Authenticated,
    wanted: Wanted,
}

#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Wanted {
    pub(in crate::api) app: AppIndex,
    /// The channel's name, valid.
    pub(in crate::api) channel: String,
    /// The attributes to tell.
    pub(in crate::api) info: Info,
}

impl Endpoint for Channel {
    const PATH: &'static str = "/apps/{}/channels/{}";
    const ALLOW: &'static str = READ;
    type Action = Wanted;

    fn head(asked: &Asked<'_>) -> Result<Self, ApiError> {
        let Own { sender, query } = Own::new(asked)?;
        let (channel, kind) = channel(asked.names[1])?;
        let info = Info::parse_for_channel(query.value("info"), &channel, kind)?;
        let wanted = Wanted { app: sender.index, channel, info };
        Ok(Self { sender, wanted })
    }

    fn body(self, _: &ApiConfig, body: &Bytes) -> Result<Wanted, ApiError> {
        self.sender.check_body(body).map(|()| self.wanted)
    }

    async fn answer(wanted: Wanted, shards: &impl Shards) -> Result<HttpAnswer, ApiError> {
        let Wanted { app, channel, info } = wanted;
        let spent = spend_read(shards, app).await?;
        let found = shards.ask(ChannelOf(shards::channel(shards, app, &channel))).await;
        let vacant = || {
            let user_count = info.user_count.then_some(0); // It was asked of a presence channel.
            ChannelInfo { name: channel, user_count, ..ChannelInfo::default() }
        };
        let found = found.map_or_else(vacant, ChannelInfo::from);
        Ok(HttpAnswer::channel(&found, info).with_budget(spent.as_ref()))
    }
}

impl HttpAnswer {
    /// One channel, occupied or not.
    pub(in crate::api) fn channel(channel: &ChannelInfo, info: Info) -> Self {
        let occupied = channel.subscription_count > 0;
        Self::ok(channel_body(occupied, channel.attributes(info)).into())
    }
}
