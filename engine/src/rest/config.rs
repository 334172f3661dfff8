//! Limits of the HTTP API.

use uringcast_proto::limits;

/// How much one request to the HTTP API may ask for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RestConfig {
    /// Bytes of a request's body. Default 512 KiB: a full batch of full events fits, unless nearly
    /// every character of them is written as an escape. Only a signed request gets this much.
    pub body_bytes_max: usize,
    /// Bytes of one event's `data`, counted on the decoded string. Default 10 KiB.
    pub event_data_bytes_max: usize,
    /// Bytes of an event's name. Default 200.
    pub event_name_bytes_max: usize,
    /// Bytes of a channel's name. Default 200, which no setting exceeds.
    pub channel_name_bytes_max: usize,
    /// Channels that one publish may name. Default 100. Each gets a frame of its own, so a request
    /// may hold this many times its `data` as it was written.
    pub channels_per_publish_max: usize,
    /// Events of one batch. Default 10.
    pub batch_events_max: usize,
    /// How far `auth_timestamp` may be from the clock, either way, in seconds. Default 600. A
    /// request can be replayed for this long.
    pub signature_window_s: u64,
}

impl Default for RestConfig {
    fn default() -> Self {
        Self {
            body_bytes_max: 512 * 1024,
            event_data_bytes_max: limits::PUSHER_EVENT_DATA_BYTES_MAX,
            event_name_bytes_max: limits::PUSHER_EVENT_NAME_BYTES_MAX,
            channel_name_bytes_max: limits::PUSHER_CHANNEL_NAME_BYTES_MAX,
            channels_per_publish_max: limits::PUSHER_CHANNELS_PER_PUBLISH_MAX,
            batch_events_max: limits::PUSHER_BATCH_EVENTS_MAX,
            signature_window_s: limits::PUSHER_SIGNATURE_WINDOW_S,
        }
    }
}
