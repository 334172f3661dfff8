//! `POST /ack`: a subscriber has everything up to an event.

use std::sync::Arc;

use bytes::Bytes;
use uringcast_dialect::zps::SUB_BYTES_MAX;
use uringcast_proto::zps::http::AckBody;
use uringcast_shard::id::AppIndex;
use uringcast_shard::log::cursor_name;
use uringcast_shard::middleware::Operation;

use super::body::{Limits, check_length, text};
use super::caller::app_of;
use super::error::ZpsError;
use super::room::check_room;
use super::shard_calls::{judge, tell_time};
use crate::endpoint::{Asked, Endpoint, WRITE};
use crate::{ApiConfig, ApiError, HttpAnswer, Shards, shards};

#[derive(Debug)]
pub(crate) struct Ack(AppIndex, Limits);

#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Wanted {
    app: AppIndex,
    room: String,
    /// The name of the subscriber's cursor.
    cursor: Arc<str>,
    /// The number of the event that is acknowledged.
    sequence: u64,
}

/// The longest name of a subscriber, in bytes, as over a websocket.
const SUBSCRIBER_ID_BYTES_MAX: u32 = 200;

impl Endpoint for Ack {
    const PATH: &'static str = "/ack";
    const ALLOW: &'static str = WRITE;
    type Action = Wanted;

    fn head(asked: &Asked<'_>) -> Result<Self, ApiError> {
        app_of(asked).map(|(app, limits)| Self(app, limits))
    }

    fn body(self, config: &ApiConfig, body: &Bytes) -> Result<Wanted, ApiError> {
        let (Self(app, limits), config) = (self, &config.zps);
        let body = AckBody::parse(text(body)?).map_err(ZpsError::Body)?;
        check_room(&body.room, limits.room)?;
        check_length("subscriberId", &body.subscriber_id, SUBSCRIBER_ID_BYTES_MAX)?;
        let id = &*body.subscriber_id;
        let sub = body.sub.as_deref().filter(|sub| !sub.is_empty());
        check_length("sub", sub.unwrap_or_default(), SUB_BYTES_MAX as u32)?;
        if config.must_match_sub && sub.is_some_and(|sub| sub != id) {
            return Err(ZpsError::Subscriber.into());
        }
        // Where both must be the same the user need not be named.
        let cursor = cursor_name(sub.or(config.must_match_sub.then_some(id)), id);
        Ok(Wanted { app, room: body.room.into_owned(), cursor, sequence: body.sequence })
    }

    async fn answer(wanted: Wanted, shards: &impl Shards) -> Result<HttpAnswer, ApiError> {
        let Wanted { app, room, cursor, sequence } = wanted;
        tell_time(shards);
        judge(shards, Operation::Ack, (app, &room), b"")?;
        let channel = shards::channel(shards, app, &room);
        let acked = shards.begin(|shard| shard.ack_for(&channel, &cursor, sequence)).await;
        acked.map(|()| HttpAnswer::no_content()).map_err(|error| ZpsError::Ack(error).into())
    }
}
