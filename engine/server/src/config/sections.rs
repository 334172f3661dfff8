//! The sections of the configuration that no other part has rows of, a table each.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr};

use super::form;
use super::networks::Networks;
use crate::api::Origins;
use crate::app::HistoryRule;
use crate::id::CORES_MAX;
use crate::log::LogLimits;
use crate::setting::{Kind, PORT, Row, SWITCH, Table, Value, number, table, text};

const KIB: u32 = 1024;
const MIB: u32 = 1024 * KIB;

table! {
/// Addresses, cores and the drain at the end.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ServerConfig {
    /// Address to listen on.
    ///
    /// Loopback: nobody else can reach it.
    host: IpAddr = IpAddr::V4(Ipv4Addr::LOCALHOST), text(&form::ADDRESS).flag("host").alias("HOST");
    /// Port of websockets and the HTTP API; 0 takes any free one.
    ///
    /// As Laravel's examples have it.
    port: u16 = 6001, number(0, 65_535, "TCP port").flag("port").alias("PORT");
    /// Cores to use, one thread each; 0 takes all that the process may run on.
    cores: u16 = 0, number(0, CORES_MAX as u32, "cores").flag("cores");
    /// Address that /metrics and /usage are read at.
    ///
    /// Loopback, whatever `host` is: they name channels, and nobody is asked who he is.
    metrics_host: IpAddr = IpAddr::V4(Ipv4Addr::LOCALHOST),
        text(&form::ADDRESS).flag("metrics-host");
    /// Port of /metrics and /usage; 0 takes any free one, "off" does not listen.
    metrics_port: Option<u16> = Some(9601), PORT.flag("metrics-port");
    /// Port on loopback that echoes messages, for conformance suites; 0 takes any free one.
    test_echo_port: Option<u16> = None, PORT.flag("test-echo-port");
    /// Path of websockets: `SOCKET_PATH/{key}` and `SOCKET_PATH/app/{key}`; /app/{key} always
    /// works.
    ///
    /// What pusher-js asks for when its `wsPath` is empty. It has a slash in front and none
    /// behind.
    socket_path: String = "/app".to_owned(), text(&form::SOCKET_PATH).alias("SOCKET_PATH");
    /// Time from the stop signal to the exit, whatever clients do.
    ///
    /// Orchestrators commonly wait so long before they kill.
    drain_timeout_s: u16 = 10, number(1, 3600, "seconds").flag("drain-timeout");
    /// Time over which the drain spreads the closes; by default at most half the drain timeout.
    ///
    /// Clients must not all reconnect in one instant.
    drain_window_ms: u32 = 1000, number(0, 3_600_000, "milliseconds");
    /// Proxies whose X-Forwarded-For and X-Forwarded-Proto are believed; by default none.
    ///
    /// A private address is no proof: strangers come from one where a container's proxy is
    /// between.
    trusted_proxies: Networks = Networks::default(), text(&form::NETWORKS);
    /// Resident memory above which /ready answers 503; 0 is unlimited.
    ///
    /// In MiB and not in bytes, because numbers end at 4 GiB.
    memory_mib_max: u32 = 0, number(0, 1 << 24, "MiB");
}
}

table! {
/// Limits of one HTTP request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HttpConfig {
    /// Origins whose pages may read answers, between commas; * for all.
    ///
    /// As Soketi has it: requests are signed and need no cookies, so a page can do no more than
    /// its visitor. Cookies are allowed for origins that are listed, and never for all.
    cors_origins: Origins = Origins::Any, text(&form::ORIGINS);
    /// Largest request head, upgrades included.
    head_bytes_max: u32 = 16 * KIB, number(8 * KIB, MIB, "bytes");
    /// Largest request body.
    ///
    /// A full batch of the largest events with their escapes.
    body_bytes_max: u32 = 512 * KIB, number(KIB, 64 * MIB, "bytes");
    /// Time from the end of a request's head to the end of its body.
    request_timeout_s: u16 = 30, number(1, 3600, "seconds");
    /// Time a kept-alive connection may wait for its next request.
    ///
    /// Longer than the 60 s of common proxies, so that the proxy closes first.
    idle_timeout_s: u16 = 75, number(1, 3600, "seconds");
}
}

table! {
/// Calls out over HTTP: what cores ask other servers, and what apps are told.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WebhookConfig {
    /// Calls that cores may have in flight; as many more may wait, others are refused.
    ///
    /// About what one application server answers at a time.
    calls_in_flight_max: u32 = 256, number(1, 65_536, "calls");
    /// Largest answer to a call.
    ///
    /// Answers are small decisions.
    call_answer_bytes_max: u32 = 64 * KIB, number(KIB, 16 * MIB, "bytes");
    /// Time over which events are gathered into one request.
    ///
    /// As Soketi and Sockudo have it: nobody notices, and a burst is a few requests.
    batch_ms: u32 = 50, number(0, 60_000, "milliseconds");
    /// Events in one request.
    ///
    /// As Sockudo has it.
    batch_events_max: u32 = 100, number(1, 10_000, "events");
    /// Events in one request; a larger event goes alone.
    ///
    /// Below the 1 MB that nginx takes by default.
    batch_bytes_max: u32 = 256 * KIB, number(KIB, 16 * MIB, "bytes");
    /// Time an endpoint may take to answer.
    ///
    /// As Sockudo has it.
    timeout_s: u16 = 10, number(1, 600, "seconds");
    /// Time for which an endpoint that fails is tried again; then its events are dead letters.
    ///
    /// Hosted Pusher's five minutes.
    retry_max_s: u32 = 300, number(0, 86_400, "seconds");
    /// Time in which a vacant channel or a member gone may come back, so that neither is told.
    ///
    /// Hosted Pusher's three seconds.
    debounce_ms: u32 = 3_000, number(0, 60_000, "milliseconds");
    /// Events held back for `debounce_ms`; beyond it the oldest are told early.
    ///
    /// About 20 MB.
    debounce_events_max: u32 = 100_000, number(1, 10_000_000, "events");
    /// Requests waiting for one endpoint before new ones are dead letters at once.
    queue_batches_max: u32 = 10_000, number(1, 1_000_000, "requests");
    /// Bytes waiting for one endpoint; also those waiting for the dead-letter file.
    queue_bytes_max: u32 = 16 * MIB, number(MIB, u32::MAX, "bytes");
    /// Bytes waiting for all endpoints together.
    ///
    /// A server of many apps whose endpoints are all away needs no more.
    queue_total_bytes_max: u32 = 256 * MIB, number(MIB, u32::MAX, "bytes");
    /// Events one core keeps while the side thread is busy; beyond it they are lost.
    backlog_bytes_max: u32 = 16 * MIB, number(MIB, u32::MAX, "bytes");
    /// File for what could not be delivered, one JSON object a line; "off" counts it as lost.
    ///
    /// The operator must choose a disk for it.
    dead_letter_file: Option<String> = None, text(&form::OPTIONAL_PATH);
    /// Largest size of the dead-letter file; beyond it events are lost.
    dead_letter_bytes_max: u32 = 256 * MIB, number(KIB, u32::MAX, "bytes");
}
}

table! {
/// What one core keeps of channels with a log, and where it outlives the process.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LogConfig {
    /// What keeps logs: memory, or file, so that all that was acknowledged survives a crash.
    ///
    /// The operator must choose a disk for anything else.
    driver: String = "memory".to_owned(),
        text(&form::LOG_DRIVER).flag("provider").alias("ZERO_PUBSUB_PROVIDER");
    /// Directory of the driver file, of one server alone; it is made if it is not there.
    ///
    /// It is where the server was started.
    dir: String = "uringcast-log".to_owned(),
        text(&form::DIRECTORY).flag("connection").alias("ZERO_PUBSUB_CONNECTION");
    /// What a start does about damaged logs: strict ends with an error, skip goes on without.
    ///
    /// What is lost should be known.
    recover: String = "strict".to_owned(), text(&form::LOG_RECOVER);
    /// Channels with a log, * any part of a name, between commas; an app's own history wins.
    ///
    /// Rooms alone.
    history: String = String::new(), text(&form::CHANNEL_PATTERNS).flag("history");
    /// Events that are written and synced at once.
    ///
    /// Beyond it a sync costs less than the writing.
    sync_events_max: u32 = 1000, number(1, 1_000_000, "events");
    /// Bytes that are written and synced at once; a larger event goes alone.
    ///
    /// What 1000 events take.
    sync_bytes_max: u32 = 256 * KIB, number(KIB, 1024 * MIB, "bytes");
    /// Time that an event waits for others to be synced with.
    ///
    /// Less than most disks take to sync.
    sync_delay_ms: u32 = 2, number(0, 1000, "milliseconds");
    /// Size from which on a file of the log is followed by a new one.
    ///
    /// 100,000 events, read in a tenth of a second.
    segment_bytes: u32 = 32 * MIB, number(64 * KIB, 1024 * MIB, "bytes");
    /// Time that the disk may take to answer before /ready says no.
    ///
    /// A disk that is busy takes one or two.
    disk_timeout_s: u16 = 10, number(1, 3600, "seconds");
    /// Channels that /metrics names as furthest behind their subscribers' acknowledgements.
    ///
    /// Each is a series of its own, and what reads them keeps all that there have ever been.
    lag_series_max: u32 = 20, number(0, 10_000, "channels");
    besides {
        /// What of it one core keeps; whether that is durable is the driver's.
        kept: LogLimits = LogLimits::default();
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
        LogLimits { is_durable: self.is_durable(), ..self.kept }
    }
}

table! {
/// Where apps are read besides, and read again while the server runs.
#[derive(Clone, PartialEq, Eq)]
pub struct RegistryConfig {
    /// Database whose table apps is served, too (packaging/apps.sql); "" is none.
    url: String = String::new(), text(&form::DATABASE_URL);
    /// Time between two reads of the table.
    ///
    /// An app that is added is served soon, and the database hardly notices.
    refresh_s: u16 = 10, number(1, 3600, "seconds");
    /// Time one read may take, connecting included.
    ///
    /// Below the time between two.
    timeout_s: u16 = 5, number(1, 300, "seconds");
    /// Apps that may be served, those of the configuration included.
    ///
    /// Some tens of megabytes.
    apps_max: u32 = 10_000, number(1, 60_000, "apps");
}
}

table! {
/// What of the zero-pub-sub protocol is the same for all apps.
///
/// The other keys of its section are limits that apps may differ in:
/// [`ZpsPolicy`](crate::app::ZpsPolicy).
#[derive(Clone, PartialEq, Eq)]
pub struct ZpsConfig {
    /// Whether / and /apps/{id} are websockets of the zero-pub-sub protocol.
    enabled: bool = true, SWITCH;
    /// Id of the app that / belongs to; "" is the first app.
    app: String = String::new(), text(&form::APP_ID);
    /// Path of streams of server-sent events, besides /api/realtime/sse and /apps/{id}/sse.
    sse_path: String = "/sse".to_owned(), text(&form::SOCKET_PATH);
    /// Events one request to /events may hold.
    http_events_max: u32 = 1_000, number(1, 100_000, "events");
    /// Events one request to /replay may ask for.
    ///
    /// As the original has it.
    http_replay_events_max: u32 = 10_000, number(1, 1_000_000, "events");
    /// Bytes one request to /replay may ask for; what is more is refused.
    http_replay_bytes_max: u32 = 16 * 1024 * 1024, number(64 * KIB, 1024 * MIB, "bytes");
    /// Secret of HS256 tokens; "" is none. Without any key for tokens everybody is let in.
    jwt_secret: String = String::new(), text(&form::ZPS_SECRET);
    /// File with the public key of RS256 tokens, in PEM.
    jwt_public_key_file: Option<String> = None, text(&form::OPTIONAL_PATH);
    /// File with several keys of tokens, a JSON Web Key Set.
    jwks_file: Option<String> = None, text(&form::OPTIONAL_PATH);
    /// Scopes of rooms that may be used, between commas; "" is all.
    scopes: String = String::new(), text(&form::ZPS_SCOPES);
    /// "claims": a token names its rooms; "open": every token opens every room.
    ///
    /// Without keys for tokens there are none, and everybody may use every room.
    authorize: String = "claims".to_owned(), text(&form::ZPS_AUTHORIZE);
    /// Time an app's `room_auth_url` has to say whether a room may be used.
    ///
    /// Its client waits for as long.
    authorize_timeout_ms: u32 = 5_000, number(10, 600_000, "milliseconds");
    /// Time an answer of a `room_auth_url` is good for; 0 asks each time.
    ///
    /// Who loses a right keeps it for half a minute.
    authorize_cache_ttl_ms: u32 = 30_000, number(0, 86_400_000, "milliseconds");
    /// Answers about rooms that one core keeps; the oldest goes first.
    ///
    /// Some 4 MB.
    authorize_cache_entries_max: u32 = 10_000, number(0, 10_000_000, "answers");
    /// Questions of one core that may wait for an answer; one more is refused.
    ///
    /// Half of what all calls together may have in flight by default.
    authorize_in_flight_max: u32 = 128, number(1, 65_536, "calls");
    /// Whether a client must call itself what its token has as sub, or be closed with 4401.
    ///
    /// One user may be several subscribers, whose cursors are the user's own either way.
    subscriber_must_match_sub: bool = false, SWITCH;
    /// Whether the app's public key, in the place of a token, opens every room at /apps/{id}.
    ///
    /// Whoever sees a page of the app knows it.
    app_key_opens_rooms: bool = false, SWITCH;
}
}

impl fmt::Debug for RegistryConfig {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        masked("RegistryConfig", self, Self::ROWS, f)
    }
}

impl fmt::Debug for ZpsConfig {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        masked("ZpsConfig", self, Self::ROWS, f)
    }
}

/// Show `table` for debugging, each text as it is printed: without its secrets.
fn masked(name: &str, table: &dyn Table, rows: &[Row], f: &mut fmt::Formatter<'_>) -> fmt::Result {
    let mut fields = f.debug_struct(name);
    for (index, row) in rows.iter().enumerate() {
        let value = match (table.value(index), &row.kind) {
            (Value::Text(text), Kind::Text(form)) => Value::Text((form.mask)(&text)),
            (value, _) => value,
        };
        fields.field(row.name, &value);
    }
    fields.finish()
}

table! {
/// What is written to standard error about what clients do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LoggingConfig {
    /// Whether everything done in rooms is a line of JSON on standard error.
    ///
    /// It reads every message once more.
    actions: bool = false, SWITCH;
    /// Fields whose values are `***` there, in any case and at any depth, between commas.
    ///
    /// What the original masks.
    mask_fields: String = "password,cardNumber,cvv".to_owned(), text(&form::FIELD_NAMES);
    /// Lines that wait to be written; more are left out and counted.
    ///
    /// 4 MiB at most.
    lines_max: u32 = 1024, number(1, 1_000_000, "lines");
}
}
