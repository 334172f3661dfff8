//! Presence: users whom a connection enters into rooms, for as long as it is there.

use uringcast_proto::zps::client::PresentUser;
use uringcast_proto::zps::id::{self, Prefix};
use uringcast_proto::zps::server::{self, PresenceChange};

use super::act::{check_target, next_random};
use super::rules::ENTERED_PER_SUBSCRIPTION;
use super::{Me, Refused};
use crate::shard::Shard;

/// Enter a user into a room, and tell those who are subscribed.
pub(super) fn on_enter(
    shard: &mut Shard,
    me: &Me,
    room: &str,
    user: &PresentUser<'_>,
) -> Result<(), Refused> {
    check_target(shard, me, room)?;
    check_user(shard, me, user)?;
    let entered_max =
        shard.zps_policy(me.conn).max_subscriptions as usize * ENTERED_PER_SUBSCRIPTION;
    let is_new = !shard.has_entered(me.conn, room, &user.user_id);
    if is_new && shard.entered(me.conn) >= entered_max {
        return Err(Refused::Entered);
    }
    let user_json = server::user_json(user, shard.unix_ms());
    let change = PresenceChange::Enter { user_json: &user_json };
    let announcement = announce(shard, me, room, change);
    let user_json = user_json.into_boxed_str();
    shard.enter_user(me.conn, room, &user.user_id, user_json, Some(announcement));
    Ok(())
}

/// Take a user out of a room; without a name it is the subscriber.
pub(super) fn on_leave(
    shard: &mut Shard,
    me: &Me,
    room: &str,
    user_id: Option<&str>,
) -> Result<(), Refused> {
    check_target(shard, me, room)?;
    let user_id = user_id.unwrap_or(&me.subscriber_id);
    let announcement = announce(shard, me, room, PresenceChange::Leave { user_id });
    shard.leave_user(me.conn, room, user_id, Some(announcement));
    Ok(())
}

fn announce(shard: &mut Shard, me: &Me, room: &str, change: PresenceChange<'_>) -> bytes::Bytes {
    let now = shard.unix_ms();
    let id = id::generate(Prefix::Ephemeral, now, next_random(shard, me));
    server::presence_change(&id, room, change, Some(&me.subscriber_id), now)
}

fn check_user(shard: &mut Shard, me: &Me, user: &PresentUser<'_>) -> Result<(), Refused> {
    let Some((app, _)) = shard.speaks(me.conn) else { return Ok(()) };
    let apps = shard.apps();
    let policy = &apps.app(app).policy;
    let more_bytes = user.metadata.map_or(0, str::len) + user.last_seen_at.map_or(0, str::len);
    for (field, bytes, max) in [
        ("user.userId", user.user_id.len(), policy.presence_user_id_max),
        ("user.metadata", more_bytes, policy.presence_user_info_bytes_max),
    ] {
        let max = max as usize;
        if bytes > max {
            return Err(Refused::Length { field, max, unit: "bytes" });
        }
    }
    Ok(())
}
