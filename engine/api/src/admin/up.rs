//! `GET /up`: whether the process is up, in Reverb's words.

use bytes::Bytes;

use crate::endpoint::{Asked, Endpoint, READ};
use crate::{ApiConfig, ApiError, HttpAnswer, Shards};

#[derive(Debug)]
pub(crate) struct Up;

impl Endpoint for Up {
    const PATH: &'static str = "/up";
    const ALLOW: &'static str = READ;
    type Action = ();

    fn head(_: &Asked<'_>) -> Result<Self, ApiError> {
        Ok(Self)
    }

    fn body(self, _: &ApiConfig, _: &Bytes) -> Result<(), ApiError> {
        Ok(())
    }

    async fn answer((): (), _: &impl Shards) -> Result<HttpAnswer, ApiError> {
        Ok(HttpAnswer::up())
    }
}

impl HttpAnswer {
    /// The process is up.
    pub(crate) const fn up() -> Self {
        Self::ok(Bytes::from_static(br#"{"health":"OK"}"#))
    }
}
