//! `POST /apps/{app}/channels/{channel}/events`: publish the whole body as the data of one event.
//!
//! The deprecated way: the event's name and the connection to leave out stand in the query.

use bytes::Bytes;

use super::{Own, channel};
use crate::endpoint::{Asked, Endpoint, WRITE};
use crate::publish::{ChannelEvent, publish_to_channel};
use crate::publishing::{Publisher, Publishing};
use crate::zintrust::{Drafts, ZinTrustDraft};
use crate::{ApiConfig, ApiError, HttpAnswer, Shards};

#[derive(Debug)]
pub(crate) struct ChannelEvents {
    publisher: Publisher,
    event: ChannelEvent,
}

impl Endpoint for ChannelEvents {
    const PATH: &'static str = "/apps/{}/channels/{}/events";
    const ALLOW: &'static str = WRITE;
    type Action = Publishing;

    fn head(asked: &Asked<'_>) -> Result<Self, ApiError> {
        let Own { sender, query } = Own::new(asked)?;
        let (channel, _) = channel(asked.names[1])?;
        let name = query.value("name").ok_or(ApiError::EventNameEmpty)?.to_owned();
        let socket_id = query.value("socket_id").map(str::to_owned);
        let event = ChannelEvent { channel, name, socket_id };
        Ok(Self { publisher: Publisher::new(asked.head, sender, &query)?, event })
    }

    fn body(self, _: &ApiConfig, body: &Bytes) -> Result<Publishing, ApiError> {
        let Self { publisher, event } = self;
        publisher.check_body(body)?;
        let draft =
            publisher.has_policy().then(|| ZinTrustDraft::of_channel(&event, body)).transpose()?;
        let events = publish_to_channel(publisher.app(), &event, body)?;
        publisher.finish(body, events, None, draft.map(Drafts::One))
    }

    async fn answer(publish: Publishing, shards: &impl Shards) -> Result<HttpAnswer, ApiError> {
        publish.answer(shards).await
    }
}
