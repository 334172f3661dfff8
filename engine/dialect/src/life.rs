//! The times and limits of each dialect's connections, and so its signs of life: when each is asked
//! for one, and how long it may take.
//!
//! Two silences are looked at, and each has a time of its own. One is that towards the client:
//! something on the way, as a default nginx does, may take a connection for dead on which the
//! server says nothing. The other is that of the client, who may be gone. Any byte that comes is a
//! sign of life: a message, a pong frame that was asked for or not, half of a frame.

use uringcast_shard::app::ZpsPolicy;
use uringcast_shard::{ShardConfig, Traits};

use super::echo::OUTBOX_BYTES_MAX;

/// Pusher's clients are asked for a sign of life and closed with 4201 if they give none.
pub(super) const fn pusher(config: &ShardConfig, _: &ZpsPolicy) -> Traits {
    Traits {
        keep_alive_ms: config.ping_interval_ms,
        activity_ms: config.activity_timeout_ms,
        pong_ms: config.pong_timeout_ms,
        outbox_bytes_max: config.outbox_bytes_max,
    }
}

/// zero-pub-sub's clients have times of their own, and are cut off if they give no sign of life.
pub(super) const fn zps(config: &ShardConfig, rooms: &ZpsPolicy) -> Traits {
    Traits {
        keep_alive_ms: config.ping_interval_ms,
        activity_ms: rooms.heartbeat_interval_ms as u64,
        pong_ms: rooms.heartbeat_timeout_ms as u64,
        outbox_bytes_max: rooms.max_socket_buffered_bytes as usize,
    }
}

/// A stream never says anything, so what answers is its machine, which acknowledges what it is
/// sent: `pong_ms` after something was, our own kernel breaks the connection if it does not.
pub(super) const fn sse(config: &ShardConfig, rooms: &ZpsPolicy) -> Traits {
    Traits {
        keep_alive_ms: config.sse_heartbeat_ms,
        activity_ms: u64::MAX,
        pong_ms: rooms.heartbeat_timeout_ms as u64,
        outbox_bytes_max: rooms.max_socket_buffered_bytes as usize,
    }
}

/// The listener for tests has the times of Pusher's, and room for some of its longest messages.
pub(super) const fn echo(config: &ShardConfig, rooms: &ZpsPolicy) -> Traits {
    Traits { outbox_bytes_max: OUTBOX_BYTES_MAX, ..pusher(config, rooms) }
}
