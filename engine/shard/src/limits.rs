//! Limits of one core and of each of its connections.

use crate::id::CONNECTIONS_PER_CORE_MAX;
use crate::setting::{SWITCH, number, table};

const KIB: u32 = 1024;
const MIB: u32 = 1024 * KIB;

/// The places of a core without those of the operator and of who is turned away.
const CLIENTS_PER_CORE_MAX: u32 = CONNECTIONS_PER_CORE_MAX as u32 - 65_536;

table! {
/// Limits and timers of one websocket connection.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ConnectionConfig {
    /// Silence after which either side pings; clients are told.
    ///
    /// As hosted Pusher has it. Never 0: pusher-js refuses that (spec `pusher.md`).
    activity_timeout_s: u16 = 120,
        number(1, 3600, "seconds").flag("activity-timeout").alias("BROADCAST_ACTIVITY_TIMEOUT");
    /// Silence towards a client after which it is sent a ping frame; proxies may cut after 60.
    ///
    /// A default nginx cuts where the server has said nothing for 60.
    ping_interval_s: u16 = 50, number(1, 3600, "seconds");
    /// Time to answer a ping before the connection is closed with 4201.
    ///
    /// The `pongTimeout` of pusher-js.
    pong_timeout_s: u16 = 30, number(1, 3600, "seconds");
    /// Time from accept to the end of the request head.
    ///
    /// Enough for any real link, short for sockets that only hold a slot.
    handshake_timeout_s: u16 = 10, number(1, 600, "seconds");
    /// Time to answer a close frame.
    ///
    /// A drain stays short.
    close_timeout_s: u16 = 2, number(1, 60, "seconds");
    /// Largest message a client may send, fragments summed.
    ///
    /// Three times the largest event, so that escaping fits.
    message_bytes_max: u32 = 32 * KIB, number(KIB, 64 * MIB, "bytes");
    /// Waiting bytes from which on nothing more is read from that client.
    outbox_bytes_soft: u32 = 256 * KIB, number(KIB, 1024 * MIB, "bytes");
    /// Waiting bytes at which a client is closed as a slow consumer.
    ///
    /// Above the soft limit and above the largest message.
    outbox_bytes_max: u32 = MIB, number(KIB, 1024 * MIB, "bytes");
    /// Time a client with waiting bytes may take none of them before it is closed.
    outbox_stall_s: u16 = 10, number(1, 600, "seconds");
    /// Channels one connection may subscribe to.
    ///
    /// Far above what pages use.
    subscriptions_max: u32 = 1000, number(1, 1_000_000, "channels");
    /// Whether a websocket's URL must name its protocol version; 4008 if it does not.
    ///
    /// As hosted Pusher announces; clients written by hand for other servers may have none.
    protocol_required: bool = true, SWITCH;
    /// New connections of one client address to one core, by IPv6 /64; 0 is unlimited.
    ///
    /// Many users may share an address.
    ip_rate: u32 = 0, number(0, 1_000_000, "connections per second");
    /// New connections that one client address may make at once.
    ///
    /// A page with several tabs.
    ip_burst: u32 = 20, number(1, 1_000_000, "connections");
    /// Client addresses that one core remembers for `ip_rate`.
    ///
    /// Under 1 MB.
    ip_table_max: u32 = 10_000, number(2, 10_000_000, "addresses");
    /// Silence after which a stream is sent a heartbeat.
    ///
    /// Clients give up after 60,000.
    sse_heartbeat_ms: u32 = 15_000, number(100, 60_000, "milliseconds");
}
}

table! {
/// Limits of one core.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CoreConfig {
    /// Connections one core may hold; fewer where the process may not open so many files.
    ///
    /// About 200 MB when all are idle.
    connections_max: u32 = 100_000, number(1, CLIENTS_PER_CORE_MAX, "connections");
    /// Sockets beyond `connections_max`: told 4100, or one request is answered; others get 503.
    ///
    /// One that knows why does not come back at once, and publishers need no place among clients.
    turned_away_max: u32 = 256, number(0, 65_000, "sockets");
    /// Envelopes one core's mailbox holds before its senders keep theirs back.
    ///
    /// A tick sends one per core, so this is a thousand ticks of lag.
    mailbox_envelopes_max: u32 = 1024, number(16, 1 << 20, "envelopes");
    /// Bytes waiting for another core before publishes are refused.
    mailbox_bytes_max: u32 = 64 * MIB, number(MIB, u32::MAX, "bytes");
    /// Bytes all slow consumers of one core may hold together.
    retained_bytes_max: u32 = 256 * MIB, number(MIB, u32::MAX, "bytes");
    /// Bytes the last events of one core's cache channels may take; the oldest make room.
    ///
    /// 50,000 channels with events of 1 KiB.
    cache_bytes_max: u32 = 64 * MIB, number(0, u32::MAX, "bytes");
    /// Idempotency keys one core remembers before it forgets the oldest.
    ///
    /// At 800 publishes a second, all keys of the default window of 120 s.
    idempotency_keys_max: u32 = 100_000, number(1, 100_000_000, "keys");
    /// Bytes of idempotency keys and of the answers kept for them.
    ///
    /// What 100,000 ordinary keys need.
    idempotency_bytes_max: u32 = 32 * MIB, number(64 * KIB, u32::MAX, "bytes");
    /// Buffer that all reads of one core go through.
    ///
    /// Smaller ones cost a fast publisher more system calls per event.
    read_scratch_bytes: u32 = 512 * KIB, number(16 * KIB, 16 * MIB, "bytes");
    /// Bytes that clients' compressed messages may become in a turn; the others wait for it.
    ///
    /// About a millisecond, so a few bytes that become many keep nobody else waiting.
    inflated_bytes_max: u32 = MIB, number(KIB, u32::MAX, "bytes");
    /// Send events that arrive together as one; false only to measure what that saves.
    ///
    /// It adds no latency.
    coalesce: bool = true, SWITCH;
    /// Each of a core's two submission rings; the kernel rounds it up to a power of two.
    uring_entries: u32 = 4096, number(256, 32_768, "entries");
}
}
