//! The paths of zero-pub-sub: `/` and `/apps/{id}`.

use percent_encoding::percent_decode_str;

use super::{Request, Rules};
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
pub fn path(rules: &Rules<'_>, request: &Request) -> Option<ZpsPath> {
    rules.zps_app?;
    let target = &request.target;
    let path = target.split_once('?').map_or(&**target, |(path, _)| path);
    if path == "/" {
        return Some(ZpsPath::Root);
    }
    let id = path.strip_prefix("/apps/").filter(|id| !id.is_empty() && !id.contains('/'))?;
    Some(ZpsPath::App(percent_decode_str(id).decode_utf8_lossy().into_owned()))
}

impl ZpsPath {
    /// The app behind the path.
    pub(super) fn app(&self, apps: &Apps, rules: &Rules<'_>) -> Option<AppIndex> {
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
        let rules = Rules {
            trusted_proxies: &[],
            socket_path: "/app",
            is_protocol_required: false,
            zps_app,
        };
        path(&rules, &Request { target: target.to_owned(), ..Request::default() })
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
