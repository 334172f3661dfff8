//! The dialects clients speak: what their messages ask of the shard, how its words look to them.
//!
//! A dialect is an enum and not a trait object: there are few, all are known, and the compiler
//! checks that each answers every question. The shard is handed their rows and knows none of them.
//! Nothing here waits, reads a clock or knows a socket.

pub mod echo;
mod life;
pub mod pusher;
mod refused;
mod rules;
mod session;
pub mod sse;
pub mod zps;

pub use refused::Refused;
pub use rules::Rules;
pub use session::{Session, Speaker};

use uringcast_proto::pusher::channel::{ChannelKind, is_cache_channel};
use uringcast_proto::pusher::server::event_data;
use uringcast_proto::zps::http::{emitted_unix_ms, split_sequence};
use uringcast_proto::zps::id::{self, Prefix};
use uringcast_shard::app::is_room;
use uringcast_shard::{DialectId, DialectRow, Dialects, Nature};

/// What one connection speaks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Dialect {
    /// Pusher Channels, protocol 7.
    Pusher,
    /// zero-pub-sub.
    Zps,
    /// zero-pub-sub as a stream of server-sent events, whose client never speaks.
    Sse,
    /// Every message comes back; only on the listener for tests.
    Echo,
}

impl From<Dialect> for DialectId {
    /// The place of its row among those of [`DIALECTS`].
    fn from(dialect: Dialect) -> Self {
        Self(dialect as u8)
    }
}

/// All that a shard is handed of the dialects.
pub static DIALECTS: Dialects = Dialects {
    rows: &ROWS,
    nature,
    data_of: event_data,
    emitted_unix_ms,
    without_sequence: split_sequence,
    dead_letter_id: |unix_ms, random| id::generate(Prefix::DeadLetter, unix_ms, random),
};

/// What a channel is by its name, which all dialects agree on.
pub fn nature(name: &str) -> Nature {
    let is_room = is_room(name);
    Nature {
        is_room,
        has_members: !is_room && ChannelKind::of(name) == ChannelKind::Presence,
        is_cached: !is_room && is_cache_channel(name),
        is_of_user: name.starts_with('#'),
    }
}

/// How each dialect says what the shard has to say, in the order of [`Dialect`].
static ROWS: [DialectRow; 4] = [
    DialectRow {
        name: "pusher",
        say: pusher::say,
        traits: life::pusher,
        own_form: None,
        closes_by_frame: true,
        follows_only_logs: false,
    },
    DialectRow {
        name: "zps",
        say: zps::say,
        traits: life::zps,
        own_form: None,
        closes_by_frame: true,
        follows_only_logs: true,
    },
    DialectRow {
        name: "sse",
        say: sse::say,
        traits: life::sse,
        own_form: Some(uringcast_proto::sse::message_into),
        closes_by_frame: false,
        follows_only_logs: true,
    },
    DialectRow {
        name: "echo",
        say: echo::say,
        traits: life::echo,
        own_form: None,
        closes_by_frame: true,
        follows_only_logs: false,
    },
];

#[cfg(test)]
mod tests;
