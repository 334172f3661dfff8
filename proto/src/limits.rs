//! Every protocol limit: its value, its unit and where it comes from.

/// Bytes of payload a control frame may carry (RFC 6455 section 5.5).
pub const WS_CONTROL_PAYLOAD_BYTES_MAX: usize = 125;

/// Bytes of a close frame's reason: a control payload less the two bytes of the code.
pub const WS_CLOSE_REASON_BYTES_MAX: usize = WS_CONTROL_PAYLOAD_BYTES_MAX - 2;

/// Bytes of the longest frame header: two, eight of extended length and four of mask (RFC 6455
/// section 5.2).
pub const WS_HEADER_BYTES_MAX: usize = 14;

/// Default for the payload bytes of one inbound message, summed over its fragments.
///
/// A Pusher client event carries at most 10 KB of data; a subscription to a presence channel adds
/// its `channel_data`. 64 KiB leaves room for escapes and names.
pub const WS_MESSAGE_BYTES_MAX: usize = 64 * 1024;

/// Default for the frames one inbound message may be cut into.
///
/// Browsers and the usual libraries send one. The limit stops a flood of empty continuation
/// frames, which the byte limit alone would never end.
pub const WS_FRAGMENTS_MAX: u32 = 1024;

/// Bytes of a channel's name. The documentation says 164, every server library allows 200 (spec
/// pusher.md, names).
pub const PUSHER_CHANNEL_NAME_BYTES_MAX: usize = 200;

/// Default for the bytes of an event's name (spec pusher.md, names).
pub const PUSHER_EVENT_NAME_BYTES_MAX: usize = 200;

/// Default for the bytes of one event's `data`, counted on the decoded string: 10 KiB, hosted
/// Pusher's limit (HTTP API reference, `POST events`).
pub const PUSHER_EVENT_DATA_BYTES_MAX: usize = 10 * 1024;

/// Default for the channels one publish may name (HTTP API reference, `POST events`).
pub const PUSHER_CHANNELS_PER_PUBLISH_MAX: usize = 100;

/// Default for the events of one batch (HTTP API reference, `POST batch_events`).
pub const PUSHER_BATCH_EVENTS_MAX: usize = 10;

/// Default for how far `auth_timestamp` may be from the server's clock, either way, in seconds
/// (HTTP API reference, authentication).
pub const PUSHER_SIGNATURE_WINDOW_S: u64 = 600;

/// Default for the bytes of a presence member's `user_id` (channels documentation, presence).
pub const PUSHER_USER_ID_BYTES_MAX: usize = 128;

/// Default for the bytes of a presence member's `user_info` as JSON (channels documentation,
/// presence: 1 KB).
pub const PUSHER_USER_INFO_BYTES_MAX: usize = 1024;

/// Default for the members of one presence channel (channels documentation, presence).
pub const PUSHER_PRESENCE_MEMBERS_MAX: usize = 100;

/// Default for the client events one connection may send in a second (channels documentation,
/// client events).
pub const PUSHER_CLIENT_EVENTS_PER_SECOND_MAX: u32 = 10;

/// Default for the silence after which either side pings, in seconds: `activity_timeout` of
/// `connection_established` (spec pusher.md).
pub const PUSHER_ACTIVITY_TIMEOUT_S: u16 = 120;

/// Default for the wait for an answer to a ping, in seconds (spec pusher.md, `pongTimeout`).
pub const PUSHER_PONG_TIMEOUT_S: u16 = 30;

/// Bytes of the name that a zps publisher gives an event. The original has no limit; every name of
/// the idempotency window is kept.
pub const ZPS_EVENT_ID_BYTES_MAX: usize = 200;
