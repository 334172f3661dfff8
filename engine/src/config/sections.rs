//! The sections of the configuration: every value with its unit, its default and its reason.
//!
//! The allowed ranges stand in the table of keys, next to the names; the defaults stand here only.

use std::net::{IpAddr, Ipv4Addr};

use ipnet::IpNet;

use super::origins::Origins;
use crate::log::{HistoryRule, LogLimits};

const KIB: u32 = 1024;
const MIB: u32 = 1024 * KIB;

/// Addresses, cores and the drain at the end.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ServerConfig {
    /// The address to listen on, also for metrics. Default 127.0.0.1: nobody else can reach it.
    pub host: IpAddr,
    /// TCP port of websockets and the HTTP API. Default 6001, as Laravel's examples have it.
    /// 0 takes any free one.
    pub port: u16,
    /// Cores to use, at most 256. Default 0: all that the process is allowed to run on.
    pub cores: u16,
    /// TCP port of `/metrics`; `None` does not listen. Default 9601; 0 takes any free one.
    pub metrics_port: Option<u16>,
    /// TCP port on loopback that echoes websocket messages, for conformance suites; `None` does not
    /// listen. Default `None`; 0 takes any free one.
    pub test_echo_port: Option<u16>,
    /// The path of websockets, with a slash in front and none behind. Default `/app`: what
    /// pusher-js asks for when its `wsPath` is empty.
    pub socket_path: String,
    /// Seconds from the stop signal to the exit, whatever clients do. Default 10: what
    /// orchestrators commonly wait before they kill.
    pub drain_timeout_s: u16,
    /// Milliseconds over which the drain spreads the closes, so that clients do not all reconnect
    /// in one instant. Default 1000, or half the drain timeout if that is shorter; always below
    /// the drain timeout.
    pub drain_window_ms: u32,
    /// The networks whose `X-Forwarded-For` and `X-Forwarded-Proto` are believed. Default: none. A
    /// private address is no proof: strangers come from one where a container's proxy is between.
    pub trusted_proxies: Vec<IpNet>,
    /// Resident memory, in MiB, above which `/ready` answers 503; 0 is unlimited. Default 0. In MiB
    /// and not in bytes, because numbers end at 4 GiB.
    pub memory_mib_max: u32,
}

impl Default for ServerConfig {
    fn default() -> Self {
        Self {
            host: IpAddr::V4(Ipv4Addr::LOCALHOST),
            port: 6001,
            cores: 0,
            metrics_port: Some(9601),
            test_echo_port: None,
            socket_path: "/app".to_owned(),
            drain_timeout_s: 10,
            drain_window_ms: 1000,
            trusted_proxies: Vec::new(),
            memory_mib_max: 0,
        }
    }
}

/// Limits and timers of one websocket connection.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ConnectionConfig {
    /// Seconds of silence after which either side pings; told to the client. Default 120, as hosted
    /// Pusher has it. Never 0: pusher-js refuses that (spec `pusher.md`).
    pub activity_timeout_s: u16,
    /// Seconds of silence towards the client after which it is sent a ping frame, whatever it says
    /// itself. Default 50: a default nginx cuts where the server has said nothing for 60.
    pub ping_interval_s: u16,
    /// Seconds the client may take to answer the ping of `activity_timeout_s` before close 4201.
    /// Default 30, the `pongTimeout` of pusher-js.
    pub pong_timeout_s: u16,
    /// Seconds from accept, or from a later request's first byte, to the end of the request head.
    /// Default 10: enough for any real link, short for sockets that only hold a slot.
    pub handshake_timeout_s: u16,
    /// Seconds the peer may take to answer a close frame. Default 2, so that a drain stays short.
    pub close_timeout_s: u16,
    /// The largest message a client may send, fragments summed, in bytes. Default 32 KiB: three
    /// times the largest event, so that escaping fits.
    pub message_bytes_max: u32,
    /// Bytes waiting for one client from which on nothing more is read from it. Default 256 KiB.
    pub outbox_bytes_soft: u32,
    /// Bytes waiting for one client at which it is closed as a slow consumer. Default 1 MiB; above
    /// the soft limit and above the largest message.
    pub outbox_bytes_max: u32,
    /// Seconds a client with waiting bytes may take none of them before it is closed. Default 10.
    pub outbox_stall_s: u16,
    /// Channels one connection may subscribe to. Default 1000: far above what pages use.
    pub subscriptions_max: u32,
    /// Whether a client whose URL has no `protocol` is closed with 4008. Default true, as hosted
    /// Pusher announces; clients written by hand for other servers may have none.
    pub protocol_required: bool,
    /// New connections a second that one client address (IPv6: one /64) may make to one core; 0 is
    /// unlimited. Default 0: many users may share an address.
    pub ip_rate: u32,
    /// New connections that one client address may make at once when it has made none for a while.
    /// Default 20: a page with several tabs.
    pub ip_burst: u32,
    /// Client addresses that one core remembers for `ip_rate`; those that came first are forgotten.
    /// Default 10000: under 1 MB.
    pub ip_table_max: u32,
}

impl Default for ConnectionConfig {
    fn default() -> Self {
        Self {
            activity_timeout_s: 120,
            ping_interval_s: 50,
            pong_timeout_s: 30,
            handshake_timeout_s: 10,
            close_timeout_s: 2,
            message_bytes_max: 32 * KIB,
            outbox_bytes_soft: 256 * KIB,
            outbox_bytes_max: MIB,
            outbox_stall_s: 10,
            subscriptions_max: 1000,
            protocol_required: true,
            ip_rate: 0,
            ip_burst: 20,
            ip_table_max: 10_000,
        }
    }
}

/// Limits of one core.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CoreConfig {
    /// Connections one core may hold. Default 100,000: about 200 MB when all are idle. Lowered at
    /// the start, with a line that says so, where the process may not open so many files.
    pub connections_max: u32,
    /// Sockets beyond `connections_max` that are heard: a websocket is told why it cannot stay, a
    /// plain request is answered once; above it they get a bare 503. Default 256: one that knows
    /// why does not come back at once, and publishers need no place among clients.
    pub turned_away_max: u32,
    /// Envelopes one core's mailbox holds before its senders keep theirs back. Default 1024: a tick
    /// sends one per core, so this is a thousand ticks of lag.
    pub mailbox_envelopes_max: u32,
    /// Bytes waiting for another core before publishes are refused. Default 64 MiB.
    pub mailbox_bytes_max: u32,
    /// Bytes that all slow consumers of one core may hold together. Default 256 MiB.
    pub retained_bytes_max: u32,
    /// Bytes that the last events of one core's cache channels may take, bookkeeping included;
    /// above it the oldest go. Default 64 MiB: 50,000 channels with events of 1 KiB.
    pub cache_bytes_max: u32,
    /// Size in bytes of the buffer that all reads of one core go through. Default 512 KiB:
    /// smaller ones cost a fast publisher more system calls per event.
    pub read_scratch_bytes: u32,
    /// Bytes that compressed messages of one core's clients may become in a turn, one message more
    /// at most; what is left waits for a later turn, one client after the other. Default 1 MiB:
    /// about a millisecond, so a few bytes that become many keep nobody else waiting.
    pub inflated_bytes_max: u32,
    /// Whether events that arrive together are put together, and what queues during a send leaves
    /// as one. Default true: it adds no latency. False is there to measure what that saves.
    pub coalesce: bool,
    /// Entries of each of a core's two submission rings, a power of two. Default 4096.
    pub uring_entries: u32,
    /// Idempotency keys one core remembers; above it the oldest are forgotten. Default 100,000: at
    /// 800 publishes a second, all keys of the default window of 120 s.
    pub idempotency_keys_max: u32,
    /// Bytes that these keys and the answers kept for them may take. Default 32 MiB: what as many
    /// ordinary ones need.
    pub idempotency_bytes_max: u32,
}

impl Default for CoreConfig {
    fn default() -> Self {
        Self {
            connections_max: 100_000,
            turned_away_max: 256,
            mailbox_envelopes_max: 1024,
            mailbox_bytes_max: 64 * MIB,
            retained_bytes_max: 256 * MIB,
            cache_bytes_max: 64 * MIB,
            read_scratch_bytes: 512 * KIB,
            inflated_bytes_max: MIB,
            coalesce: true,
            uring_entries: 4096,
            idempotency_keys_max: 100_000,
            idempotency_bytes_max: 32 * MIB,
        }
    }
}

/// Limits of one HTTP request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HttpConfig {
    /// The largest request head, in bytes, upgrades included. Default 16 KiB.
    pub head_bytes_max: u32,
    /// The largest request body, in bytes. Default 512 KiB: a full batch of the largest events
    /// with their escapes.
    pub body_bytes_max: u32,
    /// Seconds from the end of the head to the end of the body. Default 30.
    pub request_timeout_s: u16,
    /// Seconds a kept-alive connection may wait for its next request. Default 75: longer than the
    /// 60 s of common proxies, so that the proxy closes first.
    pub idle_timeout_s: u16,
    /// Origins whose pages may read answers of the HTTP API. Default `*`, all, as Soketi has it:
    /// requests are signed and need no cookies, so a page can do no more than its visitor. Cookies
    /// are allowed for origins that are listed, and never for all.
    pub cors_origins: Origins,
}

impl Default for HttpConfig {
    fn default() -> Self {
        Self {
            head_bytes_max: 16 * KIB,
            body_bytes_max: 512 * KIB,
            request_timeout_s: 30,
            idle_timeout_s: 75,
            cors_origins: Origins::Any,
        }
    }
}

/// Calls out over HTTP: what cores ask other servers, and what apps are told.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WebhookConfig {
    /// Calls that cores may have in flight; as many more may wait. Default 256: about what one
    /// application server answers at a time.
    pub calls_in_flight_max: u32,
    /// The largest answer to a call, in bytes. Default 64 KiB: answers are small decisions.
    pub call_answer_bytes_max: u32,
    /// Milliseconds over which events are gathered into one request. Default 50, as Soketi and
    /// Sockudo have it: nobody notices, and a burst is a few requests.
    pub batch_ms: u32,
    /// Events in one request. Default 100, as Sockudo has it.
    pub batch_events_max: u32,
    /// Bytes of events in one request; a larger event goes alone. Default 256 KiB: below the 1 MB
    /// that nginx takes by default.
    pub batch_bytes_max: u32,
    /// Seconds an endpoint may take to answer. Default 10, as Sockudo has it.
    pub timeout_s: u16,
    /// Seconds for which an endpoint that fails is tried again. Default 300: hosted Pusher's five
    /// minutes.
    pub retry_max_s: u32,
    /// Milliseconds for which it is held back that a channel is vacant or a user gone, in case they
    /// come back. Default 3000: hosted Pusher's three seconds.
    pub debounce_ms: u32,
    /// How many of those are held back; beyond it the oldest are told early. Default 100,000: about
    /// 20 MB.
    pub debounce_events_max: u32,
    /// Requests that wait for one endpoint; what comes then is a dead letter at once. Default
    /// 10,000.
    pub queue_batches_max: u32,
    /// Their bytes. Default 16 MiB.
    pub queue_bytes_max: u32,
    /// Bytes of the requests that wait for all endpoints together. Default 256 MiB: a server of
    /// many apps whose endpoints are all away needs no more.
    pub queue_total_bytes_max: u32,
    /// Bytes of events that one core keeps while the side thread is busy; beyond it they are lost
    /// and counted. Default 16 MiB.
    pub backlog_bytes_max: u32,
    /// Where what could not be delivered is kept, one JSON object a line; `None` counts it as lost.
    /// Default `None`: the operator must choose a disk for it.
    pub dead_letter_file: Option<String>,
    /// The largest size of that file, in bytes. Default 256 MiB.
    pub dead_letter_bytes_max: u32,
}

impl Default for WebhookConfig {
    fn default() -> Self {
        Self {
            calls_in_flight_max: 256,
            call_answer_bytes_max: 64 * KIB,
            batch_ms: 50,
            batch_events_max: 100,
            batch_bytes_max: 256 * KIB,
            timeout_s: 10,
            retry_max_s: 300,
            debounce_ms: 3_000,
            debounce_events_max: 100_000,
            queue_batches_max: 10_000,
            queue_bytes_max: 16 * MIB,
            queue_total_bytes_max: 256 * MIB,
            backlog_bytes_max: 16 * MIB,
            dead_letter_file: None,
            dead_letter_bytes_max: 256 * MIB,
        }
    }
}

/// What one core keeps of channels with a log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LogConfig {
    /// `memory`, or `file` for logs that outlive the process. Default `memory`: the operator must
    /// choose a disk.
    pub driver: String,
    /// The directory of the driver `file`. Default `uringcast-log`, where the server was started.
    pub dir: String,
    /// `strict` ends the start if a file is damaged, `skip` goes on without what cannot be read.
    /// Default `strict`: what is lost should be known.
    pub recover: String,
    /// Events that are written and synced at once. Default 1000: beyond it a sync costs less than
    /// the writing.
    pub sync_events_max: u32,
    /// Bytes that are written and synced at once. Default 256 KiB: what those take.
    pub sync_bytes_max: u32,
    /// Milliseconds that an event waits for others. Default 2: less than most disks take to sync.
    pub sync_delay_ms: u32,
    /// Bytes from which on a file of the log is followed by a new one. Default 32 MiB: 100,000
    /// events, read in a tenth of a second.
    pub segment_bytes: u32,
    /// Channels with a log. Default 100,000: some tens of megabytes when all are empty.
    pub channels_max: u32,
    /// Bytes of all events, snapshots and dead letters; above it the oldest events go. Default
    /// 256 MiB.
    pub bytes_max: u32,
    /// Subscriber ids one channel remembers a cursor for. Default 10,000: about 1 MB.
    pub cursors_max: u32,
    /// Seconds for which a cursor that is not used is kept, if its channel does not keep events for
    /// longer. Default a week: who is away for holidays begins where it stopped.
    pub cursor_idle_s: u32,
    /// Logs that one connection may begin on one core within a minute; 0 is no limit. Default
    /// 1,000: one for each channel that it may subscribe to.
    pub new_rate: u32,
    /// Logs that one app may begin on one core within a minute; 0 is no limit. Default 100,000: all
    /// that there may be, for when all clients come back at once.
    pub new_rate_app: u32,
    /// Event ids one channel knows again. Default 10,000: the window of publishes tried again.
    pub ids_max: u32,
    /// Bytes of one snapshot's state. Default 1 MiB.
    pub snapshot_bytes_max: u32,
    /// Dead letters of one channel. Default 1,000.
    pub dead_letters_max: u32,
    /// Users that connections may have entered into one room. Default 1,000: all are told to all.
    pub entered_max: u32,
    /// Bytes of what is told of those users. Default 256 KiB: a quarter of what a room's client may
    /// have unsent.
    pub entered_bytes_max: u32,
    /// Events of one page of catching up, and of one answer to a replay. Default 500, as the
    /// original of zero-pub-sub has it.
    pub page_events_max: u32,
    /// Bytes of one page. Default 64 KiB: a socket takes it at once.
    pub page_bytes_max: u32,
    /// Bytes of events, cursors and snapshots that wait to be written; above it they are refused.
    /// Default 64 MiB.
    pub unsynced_bytes_max: u32,
    /// Seconds that the disk may take to answer before `/ready` says no. Default 10: a disk that is
    /// busy takes one or two.
    pub disk_timeout_s: u16,
    /// Channels that `/metrics` names as furthest behind. Default 20: each is a series of its own,
    /// and what reads them keeps all that there have ever been.
    pub lag_series_max: u32,
    /// Channels with a log in apps that have no `history` of their own: patterns between commas.
    /// Default empty: rooms alone.
    pub history: String,
    /// Requests of one core to sinks that are in flight. Default 16: four cores leave three
    /// quarters of all calls to others.
    pub sinks_in_flight_max: u32,
    /// Bytes of events in one request to a sink. Default 256 KiB, as webhooks have it.
    pub sink_post_bytes_max: u32,
}

impl Default for LogConfig {
    fn default() -> Self {
        let LogLimits {
            is_durable: _,
            epoch: _,
            channels_max,
            bytes_max,
            cursors_max,
            cursor_idle_ms,
            new_rate,
            new_rate_app,
            ids_max,
            snapshot_bytes_max,
            dead_letters_max,
            entered_max,
            entered_bytes_max,
            page_events_max,
            page_bytes_max,
            unsynced_bytes_max,
            sinks_in_flight_max,
            sink_post_bytes_max,
        } = LogLimits::default();
        Self {
            driver: "memory".to_owned(),
            dir: "uringcast-log".to_owned(),
            recover: "strict".to_owned(),
            sync_events_max: 1000,
            sync_bytes_max: 256 * KIB,
            sync_delay_ms: 2,
            segment_bytes: 32 * MIB,
            channels_max: channels_max as u32,
            bytes_max: bytes_max as u32,
            cursors_max: cursors_max as u32,
            cursor_idle_s: (cursor_idle_ms / 1_000) as u32,
            new_rate,
            new_rate_app,
            ids_max: ids_max as u32,
            snapshot_bytes_max: snapshot_bytes_max as u32,
            dead_letters_max: dead_letters_max as u32,
            entered_max: entered_max as u32,
            entered_bytes_max: entered_bytes_max as u32,
            page_events_max: page_events_max as u32,
            page_bytes_max: page_bytes_max as u32,
            unsynced_bytes_max: unsynced_bytes_max as u32,
            disk_timeout_s: 10,
            lag_series_max: 20,
            history: String::new(),
            sinks_in_flight_max: sinks_in_flight_max as u32,
            sink_post_bytes_max: sink_post_bytes_max as u32,
        }
    }
}

impl LogConfig {
    /// Whether logs outlive the process.
    pub fn is_durable(&self) -> bool {
        self.driver == "file"
    }

    /// What keeps them, as every zero-pub-sub event's metadata says.
    pub fn provider(&self) -> &'static str {
        if self.is_durable() { "file" } else { "memory" }
    }

    /// Which channels have a log in apps that do not say it themselves, each with what is kept by
    /// default.
    pub fn history_rules(&self) -> Vec<HistoryRule> {
        let patterns = self.history.split(',').filter(|pattern| !pattern.is_empty());
        patterns.map(HistoryRule::new).collect()
    }

    /// These limits as a shard takes them. It is in no epoch yet, so `epoch` is 0.
    pub fn limits(&self) -> LogLimits {
        LogLimits {
            is_durable: self.is_durable(),
            epoch: 0,
            channels_max: self.channels_max as usize,
            bytes_max: self.bytes_max as usize,
            cursors_max: self.cursors_max as usize,
            cursor_idle_ms: u64::from(self.cursor_idle_s) * 1_000,
            new_rate: self.new_rate,
            new_rate_app: self.new_rate_app,
            ids_max: self.ids_max as usize,
            snapshot_bytes_max: self.snapshot_bytes_max as usize,
            dead_letters_max: self.dead_letters_max as usize,
            entered_max: self.entered_max as usize,
            entered_bytes_max: self.entered_bytes_max as usize,
            page_events_max: self.page_events_max as usize,
            page_bytes_max: self.page_bytes_max as usize,
            unsynced_bytes_max: self.unsynced_bytes_max as usize,
            sinks_in_flight_max: self.sinks_in_flight_max as usize,
            sink_post_bytes_max: self.sink_post_bytes_max as usize,
        }
    }
}

/// Where apps are read besides the configuration.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RegistryConfig {
    /// The database with the table `apps`: `postgres://...` or `sqlite://...`. Default empty: none.
    pub url: String,
    /// Seconds between two reads of the table. Default 10: an app that is added is served soon, and
    /// the database hardly notices.
    pub refresh_s: u16,
    /// Seconds that one read may take, connecting included. Default 5: below the time between two.
    pub timeout_s: u16,
    /// Apps that may be served, those of the configuration included. Default 10,000: some tens of
    /// megabytes.
    pub apps_max: u32,
}

impl Default for RegistryConfig {
    fn default() -> Self {
        Self { url: String::new(), refresh_s: 10, timeout_s: 5, apps_max: 10_000 }
    }
}
