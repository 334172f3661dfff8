//! From the body of a publish to the frames of its events.

use std::borrow::Cow;
use std::sync::Arc;

use bytes::Bytes;
use uringcast_proto::pusher::channel::check_publish_channel_name;
use uringcast_proto::pusher::rest::{BatchBody, BatchEvent, EventBody, PublishBody};
use uringcast_proto::pusher::{logged, server};
use uringcast_shard::app::{App, AppPolicy};
use uringcast_shard::id::SocketId;

use super::error::ApiError;
use super::info::Info;

/// One event for one channel, encoded.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Publication {
    /// The channel's name, valid.
    pub channel: Arc<str>,
    /// What subscribers get.
    pub event: Encoded,
    /// The connection that must not get it.
    pub skip: Option<SocketId>,
    /// Whether the answer tells how many were there.
    pub is_counted: bool,
}

/// An event in the form that its channel takes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Encoded {
    /// A whole websocket frame.
    Frame(Bytes),
    /// On channels with a log.
    Unnumbered {
        /// The JSON text without the digits of the event's sequence.
        text: Bytes,
        /// Where those belong, in bytes.
        sequence_at: u32,
    },
}

/// What the answer to a publish tells.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Tell {
    /// That it was published.
    Empty,
    /// That it was published, in the words of the deprecated endpoint.
    Accepted,
    /// These attributes of each channel.
    Channels(Vec<String>, Info),
    /// These attributes of each event's channel, with the place of its publication.
    Batch(Vec<(u32, Info)>),
    /// In ZinTrust's words, how many sockets the event was sent to.
    Deliveries {
        /// The channels that it was published to.
        channels: Vec<String>,
        /// The event's name.
        event: String,
    },
}

/// The event of `POST channels/{channel}/events`, whose parts are all over the request.
#[derive(Clone, Debug)]
pub(super) struct ChannelEvent {
    pub(super) channel: String,
    pub(super) name: String,
    pub(super) socket_id: Option<String>,
}

/// The publications of `POST events`: one per channel, in the order of the request.
pub(super) fn publish(
    app: &App,
    body: &PublishBody<'_>,
) -> Result<(Vec<Publication>, Tell), ApiError> {
    let policy = &app.policy;
    check_event(policy, &body.event)?;
    let (channels, channels_max) = (body.channels.len(), policy.channels_per_publish_max as usize);
    if channels > channels_max {
        return Err(ApiError::ChannelsCount { channels, channels_max });
    }
    let skip = parse_socket_id(body.socket_id.as_deref())?;
    let info = Info::parse_for_publish(body.info.as_deref())?;
    let publication = |channel: &Cow<'_, str>| publication(app, channel, &body.event, skip, info);
    let publications = body.channels.iter().map(publication).collect::<Result<Vec<_>, _>>()?;
    let reply = if info.is_any() {
        Tell::Channels(body.channels.iter().map(|name| (**name).to_owned()).collect(), info)
    } else {
        Tell::Empty
    };
    Ok((publications, reply))
}

/// The publications of `POST batch_events`: all or none.
pub(super) fn publish_batch(
    app: &App,
    body: &BatchBody<'_>,
) -> Result<(Vec<Publication>, Tell), ApiError> {
    let policy = &app.policy;
    let (events, events_max) = (body.events.len(), policy.batch_events_max as usize);
    if events > events_max {
        return Err(ApiError::BatchCount { events, events_max });
    }
    let infos = body.events.iter().map(|item| Info::parse_for_publish(item.info.as_deref()));
    let infos = infos.collect::<Result<Vec<_>, _>>()?;
    let publication = |(item, info): (&BatchEvent<'_>, &Info)| {
        check_event(policy, &item.event)?;
        let skip = parse_socket_id(item.socket_id.as_deref())?;
        publication(app, &item.channel, &item.event, skip, *info)
    };
    let publications = body.events.iter().zip(&infos).map(publication).collect::<Result<_, _>>()?;
    let is_any = infos.iter().any(|info| info.is_any());
    let reply = if is_any { Tell::Batch((0..).zip(infos).collect()) } else { Tell::Empty };
    Ok((publications, reply))
}

/// The publication of `POST channels/{channel}/events`: the whole body is the event's data.
pub(super) fn publish_to_channel(
    app: &App,
    event: &ChannelEvent,
    body: &[u8],
) -> Result<(Vec<Publication>, Tell), ApiError> {
    let data = std::str::from_utf8(body).map_err(|_| ApiError::BodyEncoding)?;
    let [name_json, data_json] = [event.name.as_str(), data]
        .map(|text| serde_json::to_string(text).expect("a string always has a JSON form"));
    let (name, data_json) = (Cow::Borrowed(event.name.as_str()), data_json.as_str());
    let body = EventBody { name_json: &name_json, name, data_json };
    check_event(&app.policy, &body)?;
    let skip = parse_socket_id(event.socket_id.as_deref())?;
    let publication = publication(app, &event.channel, &body, skip, Info::default())?;
    Ok((vec![publication], Tell::Accepted))
}

/// A channel's name as the rules and the app's policy want it.
pub(super) fn check_channel_length(policy: &AppPolicy, channel: &str) -> Result<(), ApiError> {
    let (bytes, bytes_max) = (channel.len(), policy.channel_name_max as usize);
    if bytes > bytes_max {
        return Err(ApiError::ChannelNameLength { bytes, bytes_max });
    }
    Ok(())
}

fn publication(
    app: &App,
    channel: &str,
    event: &EventBody<'_>,
    skip: Option<SocketId>,
    info: Info,
) -> Result<Publication, ApiError> {
    check_publish_channel_name(channel)?;
    check_channel_length(&app.policy, channel)?;
    let encoded = if app.has_log(channel) {
        let (text, sequence_at) =
            logged::event_text(event.name_json, channel, event.data_json, None);
        Encoded::Unnumbered { text, sequence_at }
    } else {
        Encoded::Frame(server::event(event.name_json, channel, event.data_json, None))
    };
    let is_counted = info.is_any();
    Ok(Publication { channel: channel.into(), event: encoded, skip, is_counted })
}

fn check_event(policy: &AppPolicy, event: &EventBody<'_>) -> Result<(), ApiError> {
    let (bytes, bytes_max) = (event.name.len(), policy.event_name_max as usize);
    if bytes == 0 {
        return Err(ApiError::EventNameEmpty);
    }
    if bytes > bytes_max {
        return Err(ApiError::EventNameLength { bytes, bytes_max });
    }
    let bytes_max = policy.event_data_bytes_max as usize;
    match event.data_bytes_over(bytes_max) {
        Some(bytes) => Err(ApiError::DataLength { bytes, bytes_max }),
        None => Ok(()),
    }
}

fn parse_socket_id(text: Option<&str>) -> Result<Option<SocketId>, ApiError> {
    Ok(text.map(str::parse).transpose()?)
}
