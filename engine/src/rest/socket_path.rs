//! The websocket's path, and what plain HTTP gets there.
//!
//! pusher-js appends `/app/{key}` to its `wsPath`, so with a `wsPath` of `/app` it asks for
//! `/app/app/{key}`. Both are the same here (spec seeds.md, finding 1).

use percent_encoding::percent_decode_str;
use serde::Serialize;

use super::error::RestError;
use crate::app::Apps;

/// The app key in a websocket's request target, or `None` if the path has none.
///
/// The query is not looked at, and the key is decoded.
pub fn socket_key(target: &str) -> Option<String> {
    let path = target.split_once('?').map_or(target, |(path, _)| path);
    let key = path.strip_prefix("/app/app/").or_else(|| path.strip_prefix("/app/"))?;
    let is_segment = !key.is_empty() && !key.contains('/');
    is_segment.then(|| percent_decode_str(key).decode_utf8_lossy().into_owned())
}

/// What plain HTTP gets at `path`; `None` if it is not a websocket's.
pub(super) fn refusal(apps: &Apps, path: &str) -> Option<RestError> {
    let key = socket_key(path)?;
    Some(match apps.by_key(&key) {
        Some(_) => RestError::UpgradeRequired { path: path.to_owned() },
        None => RestError::SocketKeyUnknown,
    })
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_key_is_found_with_and_without_a_prefix() {
        let targets = ["/app/k%2dy?protocol=7", "/app/app/k-y", "/app/k-y"];
        for target in targets {
            assert_eq!(socket_key(target).as_deref(), Some("k-y"), "{target}");
        }
    }

    #[test]
    fn other_paths_have_no_key() {
        for target in ["/", "/app", "/app/", "/app/a/b", "/apps/k", "/app/app/", "/x/app/k"] {
            assert_eq!(socket_key(target), None, "{target}");
        }
    }
}
