//! What the shard has to say, in this dialect's frames.

use bytes::Bytes;
use foldhash::fast::FixedState;
use std::hash::BuildHasher;
use uringcast_proto::zps::id::{self, Prefix};
use uringcast_proto::zps::server::{self, PresenceChange};

use crate::log::Snapshot;
use crate::shard::{AppendError, EnterError, JoinRefused};

/// A room was not let into.
pub fn join_refused(room: &str, refused: JoinRefused) -> Bytes {
    server::error(&format!("{room}: {refused}"))
}

/// An event was not appended.
pub fn append_refused(room: &str, error: AppendError) -> Bytes {
    server::error(&format!("{room}: {error}"))
}

/// A user was not entered.
pub fn enter_refused(room: &str, error: EnterError) -> Bytes {
    server::error(&format!("{room}: {error}"))
}

/// The state of a room, or the word that there is none.
pub fn snapshot(room: &str, snapshot: Option<&Snapshot>) -> Bytes {
    let json = snapshot.map(|it| {
        server::snapshot_json(room, it.last_sequence, &it.state_json, it.created_unix_ms)
    });
    server::snapshot(room, json.as_deref())
}

/// Everything up to `last` is gone: the client goes on behind it.
pub fn truncated(room: &str, last: u64, unix_ms: u64) -> Bytes {
    server::fast_forward(room, last, unix_ms)
}

/// Part of a room's log.
pub fn replayed(room: &str, frames: &[Bytes]) -> Bytes {
    server::replay(room, frames.iter().map(|frame| &frame[..]))
}

/// Everyone who is present in a room.
pub fn presence<'a>(room: &str, users: impl Iterator<Item = &'a str>) -> Bytes {
    let users: Vec<&str> = users.collect();
    server::presence(room, users.iter().copied())
}

/// A user is gone with the connection that had entered them.
pub fn user_left(room: &str, user_id: &str, unix_ms: u64) -> Bytes {
    // Whoever else leaves in the same millisecond is someone else or somewhere else.
    let random = FixedState::with_seed(unix_ms).hash_one((room, user_id));
    let id = id::generate(Prefix::Ephemeral, unix_ms, random);
    server::presence_change(&id, room, PresenceChange::Leave { user_id }, None, unix_ms)
}
