//! What the operator has decided about zps connections; every limit is a key of the configuration.

use uringcast_proto::zps::Provider;

use super::access::Access;
use crate::shard::RoomAuthLimits;

/// Rooms one connection may enter users into, for each that it may subscribe to.
pub(super) const ENTERED_PER_SUBSCRIPTION: usize = 1;

/// The most types that one subscription may ask for; each is compared with every event.
pub const EVENT_TYPES_MAX: usize = 64;

/// The longest name of a subscriber, in bytes: cursors are kept by it.
pub(super) const SUBSCRIBER_ID_BYTES_MAX: usize = 200;

/// Limits and features of the protocol.
#[derive(Clone, Debug)]
pub struct Rules {
    /// `zps.max_subscriptions`.
    pub subscriptions_max: usize,
    /// `zps.max_payload_bytes`.
    pub message_bytes_max: usize,
    /// `zps.max_messages_per_window`; 0 is unlimited.
    pub messages_per_window_max: u32,
    /// `zps.rate_limit_window_ms`.
    pub rate_limit_window_ms: u64,
    /// `zps.init_timeout_ms`.
    pub init_timeout_ms: u64,
    /// `zps.heartbeat_interval_ms`.
    pub heartbeat_interval_ms: u64,
    /// `zps.heartbeat_timeout_ms`.
    pub heartbeat_timeout_ms: u64,
    /// `zps.sse_heartbeat_ms`.
    pub sse_heartbeat_ms: u64,
    /// `zps.max_socket_buffered_bytes`.
    pub outbox_bytes_max: usize,
    /// `zps.require_tenant`.
    pub require_tenant: bool,
    /// `zps.allow_client_publish`.
    pub is_publish_allowed: bool,
    /// `zps.cursor_fast_forward`.
    pub fast_forward: bool,
    /// What keeps the logs, as every event's metadata says.
    pub provider: Provider,
    /// Who may use which room.
    pub access: Access,
    /// How apps' own servers are asked, too.
    pub room_auth: RoomAuthLimits,
}

impl Default for Rules {
    /// What the configuration has when nothing is configured.
    fn default() -> Self {
        Self {
            subscriptions_max: 128,
            message_bytes_max: 64 * 1024,
            messages_per_window_max: 100,
            rate_limit_window_ms: 1_000,
            init_timeout_ms: 10_000,
            heartbeat_interval_ms: 30_000,
            heartbeat_timeout_ms: 10_000,
            sse_heartbeat_ms: 15_000,
            outbox_bytes_max: 1024 * 1024,
            require_tenant: false,
            is_publish_allowed: false,
            fast_forward: true,
            provider: Provider("memory"),
            access: Access::default(),
            room_auth: RoomAuthLimits::default(),
        }
    }
}
