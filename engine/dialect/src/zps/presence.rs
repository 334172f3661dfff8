//! Presence: users whom a connection enters into rooms, for as long as it is there.

use std::sync::Arc;

use uringcast_proto::zps::client::PresentUser;
use uringcast_proto::zps::id::{self, Prefix};
use uringcast_proto::zps::server::{self, PresenceChange};

use super::act::check_target;
use super::rules::ENTERED_PER_SUBSCRIPTION;
use super::{Refused, Talk};

/// Enter a user into a room, and tell those who are subscribed.
pub(super) fn on_enter(
    talk: &mut Talk<'_>,
    room: &str,
    user: &PresentUser<'_>,
) -> Result<(), Refused> {
    check_target(talk, room)?;
    check_user(talk, user)?;
    let entered_max = talk.policy().max_subscriptions as usize * ENTERED_PER_SUBSCRIPTION;
    let is_new = !talk.shard.has_entered(talk.conn, room, &user.user_id);
    if is_new && talk.shard.entered(talk.conn) >= entered_max {
        return Err(Refused::Entered);
    }
    let user_json = server::user_json(user, talk.shard.unix_ms());
    let change = PresenceChange::Enter { user_json: &user_json };
    let announcement = announce(talk, room, change);
    let user_json = user_json.into_boxed_str();
    talk.shard.enter_user(talk.conn, room, &user.user_id, user_json, Some(announcement));
    Ok(())
}

/// Take a user out of a room; without a name it is the subscriber.
pub(super) fn on_leave(
    talk: &mut Talk<'_>,
    room: &str,
    user_id: Option<&str>,
) -> Result<(), Refused> {
    check_target(talk, room)?;
    let own_id = Arc::clone(&talk.me.subscriber_id);
    let user_id = user_id.unwrap_or(&own_id);
    let announcement = announce(talk, room, PresenceChange::Leave { user_id });
    talk.shard.leave_user(talk.conn, room, user_id, Some(announcement));
    Ok(())
}

fn announce(talk: &mut Talk<'_>, room: &str, change: PresenceChange<'_>) -> bytes::Bytes {
    let now = talk.shard.unix_ms();
    let id = id::generate(Prefix::Ephemeral, now, talk.state.next_random());
    server::presence_change(&id, room, change, Some(&talk.me.subscriber_id), now)
}

fn check_user(talk: &Talk<'_>, user: &PresentUser<'_>) -> Result<(), Refused> {
    let policy = &talk.app().policy;
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
