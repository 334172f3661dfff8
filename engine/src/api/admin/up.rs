//! `GET /up`: whether the process is up, in Reverb's words.

use bytes::Bytes;

use crate::api::answer::Answer;
use crate::api::config::RestConfig;
use crate::api::endpoint::{Endpoint, READ};
use crate::api::error::RestError;
use crate::api::head::Asked;
use crate::api::shards::Shards;

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

    async fn answer((): (), _: &impl Shards) -> Result<Answer, RestError> {
        Ok(Answer::up())
    }
}

impl Answer {
    /// The process is up.
    pub(in crate::api) const fn up() -> Self {
        Self::ok(Bytes::from_static(br#"{"health":"OK"}"#))
    }
}
