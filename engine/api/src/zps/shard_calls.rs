//! What several of zero-pub-sub's endpoints ask of this core's shard.

use bytes::Bytes;
use uringcast_shard::id::AppIndex;
use uringcast_shard::middleware::Operation;
use uringcast_shard::{AppendError, Appended, NamedDraft};

use super::error::ZpsError;
use crate::error::ApiError;
use crate::shards::Shards;

/// Begin something that is done in a room: it is counted, and the operator's own code is asked.
pub(super) fn judge(
    shards: &impl Shards,
    operation: Operation,
    (app, room): (AppIndex, &str),
    message: &[u8],
) -> Result<(), ApiError> {
    let judged = shards.near(|shard| shard.judge(operation, app, room, None, message));
    judged.map_err(|blocked| ZpsError::Middleware(blocked.to_string()).into())
}

/// Tell this core's shard the time: no socket of a client was read for this.
pub(super) fn tell_time(shards: &impl Shards) {
    shards.near(|shard| shard.set_unix_us(shards.unix_us()));
}

/// Append all of `drafts`, of which there is one at least; their frames, in their order.
pub(super) async fn append(
    shards: &impl Shards,
    drafts: Vec<NamedDraft>,
) -> Result<Vec<Bytes>, ApiError> {
    append_each(shards, drafts).await.into_iter().collect()
}

/// Append all of `drafts`, of which there is one at least; the frame of each, or why there is none,
/// in their order.
pub(super) async fn append_each(
    shards: &impl Shards,
    drafts: Vec<NamedDraft>,
) -> Vec<Result<Bytes, ApiError>> {
    let outcomes = shards.begin(|shard| shard.append_all(drafts)).await;
    let frame = |outcome: Result<Appended, AppendError>| match outcome {
        Ok(appended) => Ok(appended.frame),
        Err(AppendError::TooLarge { bytes, .. }) => Err(ZpsError::Unkept(bytes as usize).into()),
        Err(AppendError::NoLog(error)) => Err(ZpsError::NoLog(error).into()),
        Err(error @ (AppendError::Backlogged | AppendError::NotWritten)) => {
            Err(ZpsError::Append(error.to_string()).into())
        }
    };
    outcomes.into_iter().map(frame).collect()
}
