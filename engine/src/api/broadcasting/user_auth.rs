//! `POST /broadcasting/user-auth`: say who the user of a connection is, signed.

use bytes::Bytes;

use super::caller::Caller;
use super::{BODY_BYTES_MAX, Signing};
use crate::api::endpoint::{Asked, Endpoint, WRITE};
use crate::api::{HttpAnswer, RestConfig, RestError, Shards};

#[derive(Debug)]
pub(crate) struct UserAuth(Caller);

impl Endpoint for UserAuth {
    const PATH: &'static str = "/broadcasting/user-auth";
    const ALLOW: &'static str = WRITE;
    const BODY_BYTES_MAX: usize = BODY_BYTES_MAX;
    type Action = Signing;

    fn head(asked: &Asked<'_>) -> Result<Self, RestError> {
        Caller::new(asked).map(Self)
    }

    fn body(self, _: &RestConfig, body: &Bytes) -> Result<Signing, RestError> {
        self.0.decide_signin(body)
    }

    async fn answer(signing: Signing, shards: &impl Shards) -> Result<HttpAnswer, RestError> {
        signing.answer(shards).await
    }
}
