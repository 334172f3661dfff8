//! From a request's head to what it asks for, and on with its body.

use std::sync::Arc;

use percent_encoding::percent_decode_str;
use uringcast_proto::pusher::channel::{ChannelKind, check_publish_channel_name};
use uringcast_proto::pusher::rest::{PublishBody, parse_batch};
use uringcast_proto::pusher::signature::{self, Credentials, Query, Verified};

use super::action::{Action, Info, publish, publish_batch};
use super::config::RestConfig;
use super::error::RestError;
use super::socket_path::socket_key;
use crate::app::{App, AppKey, Apps};
use crate::id::AppIndex;

/// What is known of a request before its body is read.
#[derive(Clone, Copy, Debug)]
pub struct Head<'a> {
    /// In upper case, as it stands in the request line.
    pub method: &'a str,
    /// As it stands in the request line, without the query: what is signed.
    pub path: &'a str,
    /// What follows the `?`, or empty.
    pub query: &'a str,
    /// The announced length of the body; `None` when there is none or it comes in chunks.
    pub content_length: Option<u64>,
}

/// A request whose head is accepted. Its body decides the rest.
#[derive(Clone, Debug)]
#[must_use = "the request is not carried out yet"]
pub struct Route(Stage);

#[derive(Clone, Debug)]
enum Stage {
    Up,
    Signed { app: Arc<App>, target: Target, verified: Verified },
}

/// What a signed request asks for.
#[derive(Clone, Debug)]
enum Target {
    Events { app: AppIndex },
    BatchEvents { app: AppIndex },
    Read(Action),
    Terminate { app: AppIndex, user_id: String },
}

/// Accept or refuse a request by its head: path, method, app, signature, announced length.
pub fn route(
    apps: &Apps,
    config: &RestConfig,
    head: &Head<'_>,
    now_unix_s: u64,
) -> Result<Route, RestError> {
    if head.path == "/up" {
        check_method(head, "GET")?;
        check_length(config, head.content_length)?;
        return Ok(Route(Stage::Up));
    }
    if let Some(key) = socket_key(&config.socket_path, head.path) {
        apps.by_key(&key).ok_or(RestError::AppUnknown)?;
        return Err(RestError::UpgradeRequired);
    }
    let rest = head.path.strip_prefix("/apps/").ok_or(RestError::PathUnknown)?;
    let (id, resource) = rest.split_once('/').ok_or(RestError::PathUnknown)?;
    let resource = Resource::parse(resource)?;
    check_method(head, resource.method())?;
    let index = apps.by_id(&decode(id)?).ok_or(RestError::AppUnknown)?;
    let app = Arc::clone(apps.app(index));
    let query = Query::parse(head.query)?;
    let named = query.value("auth_key").unwrap_or_default();
    if apps.by_key(named).is_some_and(|it| it != index) {
        return Err(RestError::OtherApp);
    }
    let AppKey { key, secret } = app.key_or_primary(named);
    let credentials = Credentials { key, secret };
    let window_s = app.policy.signature_window_s.into();
    let verified =
        signature::verify(head.method, head.path, &query, credentials, now_unix_s, window_s)?;
    check_length(config, head.content_length)?;
    let target = resource.target(index, &app, &query)?;
    Ok(Route(Stage::Signed { app, target, verified }))
}

impl Route {
    /// Accept or refuse the request by its body, which is empty for a request without one.
    pub fn finish(self, config: &RestConfig, body: &[u8]) -> Result<Action, RestError> {
        check_length(config, Some(body.len() as u64))?;
        let (policy, target, verified) = match &self.0 {
            Stage::Up => return Ok(Action::Up),
            Stage::Signed { app, target, verified } => (&app.policy, target, verified),
        };
        signature::check_body(verified, body)?;
        match target {
            Target::Events { app } => {
                Ok(Action::Publish(publish(*app, policy, &PublishBody::parse(body)?)?))
            }
            Target::BatchEvents { app } => {
                Ok(Action::Publish(publish_batch(*app, policy, &parse_batch(body)?)?))
            }
            Target::Read(action) => Ok(action.clone()),
            Target::Terminate { app, user_id } => {
                Ok(Action::Terminate { app: *app, user_id: user_id.clone() })
            }
        }
    }
}

/// What a path names inside an app.
enum Resource<'a> {
    Events,
    BatchEvents,
    Channels,
    Channel(&'a str),
    Users(&'a str),
    TerminateConnections(&'a str),
}

impl<'a> Resource<'a> {
    fn parse(path: &'a str) -> Result<Self, RestError> {
        match path {
            "events" => return Ok(Self::Events),
            "batch_events" => return Ok(Self::BatchEvents),
            "channels" => return Ok(Self::Channels),
            _ => {}
        }
        if let Some(user) = path.strip_prefix("users/") {
            let user = user.strip_suffix("/terminate_connections").ok_or(RestError::PathUnknown)?;
            return Ok(Self::TerminateConnections(user));
        }
        let channel = path.strip_prefix("channels/").ok_or(RestError::PathUnknown)?;
        match channel.split_once('/') {
            None => Ok(Self::Channel(channel)),
            Some((channel, "users")) => Ok(Self::Users(channel)),
            Some(_) => Err(RestError::PathUnknown),
        }
    }

    const fn method(&self) -> &'static str {
        match self {
            Self::Events | Self::BatchEvents | Self::TerminateConnections(_) => "POST",
            Self::Channels | Self::Channel(_) | Self::Users(_) => "GET",
        }
    }

    fn target(&self, app: AppIndex, it: &App, query: &Query<'_>) -> Result<Target, RestError> {
        let info = Info::parse(query.value("info"));
        match self {
            Self::Events => Ok(Target::Events { app }),
            Self::BatchEvents => Ok(Target::BatchEvents { app }),
            Self::Channels => {
                let prefix = query.value("filter_by_prefix").map(str::to_owned);
                Ok(Target::Read(Action::Channels { app, prefix, info }))
            }
            Self::Channel(name) => {
                let (channel, _) = channel(name)?;
                Ok(Target::Read(Action::Channel { app, channel, info }))
            }
            Self::Users(name) => {
                let (channel, kind) = channel(name)?;
                if kind != ChannelKind::Presence {
                    return Err(RestError::NotPresence);
                }
                Ok(Target::Read(Action::Users { app, channel }))
            }
            Self::TerminateConnections(user) => {
                Ok(Target::Terminate { app, user_id: user_id(it, user)? })
            }
        }
    }
}

/// The channel that a path segment names.
fn channel(segment: &str) -> Result<(String, ChannelKind), RestError> {
    let name = decode(segment)?;
    let kind = check_publish_channel_name(&name)?;
    Ok((name, kind))
}

/// The user that a path segment names.
fn user_id(app: &App, segment: &str) -> Result<String, RestError> {
    let user_id = decode(segment)?;
    let (bytes, bytes_max) = (user_id.len(), app.policy.presence_user_id_max as usize);
    if (1..=bytes_max).contains(&bytes) {
        return Ok(user_id);
    }
    Err(RestError::UserIdLength { bytes, bytes_max })
}

/// A path segment without its percent escapes. A plus stays a plus: it is a space in queries only.
fn decode(segment: &str) -> Result<String, RestError> {
    let decoded = percent_decode_str(segment).decode_utf8();
    decoded.map(String::from).map_err(|_| RestError::PathEncoding)
}

fn check_method(head: &Head<'_>, allow: &'static str) -> Result<(), RestError> {
    if head.method == allow { Ok(()) } else { Err(RestError::Method { allow }) }
}

fn check_length(config: &RestConfig, bytes: Option<u64>) -> Result<(), RestError> {
    let bytes_max = config.body_bytes_max;
    match bytes {
        Some(bytes) if bytes > bytes_max as u64 => Err(RestError::BodyLength { bytes_max }),
        Some(_) | None => Ok(()),
    }
}
