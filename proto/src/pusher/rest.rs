//! Bodies of the HTTP API: reading what a publisher sends, writing what it gets back.
//!
//! An event's name and `data` stay the raw JSON tokens of the request, because they are relayed
//! byte for byte. Limits on names and sizes are the engine's to check; the shape is checked here.

use std::borrow::Cow;

use serde::ser::Serializer;
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use super::json::{self, Text};

/// Name and `data` of one event.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EventBody<'a> {
    /// The name as the JSON string token that came in.
    pub name_json: &'a str,
    /// The name, decoded.
    pub name: Cow<'a, str>,
    /// `data` as the JSON string token that came in.
    pub data_json: &'a str,
}

/// The body of `POST /apps/{id}/events`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PublishBody<'a> {
    /// What to send.
    pub event: EventBody<'a>,
    /// Where to: at least one name, not checked yet.
    pub channels: Vec<Cow<'a, str>>,
    /// The connection that must not get it.
    pub socket_id: Option<Cow<'a, str>>,
}

/// One event of a batch: to one channel.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BatchEvent<'a> {
    /// What to send.
    pub event: EventBody<'a>,
    /// Where to, not checked yet.
    pub channel: Cow<'a, str>,
    /// The connection that must not get it.
    pub socket_id: Option<Cow<'a, str>>,
}

/// Why a body has no meaning. The peer sees a 400 with these words.
#[derive(Debug, thiserror::Error)]
pub enum BodyError {
    /// The body is not UTF-8.
    #[error("the body is not UTF-8")]
    Utf8,
    /// The body is not JSON, or a field has another type than it should have.
    #[error("the body is not the JSON that is expected: {0}")]
    Json(#[from] serde_json::Error),
    /// The body is JSON, but not an object.
    #[error("the body is not a JSON object")]
    Object,
    /// `name` is missing or not a string.
    #[error("name must be a string")]
    Name,
    /// `data` is missing or not a string.
    #[error("data must be a string; encode an object as JSON first")]
    Data,
    /// Neither `channel` nor `channels` names a channel.
    #[error("channel or channels must name at least one channel")]
    Channels,
    /// Both `channel` and `channels` are there.
    #[error("channel and channels exclude each other")]
    ChannelsTwice,
    /// `batch` is missing.
    #[error("batch must be a list of events")]
    Batch,
}

impl EventBody<'_> {
    /// UTF-8 bytes of `data`, decoded, if they are more than `bytes_max`.
    pub fn data_bytes_over(&self, bytes_max: usize) -> Option<usize> {
        // No escape is shorter than what it stands for, so short tokens need no count.
        if self.data_json.len() <= bytes_max {
            return None;
        }
        json::string_bytes(self.data_json).filter(|&bytes| bytes > bytes_max)
    }
}

impl<'a> PublishBody<'a> {
    /// Read one publish.
    pub fn parse(body: &'a [u8]) -> Result<Self, BodyError> {
        let fields: EventFields<'a> = object(body)?;
        let event = fields.event()?;
        let channels = match (fields.channel, fields.channels) {
            (Some(_), Some(_)) => return Err(BodyError::ChannelsTwice),
            (Some(channel), None) => vec![channel.0],
            (None, channels) => channels.into_iter().flatten().map(|text| text.0).collect(),
        };
        if channels.is_empty() {
            return Err(BodyError::Channels);
        }
        Ok(Self { event, channels, socket_id: fields.socket_id.map(|text| text.0) })
    }
}

/// Read the body of `POST /apps/{id}/batch_events`.
pub fn parse_batch(body: &[u8]) -> Result<Vec<BatchEvent<'_>>, BodyError> {
    let fields: BatchFields<'_> = object(body)?;
    let events = fields.batch.ok_or(BodyError::Batch)?;
    events.into_iter().map(EventFields::batch_event).collect()
}

#[derive(Deserialize)]
struct BatchFields<'a> {
    #[serde(borrow)]
    batch: Option<Vec<EventFields<'a>>>,
}

#[derive(Deserialize)]
struct EventFields<'a> {
    #[serde(borrow)]
    name: Option<&'a RawValue>,
    #[serde(borrow)]
    data: Option<&'a RawValue>,
    #[serde(borrow)]
    channel: Option<Text<'a>>,
    #[serde(borrow)]
    channels: Option<Vec<Text<'a>>>,
    #[serde(borrow)]
    socket_id: Option<Text<'a>>,
}

impl<'a> EventFields<'a> {
    fn event(&self) -> Result<EventBody<'a>, BodyError> {
        let name_json = self.name.ok_or(BodyError::Name)?.get();
        let name = json::string(name_json).ok_or(BodyError::Name)?;
        let data_json = self.data.ok_or(BodyError::Data)?.get();
        if !data_json.starts_with('"') {
            return Err(BodyError::Data);
        }
        Ok(EventBody { name_json, name, data_json })
    }

    fn batch_event(self) -> Result<BatchEvent<'a>, BodyError> {
        let event = self.event()?;
        let channel = self.channel.ok_or(BodyError::Channels)?.0;
        Ok(BatchEvent { event, channel, socket_id: self.socket_id.map(|text| text.0) })
    }
}

fn object<'a, T: Deserialize<'a>>(body: &'a [u8]) -> Result<T, BodyError> {
    let text = std::str::from_utf8(body).map_err(|_| BodyError::Utf8)?;
    match text.trim_ascii_start().as_bytes().first() {
        // Serde would also take an array for a struct.
        Some(b'[') => Err(BodyError::Object),
        _ => Ok(serde_json::from_str(text)?),
    }
}

/// What is told about a channel; `None` where it was not asked for or makes no sense.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct ChannelAttributes {
    /// Subscribed connections.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub subscription_count: Option<u32>,
    /// Users of a presence channel.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub user_count: Option<u32>,
}

/// The body of a publish that was taken.
pub const PUBLISHED_BODY: &str = "{}";

/// The body of `GET /up`.
pub const UP_BODY: &str = r#"{"health":"OK"}"#;

/// The body of `GET /apps/{id}/channels`. Without channels it has an empty object and no list: the
/// PHP library reads its properties (spec pusher.md, HTTP signature).
pub fn channels_body<'a>(
    channels: impl IntoIterator<Item = (&'a str, ChannelAttributes)> + Clone,
) -> String {
    #[derive(Serialize)]
    struct Body<T: Serialize> {
        channels: T,
    }
    json_text(&Body { channels: Map(channels) })
}

/// The body of `GET /apps/{id}/channels/{name}`.
pub fn channel_body(occupied: bool, attributes: ChannelAttributes) -> String {
    #[derive(Serialize)]
    struct Body {
        occupied: bool,
        #[serde(flatten)]
        attributes: ChannelAttributes,
    }
    json_text(&Body { occupied, attributes })
}

/// The body of `GET /apps/{id}/channels/{name}/users`.
pub fn users_body<'a>(user_ids: impl IntoIterator<Item = &'a str>) -> String {
    #[derive(Serialize)]
    struct User<'a> {
        id: &'a str,
    }
    #[derive(Serialize)]
    struct Body<'a> {
        users: Vec<User<'a>>,
    }
    json_text(&Body { users: user_ids.into_iter().map(|id| User { id }).collect() })
}

/// The body of a refusal: words for a person, and the HTTP status once more.
pub fn error_body(message: &str, status: u16) -> String {
    #[derive(Serialize)]
    struct Body<'a> {
        error: &'a str,
        code: u16,
    }
    json_text(&Body { error: message, code: status })
}

/// Pairs, written as one JSON object.
struct Map<I>(I);

impl<'a, I: IntoIterator<Item = (&'a str, ChannelAttributes)> + Clone> Serialize for Map<I> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_map(self.0.clone())
    }
}

fn json_text(body: &impl Serialize) -> String {
    serde_json::to_string(body).expect("strings and numbers always have a JSON form")
}

#[cfg(test)]
mod tests;
