//! One request to an app's server, signed; and what is kept of one that has been given up.

use bytes::Bytes;
use serde::{Deserialize, Serialize};
use uringcast_proto::pusher::webhook::sign;

use crate::app::{App, AppKey, Webhook};

/// A request that is ready to be sent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Post {
    pub(super) url: String,
    /// The exact bytes that are signed.
    pub(super) body: Bytes,
    /// The endpoint's own headers, then Pusher's.
    pub(super) headers: Vec<(String, String)>,
}

impl Post {
    /// The request that brings `body` to `webhook`, signed with the primary key of `app`.
    pub(super) fn new(app: &App, webhook: &Webhook, body: Bytes) -> Self {
        let AppKey { key, secret } = app.primary();
        let signature = sign(secret, std::str::from_utf8(&body).expect("a body is made of text"));
        let own = webhook.headers.iter().filter(|(name, _)| !is_reserved(name)).cloned();
        let pushers = [("X-Pusher-Key", key.clone()), ("X-Pusher-Signature", signature)];
        let pushers = pushers.map(|(name, value)| (name.to_owned(), value));
        Self { url: webhook.url.clone(), body, headers: own.chain(pushers).collect() }
    }
}

/// Whether a webhook's own headers may not have this one: it is Pusher's, or it frames the request.
fn is_reserved(name: &str) -> bool {
    let name = name.to_ascii_lowercase();
    let framing = ["content-type", "content-length", "transfer-encoding", "connection"];
    name.starts_with("x-pusher-") || framing.contains(&&*name)
}

/// A batch that has not been delivered: one line of the dead-letter file, as JSON.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct DeadLetter {
    /// The app that it is for; its secret is not kept, replaying signs anew.
    pub(super) app_id: String,
    pub(super) url: String,
    /// Milliseconds since 1970.
    pub(super) given_up_ms: u64,
    /// Why.
    pub(super) reason: String,
    /// How many events the body has.
    pub(super) events: u32,
    pub(super) body: String,
}
