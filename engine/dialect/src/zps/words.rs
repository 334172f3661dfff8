//! What the shard has to say, as zero-pub-sub's clients hear it.

use std::hash::BuildHasher;

use bytes::Bytes;
use foldhash::fast::FixedState;
use uringcast_proto::ws::encode;
use uringcast_proto::zps::id::{self, Prefix};
use uringcast_proto::zps::server::{self, PresenceChange};
use uringcast_shard::Word;
use uringcast_shard::log::Snapshot;

use super::refusals;

/// Append `word` as whole frames, and return how many.
pub fn say(word: &Word<'_>, frames: &mut Vec<u8>) -> u32 {
    let frame = match *word {
        Word::Acked { channel, sequence } => {
            server::ack_into(frames, channel, sequence);
            return 1;
        }
        Word::Subscribed { channel, .. } => server::subscribed(channel),
        Word::JoinRefused { channel, refused } => server::error(&format!("{channel}: {refused}")),
        Word::Snapshot { channel, snapshot: it } => snapshot(channel, it),
        Word::StartsAfter { channel, sequence: last, unix_ms }
        | Word::Lost { channel, last, unix_ms, .. } => server::fast_forward(channel, last, unix_ms),
        Word::Replayed { channel, frames: events, .. } => {
            server::replay(channel, events.iter().map(|frame| &frame[..]))
        }
        Word::Present { channel, users } => server::presence(channel, users.iter().copied()),
        Word::UserLeft { channel, user_id, unix_ms } => user_left(channel, user_id, unix_ms),
        Word::AppendRefused { channel, error } => server::error(&format!("{channel}: {error}")),
        Word::EnterRefused { channel, error } => server::error(&format!("{channel}: {error}")),
        Word::AckRefused { channel, sequence, error } => {
            server::error(&refusals::ack_refused(channel, sequence, error))
        }
        Word::KeepAlive | Word::Ping => Bytes::from_static(encode::PING),
        Word::Farewell { ending, reason } => return refusals::farewell(ending, reason, frames),
        // A room has no cached event, no count, no members, and its clients watch nobody.
        Word::CacheMiss { .. }
        | Word::SubscriptionCount { .. }
        | Word::MemberAdded { .. }
        | Word::MemberRemoved { .. }
        | Word::Watched(_) => return 0,
    };
    frames.extend_from_slice(&frame);
    1
}

fn snapshot(room: &str, snapshot: Option<&Snapshot>) -> Bytes {
    let json = snapshot.map(|it| {
        server::snapshot_json(room, it.last_sequence, &it.state_json, it.created_unix_ms)
    });
    server::snapshot(room, json.as_deref())
}

/// A user is gone with the connection that had entered them.
fn user_left(room: &str, user_id: &str, unix_ms: u64) -> Bytes {
    // Whoever else leaves in the same millisecond is someone else or somewhere else.
    let random = FixedState::with_seed(unix_ms).hash_one((room, user_id));
    let id = id::generate(Prefix::Ephemeral, unix_ms, random);
    server::presence_change(&id, room, PresenceChange::Leave { user_id }, None, unix_ms)
}
