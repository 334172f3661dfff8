//! What plain HTTP gets at the websocket's path.

use serde::Serialize;
use uringcast_dialect::pusher::socket_key;
use uringcast_shard::app::Apps;

use super::error::ApiError;

/// What plain HTTP gets at `path`; `None` if it is not a websocket's.
pub(super) fn refusal(apps: &Apps, prefix: &str, path: &str) -> Option<ApiError> {
    let key = socket_key(prefix, path)?;
    Some(match apps.by_key(&key) {
        Some(_) => ApiError::UpgradeRequired { path: path.to_owned() },
        None => ApiError::SocketKeyUnknown,
    })
}

/// `path` without `prefix` where it leads to an app's API, as Reverb's and Soketi's prefixes of
/// paths do. What is signed is the whole path.
pub(super) fn inside<'a>(prefix: &str, path: &'a str) -> &'a str {
    path.strip_prefix(prefix).filter(|rest| rest.starts_with("/apps/")).unwrap_or(path)
}

/// The body of a 426 at `path`, word for word what S1's server says (spec seeds.md, B-S1).
pub(super) fn upgrade_required_body(path: &str) -> String {
    #[derive(Serialize)]
    struct Body<'a> {
        error: &'a str,
        message: &'a str,
        path: &'a str,
    }
    let body = Body {
        error: "Upgrade Required",
        message: "Open this endpoint with a WebSocket upgrade request.",
        path,
    };
    serde_json::to_string(&body).expect("strings always have a JSON form")
}

/// The body of a 404 for a key that names no app, from the same source.
pub(super) const KEY_UNKNOWN_BODY: &str = r#"{"error":"Socket app key not found."}"#;
