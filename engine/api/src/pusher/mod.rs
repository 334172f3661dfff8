//! Pusher's HTTP API: requests of an app's own server, signed with the app's key.

pub(super) mod batch_events;
pub(super) mod channel;
pub(super) mod channel_events;
pub(super) mod channels;
pub(super) mod connections;
pub(super) mod events;
pub(super) mod terminate;
pub(super) mod users;

use uringcast_proto::pusher::channel::{ChannelKind, check_publish_channel_name};
use uringcast_proto::pusher::signature::{Query, SignatureError};
use uringcast_shard::id::AppIndex;

use super::authenticate::Authenticated;
use super::error::ApiError;
use super::head::{Asked, decode};

/// A signed request to an app: its sender may act for the app.
struct Own<'a> {
    sender: Authenticated,
    query: Query<'a>,
}

impl<'a> Own<'a> {
    /// Check the app, the signature and the announced length.
    fn new(asked: &Asked<'a>) -> Result<Self, ApiError> {
        let index = app(asked)?;
        Self::with_query(asked, index, Query::parse(asked.head.query))
    }

    fn with_query(
        asked: &Asked<'a>,
        index: Option<AppIndex>,
        query: Result<Query<'a>, SignatureError>,
    ) -> Result<Self, ApiError> {
        let (index, query) = (index.ok_or(ApiError::AppUnknown)?, query?);
        let Asked { apps, head, now_unix_s, .. } = asked;
        let sender = Authenticated::by_signature(apps, index, head, &query, *now_unix_s)?;
        asked.check_length()?;
        Ok(Self { sender, query })
    }
}

/// The app that the path names.
fn app(asked: &Asked<'_>) -> Result<Option<AppIndex>, ApiError> {
    Ok(asked.apps.by_id(&decode(asked.names[0])?))
}

/// The channel that a path segment names.
fn channel(segment: &str) -> Result<(String, ChannelKind), ApiError> {
    let name = decode(segment)?;
    let kind = check_publish_channel_name(&name)?;
    Ok((name.into_owned(), kind))
}
