//! The websocket's path.
//!
//! pusher-js appends `/app/{key}` to its `wsPath`, so with a `wsPath` of `/app` it asks for
//! `/app/app/{key}`. Both are the same here, whatever the path is (spec seeds.md, finding 1).

use percent_encoding::percent_decode_str;

/// The app key in a websocket's request target, or `None` if the path has none.
///
/// It stands behind `prefix`, which is `server.socket_path`, behind `/app` after that, or behind
/// `/app` alone. The query is not looked at, and the key is decoded.
pub fn socket_key(prefix: &str, target: &str) -> Option<String> {
    let path = target.split_once('?').map_or(target, |(path, _)| path);
    let behind = |path: &str, prefix: &str| {
        let key = path.strip_prefix(prefix)?.strip_prefix('/')?;
        let is_segment = !key.is_empty() && !key.contains('/');
        is_segment.then(|| percent_decode_str(key).decode_utf8_lossy().into_owned())
    };
    let inside = path.strip_prefix(prefix).unwrap_or_default();
    behind(inside, "/app").or_else(|| behind(path, prefix)).or_else(|| behind(path, "/app"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_key_is_found_with_and_without_a_prefix() {
        let targets = ["/app/k%2dy?protocol=7", "/app/app/k-y", "/app/k-y"];
        for target in targets {
            assert_eq!(socket_key("/app", target).as_deref(), Some("k-y"), "{target}");
        }
        for target in ["/ws/in/k", "/ws/in/app/k", "/app/k"] {
            assert_eq!(socket_key("/ws/in", target).as_deref(), Some("k"), "{target}");
        }
    }

    #[test]
    fn other_paths_have_no_key() {
        for target in ["/", "/app", "/app/", "/app/a/b", "/apps/k", "/app/app/", "/x/app/k"] {
            assert_eq!(socket_key("/app", target), None, "{target}");
        }
        for target in ["/ws", "/ws/", "/ws/app/", "/wsapp/k", "/ws/a/b", "/app/app/k", "/in/k"] {
            assert_eq!(socket_key("/ws", target), None, "{target}");
        }
    }

    /// A key may be called as the path is.
    #[test]
    fn a_key_may_be_app() {
        assert_eq!(socket_key("/app", "/app/app").as_deref(), Some("app"));
        assert_eq!(socket_key("/app", "/app/app/app").as_deref(), Some("app"));
        assert_eq!(socket_key("/ws", "/ws/app").as_deref(), Some("app"));
    }
}
