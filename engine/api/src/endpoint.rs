//! The endpoints, one a file, and how a request finds its own.
//!
//! An [`Endpoint`] is accepted or refused in two steps: by the request's head before a byte of the
//! body is read, then by its body. What it asks of the shards and answers is its third. A new one
//! is a file and a line of the table below.
//!
//! The order in which a request is refused: path 404, method 405, app 404, sender 401 or 403,
//! announced length 413, what the head asks for 400, then the body 413, 401 and 400.

use bytes::Bytes;
use uringcast_shard::app::Apps;

use super::answer::HttpAnswer;
use super::config::ApiConfig;
use super::error::ApiError;
pub(super) use super::head::Asked;
use super::head::Head;
use super::shards::Shards;
use super::socket_path;
use super::{admin, broadcasting, pusher, zps};

/// One thing that can be asked over HTTP.
pub(crate) trait Endpoint: Sized {
    /// Its path; `{}` stands for any segment.
    const PATH: &'static str;

    /// The methods that it takes, in the words of the `allow` header.
    const ALLOW: &'static str;

    /// Bytes that its body may have, if fewer than those of all.
    const BODY_BYTES_MAX: usize = usize::MAX;

    /// What is to be done, checked and complete.
    type Action;

    /// Accept or refuse a request by its head.
    fn head(asked: &Asked<'_>) -> Result<Self, ApiError>;

    /// Accept or refuse it by its body, which is empty for a request without one.
    fn body(self, config: &ApiConfig, body: &Bytes) -> Result<Self::Action, ApiError>;

    /// Do it.
    async fn answer(action: Self::Action, shards: &impl Shards) -> Result<HttpAnswer, ApiError>;
}

/// The methods of what is only read.
pub(super) const READ: &str = "GET, HEAD";

/// The method of what is done.
pub(super) const WRITE: &str = "POST";

macro_rules! endpoints {
    ($($name:ident: $endpoint:ty,)+) => {
        /// The endpoint that a request has found, with what its head says.
        #[derive(Debug)]
        pub(crate) enum Route { $($name($endpoint)),+ }

        /// What a request wants from the engine, checked and complete.
        #[derive(Debug, PartialEq)]
        pub(crate) enum Action { $($name(<$endpoint as Endpoint>::Action)),+ }

        /// Find the endpoint of a request and show it the head.
        fn find(
            (apps, config): (&Apps, &ApiConfig),
            head: &Head<'_>,
            now_unix_s: u64,
        ) -> Result<Route, ApiError> {
            let path = socket_path::inside(&config.socket_path, head.path);
            $(if let Some(names) = names(<$endpoint>::PATH, path) {
                check_method(head, <$endpoint>::ALLOW)?;
                let asked = Asked { apps, config, head, names, now_unix_s };
                return <$endpoint>::head(&asked).map(Route::$name);
            })+
            Err(ApiError::PathUnknown)
        }

        impl Route {
            /// Bytes that its body may have.
            pub(crate) fn body_bytes_max(&self, config: &ApiConfig) -> usize {
                match self {
                    $(Self::$name(_) => config.body_bytes_max.min(<$endpoint>::BODY_BYTES_MAX),)+
                }
            }

            /// Accept or refuse the request by its body, which is empty for a request without one.
            pub(crate) fn finish(
                self,
                config: &ApiConfig,
                body: &Bytes,
            ) -> Result<Action, ApiError> {
                check_length(self.body_bytes_max(config), Some(body.len() as u64))?;
                match self { $(Self::$name(it) => it.body(config, body).map(Action::$name),)+ }
            }
        }

        impl Action {
            /// Do it, and answer.
            pub(crate) async fn answer(
                self,
                shards: &impl Shards,
            ) -> Result<HttpAnswer, ApiError> {
                match self { $(Self::$name(it) => <$endpoint>::answer(it, shards).await,)+ }
            }
        }
    };
}

endpoints! {
    Events: pusher::events::Events,
    BatchEvents: pusher::batch_events::BatchEvents,
    ChannelEvents: pusher::channel_events::ChannelEvents,
    Channels: pusher::channels::Channels,
    Channel: pusher::channel::Channel,
    Users: pusher::users::Users,
    Connections: pusher::connections::Connections,
    Terminate: pusher::terminate::Terminate,
    Up: admin::up::Up,
    Ready: admin::ready::Ready,
    Auth: broadcasting::auth::Auth,
    UserAuth: broadcasting::user_auth::UserAuth,
    ZpsEvents: zps::events::Events,
    ZpsEphemeral: zps::ephemeral::Ephemeral,
    ZpsReplay: zps::replay::Replay,
    ZpsAck: zps::ack::Ack,
    ZpsSnapshot: zps::snapshot::Snapshot,
    ZpsDeadLetters: zps::dead_letters::DeadLetters,
    ZpsReplayDeadLetters: zps::replay_dead_letters::ReplayDeadLetters,
    ZpsHealth: zps::health::Check,
}

/// A request whose head is accepted. Its body decides the rest.
#[derive(Debug)]
#[must_use = "the request is not carried out yet"]
pub struct Accepted(Route);

impl Accepted {
    /// Bytes that its body may have.
    pub fn body_bytes_max(&self, config: &ApiConfig) -> usize {
        self.0.body_bytes_max(config)
    }

    /// Accept or refuse it by its body, which is empty for a request without one; then do what it
    /// asks, and answer.
    pub async fn answer(self, body: &Bytes, shards: &impl Shards) -> Result<HttpAnswer, ApiError> {
        self.0.finish(shards.config(), body)?.answer(shards).await
    }
}

/// Accept or refuse a request by its head: path, method, app, sender, announced length.
pub fn accept(
    apps: &Apps,
    config: &ApiConfig,
    head: &Head<'_>,
    now_unix_s: u64,
) -> Result<Accepted, ApiError> {
    route(apps, config, head, now_unix_s).map(Accepted)
}

/// The endpoint of a request that is accepted by its head.
pub(super) fn route(
    apps: &Apps,
    config: &ApiConfig,
    head: &Head<'_>,
    now_unix_s: u64,
) -> Result<Route, ApiError> {
    if let Some(error) = socket_path::refusal(apps, &config.socket_path, head.path) {
        return Err(error);
    }
    let route = find((apps, config), head, now_unix_s)?;
    check_length(route.body_bytes_max(config), head.content_length)?;
    Ok(route)
}

/// What stands for each `{}` of `pattern` in `path`, at most two; `None` if the path is another.
fn names<'a>(pattern: &str, path: &'a str) -> Option<[&'a str; 2]> {
    let (mut pattern, mut path, mut names) = (pattern, path, [""; 2]);
    for name in &mut names {
        let Some((literal, rest)) = pattern.split_once("{}") else { break };
        path = path.strip_prefix(literal)?;
        let end = path.find('/').unwrap_or(path.len());
        (*name, path) = path.split_at(end);
        pattern = rest;
    }
    (pattern == path).then_some(names)
}

fn check_method(head: &Head<'_>, allow: &'static str) -> Result<(), ApiError> {
    let is_allowed = allow.split(", ").any(|method| method == head.method);
    if is_allowed { Ok(()) } else { Err(ApiError::Method { allow }) }
}

pub(super) fn check_length(bytes_max: usize, bytes: Option<u64>) -> Result<(), ApiError> {
    match bytes {
        Some(bytes) if bytes > bytes_max as u64 => Err(ApiError::BodyLength { bytes_max }),
        Some(_) | None => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pattern_names_whole_segments() {
        let pattern = "/apps/{}/channels/{}/users";
        assert_eq!(names(pattern, "/apps/a/channels/x%2Fy/users"), Some(["a", "x%2Fy"]));
        assert_eq!(names(pattern, "/apps//channels//users"), Some(["", ""]));
        for path in ["/apps/a/channels/x/y/users", "/apps/a/channels/x/users/", "/apps/a/channels"]
        {
            assert_eq!(names(pattern, path), None, "{path}");
        }
        assert_eq!(names("/up", "/up"), Some(["", ""]));
        assert_eq!(names("/up", "/upper"), None);
        assert_eq!(names("/rooms/{}/dlq", "/rooms/a:1/dlq"), Some(["a:1", ""]));
        assert_eq!(names("/rooms/{}/dlq", "/rooms/a:1/dlq/replay"), None);
    }
}
