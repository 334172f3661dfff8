//! `POST /apps/{app}/batch_events`: publish several events, all or none.

use bytes::Bytes;
use uringcast_proto::pusher::rest::BatchBody;

use super::Own;
use crate::endpoint::{Asked, Endpoint, WRITE};
use crate::publish::publish_batch;
use crate::publishing::{Publisher, Publishing};
use crate::zintrust::{Drafts, ZinTrustDraft};
use crate::{ApiConfig, ApiError, HttpAnswer, Shards};

#[derive(Debug)]
pub(crate) struct BatchEvents(Publisher);

impl Endpoint for BatchEvents {
    const PATH: &'static str = "/apps/{}/batch_events";
    const ALLOW: &'static str = WRITE;
    type Action = Publishing;

    fn head(asked: &Asked<'_>) -> Result<Self, ApiError> {
        let Own { sender, query } = Own::new(asked)?;
        Publisher::new(asked.head, sender, &query).map(Self)
    }

    fn body(self, _: &ApiConfig, body: &Bytes) -> Result<Publishing, ApiError> {
        let Self(publisher) = self;
        publisher.check_body(body)?;
        let read = BatchBody::parse(body)?;
        let drafts = || Drafts::Batch(read.events.iter().map(ZinTrustDraft::of_batch).collect());
        let drafts = publisher.has_policy().then(drafts);
        let events = publish_batch(publisher.app(), &read)?;
        publisher.finish(body, events, read.id.as_deref(), drafts)
    }

    async fn answer(publish: Publishing, shards: &impl Shards) -> Result<HttpAnswer, ApiError> {
        publish.answer(shards).await
    }
}
