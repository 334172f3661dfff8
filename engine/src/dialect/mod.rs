//! The dialects clients speak: what their messages ask of the shard, how its answers look to them.
//!
//! A dialect is an enum and not a trait object: there are few, all are known, and the compiler
//! checks that each answers every question. Nothing here waits, reads a clock or knows a socket.

pub mod echo;
mod life;
mod log;
pub mod pusher;
mod rules;
mod session;
pub mod sse;
mod unproven;
pub mod zps;

pub use life::{Life, Unanswered};
pub use rules::Rules;
pub use session::{Session, Speaker};

use bytes::Bytes;
use uringcast_proto::pusher::codes::Code;
use uringcast_proto::pusher::{logged as pusher_log, server};
use uringcast_proto::ws::close::CloseCode;
use uringcast_proto::ws::encode;
use uringcast_proto::zps::server as zps_server;

use crate::app::ZpsPolicy;
use crate::log::{AckError, Snapshot};
use crate::shard::{AppendError, EnterError, JoinRefused, ShardConfig};

/// What one websocket connection speaks.
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

impl Dialect {
    /// Unsent bytes above which a connection is a slow consumer.
    pub fn outbox_bytes_max(self, config: &ShardConfig, rooms: &ZpsPolicy) -> usize {
        match self {
            Self::Pusher => config.outbox_bytes_max,
            Self::Zps | Self::Sse => rooms.max_socket_buffered_bytes as usize,
            Self::Echo => echo::OUTBOX_BYTES_MAX,
        }
    }

    /// The frame that says a subscription has begun.
    pub fn subscribed(self, channel: &str) -> Bytes {
        match self {
            Self::Pusher => server::subscription_succeeded(channel),
            Self::Zps | Self::Sse => zps_server::subscribed(channel),
            Self::Echo => unreachable!("an echo connection never subscribes"),
        }
    }

    /// The frame that says that a cache channel has no event for a new subscriber.
    pub fn cache_miss(self, channel: &str) -> Bytes {
        match self {
            Self::Pusher => server::cache_miss(channel),
            Self::Zps | Self::Sse => unreachable!("a room is no cache channel"),
            Self::Echo => unreachable!("an echo connection never subscribes"),
        }
    }

    /// As [`subscribed`](Self::subscribed) on a presence channel, with everyone who is in it.
    pub fn presence_subscribed<'a>(
        self,
        channel: &str,
        members: impl Iterator<Item = (&'a str, &'a str)> + Clone,
    ) -> Bytes {
        match self {
            Self::Pusher => server::presence_subscription_succeeded(channel, members),
            Self::Zps | Self::Sse => unreachable!("a room has no members"),
            Self::Echo => unreachable!("an echo connection never subscribes"),
        }
    }

    /// The frames that say that the owner of `channel` did not let a connection in.
    pub fn join_refused(self, channel: &str, refused: JoinRefused) -> Vec<Bytes> {
        match self {
            Self::Pusher => pusher::join_refused(channel, refused).into(),
            Self::Zps | Self::Sse => vec![zps::join_refused(channel, refused)],
            Self::Echo => unreachable!("an echo connection never subscribes"),
        }
    }

    /// The frame with the state of `channel`, or with the word that there is none.
    pub fn snapshot(self, channel: &str, snapshot: Option<&Snapshot>) -> Bytes {
        match self {
            Self::Pusher => log::snapshot(channel, snapshot),
            Self::Zps | Self::Sse => zps::snapshot(channel, snapshot),
            Self::Echo => unreachable!("an echo connection never subscribes"),
        }
    }

    /// The frame that says that a subscription begins after event `sequence`, if there is one.
    pub fn fast_forward(self, channel: &str, sequence: u64, unix_ms: u64) -> Option<Bytes> {
        match self {
            Self::Pusher => Some(log::resumed(channel, sequence)),
            Self::Zps | Self::Sse => Some(zps::truncated(channel, sequence, unix_ms)),
            Self::Echo => unreachable!("an echo connection never subscribes"),
        }
    }

    /// `frame`, which says that a subscription has begun, with the event after which it has and the
    /// epoch of its log; `cached` comes next.
    pub fn starting_after(
        self,
        frame: &Bytes,
        (epoch, sequence): (u32, u64),
        cached: Option<&Bytes>,
    ) -> Bytes {
        match self {
            Self::Pusher => {
                let cached = cached.and_then(|frame| pusher_log::sequence(frame));
                let sequence = cached.map_or(sequence, |cached| cached - 1);
                pusher_log::starting_after(frame, epoch.into(), sequence)
            }
            Self::Zps | Self::Sse => frame.clone(), // Their events say their own numbers.
            Self::Echo => unreachable!("an echo connection never subscribes"),
        }
    }

    /// The frame that says that events `first` to `last` of `channel` are gone; if `first` is
    /// beyond `last`, that the log began anew and has no event after `last`.
    pub fn truncated(self, channel: &str, first: u64, last: u64, unix_ms: u64) -> Option<Bytes> {
        match self {
            Self::Pusher => Some(pusher_log::truncated(channel, first - 1, last + 1)),
            Self::Zps | Self::Sse => Some(zps::truncated(channel, last, unix_ms)),
            Self::Echo => unreachable!("an echo connection never subscribes"),
        }
    }

    /// The frames that bring events again that were wanted `after` one: `frames` are those that
    /// subscribers got.
    pub fn replayed(self, channel: &str, after: u64, frames: Vec<Bytes>) -> Vec<Bytes> {
        match self {
            Self::Pusher => pusher::replayed(channel, after, frames),
            Self::Zps | Self::Sse => vec![zps::replayed(channel, &frames)],
            Self::Echo => unreachable!("an echo connection asks for nothing"),
        }
    }

    /// The frame that says that an event was not appended.
    pub fn append_refused(self, channel: &str, error: AppendError) -> Bytes {
        match self {
            Self::Pusher => server::error(None, &format!("{channel}: {error}")),
            Self::Zps | Self::Sse => zps::append_refused(channel, error),
            Self::Echo => unreachable!("an echo connection never publishes"),
        }
    }

    /// Whether an acknowledgement that counts is answered.
    pub const fn is_told_of_acks(self) -> bool {
        match self {
            Self::Zps => true,
            Self::Pusher | Self::Sse | Self::Echo => false,
        }
    }

    /// Append the frame that says that an acknowledgement counts, if it is answered.
    pub fn acked(self, frames: &mut Vec<u8>, channel: &str, sequence: u64) {
        if self.is_told_of_acks() {
            zps_server::ack_into(frames, channel, sequence);
        }
    }

    /// The frame that says that it does not.
    pub fn ack_refused(self, channel: &str, sequence: u64, error: AckError) -> Bytes {
        let text = match error {
            AckError::NotKept(why) => {
                format!("{channel}: acknowledgement {sequence} is not kept: {why}")
            }
            AckError::AboveHead { .. } | AckError::Full => format!("{channel}: {error}"),
        };
        match self {
            Self::Pusher => server::error(None, &text),
            Self::Zps | Self::Sse => zps_server::error(&text),
            Self::Echo => unreachable!("an echo connection acknowledges nothing"),
        }
    }

    /// The frame that says who has been entered into `channel`, each as raw JSON, if the dialect
    /// has one.
    pub fn presence<'a>(
        self,
        channel: &str,
        users: impl Iterator<Item = &'a str>,
    ) -> Option<Bytes> {
        match self {
            Self::Pusher => None,
            Self::Zps | Self::Sse => Some(zps::presence(channel, users)),
            Self::Echo => unreachable!("an echo connection enters nobody"),
        }
    }

    /// The frame that says that a user who had been entered is gone, if the dialect has one.
    pub fn user_left(self, channel: &str, user_id: &str, unix_ms: u64) -> Option<Bytes> {
        match self {
            Self::Pusher => None,
            Self::Zps | Self::Sse => Some(zps::user_left(channel, user_id, unix_ms)),
            Self::Echo => unreachable!("an echo connection enters nobody"),
        }
    }

    /// The frame that says that a user was not entered.
    pub fn enter_refused(self, channel: &str, error: EnterError) -> Bytes {
        match self {
            Self::Pusher => server::error(None, &format!("{channel}: {error}")),
            Self::Zps | Self::Sse => zps::enter_refused(channel, error),
            Self::Echo => unreachable!("an echo connection enters nobody"),
        }
    }

    /// The close frame that says `code`, with `reason` where the dialect has no text of its own.
    pub fn farewell(self, code: Code, reason: &str) -> Bytes {
        match self {
            Self::Pusher | Self::Echo => encode::close(CloseCode(code.value()), reason),
            Self::Zps | Self::Sse => zps::farewell(code, reason),
        }
    }
}
