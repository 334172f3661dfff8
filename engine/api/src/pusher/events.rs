//! `POST /apps/{app}/events`: publish one event to some channels.
//!
//! ZinTrust's servers publish to the same path, with a secret instead of a signature and a laxer
//! body.

use bytes::Bytes;
use uringcast_proto::pusher::rest::PublishBody;
use uringcast_proto::pusher::signature::Query;

use super::{Own, app};
use crate::authenticate::Authenticated;
use crate::endpoint::{Asked, Endpoint, WRITE};
use crate::publish::publish;
use crate::publishing::{Publisher, Publishing};
use crate::zintrust::{Drafts, ZinTrustDraft, ZinTrustError, sent_secret};
use crate::{ApiConfig, ApiError, HttpAnswer, Shards};

#[derive(Debug)]
pub(crate) struct Events {
    publisher: Publisher,
    is_zintrust: bool,
}

impl Endpoint for Events {
    const PATH: &'static str = "/apps/{}/events";
    const ALLOW: &'static str = WRITE;
    type Action = Publishing;

    fn head(asked: &Asked<'_>) -> Result<Self, ApiError> {
        let (index, query) = (app(asked)?, Query::parse(asked.head.query));
        if let Ok(query) = &query
            && let Some(secret) = sent_secret(asked.head.headers, query)
        {
            let index = index.ok_or(ZinTrustError::AppUnknown)?;
            let sender = Authenticated::by_secret(asked.apps, index, secret)?;
            asked.check_length()?;
            let publisher = Publisher::new(asked.head, sender, query)?;
            return Ok(Self { publisher, is_zintrust: true });
        }
        let Own { sender, query } = Own::with_query(asked, index, query)?;
        let publisher = Publisher::new(asked.head, sender, &query)?;
        Ok(Self { publisher, is_zintrust: false })
    }

    fn body(self, _: &ApiConfig, body: &Bytes) -> Result<Publishing, ApiError> {
        let Self { publisher, is_zintrust } = self;
        publisher.check_body(body)?;
        if is_zintrust {
            let draft = ZinTrustDraft::of_zintrust(body)?;
            let events = draft.publish(publisher.app())?;
            return publisher.finish(body, events, None, Some(Drafts::One(draft)));
        }
        let read = PublishBody::parse(body)?;
        let draft = publisher.has_policy().then(|| Drafts::One(ZinTrustDraft::of_pusher(&read)));
        let events = publish(publisher.app(), &read)?;
        publisher.finish(body, events, read.id.as_deref(), draft)
    }

    async fn answer(publish: Publishing, shards: &impl Shards) -> Result<HttpAnswer, ApiError> {
        publish.answer(shards).await
    }
}
