//! The dialects clients speak: what their messages ask of the shard, how its answers look to them.
//!
//! A dialect is an enum and not a trait object: there are few, all are known, and the compiler
//! checks that each answers every question. Nothing here waits, reads a clock or knows a socket.

pub mod echo;
pub mod pusher;

use bytes::Bytes;
use uringcast_proto::pusher::server;

use crate::shard::ShardConfig;

/// What one websocket connection speaks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Dialect {
    /// Pusher Channels, protocol 7.
    Pusher,
    /// Every message comes back; only on the listener for tests.
    Echo,
}

impl Dialect {
    /// Unsent bytes above which a connection is a slow consumer.
    pub const fn outbox_bytes_max(self, config: &ShardConfig) -> usize {
        match self {
            Self::Pusher => config.outbox_bytes_max,
            Self::Echo => echo::OUTBOX_BYTES_MAX,
        }
    }

    /// The frame that asks for a sign of life, or `None` where the dialect has none.
    pub fn ping(self) -> Option<Bytes> {
        match self {
            Self::Pusher => Some(server::ping()),
            Self::Echo => None,
        }
    }

    /// The frame that says a subscription has begun.
    pub fn subscribed(self, channel: &str) -> Bytes {
        match self {
            Self::Pusher => server::subscription_succeeded(channel),
            Self::Echo => unreachable!("an echo connection never subscribes"),
        }
    }

    /// The frame that says that a cache channel has no event for a new subscriber.
    pub fn cache_miss(self, channel: &str) -> Bytes {
        match self {
            Self::Pusher => server::cache_miss(channel),
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
            Self::Echo => unreachable!("an echo connection never subscribes"),
        }
    }
}
