//! `POST /broadcasting/user-auth`: say who the user of a connection is, signed.

use bytes::Bytes;

use super::caller::Caller;
use super::{BODY_BYTES_MAX, Signing};
use crate::endpoint::{Asked, Endpoint, WRITE};
use crate::{ApiConfig, ApiError, HttpAnswer, Shards};

#[derive(Debug)]
pub(crate) struct UserAuth(Caller);

impl Endpoint for UserAuth {
    const PATH: &'static str = "/broadcasting/user-auth";
    const ALLOW: &'static str = WRITE;
    const BODY_BYTES_MAX: usize = BODY_BYTES_MAX;
    type Action = Signing;

    fn head(asked: &Asked<'_>) -> Result<Self, ApiError> {
        Caller::new(asked).map(Self)
    }

    fn body(self, _: &ApiConfig, body: &Bytes) -> Result<Signing, ApiError> {
        self.0.decide_signin(body)
    }

    async fn answer(signing: Signing, shards: &impl Shards) -> Result<HttpAnswer, ApiError> {
        signing.answer(shards).await
    }
}
