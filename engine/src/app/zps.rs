//! What the zero-pub-sub clients of one app may do.
//!
//! Limits are named after the original server's (spec `seeds.md`, S3-21), in snake case and with
//! their units.

/// Limits and features of one app's rooms. The section `zps` of the configuration has what apps
/// have by default; the table `zps` of an app's own may differ in any key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ZpsPolicy {
    /// Connections of the app on this node, whatever they speak, at which a new websocket or stream
    /// of this protocol is closed with 1013; 0 is unlimited. Default 0, as the original has it.
    pub max_connections: u32,
    /// Rooms one connection may subscribe to. Default 128, as the original has it.
    pub max_subscriptions: u32,
    /// The largest message, in bytes; a larger one closes with 4409. Default 64 KiB, as the
    /// original has it.
    pub max_payload_bytes: u32,
    /// Messages in a window, acks not counted; one more closes with 4408; 0 is unlimited.
    /// Default 100, as the original has it, where acks count and close fast readers.
    pub max_messages_per_window: u32,
    /// Milliseconds of a window. Default 1000, as the original has it.
    pub rate_limit_window_ms: u32,
    /// Milliseconds to the first `init`, after which the connection is closed with 4408. Default
    /// 10,000, as the original has it.
    pub init_timeout_ms: u32,
    /// Milliseconds of silence after which the server pings. Default 30,000, as the original has
    /// it, which pings whoever talks, too.
    pub heartbeat_interval_ms: u32,
    /// Milliseconds to answer a ping, after which the socket is cut. Default 10,000, as the
    /// original has it.
    pub heartbeat_timeout_ms: u32,
    /// Unsent bytes of one connection, above which it is closed with 1013. Default 1 MiB, as the
    /// original has it.
    pub max_socket_buffered_bytes: u32,
    /// Whether every event must name its tenant in `metadata.tenantId`. Default false.
    pub require_tenant: bool,
    /// Whether clients may publish events. Default false, as the original's command line has it.
    pub allow_client_publish: bool,
    /// Whether a client that is not sent its room's first event is told by a snapshot where it
    /// begins. Default true: original clients would otherwise ask for what is gone for ever.
    pub cursor_fast_forward: bool,
}

impl ZpsPolicy {
    /// What holds where nothing is configured.
    pub const DEFAULT: Self = Self {
        max_connections: 0,
        max_subscriptions: 128,
        max_payload_bytes: 64 * 1024,
        max_messages_per_window: 100,
        rate_limit_window_ms: 1_000,
        init_timeout_ms: 10_000,
        heartbeat_interval_ms: 30_000,
        heartbeat_timeout_ms: 10_000,
        max_socket_buffered_bytes: 1024 * 1024,
        require_tenant: false,
        allow_client_publish: false,
        cursor_fast_forward: true,
    };
}

impl Default for ZpsPolicy {
    fn default() -> Self {
        Self::DEFAULT
    }
}
