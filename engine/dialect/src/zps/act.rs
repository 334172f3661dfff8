//! Events, acks and replays: what a client does with a room's log.

use std::sync::Arc;

use bytes::Bytes;
use uringcast_proto::zps::RoomDraft;
use uringcast_proto::zps::client::{Event, Replay};
use uringcast_proto::zps::http::has_tenant;
use uringcast_proto::zps::room::RoomError;
use uringcast_shard::ReplayRange;
use uringcast_shard::log::Draft;

use super::access::{AccessError, RoomAction};
use super::subscribe::event_types;
use super::{Refused, Talk, authorize};

/// Append an event to its room's log. Nobody is told but those who are subscribed.
pub(super) fn on_publish(talk: &mut Talk<'_>, event: &Event<'_>) -> Result<(), Refused> {
    if !talk.policy().allow_client_publish {
        return Err(Refused::PublishDisabled);
    }
    check_target(talk, &event.room)?;
    check_event_type(talk, &event.event_type)?;
    check_tenant(talk, event)?;
    let (now, random) = (talk.shard.unix_ms(), talk.state.next_random());
    let draft = kept(event.draft(now, random, talk.rules.zps.provider)?);
    talk.shard.append(talk.conn, &event.room, draft);
    Ok(())
}

/// A draft in the log's terms.
pub fn kept(draft: RoomDraft) -> Draft {
    let RoomDraft { id, event_type, text, sequence_at, emitted_unix_ms, expires_unix_ms } = draft;
    let text = Bytes::from(text);
    Draft { id, event_type, text, sequence_at, emitted_unix_ms, expires_unix_ms }
}

/// Send an event to those who are subscribed to its room now.
pub(super) fn on_ephemeral(talk: &mut Talk<'_>, event: &Event<'_>) -> Result<(), Refused> {
    check_target(talk, &event.room)?;
    check_event_type(talk, &event.event_type)?;
    check_tenant(talk, event)?;
    let (now, random) = (talk.shard.unix_ms(), talk.state.next_random());
    let frame = event.ephemeral(now, random)?;
    talk.shard.publish_ephemeral(talk.state.app, &event.room, frame);
    Ok(())
}

fn check_tenant(talk: &Talk<'_>, event: &Event<'_>) -> Result<(), Refused> {
    let is_missing = talk.policy().require_tenant && !has_tenant(event);
    if is_missing { Err(Refused::Tenant) } else { Ok(()) }
}

/// Remember how far the subscriber has read a room's log.
pub(super) fn on_ack(talk: &mut Talk<'_>, room: &str, sequence: u64) -> Result<(), Refused> {
    check(talk, room, RoomAction::Ack)?;
    talk.shard.ack(talk.conn, room, &talk.me.cursor, sequence);
    Ok(())
}

/// Send part of a room's log again.
pub(super) fn on_replay(talk: &mut Talk<'_>, replay: Replay<'_>) -> Result<(), Refused> {
    check(talk, &replay.room, RoomAction::Replay)?;
    let types = event_types(talk, replay.event_types)?;
    let range = ReplayRange {
        after: replay.from_sequence,
        to: replay.to_sequence,
        limit: replay.limit.map_or(0, |limit| u32::try_from(limit).unwrap_or(u32::MAX)),
        event_types: types.map(Arc::from),
    };
    talk.shard.replay(talk.conn, &replay.room, range);
    Ok(())
}

/// Check that the client may do `action` with a room, and that the room's name is not too long;
/// whether it stands for all rooms of its scope. The app's server, if it is asked, comes last.
pub(super) fn check(talk: &mut Talk<'_>, room: &str, action: RoomAction) -> Result<bool, Refused> {
    let access = &talk.rules.zps.access;
    let is_wildcard = access.check(&talk.state.shown, room, action)?.is_wildcard();
    let max = talk.app().policy.channel_name_max as usize;
    if room.len() > max {
        return Err(Refused::Length { field: "room", max, unit: "bytes" });
    }
    authorize::check(talk, room, action)?;
    Ok(is_wildcard)
}

/// Check that the client may publish to `room`: a single room, no wildcard, with a name that is not
/// too long.
pub(super) fn check_target(talk: &mut Talk<'_>, room: &str) -> Result<(), Refused> {
    if check(talk, room, RoomAction::Publish)? {
        return Err(AccessError::Room(RoomError(room.to_owned())).into());
    }
    Ok(())
}

fn check_event_type(talk: &Talk<'_>, event_type: &str) -> Result<(), Refused> {
    let max = talk.app().policy.event_name_max as usize;
    if event_type.len() > max {
        return Err(Refused::Length { field: "event.type", max, unit: "bytes" });
    }
    Ok(())
}
