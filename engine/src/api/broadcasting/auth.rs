//! `POST /broadcasting/auth`: sign a subscription, as laravel-echo asks for it by default.

use bytes::Bytes;

use super::caller::Caller;
use super::{BODY_BYTES_MAX, Signing};
use crate::api::endpoint::{Asked, Endpoint, WRITE};
use crate::api::{HttpAnswer, RestConfig, RestError, Shards};

#[derive(Debug)]
pub(crate) struct Auth(Caller);

impl Endpoint for Auth {
    const PATH: &'static str = "/broadcasting/auth";
    const ALLOW: &'static str = WRITE;
    const BODY_BYTES_MAX: usize = BODY_BYTES_MAX;
    type Action = Signing;

    fn head(asked: &Asked<'_>) -> Result<Self, RestError> {
        Caller::new(asked).map(Self)
    }

    fn body(self, _: &RestConfig, body: &Bytes) -> Result<Signing, RestError> {
        self.0.decide(body)
    }

    async fn answer(signing: Signing, shards: &impl Shards) -> Result<HttpAnswer, RestError> {
        signing.answer(shards).await
    }
}
