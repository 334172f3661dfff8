//! The paths of zero-pub-sub: `/` and `/apps/{id}`.

use percent_encoding::percent_decode_str;
use uringcast_shard::app::Apps;
use uringcast_shard::id::AppIndex;

/// Where a zps client connects to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ZpsPath {
    /// `/`: the app that the operator has named, or the first one.
    Root,
    /// `/apps/{id}`.
    App(String),
}

/// Where a stream of server-sent events is asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StreamPath(ZpsPath);

/// Where zero-pub-sub's own clients find streams by default.
const STREAM_PATH: &str = "/api/realtime/sse";

impl StreamPath {
    /// The stream at `path`, which has no query; `None` if there is none. `root` is where the
    /// operator has put that of no app by name.
    pub fn parse(root: &str, path: &str) -> Option<Self> {
        if path == root || path == STREAM_PATH {
            return Some(Self(ZpsPath::Root));
        }
        app_id(path.strip_suffix("/sse")?).map(|id| Self(ZpsPath::App(id)))
    }

    /// Whether the path names its app.
    pub const fn is_of_app(&self) -> bool {
        matches!(self.0, ZpsPath::App(_))
    }

    /// The app behind the path; see [`ZpsPath::app`].
    pub fn app(&self, apps: &Apps, root: &str) -> Option<AppIndex> {
        self.0.app(apps, root)
    }
}

impl ZpsPath {
    /// The path of `target`, which may have a query; `None` if it is for another protocol.
    pub fn parse(target: &str) -> Option<Self> {
        let path = target.split_once('?').map_or(target, |(path, _)| path);
        if path == "/" { Some(Self::Root) } else { app_id(path).map(Self::App) }
    }

    /// The app behind the path. `root` is the id of that at [`ZpsPath::Root`]; if it is empty, that
    /// is the first one.
    pub fn app(&self, apps: &Apps, root: &str) -> Option<AppIndex> {
        match self {
            Self::App(id) => apps.by_id(id),
            Self::Root if !root.is_empty() => apps.by_id(root),
            Self::Root => apps.iter().next().map(|(index, _)| index),
        }
    }
}

/// The id in `/apps/{id}`, decoded.
fn app_id(path: &str) -> Option<String> {
    let id = path.strip_prefix("/apps/").filter(|id| !id.is_empty() && !id.contains('/'))?;
    Some(percent_decode_str(id).decode_utf8_lossy().into_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn streams_have_paths_of_their_own() {
        for (path, is_of_app) in [
            ("/events/live", Some(false)),
            ("/api/realtime/sse", Some(false)),
            ("/apps/a-b/sse", Some(true)),
            ("/sse", None),
            ("/apps//sse", None),
            ("/apps/a/b/sse", None),
        ] {
            let found = StreamPath::parse("/events/live", path).map(|it| it.is_of_app());
            assert_eq!(found, is_of_app, "{path}");
        }
    }

    #[test]
    fn the_root_and_apps_are_zps_paths() {
        assert_eq!(ZpsPath::parse("/"), Some(ZpsPath::Root));
        assert_eq!(ZpsPath::parse("/?x=/apps/a"), Some(ZpsPath::Root));
        assert_eq!(ZpsPath::parse("/apps/a%2db?x"), Some(ZpsPath::App("a-b".to_owned())));
        for target in ["/app/key", "/apps/", "/apps/a/events", "/apps", "//", "/x"] {
            assert_eq!(ZpsPath::parse(target), None, "{target}");
        }
    }
}
