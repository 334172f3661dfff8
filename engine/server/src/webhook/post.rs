//! One request to an app's server, signed; and what is kept of one that has been given up.

use std::fmt;

use bytes::Bytes;
use serde::{Deserialize, Serialize};
use uringcast_proto::pusher::webhook::sign;
use uringcast_proto::secret::Secret;

use crate::app::{App, AppKey, Webhook};

/// A request that is ready to be sent.
#[derive(Clone, PartialEq, Eq)]
pub(super) struct Post {
    pub(super) url: String,
    /// The exact bytes that are signed.
    pub(super) body: Bytes,
    /// The endpoint's own headers, then Pusher's.
    pub(super) headers: Vec<(String, String)>,
}

/// Headers and the query of the URL are not shown: both may have tokens.
impl fmt::Debug for Post {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Post").field("url", &without_secrets(&self.url)).finish_non_exhaustive()
    }
}

impl Post {
    /// The request that brings `body` to `webhook`, signed with the primary key of `app`.
    pub(super) fn new(app: &App, webhook: &Webhook, body: Bytes) -> Self {
        let text = std::str::from_utf8(&body).expect("a body is made of text");
        let headers = signed_headers(app, &webhook.headers, text);
        Self { url: webhook.url.clone(), body, headers }
    }
}

/// The headers of a request of `app` with this `body`: an endpoint's `own`, then Pusher's, which
/// sign the body with the app's primary key.
pub(super) fn signed_headers(
    app: &App,
    own: &[(String, Secret)],
    body: &str,
) -> Vec<(String, String)> {
    let AppKey { key, secret } = app.primary();
    let signature = sign(secret, body);
    let own = own.iter().filter(|(name, _)| !is_reserved(name));
    let own = own.map(|(name, value)| (name.clone(), (**value).to_owned()));
    let pushers = [("X-Pusher-Key", key.clone()), ("X-Pusher-Signature", signature)];
    let pushers = pushers.map(|(name, value)| (name.to_owned(), value));
    own.chain(pushers).collect()
}

/// Whether a webhook's own headers may not have this one: it is Pusher's, or it frames the request.
fn is_reserved(name: &str) -> bool {
    let name = name.to_ascii_lowercase();
    let framing = ["content-type", "content-length", "transfer-encoding", "connection"];
    name.starts_with("x-pusher-") || framing.contains(&&*name)
}

/// `url` without what may be secret in it: a password, a query.
pub(super) fn without_secrets(url: &str) -> String {
    let url = url.split('?').next().unwrap_or_default();
    let Some((scheme, rest)) = url.split_once("://") else { return url.to_owned() };
    let (authority, path) = rest.split_once('/').unwrap_or((rest, ""));
    let host = authority.rsplit('@').next().unwrap_or_default();
    format!("{scheme}://{host}/{path}")
}

/// A batch that has not been delivered: one line of the dead-letter file, as JSON.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct DeadLetter {
    /// The app that it is for; its secret is not kept, replaying signs anew.
    pub(super) app_id: String,
    pub(super) url: String,
    /// When it was given up, in milliseconds since 1970.
    pub(super) given_up_ms: u64,
    /// Why it was given up.
    pub(super) reason: String,
    /// How many events the body has.
    pub(super) events: u32,
    pub(super) body: String,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_url_is_shown_without_its_secrets() {
        for (url, shown) in [
            ("https://app.example/hook", "https://app.example/hook"),
            ("https://app.example", "https://app.example/"),
            ("http://ann:pw@[::1]:80/a/b@c?token=1", "http://[::1]:80/a/b@c"),
            ("http://host?token=a/b@c", "http://host/"),
        ] {
            assert_eq!(without_secrets(url), shown);
        }
    }
}
