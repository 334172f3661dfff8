//! How much logs may keep, with the reason of each default.

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

/// What all logs of one core may keep together, and what one of them may besides its events.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LogLimits {
    /// Whether events must be synced by a log thread before anybody sees them.
    pub is_durable: bool,
    /// Tells logs that end with the process from those of another one, which give the same numbers
    /// to other events; 0 if logs outlive it. Drawn at the start.
    pub epoch: u32,
    /// Channels with a log. Default 100,000: some tens of megabytes when all are empty.
    pub channels_max: usize,
    /// Bytes of all events, snapshots and dead letters; above it the oldest events go. Default
    /// 256 MiB.
    pub bytes_max: usize,
    /// Subscriber ids one channel remembers a cursor for. Default 10,000: about 1 MB.
    pub cursors_max: usize,
    /// Time for which a cursor that is not used is kept, in milliseconds, if its channel does not
    /// keep events for longer. Default a week: who is away for holidays begins where it stopped.
    pub cursor_idle_ms: u64,
    /// Logs that one connection may begin within a minute; 0 is no limit. Default 1,000.
    pub new_rate: u32,
    /// Logs that one app may begin within a minute; 0 is no limit. Default 100,000: all that there
    /// may be, for when all clients come back at once.
    pub new_rate_app: u32,
    /// Event ids one channel knows again. Default 10,000: the window of publishes tried again.
    pub ids_max: usize,
    /// Bytes of one snapshot's state. Default 1 MiB.
    pub snapshot_bytes_max: usize,
    /// Dead letters of one channel. Default 1,000.
    pub dead_letters_max: usize,
    /// Users that one channel's connections may have entered. Default 1,000: all are told to all.
    pub entered_max: usize,
    /// Bytes of what is told of those users. Default 256 KiB: a quarter of what a room's client may
    /// have unsent.
    pub entered_bytes_max: usize,
    /// Events of one page of catching up, and of one answer to a replay. Default 500, as the
    /// original of zero-pub-sub has it.
    pub page_events_max: usize,
    /// Bytes of one page. Default 64 KiB: a socket takes it at once.
    pub page_bytes_max: usize,
    /// Bytes of events, cursors and snapshots that wait to be synced; above it they are refused.
    /// Default 64 MiB.
    pub unsynced_bytes_max: usize,
    /// Requests to sinks that are in flight. Default 16: four cores leave three quarters of all
    /// calls to others.
    pub sinks_in_flight_max: usize,
    /// Bytes of events in one request to a sink; a larger event goes alone. Default 256 KiB, as
    /// webhooks have it.
    pub sink_post_bytes_max: usize,
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

impl Default for LogLimits {
    fn default() -> Self {
        Self {
            is_durable: false,
            epoch: 0,
            channels_max: 100_000,
            bytes_max: 256 << 20,
            cursors_max: 10_000,
            cursor_idle_ms: 7 * 86_400_000,
            new_rate: 1_000,
            new_rate_app: 100_000,
            ids_max: 10_000,
            snapshot_bytes_max: 1 << 20,
            dead_letters_max: 1_000,
            entered_max: 1_000,
            entered_bytes_max: 256 << 10,
            page_events_max: 500,
            page_bytes_max: 64 << 10,
            unsynced_bytes_max: 64 << 20,
            sinks_in_flight_max: 16,
            sink_post_bytes_max: 256 << 10,
        }
    }
}
