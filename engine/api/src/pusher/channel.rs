//! `GET /apps/{app}/channels/{channel}`: one channel.

use bytes::Bytes;
use uringcast_proto::pusher::rest::channel_body;
use uringcast_shard::ChannelOf;
use uringcast_shard::id::AppIndex;

use super::{Own, channel};
use crate::authenticate::Authenticated;
use crate::endpoint::{Asked, Endpoint, READ};
use crate::info::{ChannelInfo, Info};
use crate::shards::spend_read;
use crate::{ApiConfig, ApiError, HttpAnswer, Shards, shards};

#[derive(Debug)]
pub(crate) struct Channel {
    sender: Authenticated,
    wanted: Wanted,
}

#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Wanted {
    pub(crate) app: AppIndex,
    /// The channel's name, valid.
    pub(crate) channel: String,
    /// The attributes to tell.
    pub(crate) info: Info,
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
    pub(crate) fn channel(channel: &ChannelInfo, info: Info) -> Self {
        let occupied = channel.subscription_count > 0;
        Self::ok(channel_body(occupied, channel.attributes(info)).into())
    }
}
