//! `POST /broadcasting/auth`: sign a subscription, as laravel-echo asks for it by default.

use bytes::Bytes;

use super::caller::Caller;
use super::{BODY_BYTES_MAX, Signing};
use crate::endpoint::{Asked, Endpoint, WRITE};
use crate::{ApiConfig, ApiError, HttpAnswer, Shards};

#[derive(Debug)]
pub(crate) struct Auth(Caller);

impl Endpoint for Auth {
    const PATH: &'static str = "/broadcasting/auth";
    const ALLOW: &'static str = WRITE;
    const BODY_BYTES_MAX: usize = BODY_BYTES_MAX;
    type Action = Signing;

    fn head(asked: &Asked<'_>) -> Result<Self, ApiError> {
        Caller::new(asked).map(Self)
    }

    fn body(self, _: &ApiConfig, body: &Bytes) -> Result<Signing, ApiError> {
        self.0.decide(body)
    }

    async fn answer(signing: Signing, shards: &impl Shards) -> Result<HttpAnswer, ApiError> {
        signing.answer(shards).await
    }
}
