//! What the zero-pub-sub clients of one app may do.
//!
//! Limits are named after the original server's (spec `seeds.md`, S3-21), in snake case and with
//! their units.

use crate::setting::{SWITCH, number, table};

const KIB: u32 = 1024;
const MIB: u32 = 1024 * KIB;

table! {
/// Limits and features of one app's rooms. The section `zps` of the configuration has what apps
/// have by default; the table `zps` of an app's own may differ in any key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ZpsPolicy const DEFAULT {
    /// Connections of one app on this node at which a new one gets 1013; 0 is unlimited.
    ///
    /// As the original has it.
    max_connections: u32 = 0, number(0, 100_000_000, "connections");
    /// Rooms one connection may subscribe to.
    ///
    /// As the original has it.
    max_subscriptions: u32 = 128, number(1, 100_000, "rooms");
    /// Largest message a client may send; a larger one is closed with 4409.
    ///
    /// As the original has it.
    max_payload_bytes: u32 = 64 * 1024, number(KIB, 16 * MIB, "bytes");
    /// Messages in a window, acks not counted; one more is closed with 4408; 0 is unlimited.
    ///
    /// As the original has it, where acks count and close fast readers.
    max_messages_per_window: u32 = 100, number(0, 10_000_000, "messages");
    /// Length of the window of `max_messages_per_window`.
    ///
    /// As the original has it.
    rate_limit_window_ms: u32 = 1_000, number(100, 3_600_000, "milliseconds");
    /// Time to the first init before the connection is closed with 4408.
    ///
    /// As the original has it.
    init_timeout_ms: u32 = 10_000, number(100, 3_600_000, "milliseconds");
    /// Silence after which the server sends a websocket ping.
    ///
    /// As the original has it, which pings whoever talks, too.
    heartbeat_interval_ms: u32 = 30_000, number(100, 3_600_000, "milliseconds");
    /// Time to answer the server's ping before the socket is cut.
    ///
    /// As the original has it.
    heartbeat_timeout_ms: u32 = 10_000, number(100, 3_600_000, "milliseconds");
    /// Whether every event must have a `metadata.tenantId`.
    require_tenant: bool = false, SWITCH;
    /// Waiting bytes above which a client is closed with 1013.
    ///
    /// As the original has it.
    max_socket_buffered_bytes: u32 = 1024 * 1024, number(KIB, 1024 * MIB, "bytes");
    /// Whether clients may publish events.
    ///
    /// As the original's command line has it.
    allow_client_publish: bool = false, SWITCH.flag("allow-client-publish");
    /// Whether clients are told by a snapshot where they begin, if not at a room's first event.
    ///
    /// Original clients would otherwise ask for what is gone for ever.
    cursor_fast_forward: bool = true, SWITCH;
}
}
