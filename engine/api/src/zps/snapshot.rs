//! `GET` and `PUT /rooms/{room}/snapshot`: the snapshot of a room.

use bytes::Bytes;
use uringcast_proto::zps::http::SnapshotBody;
use uringcast_proto::zps::server::snapshot_json;
use uringcast_shard::id::AppIndex;
use uringcast_shard::log;
use uringcast_shard::middleware::Operation;
use uringcast_shard::{SnapshotError, SnapshotOf};

use super::body::text;
use super::caller::app_of;
use super::error::ZpsError;
use super::room::room;
use super::shard_calls::{judge, tell_time};
use crate::endpoint::{Asked, Endpoint};
use crate::shards::spend_read;
use crate::{ApiConfig, ApiError, HttpAnswer, Shards, shards};

#[derive(Debug)]
pub(crate) struct Snapshot {
    app: AppIndex,
    room: String,
    is_set: bool,
}

#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Wanted {
    /// Give it.
    Get(AppIndex, String),
    /// Keep another one.
    Set {
        app: AppIndex,
        room: String,
        /// The last event that the state knows of.
        last_sequence: u64,
        /// Any JSON value.
        state_json: String,
        /// When it was made; `None` is now.
        created_unix_ms: Option<u64>,
    },
}

impl Endpoint for Snapshot {
    const PATH: &'static str = "/rooms/{}/snapshot";
    const ALLOW: &'static str = "GET, HEAD, PUT";
    type Action = Wanted;

    fn head(asked: &Asked<'_>) -> Result<Self, ApiError> {
        let (app, limits) = app_of(asked)?;
        let room = room(asked.names[0], limits.room)?;
        Ok(Self { app, room, is_set: asked.head.method == "PUT" })
    }

    fn body(self, _: &ApiConfig, body: &Bytes) -> Result<Wanted, ApiError> {
        let Self { app, room, is_set } = self;
        if !is_set {
            return Ok(Wanted::Get(app, room));
        }
        let body = SnapshotBody::parse(text(body)?).map_err(ZpsError::SnapshotBody)?;
        Ok(Wanted::Set {
            app,
            room,
            last_sequence: body.last_sequence,
            state_json: body.state_json.to_owned(),
            created_unix_ms: body.created_unix_ms,
        })
    }

    async fn answer(wanted: Wanted, shards: &impl Shards) -> Result<HttpAnswer, ApiError> {
        match wanted {
            Wanted::Get(app, room) => {
                let spent = spend_read(shards, app).await?;
                tell_time(shards);
                judge(shards, Operation::GetSnapshot, (app, &room), b"")?;
                let channel = shards::channel(shards, app, &room);
                let found = shards.ask(SnapshotOf(channel)).await;
                // A 404 would be an error to the client.
                let body = found.map_or_else(|| "null".to_owned(), |found| json(&room, &found));
                Ok(HttpAnswer::ok(body.into()).with_budget(spent.as_ref()))
            }
            Wanted::Set { app, room, last_sequence, state_json, created_unix_ms } => {
                tell_time(shards);
                judge(shards, Operation::Snapshot, (app, &room), b"")?;
                let created_unix_ms = created_unix_ms.unwrap_or_else(|| shards.unix_us() / 1_000);
                let state_json = state_json.into();
                let snapshot = log::Snapshot { last_sequence, state_json, created_unix_ms };
                set(shards, (app, &room), snapshot).await
            }
        }
    }
}

async fn set(
    shards: &impl Shards,
    (app, room): (AppIndex, &str),
    snapshot: log::Snapshot,
) -> Result<HttpAnswer, ApiError> {
    let answer = HttpAnswer::ok(json(room, &snapshot).into());
    let channel = shards::channel(shards, app, room);
    match shards.begin(|shard| shard.set_snapshot(&channel, snapshot)).await {
        Ok(()) => Ok(answer),
        Err(SnapshotError::TooLarge(error)) => Err(ZpsError::Snapshot(error.to_string()).into()),
        Err(SnapshotError::NoLog(error)) => Err(ZpsError::NoLog(error).into()),
        Err(SnapshotError::Full | SnapshotError::NotLogged) => Err(ZpsError::SnapshotsFull.into()),
        Err(error @ SnapshotError::NotKept(_)) => Err(ZpsError::Append(error.to_string()).into()),
    }
}

fn json(room: &str, snapshot: &log::Snapshot) -> String {
    let log::Snapshot { last_sequence, state_json, created_unix_ms } = snapshot;
    snapshot_json(room, *last_sequence, state_json, *created_unix_ms)
}
