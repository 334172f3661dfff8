//! `GET /apps/{app}/channels`: the occupied channels whose names begin with a prefix.

use bytes::Bytes;
use uringcast_proto::pusher::rest::channels_body;
use uringcast_shard as shard;
use uringcast_shard::id::AppIndex;

use super::Own;
use crate::authenticate::Authenticated;
use crate::endpoint::{Asked, Endpoint, READ};
use crate::info::{ChannelInfo, Info};
use crate::shards::spend_read;
use crate::{ApiConfig, ApiError, HttpAnswer, Shards};

#[derive(Debug)]
pub(crate) struct Channels {
    sender: Authenticated,
    wanted: Wanted,
}

#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Wanted {
    pub(crate) app: AppIndex,
    /// `filter_by_prefix`.
    pub(crate) prefix: Option<String>,
    /// What to tell about each.
    pub(crate) info: Info,
}

impl Endpoint for Channels {
    const PATH: &'static str = "/apps/{}/channels";
    const ALLOW: &'static str = READ;
    type Action = Wanted;

    fn head(asked: &Asked<'_>) -> Result<Self, ApiError> {
        let Own { sender, query } = Own::new(asked)?;
        let prefix = query.value("filter_by_prefix");
        let info = Info::parse_for_list(query.value("info"), prefix)?;
        let wanted = Wanted { app: sender.index, prefix: prefix.map(str::to_owned), info };
        Ok(Self { sender, wanted })
    }

    fn body(self, _: &ApiConfig, body: &Bytes) -> Result<Wanted, ApiError> {
        self.sender.check_body(body).map(|()| self.wanted)
    }

    async fn answer(wanted: Wanted, shards: &impl Shards) -> Result<HttpAnswer, ApiError> {
        let Wanted { app, prefix, info } = wanted;
        let spent = spend_read(shards, app).await?;
        let prefix = prefix.unwrap_or_default().into();
        let channels = shards.ask(shard::Channels { app, prefix }).await;
        let channels = channels.into_iter().map(ChannelInfo::from).collect();
        Ok(HttpAnswer::channels(channels, info).with_budget(spent.as_ref()))
    }
}

impl HttpAnswer {
    /// The occupied channels, in any order, that begin with the prefix asked for.
    pub(crate) fn channels(mut channels: Vec<ChannelInfo>, info: Info) -> Self {
        channels.sort_unstable_by(|one, other| one.name.cmp(&other.name));
        let channels =
            channels.iter().map(|channel| (channel.name.as_str(), channel.attributes(info)));
        Self::ok(channels_body(channels).into())
    }
}
