//! What a request wants from the engine, and what the engine tells about its channels.

use bytes::Bytes;
use uringcast_proto::pusher::channel::check_publish_channel_name;
use uringcast_proto::pusher::rest::{BatchEvent, EventBody, PublishBody};
use uringcast_proto::pusher::server;

use super::error::RestError;
use crate::app::AppPolicy;
use crate::id::{AppIndex, SocketId};

/// What a request asks for, checked and complete.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Action {
    /// Say that the process is up.
    Up,
    /// Publish all of these, in this order, before answering.
    Publish(Vec<Publication>),
    /// List the occupied channels whose name begins with `prefix`.
    Channels {
        /// The app.
        app: AppIndex,
        /// `filter_by_prefix`.
        prefix: Option<String>,
        /// What to tell about each.
        info: Info,
    },
    /// Tell about one channel.
    Channel {
        /// The app.
        app: AppIndex,
        /// The channel's name, valid.
        channel: String,
        /// What to tell.
        info: Info,
    },
    /// List the users of a presence channel.
    Users {
        /// The app.
        app: AppIndex,
        /// The channel's name, valid.
        channel: String,
    },
    /// Close every connection of one user.
    Terminate {
        /// The app.
        app: AppIndex,
        /// Whose.
        user_id: String,
    },
}

/// One event for one channel, encoded.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Publication {
    /// The app.
    pub app: AppIndex,
    /// The channel's name, valid.
    pub channel: String,
    /// The websocket frame that each subscriber gets.
    pub frame: Bytes,
    /// The connection that must not get it.
    pub skip: Option<SocketId>,
}

/// Which attributes a request asks for with `info`. Unknown ones are ignored.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Info {
    /// Subscribed connections.
    pub subscription_count: bool,
    /// Users; told for presence channels only.
    pub user_count: bool,
}

/// What the engine knows about one channel.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ChannelInfo {
    /// The channel's name.
    pub name: String,
    /// Subscribed connections, 0 if nobody is there.
    pub subscription_count: u32,
    /// Users of a presence channel; `None` for other kinds.
    pub user_count: Option<u32>,
}

impl Info {
    /// Read the comma-separated names of the `info` parameter.
    pub fn parse(text: Option<&str>) -> Self {
        let asks_for = |name| text.is_some_and(|text| text.split(',').any(|item| item == name));
        Self {
            subscription_count: asks_for("subscription_count"),
            user_count: asks_for("user_count"),
        }
    }
}

/// The publications of `POST events`: one per channel, in the order of the request.
pub(super) fn publish(
    app: AppIndex,
    policy: &AppPolicy,
    body: &PublishBody<'_>,
) -> Result<Vec<Publication>, RestError> {
    check_event(policy, &body.event)?;
    let (channels, channels_max) = (body.channels.len(), policy.channels_per_publish_max as usize);
    if channels > channels_max {
        return Err(RestError::ChannelsCount { channels, channels_max });
    }
    let skip = parse_socket_id(body.socket_id.as_deref())?;
    body.channels
        .iter()
        .map(|channel| publication(app, policy, channel, &body.event, skip))
        .collect()
}

/// The publications of `POST batch_events`: all or none.
pub(super) fn publish_batch(
    app: AppIndex,
    policy: &AppPolicy,
    batch: &[BatchEvent<'_>],
) -> Result<Vec<Publication>, RestError> {
    let (events, events_max) = (batch.len(), policy.batch_events_max as usize);
    if events > events_max {
        return Err(RestError::BatchCount { events, events_max });
    }
    let publication = |item: &BatchEvent<'_>| {
        check_event(policy, &item.event)?;
        let skip = parse_socket_id(item.socket_id.as_deref())?;
        publication(app, policy, &item.channel, &item.event, skip)
    };
    batch.iter().map(publication).collect()
}

fn publication(
    app: AppIndex,
    policy: &AppPolicy,
    channel: &str,
    event: &EventBody<'_>,
    skip: Option<SocketId>,
) -> Result<Publication, RestError> {
    check_publish_channel_name(channel)?;
    let (bytes, bytes_max) = (channel.len(), policy.channel_name_max as usize);
    if bytes > bytes_max {
        return Err(RestError::ChannelNameLength { bytes, bytes_max });
    }
    let frame = server::event(event.name_json, channel, event.data_json, None);
    Ok(Publication { app, channel: channel.to_owned(), frame, skip })
}

fn check_event(policy: &AppPolicy, event: &EventBody<'_>) -> Result<(), RestError> {
    let (bytes, bytes_max) = (event.name.len(), policy.event_name_max as usize);
    if bytes == 0 {
        return Err(RestError::EventNameEmpty);
    }
    if bytes > bytes_max {
        return Err(RestError::EventNameLength { bytes, bytes_max });
    }
    let bytes_max = policy.event_data_bytes_max as usize;
    match event.data_bytes_over(bytes_max) {
        Some(bytes) => Err(RestError::DataLength { bytes, bytes_max }),
        None => Ok(()),
    }
}

fn parse_socket_id(text: Option<&str>) -> Result<Option<SocketId>, RestError> {
    Ok(text.map(str::parse).transpose()?)
}
