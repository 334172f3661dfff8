//! What a path names inside an app.

use std::borrow::Cow;

use percent_encoding::percent_decode_str;
use uringcast_proto::pusher::channel::{ChannelKind, check_publish_channel_name};
use uringcast_proto::pusher::signature::Query;

use super::action::Action;
use super::error::RestError;
use super::info::Info;
use super::publish::ChannelEvent;
use crate::app::App;
use crate::id::AppIndex;

/// What a path names, its parts as they stand in the path.
#[derive(Clone, Copy, Debug)]
pub(super) enum Resource<'a> {
    Events,
    BatchEvents,
    Channels,
    Channel(&'a str),
    ChannelEvents(&'a str),
    Users(&'a str),
    Connections,
    TerminateConnections(&'a str),
}

/// What is to be done once the body is there.
#[derive(Clone, Debug)]
pub(super) enum Target {
    Events,
    /// Events to publish, in ZinTrust's words.
    ZinTrustEvents,
    BatchEvents,
    ChannelEvents(ChannelEvent),
    /// The body changes nothing.
    Action(Action),
}

/// The methods of what is only read, in the words of the `allow` header.
pub(super) const READ: &str = "GET, HEAD";

/// The method of what is done.
pub(super) const WRITE: &str = "POST";

impl<'a> Resource<'a> {
    pub(super) fn parse(path: &'a str) -> Result<Self, RestError> {
        let mut segments = path.split('/');
        let names = [segments.next(), segments.next(), segments.next(), segments.next()];
        match names {
            [Some("events"), None, ..] => Ok(Self::Events),
            [Some("batch_events"), None, ..] => Ok(Self::BatchEvents),
            [Some("connections"), None, ..] => Ok(Self::Connections),
            [Some("channels"), None, ..] => Ok(Self::Channels),
            [Some("channels"), Some(channel), None, _] => Ok(Self::Channel(channel)),
            [Some("channels"), Some(channel), Some("users"), None] => Ok(Self::Users(channel)),
            [Some("channels"), Some(channel), Some("events"), None] => {
                Ok(Self::ChannelEvents(channel))
            }
            [Some("users"), Some(user), Some("terminate_connections"), None] => {
                Ok(Self::TerminateConnections(user))
            }
            _ => Err(RestError::PathUnknown),
        }
    }

    /// What it takes, in the words of the `allow` header.
    pub(super) const fn allow(self) -> &'static str {
        match self {
            Self::Events
            | Self::BatchEvents
            | Self::ChannelEvents(_)
            | Self::TerminateConnections(_) => WRITE,
            Self::Channels | Self::Channel(_) | Self::Users(_) | Self::Connections => READ,
        }
    }

    /// What a request for it wants of `app`.
    pub(super) fn target(
        self,
        index: AppIndex,
        app: &App,
        query: &Query<'_>,
    ) -> Result<Target, RestError> {
        let info = query.value("info");
        let action = match self {
            Self::Events => return Ok(Target::Events),
            Self::BatchEvents => return Ok(Target::BatchEvents),
            Self::ChannelEvents(name) => {
                return Ok(Target::ChannelEvents(channel_event(name, query)?));
            }
            Self::Channels => {
                let prefix = query.value("filter_by_prefix");
                let info = Info::parse_for_list(info, prefix)?;
                Action::Channels { app: index, prefix: prefix.map(str::to_owned), info }
            }
            Self::Channel(name) => {
                let (channel, kind) = channel(name)?;
                let info = Info::parse_for_channel(info, &channel, kind)?;
                Action::Channel { app: index, channel, info }
            }
            Self::Users(name) => {
                let (channel, kind) = channel(name)?;
                if kind != ChannelKind::Presence {
                    return Err(RestError::NotPresence);
                }
                Action::Users { app: index, channel }
            }
            Self::Connections => Action::Connections { app: index },
            Self::TerminateConnections(user) => {
                Action::Terminate { app: index, user_id: user_id(app, user)? }
            }
        };
        Ok(Target::Action(action))
    }
}

impl Target {
    /// Whether it sends events.
    pub(super) const fn is_publish(&self) -> bool {
        match self {
            Self::Events | Self::ZinTrustEvents | Self::BatchEvents | Self::ChannelEvents(_) => {
                true
            }
            Self::Action(_) => false,
        }
    }
}

/// A path segment without its percent escapes. A plus stays a plus: it is a space in queries only.
pub(super) fn decode(segment: &str) -> Result<Cow<'_, str>, RestError> {
    if !segment.contains('%') {
        return Ok(Cow::Borrowed(segment));
    }
    percent_decode_str(segment).decode_utf8().map_err(|_| RestError::PathEncoding)
}

/// The channel that a path segment names.
fn channel(segment: &str) -> Result<(String, ChannelKind), RestError> {
    let name = decode(segment)?;
    let kind = check_publish_channel_name(&name)?;
    Ok((name.into_owned(), kind))
}

fn channel_event(segment: &str, query: &Query<'_>) -> Result<ChannelEvent, RestError> {
    let (channel, _) = channel(segment)?;
    let name = query.value("name").ok_or(RestError::EventNameEmpty)?.to_owned();
    Ok(ChannelEvent { channel, name, socket_id: query.value("socket_id").map(str::to_owned) })
}

fn user_id(app: &App, segment: &str) -> Result<String, RestError> {
    let user_id = decode(segment)?;
    let (bytes, bytes_max) = (user_id.len(), app.policy.presence_user_id_max as usize);
    if (1..=bytes_max).contains(&bytes) {
        return Ok(user_id.into_owned());
    }
    Err(RestError::UserIdLength { bytes, bytes_max })
}
