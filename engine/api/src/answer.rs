//! What the peer gets back: a status, headers and a JSON body.

use bytes::Bytes;
use http::header::{
    ALLOW, CONNECTION, CONTENT_TYPE, HeaderName, HeaderValue, RETRY_AFTER, UPGRADE,
};
use serde::Serialize;
use uringcast_proto::pusher::rest::error_body;
use uringcast_shard::{Kept, Spent};

use super::error::ApiError;
use super::socket_path::{KEY_UNKNOWN_BODY, upgrade_required_body};

/// One response. Its content type is `application/json` unless the body is empty or `headers` has
/// another.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HttpAnswer {
    /// The HTTP status.
    pub status: u16,
    /// JSON, or nothing.
    pub body: Bytes,
    /// Headers besides those that every response has.
    pub headers: Vec<(HeaderName, HeaderValue)>,
}

/// As ZinTrust's own servers have it.
const ZINTRUST_CONTENT_TYPE: (HeaderName, HeaderValue) =
    (CONTENT_TYPE, HeaderValue::from_static("application/json; charset=utf-8"));

const X_RATELIMIT_LIMIT: HeaderName = HeaderName::from_static("x-ratelimit-limit");
const X_RATELIMIT_REMAINING: HeaderName = HeaderName::from_static("x-ratelimit-remaining");
const X_RATELIMIT_RESET: HeaderName = HeaderName::from_static("x-ratelimit-reset");
const IDEMPOTENCY_REPLAYED: HeaderName = HeaderName::from_static("idempotency-replayed");

impl HttpAnswer {
    /// The answer to a publish in ZinTrust's words, which went to `deliveries` distinct sockets.
    pub fn delivered(channels: &[String], event: &str, deliveries: u32) -> Self {
        #[derive(Serialize)]
        struct Body<'a> {
            ok: bool,
            channels: &'a [String],
            event: &'a str,
            deliveries: u32,
        }
        Self::zintrust(202, &Body { ok: true, channels, event, deliveries })
    }

    /// The answer to a publish that was carried out before, what it was answered then.
    pub fn replayed(kept: Kept) -> Self {
        let mut answer = Self::new(kept.status, kept.body);
        answer.headers.push((IDEMPOTENCY_REPLAYED, HeaderValue::from_static("true")));
        answer
    }

    /// The answer to a request that is refused.
    pub fn refused(error: &ApiError) -> Self {
        let status = error.status();
        let body = match error {
            ApiError::UpgradeRequired { path } => upgrade_required_body(path),
            ApiError::SocketKeyUnknown => KEY_UNKNOWN_BODY.to_owned(),
            ApiError::ZinTrust(error) => error.body(),
            _ => error_body(&error.to_string(), status),
        };
        Self { status, body: body.into(), headers: refusal_headers(error) }
    }

    /// This answer with headers that tell what is left of the app's budget, if anything was
    /// `spent`.
    #[must_use]
    pub fn with_budget(mut self, spent: Option<&Spent>) -> Self {
        self.headers.extend(spent.into_iter().flat_map(budget_headers));
        self
    }

    /// What is kept of it for a publish that is sent again.
    pub fn kept(&self) -> Kept {
        Kept { status: self.status, body: self.body.clone() }
    }

    /// An answer in ZinTrust's words.
    pub(super) fn zintrust(status: u16, body: &impl Serialize) -> Self {
        let body = serde_json::to_vec(body).expect("text always has a JSON form");
        Self { status, body: body.into(), headers: vec![ZINTRUST_CONTENT_TYPE] }
    }

    pub(super) const fn no_content() -> Self {
        Self::new(204, Bytes::new())
    }

    pub(super) const fn ok(body: Bytes) -> Self {
        Self::new(200, body)
    }

    pub(super) const fn new(status: u16, body: Bytes) -> Self {
        Self { status, body, headers: Vec::new() }
    }
}

fn refusal_headers(error: &ApiError) -> Vec<(HeaderName, HeaderValue)> {
    match error {
        // RFC 9110 section 15.5.6.
        ApiError::Method { allow } => vec![(ALLOW, HeaderValue::from_static(allow))],
        // RFC 9110 section 15.5.22.
        ApiError::UpgradeRequired { .. } => vec![
            (UPGRADE, HeaderValue::from_static("websocket")),
            (CONNECTION, HeaderValue::from_static("upgrade")),
        ],
        // Where it ends is not known, and neither is where another request would begin.
        ApiError::BodyIncomplete => vec![(CONNECTION, HeaderValue::from_static("close"))],
        ApiError::RateLimited(_, spent) => {
            let retry_after = (RETRY_AFTER, HeaderValue::from(spent.retry_after_s));
            std::iter::once(retry_after).chain(budget_headers(spent)).collect()
        }
        ApiError::ZinTrust(_) => vec![ZINTRUST_CONTENT_TYPE],
        ApiError::IdempotencyRunning | ApiError::Overloaded | ApiError::LogBacklogged => {
            vec![(RETRY_AFTER, HeaderValue::from_static("1"))]
        }
        _ => Vec::new(),
    }
}

fn budget_headers(spent: &Spent) -> [(HeaderName, HeaderValue); 3] {
    [
        (X_RATELIMIT_LIMIT, spent.limit.into()),
        (X_RATELIMIT_REMAINING, spent.remaining.into()),
        (X_RATELIMIT_RESET, spent.reset_s.into()),
    ]
}

#[cfg(test)]
mod tests;
