//! `GET /up`: whether the process is up, in Reverb's words.

use bytes::Bytes;

use crate::api::endpoint::{Asked, Endpoint, READ};
use crate::api::{HttpAnswer, RestConfig, RestError, Shards};

#[derive(Debug)]
pub(crate) struct Up;

impl Endpoint for Up {
    const PATH: &'static str = "/up";
    const ALLOW: &'static str = READ;
    type Action = ();

    fn head(_: &Asked<'_>) -> Result<Self, RestError> {
        Ok(Self)
    }

    fn body(self, _: &RestConfig, _: &Bytes) -> Result<(), RestError> {
        Ok(())
    }

    async fn answer((): (), _: &impl Shards) -> Result<HttpAnswer, RestError> {
        Ok(HttpAnswer::up())
    }
}

impl HttpAnswer {
    /// The process is up.
    pub(in crate::api) const fn up() -> Self {
        Self::ok(Bytes::from_static(br#"{"health":"OK"}"#))
    }
}
