//! Bodies that answer a request.
//!
//! What is empty is `{}` wherever a name leads to a value: the PHP library reads properties (spec
//! pusher.md, HTTP signature).

use serde::Serialize;
use serde::ser::{SerializeMap, Serializer};
use serde_json::value::RawValue;

/// What is told about a channel; `None` where it was not asked for or makes no sense.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ChannelAttributes<'a> {
    /// Subscribed connections.
    pub subscription_count: Option<u32>,
    /// Users of a presence channel.
    pub user_count: Option<u32>,
    /// What a cache channel holds; `Some(None)` if that is nothing.
    pub cache: Option<Option<CachedEvent<'a>>>,
}

/// The event that a cache channel holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CachedEvent<'a> {
    /// `data` as the JSON token that was published.
    pub data_json: &'a str,
    /// Seconds until it is forgotten.
    pub ttl_s: u32,
}

/// The body of a publish that was taken and asked for nothing.
pub const PUBLISHED_BODY: &str = "{}";

/// The body of `GET /apps/{id}/channels`, and of a publish that asked about its channels.
pub fn channels_body<'a>(
    channels: impl IntoIterator<Item = (&'a str, ChannelAttributes<'a>)> + Clone,
) -> String {
    #[derive(Serialize)]
    struct Body<T: Serialize> {
        channels: T,
    }
    json_text(&Body { channels: Map(channels) })
}

/// The body of a batch that asked about its channels: one object for each event, in its order.
pub fn batch_body(events: &[ChannelAttributes<'_>]) -> String {
    #[derive(Serialize)]
    struct Body<'a> {
        batch: &'a [ChannelAttributes<'a>],
    }
    json_text(&Body { batch: events })
}

/// The body of `GET /apps/{id}/channels/{name}`.
pub fn channel_body(occupied: bool, attributes: ChannelAttributes<'_>) -> String {
    #[derive(Serialize)]
    struct Body<'a> {
        occupied: bool,
        #[serde(flatten)]
        attributes: ChannelAttributes<'a>,
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

/// The body of `GET /apps/{id}/connections`.
pub fn connections_body(connections: u64) -> String {
    #[derive(Serialize)]
    struct Body {
        connections: u64,
    }
    json_text(&Body { connections })
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

impl Serialize for ChannelAttributes<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        if let Some(count) = self.subscription_count {
            map.serialize_entry("subscription_count", &count)?;
        }
        if let Some(count) = self.user_count {
            map.serialize_entry("user_count", &count)?;
        }
        if let Some(cache) = self.cache {
            map.serialize_entry("cache", &cache)?;
        }
        map.end()
    }
}

impl Serialize for CachedEvent<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        // A slice that is already JSON, so that its bytes stay as the publisher wrote them.
        let data: &RawValue = serde_json::from_str(self.data_json)
            .map_err(|_| serde::ser::Error::custom("the cached data is not one JSON token"))?;
        let mut map = serializer.serialize_map(Some(2))?;
        map.serialize_entry("data", data)?;
        map.serialize_entry("ttl", &self.ttl_s)?;
        map.end()
    }
}

/// Pairs, written as one JSON object.
struct Map<I>(I);

impl<'a, I> Serialize for Map<I>
where
    I: IntoIterator<Item = (&'a str, ChannelAttributes<'a>)> + Clone,
{
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_map(self.0.clone())
    }
}

fn json_text(body: &impl Serialize) -> String {
    serde_json::to_string(body).expect("what was parsed from JSON has a JSON form")
}
