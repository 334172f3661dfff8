//! Events, acks and replays: what a client does with a room's log.

use std::sync::Arc;

use bytes::Bytes;
use uringcast_proto::zps::client::{Event, Replay};
use uringcast_proto::zps::http::has_tenant;
use uringcast_proto::zps::room::RoomError;

use super::access::{AccessError, Action};
use super::subscribe::event_types;
use super::{Me, Refused, authorize};
use crate::id::AppIndex;
use crate::log::Draft;
use crate::shard::{ReplayRange, Shard};

/// Append an event to its room's log. Nobody is told but those who are subscribed.
pub(super) fn on_publish(shard: &mut Shard, me: &Me, event: &Event<'_>) -> Result<(), Refused> {
    if !shard.zps_policy(me.conn).allow_client_publish {
        return Err(Refused::PublishDisabled);
    }
    check_target(shard, me, &event.room)?;
    check_event_type(shard, me, &event.event_type)?;
    check_tenant(shard, me, event)?;
    let (now, random) = (shard.unix_ms(), next_random(shard, me));
    let draft = event.draft(now, random, shard.config().zps.provider)?;
    let draft = Draft {
        id: draft.id,
        event_type: draft.event_type,
        text: Bytes::from(draft.text),
        sequence_at: draft.sequence_at,
        emitted_unix_ms: draft.emitted_unix_ms,
        expires_unix_ms: draft.expires_unix_ms,
    };
    shard.append(me.conn, &event.room, draft);
    Ok(())
}

/// Send an event to those who are subscribed to its room now.
pub(super) fn on_ephemeral(shard: &mut Shard, me: &Me, event: &Event<'_>) -> Result<(), Refused> {
    check_target(shard, me, &event.room)?;
    check_event_type(shard, me, &event.event_type)?;
    check_tenant(shard, me, event)?;
    let (now, random) = (shard.unix_ms(), next_random(shard, me));
    let frame = event.ephemeral(now, random)?;
    if let Some(app) = app_of(shard, me) {
        shard.publish_ephemeral(app, &event.room, frame);
    }
    Ok(())
}

fn check_tenant(shard: &Shard, me: &Me, event: &Event<'_>) -> Result<(), Refused> {
    let is_missing = shard.zps_policy(me.conn).require_tenant && !has_tenant(event);
    if is_missing { Err(Refused::Tenant) } else { Ok(()) }
}

/// Remember how far the subscriber has read a room's log.
pub(super) fn on_ack(shard: &mut Shard, me: &Me, room: &str, sequence: u64) -> Result<(), Refused> {
    check(shard, me, room, Action::Ack)?;
    shard.ack(me.conn, room, &me.cursor, sequence);
    Ok(())
}

/// Send part of a room's log again.
pub(super) fn on_replay(shard: &mut Shard, me: &Me, replay: Replay<'_>) -> Result<(), Refused> {
    check(shard, me, &replay.room, Action::Replay)?;
    let types = event_types(shard, me, replay.event_types)?;
    let range = ReplayRange {
        after: replay.from_sequence,
        to: replay.to_sequence,
        limit: replay.limit.map_or(0, |limit| u32::try_from(limit).unwrap_or(u32::MAX)),
        event_types: types.map(Arc::from),
    };
    shard.replay(me.conn, &replay.room, range);
    Ok(())
}

/// Check that the client may do `action` with a room, and that the room's name is not too long;
/// whether it stands for all rooms of its scope. The app's server, if it is asked, comes last.
pub(super) fn check(
    shard: &mut Shard,
    me: &Me,
    room: &str,
    action: Action,
) -> Result<bool, Refused> {
    let Some((state, rules)) = shard.zps_and_rules(me.conn) else { return Err(denied(room)) };
    let is_wildcard = rules.access.check(&state.shown, room, action)?.is_wildcard();
    let Some(app) = app_of(shard, me) else { return Err(denied(room)) };
    let max = shard.apps().app(app).policy.channel_name_max as usize;
    if room.len() > max {
        return Err(Refused::Length { field: "room", max, unit: "bytes" });
    }
    authorize::check(shard, me, room, action)?;
    Ok(is_wildcard)
}

/// Check that the client may publish to `room`: a single room, no wildcard, with a name that is not
/// too long.
pub(super) fn check_target(shard: &mut Shard, me: &Me, room: &str) -> Result<(), Refused> {
    if check(shard, me, room, Action::Publish)? {
        return Err(AccessError::Room(RoomError(room.to_owned())).into());
    }
    Ok(())
}

pub(super) fn next_random(shard: &mut Shard, me: &Me) -> u64 {
    shard.zps(me.conn).map_or(0, super::State::next_random)
}

fn check_event_type(shard: &mut Shard, me: &Me, event_type: &str) -> Result<(), Refused> {
    let Some(app) = app_of(shard, me) else { return Ok(()) };
    let max = shard.apps().app(app).policy.event_name_max as usize;
    if event_type.len() > max {
        return Err(Refused::Length { field: "event.type", max, unit: "bytes" });
    }
    Ok(())
}

fn app_of(shard: &mut Shard, me: &Me) -> Option<AppIndex> {
    shard.speaks(me.conn).map(|(app, _)| app)
}

fn denied(room: &str) -> Refused {
    AccessError::Denied(room.to_owned()).into()
}
