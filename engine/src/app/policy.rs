//! What the clients and publishers of one app may do.

use uringcast_proto::pusher::presence::MemberLimits;

use super::ZpsPolicy;

/// Limits and features of one app. The sections `pusher` and `zps` of the configuration have what
/// apps have by default; an app's own table may differ in any key.
#[expect(clippy::struct_excessive_bools, reason = "each is a switch of its own")]
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AppPolicy {
    /// The longest channel name, in bytes. Default 200: what all libraries accept (spec
    /// `pusher.md`, names).
    pub channel_name_max: u32,
    /// The longest event name, in bytes. Default 200 (spec `pusher.md`, names).
    pub event_name_max: u32,
    /// The largest `data` of one event, in bytes. Default 10,240: hosted Pusher's 10 kB.
    pub event_data_bytes_max: u32,
    /// Channels one publish may name. Default 100, as hosted Pusher has it.
    pub channels_per_publish_max: u32,
    /// Events one batch may hold. Default 10, as hosted Pusher has it.
    pub batch_events_max: u32,
    /// Users one presence channel may hold. Default 100, as hosted Pusher has it.
    pub presence_members_max: u32,
    /// The longest `user_id`, in bytes. Default 128, as hosted Pusher has it.
    pub presence_user_id_max: u32,
    /// The largest `user_info`, in bytes. Default 1024: hosted Pusher's 1 kB.
    pub presence_user_info_bytes_max: u32,
    /// Seconds a request's `auth_timestamp` may lie before or after now. Default 600 (spec
    /// `pusher.md`, HTTP signature).
    pub signature_window_s: u32,
    /// Client events per second of one connection; 0 is unlimited. Default 10, as hosted Pusher.
    pub client_event_rate: u32,
    /// Whether clients may send events to each other at all. Default true.
    pub client_events: bool,
    /// Whether anybody may connect or publish. Default true; when it becomes false, clients are
    /// closed with 4003.
    pub enabled: bool,
    /// Whether clients must come over TLS, as a proxy's `X-Forwarded-Proto` says; others are closed
    /// with 4000. Default false.
    pub force_tls: bool,
    /// Websocket connections of the app on this node; above it new ones are closed with 4004. 0 is
    /// unlimited. Default 0.
    pub connections_max: u32,
    /// Seconds that a client may take to sign in, or to subscribe to a channel with a signature,
    /// before it is closed with 4009; 0 lets clients stay without. Default 0, as hosted Pusher has
    /// its authorized connections off.
    pub signin_timeout_s: u16,
    /// Users that one signed-in user may watch. Default 100, as hosted Pusher has it.
    pub watchlist_max: u32,
    /// Whether subscribers are told how many they are. Default false, as hosted Pusher has it.
    pub subscription_count: bool,
    /// Seconds that a cache channel keeps its last event. Default 1800: hosted Pusher's 30 minutes.
    pub cache_ttl_s: u32,
    /// Seconds in which a publish with the same idempotency key is carried out once. 0 is never.
    /// Default 120.
    pub idempotency_window_s: u32,
    /// Events per second that publishers may send over HTTP; 0 is unlimited. Default 0.
    pub publish_rate: u32,
    /// Requests per second that may read over HTTP; 0 is unlimited. Default 0.
    pub read_rate: u32,
    /// Client events per second of all connections of one core together; 0 is unlimited.
    /// Default 0.
    pub client_event_rate_total: u32,
    /// Whether frames are compressed for clients that offer `permessage-deflate`. Default false: it
    /// saves bandwidth and costs CPU.
    pub deflate: bool,
    /// The smallest payload that is compressed, in bytes. Default 512: below it little is saved.
    pub deflate_bytes_min: u32,
    /// What its zero-pub-sub clients may do.
    pub zps: ZpsPolicy,
}

impl AppPolicy {
    /// What a presence channel's member may be.
    pub const fn member_limits(&self) -> MemberLimits {
        MemberLimits {
            user_id_bytes_max: self.presence_user_id_max as usize,
            user_info_bytes_max: self.presence_user_info_bytes_max as usize,
        }
    }
}

impl Default for AppPolicy {
    fn default() -> Self {
        Self {
            channel_name_max: 200,
            event_name_max: 200,
            event_data_bytes_max: 10_240,
            channels_per_publish_max: 100,
            batch_events_max: 10,
            presence_members_max: 100,
            presence_user_id_max: 128,
            presence_user_info_bytes_max: 1024,
            signature_window_s: 600,
            client_event_rate: 10,
            client_events: true,
            enabled: true,
            force_tls: false,
            connections_max: 0,
            signin_timeout_s: 0,
            watchlist_max: 100,
            subscription_count: false,
            cache_ttl_s: 1_800,
            idempotency_window_s: 120,
            publish_rate: 0,
            read_rate: 0,
            client_event_rate_total: 0,
            deflate: false,
            deflate_bytes_min: 512,
            zps: ZpsPolicy::default(),
        }
    }
}
