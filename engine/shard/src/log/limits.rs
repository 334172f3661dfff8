//! How much logs may keep, with the reason of each default.

use crate::app::HistoryRule;
use crate::setting::{number, table};

const KIB: u32 = 1024;
const MIB: u32 = 1024 * KIB;

/// What the log of one channel may keep.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct HistoryLimits {
    /// How many events at most.
    pub events_max: usize,
    /// Bytes of the events with their bookkeeping.
    pub bytes_max: usize,
    /// Time that an event is kept, in milliseconds.
    pub ttl_ms: u64,
}

impl HistoryRule {
    /// The limits of one channel that it is for.
    pub const fn limits(&self) -> HistoryLimits {
        HistoryLimits {
            events_max: self.events_max as usize,
            bytes_max: self.bytes_max as usize,
            ttl_ms: self.ttl_s as u64 * 1_000,
        }
    }
}

table! {
/// What all logs of one core may keep together, and what one of them may besides its events.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LogLimits {
    /// Channels of one core with a log: rooms, and those that an app's history names.
    ///
    /// Some tens of megabytes when all are empty.
    channels_max: usize = 100_000, number(1, 10_000_000, "channels");
    /// Events, snapshots and dead letters of one core; above it the oldest events go.
    bytes_max: usize = 256 << 20, number(MIB, u32::MAX, "bytes");
    /// Subscribers whose place in one channel is remembered; acks of others are refused.
    ///
    /// About 1 MB.
    cursors_max: usize = 10_000, number(1, 1_000_000, "subscribers");
    /// Time after which an unused cursor is forgotten, but never before the channel's events are.
    ///
    /// Who is away for holidays begins where it stopped.
    cursor_idle_ms: u64 = 7 * 86_400_000,
        number(1, 3_153_600_000, "seconds").written("cursor_idle_s", 1_000);
    /// Logs that one connection may begin on one core; 0 is unlimited.
    ///
    /// One for each channel that it may subscribe to.
    new_rate: u32 = 1_000, number(0, 10_000_000, "logs per minute");
    /// Logs of one app on one core above which its clients begin no more; 0 is unlimited.
    ///
    /// All that there may be, for when all clients come back at once.
    new_rate_app: u32 = 100_000, number(0, 10_000_000, "logs per minute");
    /// Newest events of one channel that are not taken again under the same id.
    ///
    /// The window of publishes tried again.
    ids_max: usize = 10_000, number(0, 10_000_000, "events");
    /// Largest state of one snapshot.
    snapshot_bytes_max: usize = 1 << 20, number(KIB, 64 * MIB, "bytes");
    /// Events of one channel that could not be delivered and are kept.
    dead_letters_max: usize = 1_000, number(0, 1_000_000, "events");
    /// Users that connections may have entered into one room.
    ///
    /// All are told to all.
    entered_max: usize = 1_000, number(1, 100_000, "users");
    /// What is told of those users, as JSON; whoever does not fit is refused.
    ///
    /// A quarter of what a room's client may have unsent.
    entered_bytes_max: usize = 256 << 10, number(KIB, 16 * MIB, "bytes");
    /// Events that a subscriber gets at a time while it catches up, and of one replay.
    ///
    /// As the original of zero-pub-sub has it.
    page_events_max: usize = 500, number(1, 100_000, "events");
    /// Bytes that a subscriber gets at a time while it catches up; a larger event goes alone.
    ///
    /// A socket takes it at once.
    page_bytes_max: usize = 64 << 10, number(KIB, 16 * MIB, "bytes");
    /// Events, acks and snapshots of one core that wait to be written; more are refused.
    unsynced_bytes_max: usize = 64 << 20, number(MIB, u32::MAX, "bytes");
    /// Requests of one core to sinks that are in flight.
    ///
    /// Four cores leave three quarters of all calls to others.
    sinks_in_flight_max: usize = 16, number(1, 65_536, "requests");
    /// Events in one request to a sink; a larger event goes alone.
    ///
    /// As webhooks have it.
    sink_post_bytes_max: usize = 256 << 10, number(KIB, 16 * MIB, "bytes");
    besides {
        /// Whether events must be synced by a log thread before anybody sees them.
        is_durable: bool = false;
        /// Tells logs that end with the process from those of another one, which give the same
        /// numbers to other events; 0 if logs outlive it. Drawn at the start.
        epoch: u32 = 0;
    }
}
}

/// Why a channel without a log gets none. It may be asked for again later.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NoLog {
    /// `log.channels_max`: no other channel of this core may have a log.
    #[error("{channels_max} channels have a log, which is all that may")]
    Full {
        /// The limit.
        channels_max: u32,
    },
    /// `log.new_rate`: the connection that wants it has begun as many as it may.
    #[error("the connection has begun {new_max} logs within a minute, which is all that it may")]
    Connection {
        /// The limit.
        new_max: u32,
    },
    /// `log.new_rate_app`: the app has.
    #[error("the app has begun {new_max} logs within a minute, which is all that it may")]
    App {
        /// The limit.
        new_max: u32,
    },
}
