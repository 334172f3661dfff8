//! The paths of zero-pub-sub: `/` and `/apps/{id}`.

use percent_encoding::percent_decode_str;

use super::{AdmissionRules, Request};
use crate::app::Apps;
use crate::id::AppIndex;

/// Where a zps client connects to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ZpsPath {
    /// `/`: the app that the operator has named, or the first one.
    Root,
    /// `/apps/{id}`.
    App(String),
}

/// The zps path of `request`; `None` if it is for another protocol.
pub fn path(rules: &AdmissionRules<'_>, request: &Request) -> Option<ZpsPath> {
    rules.zps_app?;
    let target = &request.target;
    let path = target.split_once('?').map_or(&**target, |(path, _)| path);
    if path == "/" {
        return Some(ZpsPath::Root);
    }
    let id = path.strip_prefix("/apps/").filter(|id| !id.is_empty() && !id.contains('/'))?;
    Some(ZpsPath::App(percent_decode_str(id).decode_utf8_lossy().into_owned()))
}

/// Where a stream of server-sent events is asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StreamPath(ZpsPath);

/// Where zero-pub-sub's own clients find streams by default.
const STREAM_PATH: &str = "/api/realtime/sse";

impl StreamPath {
    /// The stream at `path`, which has no query; `None` if there is none.
    pub fn parse(rules: &AdmissionRules<'_>, path: &str) -> Option<Self> {
        rules.zps_app?;
        if path == rules.sse_path || path == STREAM_PATH {
            return Some(Self(ZpsPath::Root));
        }
        let id = path.strip_prefix("/apps/")?.strip_suffix("/sse")?;
        let is_id = !id.is_empty() && !id.contains('/');
        let id = || percent_decode_str(id).decode_utf8_lossy().into_owned();
        is_id.then(|| Self(ZpsPath::App(id())))
    }

    /// Whether the path names its app.
    pub const fn is_of_app(&self) -> bool {
        matches!(self.0, ZpsPath::App(_))
    }

    /// The app behind the path.
    pub(super) fn app(&self, apps: &Apps, rules: &AdmissionRules<'_>) -> Option<AppIndex> {
        self.0.app(apps, rules)
    }
}

impl ZpsPath {
    /// The app behind the path.
    pub(super) fn app(&self, apps: &Apps, rules: &AdmissionRules<'_>) -> Option<AppIndex> {
        match (self, rules.zps_app) {
            (Self::App(id), _) => apps.by_id(id),
            (Self::Root, Some(id)) if !id.is_empty() => apps.by_id(id),
            (Self::Root, _) => apps.iter().next().map(|(index, _)| index),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(zps_app: Option<&str>, target: &str) -> Option<ZpsPath> {
        let rules = AdmissionRules {
            trusted_proxies: &[],
            socket_path: "/app",
            is_protocol_required: false,
            zps_app,
            sse_path: "/sse",
        };
        path(&rules, &Request { target: target.to_owned(), ..Request::default() })
    }

    #[test]
    fn streams_have_paths_of_their_own() {
        let rules = AdmissionRules {
            trusted_proxies: &[],
            socket_path: "/app",
            is_protocol_required: false,
            zps_app: Some(""),
            sse_path: "/events/live",
        };
        for (path, is_of_app) in [
            ("/events/live", Some(false)),
            ("/api/realtime/sse", Some(false)),
            ("/apps/a-b/sse", Some(true)),
            ("/sse", None),
            ("/apps//sse", None),
            ("/apps/a/b/sse", None),
        ] {
            let found = StreamPath::parse(&rules, path).map(|it| it.is_of_app());
            assert_eq!(found, is_of_app, "{path}");
        }
    }

    #[test]
    fn the_root_and_apps_are_zps_paths() {
        assert_eq!(found(Some(""), "/"), Some(ZpsPath::Root));
        assert_eq!(found(Some(""), "/?x=/apps/a"), Some(ZpsPath::Root));
        assert_eq!(found(Some(""), "/apps/a%2db?x"), Some(ZpsPath::App("a-b".to_owned())));
        for target in ["/app/key", "/apps/", "/apps/a/events", "/apps", "//", "/x"] {
            assert_eq!(found(Some(""), target), None, "{target}");
        }
        assert_eq!(found(None, "/"), None);
    }
}
