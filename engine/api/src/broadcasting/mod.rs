//! `POST /broadcasting/auth` and `/broadcasting/user-auth`: signing subscriptions and users for
//! apps whose own server does not.
//!
//! `Caller` is what the head says, `Caller::decide` what the app's `AuthPolicy` makes of it
//! and of the body. Encrypted channels are signed like private ones, without the `shared_secret`
//! that their clients need: this server knows no key to derive it from.

pub(super) mod auth;
pub(super) mod user_auth;

mod caller;
mod jwt;
mod signin;
mod webhook;

use serde::Serialize;

use super::answer::HttpAnswer;
use super::error::ApiError;
use super::shards::Shards;
use super::zintrust::{call, shown};
pub(super) use webhook::Question;

/// What comes of a request for a signature.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Signing {
    /// Answer this: it is signed.
    Granted(HttpAnswer),
    /// Ask the app's server whether it is to be signed.
    Consult(Box<Question>),
}

impl Signing {
    async fn answer(self, shards: &impl Shards) -> Result<HttpAnswer, ApiError> {
        let question = match self {
            Self::Granted(answer) => return Ok(answer),
            Self::Consult(question) => question,
        };
        let (url, body, headers) = (question.url(), question.body(), question.headers());
        let answer = call(shards, url, body, headers, shards.config().time_to_answer).await;
        question.decide(shown(answer.as_ref().ok()))
    }
}

/// Bytes of a body: nobody has shown yet who they are, and a member's data is about 1 KiB.
const BODY_BYTES_MAX: usize = 64 * 1024;

/// A subscription that is signed.
#[derive(Debug, Serialize)]
struct Grant<'a> {
    auth: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    channel_data: Option<&'a str>,
}

impl Grant<'_> {
    fn answer(&self) -> HttpAnswer {
        HttpAnswer::zintrust(200, self)
    }
}
