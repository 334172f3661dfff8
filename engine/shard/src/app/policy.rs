//! What the clients and publishers of one app may do.

use super::ZpsPolicy;
use crate::setting::{SWITCH, number, table};

const MIB: u32 = 1024 * 1024;

table! {
/// Limits and features of one app. The sections `pusher` and `zps` of the configuration have what
/// apps have by default; an app's own table may differ in any key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AppPolicy {
    /// Longest channel name.
    ///
    /// What all libraries accept (spec `pusher.md`, names).
    channel_name_max: u32 = 200, number(1, 1024, "bytes");
    /// Longest event name.
    ///
    /// What all libraries accept (spec `pusher.md`, names).
    event_name_max: u32 = 200, number(1, 1024, "bytes");
    /// Largest data of one event.
    ///
    /// Hosted Pusher's 10 kB.
    event_data_bytes_max: u32 = 10_240, number(1, 16 * MIB, "bytes");
    /// Channels one publish may name.
    ///
    /// As hosted Pusher has it.
    channels_per_publish_max: u32 = 100, number(1, 10_000, "channels");
    /// Events one batch may hold.
    ///
    /// As hosted Pusher has it.
    batch_events_max: u32 = 10, number(1, 10_000, "events");
    /// Users one presence channel may hold.
    ///
    /// As hosted Pusher has it.
    presence_members_max: u32 = 100, number(1, 1_000_000, "users");
    /// Longest `user_id`.
    ///
    /// As hosted Pusher has it.
    presence_user_id_max: u32 = 128, number(1, 1024, "bytes");
    /// Largest `user_info`.
    ///
    /// Hosted Pusher's 1 kB.
    presence_user_info_bytes_max: u32 = 1024, number(2, MIB, "bytes");
    /// Time a request's `auth_timestamp` may lie before or after now.
    ///
    /// As hosted Pusher has it (spec `pusher.md`, HTTP signature).
    signature_window_s: u32 = 600, number(1, 86_400, "seconds");
    /// Client events one connection may send; 0 is unlimited.
    ///
    /// As hosted Pusher has it.
    client_event_rate: u32 = 10,
        number(0, 1_000_000, "events per second").flag("client-event-rate");
    /// Whether clients may send events to each other.
    client_events: bool = true, SWITCH;
    /// Whether anybody may connect or publish; clients are closed with 4003 otherwise.
    enabled: bool = true, SWITCH;
    /// Whether clients must come over TLS, by X-Forwarded-Proto; others are closed with 4000.
    force_tls: bool = false, SWITCH;
    /// Websockets of one app on this node, above which new ones get 4004; 0 is unlimited.
    connections_max: u32 = 0, number(0, 100_000_000, "connections");
    /// Time to sign in or subscribe with a signature, or be closed with 4009; 0 asks nobody to.
    ///
    /// Hosted Pusher has its authorized connections off by default, too.
    signin_timeout_s: u16 = 0, number(0, 3600, "seconds");
    /// Users one signed-in user may watch.
    ///
    /// As hosted Pusher has it.
    watchlist_max: u32 = 100, number(0, 10_000, "users");
    /// Whether subscribers are told how many they are.
    ///
    /// As hosted Pusher has it.
    subscription_count: bool = false, SWITCH;
    /// Time a cache channel keeps its last event.
    ///
    /// Hosted Pusher's 30 minutes.
    cache_ttl_s: u32 = 1_800, number(1, 86_400, "seconds");
    /// Time in which a publish with the same idempotency key is carried out once; 0 is never.
    idempotency_window_s: u32 = 120, number(0, 86_400, "seconds");
    /// Events that publishers may send over HTTP; 0 is unlimited.
    publish_rate: u32 = 0, number(0, 100_000_000, "events per second");
    /// Requests that may read over HTTP; 0 is unlimited.
    read_rate: u32 = 0, number(0, 100_000_000, "requests per second");
    /// Client events of all connections of one core together; 0 is unlimited.
    client_event_rate_total: u32 = 0, number(0, 100_000_000, "events per second");
    /// Whether frames are compressed for clients that offer permessage-deflate.
    ///
    /// It saves bandwidth and costs CPU.
    deflate: bool = false, SWITCH;
    /// Smallest payload that is compressed.
    ///
    /// Below it little is saved.
    deflate_bytes_min: u32 = 512, number(0, MIB, "bytes");
    besides {
        /// What its zero-pub-sub clients may do.
        zps: ZpsPolicy = ZpsPolicy::DEFAULT;
    }
}
}
