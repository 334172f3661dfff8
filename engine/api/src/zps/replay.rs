//! `POST /replay`: give events of a room once more.

use bytes::Bytes;
use uringcast_dialect::zps::EVENT_TYPES_MAX;
use uringcast_proto::zps::http::sequence_of;
use uringcast_proto::zps::{client, server};
use uringcast_shard::id::AppIndex;
use uringcast_shard::middleware::Operation;
use uringcast_shard::{self as shard, ChannelName, ReplayRange};

use super::answer::array;
use super::body::{Limits, text};
use super::caller::app_of;
use super::error::ZpsError;
use super::room::check_room;
use super::shard_calls::{judge, tell_time};
use crate::endpoint::{Asked, Endpoint, WRITE};
use crate::shards::spend_read;
use crate::{ApiConfig, ApiError, HttpAnswer, Shards, shards};

#[derive(Debug)]
pub(crate) struct Replay(AppIndex, Limits);

#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Wanted {
    app: AppIndex,
    room: String,
    /// Events after this sequence.
    after: u64,
    /// Events up to this one.
    to: Option<u64>,
    /// At most so many events.
    limit: usize,
    /// Events of these types only; `None` is of all.
    event_types: Option<Vec<String>>,
}

impl Endpoint for Replay {
    const PATH: &'static str = "/replay";
    const ALLOW: &'static str = WRITE;
    type Action = Wanted;

    fn head(asked: &Asked<'_>) -> Result<Self, ApiError> {
        app_of(asked).map(|(app, limits)| Self(app, limits))
    }

    fn body(self, config: &ApiConfig, body: &Bytes) -> Result<Wanted, ApiError> {
        let (Self(app, limits), config) = (self, &config.zps);
        let body = client::Replay::parse_body(text(body)?).map_err(ZpsError::Body)?;
        check_room(&body.room, limits.room)?;
        let types = body.event_types.as_deref().unwrap_or_default();
        if types.len() > EVENT_TYPES_MAX {
            return Err(ZpsError::EventTypes { types_max: EVENT_TYPES_MAX }.into());
        }
        let limit = body.limit.map_or(config.replay_events_default, |limit| limit as usize);
        if limit > config.replay_events_max {
            return Err(ZpsError::ReplayEvents { events_max: config.replay_events_max }.into());
        }
        Ok(Wanted {
            app,
            room: body.room.into_owned(),
            after: body.from_sequence,
            to: body.to_sequence,
            limit,
            event_types: body.event_types.map(|it| it.into_iter().map(Into::into).collect()),
        })
    }

    async fn answer(wanted: Wanted, shards: &impl Shards) -> Result<HttpAnswer, ApiError> {
        let Wanted { app, room, after, to, limit, event_types } = wanted;
        let spent = spend_read(shards, app).await?;
        tell_time(shards);
        judge(shards, Operation::Replay, (app, &room), b"")?;
        let event_types = event_types.map(|types| types.into_iter().map(Into::into).collect());
        let range = ReplayRange { after, to, limit: 0, event_types };
        let channel = shards::channel(shards, app, &room);
        let frames = replayed(shards, &channel, range, limit).await?;
        let envelopes = frames.iter().filter_map(|frame| server::envelope_of(frame));
        let answer = HttpAnswer::ok(array(envelopes, r#"{"events":["#, "]}"));
        Ok(answer.with_budget(spent.as_ref()))
    }
}

/// At most `limit` events of a room. Fewer only if there are no more: clients take that as the end.
async fn replayed(
    shards: &impl Shards,
    room: &ChannelName,
    mut range: ReplayRange,
    limit: usize,
) -> Result<Vec<Bytes>, ApiError> {
    let bytes_max = shards.config().zps.replay_bytes_max;
    let (mut frames, mut bytes) = (Vec::new(), 0);
    while frames.len() < limit {
        range.limit = (limit - frames.len()) as u32;
        let replay = shard::Replay { channel: room.clone(), range: range.clone() };
        let page = shards.ask(replay).await;
        let Some(last) = page.last().and_then(|frame| server::envelope_of(frame)) else { break };
        range.after = sequence_of(last).expect("every event of a log has a sequence");
        bytes += page.iter().map(Bytes::len).sum::<usize>();
        if bytes > bytes_max {
            return Err(ZpsError::Replay { bytes_max }.into());
        }
        frames.extend(page);
    }
    Ok(frames)
}
