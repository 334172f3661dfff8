//! Publishers that send the app's secret as it is.
//!
//! It is as good as a signature only where nobody can listen: over TLS, or on a network of one's
//! own. A request with parts of Pusher's signature is judged by that alone.

use http::HeaderMap;
use http::header::AUTHORIZATION;
use uringcast_proto::pusher::auth::verify_secret;
use uringcast_proto::pusher::signature::Query;
use uringcast_shard::app::App;

/// ZinTrust's own header.
const SECRET_HEADER: &str = "x-zintrust-socket-secret";

/// The secret that a request came with, unless it is one of Pusher's: `None` if neither header is
/// there.
///
/// ZinTrust's own header counts before the bearer token unless it is empty. What is no text is a
/// secret that no app has.
pub(crate) fn sent_secret<'a>(headers: &'a HeaderMap, query: &Query<'_>) -> Option<&'a str> {
    let is_signed = ["auth_key", "auth_signature"].iter().any(|name| query.value(name).is_some());
    if is_signed {
        return None;
    }
    let own = headers.get(SECRET_HEADER).map(|value| value.to_str().unwrap_or_default().trim());
    own.filter(|secret| !secret.is_empty()).or_else(|| bearer(headers)).or(own)
}

/// The token of `Authorization: Bearer`, whose scheme has no case (RFC 9110 section 11.1).
pub fn bearer(headers: &HeaderMap) -> Option<&str> {
    let (scheme, token) = headers.get(AUTHORIZATION)?.to_str().ok()?.split_once(' ')?;
    scheme.eq_ignore_ascii_case("bearer").then(|| token.trim())
}

/// Whether `secret` lets its sender publish to `app`.
pub(crate) fn is_publish_secret(app: &App, secret: &str) -> bool {
    let expected = app.publish_secret.as_deref().unwrap_or(&app.primary().secret);
    verify_secret(expected, secret)
}
