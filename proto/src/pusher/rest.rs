//! Bodies of the HTTP API: reading what a publisher sends, and in `answer` writing what it gets.
//!
//! An event's name and `data` stay the raw JSON tokens of the request, because they are relayed
//! byte for byte. Limits on names and sizes are the engine's to check; the shape is checked here.

use std::borrow::Cow;

use serde::{Deserialize, Deserializer};
use serde_json::value::RawValue;

use crate::json::{self, Text};

mod answer;
mod quick;
mod signing;
mod zintrust;

pub use answer::{
    CachedEvent, ChannelAttributes, PUBLISHED_BODY, batch_body, channel_body, channels_body,
    connections_body, error_body, users_body,
};
pub use signing::SigningBody;
pub use zintrust::{ZinTrustBody, stringified};

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
    /// What to tell about each channel, not checked yet.
    pub info: Option<Cow<'a, str>>,
    /// Names this publish, so that sending it again does not repeat it.
    pub id: Option<Cow<'a, str>>,
}

/// The body of `POST /apps/{id}/batch_events`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BatchBody<'a> {
    /// In their order; there may be none.
    pub events: Vec<BatchEvent<'a>>,
    /// Names the whole batch, so that sending it again does not repeat it.
    pub id: Option<Cow<'a, str>>,
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
    /// What to tell about the channel, not checked yet.
    pub info: Option<Cow<'a, str>>,
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
        let text = utf8(body)?;
        let fields = quick::publish(text).map_or_else(|| object(text), Ok)?;
        let event = fields.event()?;
        let channels = match (fields.channel, fields.channels) {
            (Some(_), Some(_)) => return Err(BodyError::ChannelsTwice),
            (Some(channel), None) => vec![channel.0],
            (None, channels) => channels.into_iter().flatten().map(|text| text.0).collect(),
        };
        if channels.is_empty() {
            return Err(BodyError::Channels);
        }
        let [socket_id, info, id] =
            [fields.socket_id, fields.info, fields.id].map(|field| field.map(|text| text.0));
        Ok(Self { event, channels, socket_id, info, id })
    }
}

impl<'a> BatchBody<'a> {
    /// Read one batch.
    pub fn parse(body: &'a [u8]) -> Result<Self, BodyError> {
        let text = utf8(body)?;
        let fields = quick::batch(text).map_or_else(|| object(text), Ok)?;
        let events = fields.batch.ok_or(BodyError::Batch)?;
        let events: Result<_, _> = events.into_iter().map(EventFields::batch_event).collect();
        Ok(Self { events: events?, id: fields.id.map(|text| text.0) })
    }
}

#[derive(Debug, Deserialize)]
struct BatchFields<'a> {
    #[serde(borrow)]
    batch: Option<Vec<EventFields<'a>>>,
    #[serde(borrow)]
    id: Option<Text<'a>>,
}

#[derive(Debug, Default, Deserialize)]
struct EventFields<'a> {
    #[serde(borrow)]
    name: Option<Token<'a>>,
    #[serde(borrow)]
    data: Option<Token<'a>>,
    #[serde(borrow)]
    channel: Option<Text<'a>>,
    #[serde(borrow)]
    channels: Option<Vec<Text<'a>>>,
    #[serde(borrow)]
    socket_id: Option<Text<'a>>,
    #[serde(borrow)]
    info: Option<Text<'a>>,
    #[serde(borrow)]
    id: Option<Text<'a>>,
}

/// One JSON value as it came in.
#[derive(Clone, Copy, Debug)]
struct Token<'a>(&'a str);

impl<'de: 'a, 'a> Deserialize<'de> for Token<'a> {
    fn deserialize<D: Deserializer<'de>>(input: D) -> Result<Self, D::Error> {
        <&RawValue>::deserialize(input).map(|raw| Self(raw.get()))
    }
}

impl<'a> EventFields<'a> {
    fn event(&self) -> Result<EventBody<'a>, BodyError> {
        let name_json = self.name.ok_or(BodyError::Name)?.0;
        let name = json::string(name_json).ok_or(BodyError::Name)?;
        let data_json = self.data.ok_or(BodyError::Data)?.0;
        if !data_json.starts_with('"') {
            return Err(BodyError::Data);
        }
        Ok(EventBody { name_json, name, data_json })
    }

    fn batch_event(self) -> Result<BatchEvent<'a>, BodyError> {
        let event = self.event()?;
        let channel = self.channel.ok_or(BodyError::Channels)?.0;
        let [socket_id, info] = [self.socket_id, self.info].map(|field| field.map(|text| text.0));
        Ok(BatchEvent { event, channel, socket_id, info })
    }
}

fn utf8(body: &[u8]) -> Result<&str, BodyError> {
    std::str::from_utf8(body).map_err(|_| BodyError::Utf8)
}

fn object<'a, T: Deserialize<'a>>(text: &'a str) -> Result<T, BodyError> {
    match text.trim_ascii_start().as_bytes().first() {
        // Serde would also take an array for a struct.
        Some(b'[') => Err(BodyError::Object),
        _ => Ok(json::parse(text)?),
    }
}

#[cfg(test)]
mod tests;
