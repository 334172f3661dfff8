//! The one table of configuration keys: name, unit, allowed range, flag and documentation.
//!
//! Reading a file, the environment and the flags, printing, and the example file all go through
//! this table, so a key that stands here is complete everywhere. Defaults are not repeated: they
//! are what [`Config::default`](super::Config::default) holds.
//!
//! Invariant: `set` of any value inside the range followed by `value` gives the same value back.

use super::field::Field;
use super::form;
use super::key::{Key, Place};
use crate::id::{CONNECTIONS_PER_CORE_MAX, CORES_MAX};

const KIB: u32 = 1024;
const MIB: u32 = 1024 * KIB;

/// The places of a core without those of the operator and of who is turned away.
const CLIENTS_PER_CORE_MAX: u32 = CONNECTIONS_PER_CORE_MAX as u32 - 65_536;

macro_rules! key {
    ($section:ident.$name:ident, $unit:literal, $place:expr, $doc:literal) => {
        Key {
            section: stringify!($section),
            name: stringify!($name),
            unit: $unit,
            doc: $doc,
            flag: None,
            alias: None,
            place: $place,
        }
    };
}

macro_rules! number {
    (apps zps.$name:ident: $type:ty, $min:expr, $max:expr, $unit:literal, $doc:literal) => {
        key!(
            zps.$name,
            $unit,
            Place::Policy(Field::Number {
                min: $min,
                max: $max,
                get: |policy| <u32 as From<$type>>::from(policy.zps.$name),
                set: |policy, number| policy.zps.$name = number as $type,
            }),
            $doc
        )
    };
    (pusher.$name:ident: $type:ty, $min:expr, $max:expr, $unit:literal, $doc:literal) => {
        key!(
            pusher.$name,
            $unit,
            Place::Policy(Field::Number {
                min: $min,
                max: $max,
                get: |policy| <u32 as From<$type>>::from(policy.$name),
                set: |policy, number| policy.$name = number as $type,
            }),
            $doc
        )
    };
    ($section:ident.$name:ident: $type:ty, $min:expr, $max:expr, $unit:literal, $doc:literal) => {
        key!(
            $section.$name,
            $unit,
            Place::Config(Field::Number {
                min: $min,
                max: $max,
                get: |config| <u32 as From<$type>>::from(config.$section.$name),
                set: |config, number| config.$section.$name = number as $type,
            }),
            $doc
        )
    };
}

macro_rules! switch {
    (apps zps.$name:ident, $doc:literal) => {
        key!(
            zps.$name,
            "none",
            Place::Policy(Field::Switch {
                get: |policy| policy.zps.$name,
                set: |policy, is_on| policy.zps.$name = is_on,
            }),
            $doc
        )
    };
    (pusher.$name:ident, $doc:literal) => {
        key!(
            pusher.$name,
            "none",
            Place::Policy(Field::Switch {
                get: |policy| policy.$name,
                set: |policy, is_on| policy.$name = is_on,
            }),
            $doc
        )
    };
    ($section:ident.$name:ident, $doc:literal) => {
        key!(
            $section.$name,
            "none",
            Place::Config(Field::Switch {
                get: |config| config.$section.$name,
                set: |config, is_on| config.$section.$name = is_on,
            }),
            $doc
        )
    };
}

macro_rules! optional_port {
    ($section:ident.$name:ident, $doc:literal) => {
        key!(
            $section.$name,
            "TCP port",
            Place::Config(Field::OptionalPort {
                get: |config| config.$section.$name,
                set: |config, port| config.$section.$name = port,
            }),
            $doc
        )
    };
}

macro_rules! text {
    ($section:ident.$name:ident, $form:expr, $doc:literal) => {
        key!(
            $section.$name,
            "none",
            Place::Config(Field::Text {
                form: &$form,
                get: |config| &config.$section.$name,
                set: |config, text| config.$section.$name = text,
            }),
            $doc
        )
    };
}

/// Every key, in the order in which it is printed.
#[rustfmt::skip] // One key per entry reads as a table.
pub(super) static KEYS: &[Key] = &[
    key!(server.host, "IP address",
        Place::Config(Field::Address {
            get: |config| config.server.host,
            set: |config, host| config.server.host = host,
        }),
        "Address to listen on, also for metrics.")
        .flag("host", |flags| &flags.host).alias("HOST"),
    number!(server.port: u16, 0, 65_535, "TCP port",
        "Port of websockets and the HTTP API; 0 takes any free one.")
        .flag("port", |flags| &flags.port).alias("PORT"),
    number!(server.cores: u16, 0, CORES_MAX as u32, "cores",
        "Cores to use, one thread each; 0 takes all that the process may run on.")
        .flag("cores", |flags| &flags.cores),
    optional_port!(server.metrics_port,
        "Port of /metrics; 0 takes any free one, \"off\" does not listen.")
        .flag("metrics-port", |flags| &flags.metrics_port),
    optional_port!(server.test_echo_port,
        "Port on loopback that echoes messages, for conformance suites; 0 takes any free one.")
        .flag("test-echo-port", |flags| &flags.test_echo_port),
    text!(server.socket_path, form::SOCKET_PATH,
        "Path of websockets: SOCKET_PATH/{key} and SOCKET_PATH/app/{key}; /app/{key} always works.")
        .alias("SOCKET_PATH"),
    number!(server.drain_timeout_s: u16, 1, 3600, "seconds",
        "Time from the stop signal to the exit, whatever clients do.")
        .flag("drain-timeout", |flags| &flags.drain_timeout),
    number!(server.drain_window_ms: u32, 0, 3_600_000, "milliseconds",
        "Time over which the drain spreads the closes; by default at most half the drain timeout."),
    key!(server.trusted_proxies, "IP networks",
        Place::Config(Field::Networks {
            get: |config| &config.server.trusted_proxies,
            set: |config, networks| config.server.trusted_proxies = networks,
        }),
        "Proxies whose X-Forwarded-For and X-Forwarded-Proto are believed; by default none."),
    number!(server.memory_mib_max: u32, 0, 1 << 24, "MiB",
        "Resident memory above which /ready answers 503; 0 is unlimited."),

    number!(connection.activity_timeout_s: u16, 1, 3600, "seconds",
        "Silence after which either side pings; clients are told.")
        .flag("activity-timeout", |flags| &flags.activity_timeout)
        .alias("BROADCAST_ACTIVITY_TIMEOUT"),
    number!(connection.ping_interval_s: u16, 1, 3600, "seconds",
        "Silence towards a client after which it is sent a ping frame; proxies may cut after 60."),
    number!(connection.pong_timeout_s: u16, 1, 3600, "seconds",
        "Time to answer a ping before the connection is closed with 4201."),
    number!(connection.handshake_timeout_s: u16, 1, 600, "seconds",
        "Time from accept to the end of the request head."),
    number!(connection.close_timeout_s: u16, 1, 60, "seconds",
        "Time to answer a close frame."),
    number!(connection.message_bytes_max: u32, KIB, 64 * MIB, "bytes",
        "Largest message a client may send, fragments summed."),
    number!(connection.outbox_bytes_soft: u32, KIB, 1024 * MIB, "bytes",
        "Waiting bytes from which on nothing more is read from that client."),
    number!(connection.outbox_bytes_max: u32, KIB, 1024 * MIB, "bytes",
        "Waiting bytes at which a client is closed as a slow consumer."),
    number!(connection.outbox_stall_s: u16, 1, 600, "seconds",
        "Time a client with waiting bytes may take none of them before it is closed."),
    number!(connection.subscriptions_max: u32, 1, 1_000_000, "channels",
        "Channels one connection may subscribe to."),
    switch!(connection.protocol_required,
        "Whether a websocket's URL must name its protocol version; 4008 if it does not."),
    number!(connection.ip_rate: u32, 0, 1_000_000, "connections per second",
        "New connections of one client address to one core, by IPv6 /64; 0 is unlimited."),
    number!(connection.ip_burst: u32, 1, 1_000_000, "connections",
        "New connections that one client address may make at once."),
    number!(connection.ip_table_max: u32, 2, 10_000_000, "addresses",
        "Client addresses that one core remembers for ip_rate."),

    number!(core.connections_max: u32, 1, CLIENTS_PER_CORE_MAX, "connections",
        "Connections one core may hold; fewer where the process may not open so many files."),
    number!(core.turned_away_max: u32, 0, 65_000, "sockets",
        "Sockets beyond connections_max: told 4100, or one request is answered; others get 503."),
    number!(core.mailbox_envelopes_max: u32, 16, 1 << 20, "envelopes",
        "Envelopes one core's mailbox holds before its senders keep theirs back."),
    number!(core.mailbox_bytes_max: u32, MIB, u32::MAX, "bytes",
        "Bytes waiting for another core before publishes are refused."),
    number!(core.retained_bytes_max: u32, MIB, u32::MAX, "bytes",
        "Bytes all slow consumers of one core may hold together."),
    number!(core.cache_bytes_max: u32, 0, u32::MAX, "bytes",
        "Bytes the last events of one core's cache channels may take; the oldest make room."),
    number!(core.idempotency_keys_max: u32, 1, 100_000_000, "keys",
        "Idempotency keys one core remembers before it forgets the oldest."),
    number!(core.idempotency_bytes_max: u32, 64 * KIB, u32::MAX, "bytes",
        "Bytes of these keys and of the answers kept for them."),
    number!(core.read_scratch_bytes: u32, 16 * KIB, 16 * MIB, "bytes",
        "Buffer that all reads of one core go through."),
    number!(core.inflated_bytes_max: u32, KIB, u32::MAX, "bytes",
        "Bytes that clients' compressed messages may become in a turn; the others wait for it."),
    switch!(core.coalesce,
        "Send events that arrive together as one; false only to measure what that saves."),
    number!(core.uring_entries: u32, 256, 32_768, "entries",
        "Each of a core's two submission rings; the kernel rounds it up to a power of two."),

    key!(http.cors_origins, "origins",
        Place::Config(Field::Origins {
            get: |config| &config.http.cors_origins,
            set: |config, origins| config.http.cors_origins = origins,
        }),
        "Origins whose pages may read answers, between commas; * for all."),
    number!(http.head_bytes_max: u32, 8 * KIB, MIB, "bytes",
        "Largest request head, upgrades included."),
    number!(http.body_bytes_max: u32, KIB, 64 * MIB, "bytes",
        "Largest request body."),
    number!(http.request_timeout_s: u16, 1, 3600, "seconds",
        "Time from the end of a request's head to the end of its body."),
    number!(http.idle_timeout_s: u16, 1, 3600, "seconds",
        "Time a kept-alive connection may wait for its next request."),

    number!(pusher.channel_name_max: u32, 1, 1024, "bytes",
        "Longest channel name."),
    number!(pusher.event_name_max: u32, 1, 1024, "bytes",
        "Longest event name."),
    number!(pusher.event_data_bytes_max: u32, 1, 16 * MIB, "bytes",
        "Largest data of one event."),
    number!(pusher.channels_per_publish_max: u32, 1, 10_000, "channels",
        "Channels one publish may name."),
    number!(pusher.batch_events_max: u32, 1, 10_000, "events",
        "Events one batch may hold."),
    number!(pusher.presence_members_max: u32, 1, 1_000_000, "users",
        "Users one presence channel may hold."),
    number!(pusher.presence_user_id_max: u32, 1, 1024, "bytes",
        "Longest user_id."),
    number!(pusher.presence_user_info_bytes_max: u32, 2, MIB, "bytes",
        "Largest user_info."),
    number!(pusher.signature_window_s: u32, 1, 86_400, "seconds",
        "Time a request's auth_timestamp may lie before or after now."),
    number!(pusher.client_event_rate: u32, 0, 1_000_000, "events per second",
        "Client events one connection may send; 0 is unlimited.")
        .flag("client-event-rate", |flags| &flags.client_event_rate),
    switch!(pusher.client_events,
        "Whether clients may send events to each other."),
    switch!(pusher.enabled,
        "Whether anybody may connect or publish; clients are closed with 4003 otherwise."),
    switch!(pusher.force_tls,
        "Whether clients must come over TLS, by X-Forwarded-Proto; others are closed with 4000."),
    number!(pusher.connections_max: u32, 0, 100_000_000, "connections",
        "Websockets of one app on this node, above which new ones get 4004; 0 is unlimited."),
    number!(pusher.signin_timeout_s: u16, 0, 3600, "seconds",
        "Time to sign in or subscribe with a signature, or be closed with 4009; 0 asks nobody to."),
    number!(pusher.watchlist_max: u32, 0, 10_000, "users",
        "Users one signed-in user may watch."),
    switch!(pusher.subscription_count,
        "Whether subscribers are told how many they are."),
    number!(pusher.cache_ttl_s: u32, 1, 86_400, "seconds",
        "Time a cache channel keeps its last event."),
    number!(pusher.idempotency_window_s: u32, 0, 86_400, "seconds",
        "Time in which a publish with the same idempotency key is carried out once; 0 is never."),
    number!(pusher.publish_rate: u32, 0, 100_000_000, "events per second",
        "Events that publishers may send over HTTP; 0 is unlimited."),
    number!(pusher.read_rate: u32, 0, 100_000_000, "requests per second",
        "Requests that may read over HTTP; 0 is unlimited."),
    number!(pusher.client_event_rate_total: u32, 0, 100_000_000, "events per second",
        "Client events of all connections of one core together; 0 is unlimited."),
    switch!(pusher.deflate,
        "Whether frames are compressed for clients that offer permessage-deflate."),
    number!(pusher.deflate_bytes_min: u32, 0, MIB, "bytes",
        "Smallest payload that is compressed."),

    number!(webhook.calls_in_flight_max: u32, 1, 65_536, "calls",
        "Calls that cores may have in flight; as many more may wait, others are refused."),
    number!(webhook.call_answer_bytes_max: u32, KIB, 16 * MIB, "bytes",
        "Largest answer to a call."),
    number!(webhook.batch_ms: u32, 0, 60_000, "milliseconds",
        "Time over which events are gathered into one request."),
    number!(webhook.batch_events_max: u32, 1, 10_000, "events",
        "Events in one request."),
    number!(webhook.batch_bytes_max: u32, KIB, 16 * MIB, "bytes",
        "Events in one request; a larger event goes alone."),
    number!(webhook.timeout_s: u16, 1, 600, "seconds",
        "Time an endpoint may take to answer."),
    number!(webhook.retry_max_s: u32, 0, 86_400, "seconds",
        "Time for which an endpoint that fails is tried again; then its events are dead letters."),
    number!(webhook.debounce_ms: u32, 0, 60_000, "milliseconds",
        "Time in which a vacant channel or a member gone may come back, so that neither is told."),
    number!(webhook.debounce_events_max: u32, 1, 10_000_000, "events",
        "Events held back for that; beyond it the oldest are told early."),
    number!(webhook.queue_batches_max: u32, 1, 1_000_000, "requests",
        "Requests waiting for one endpoint before new ones are dead letters at once."),
    number!(webhook.queue_bytes_max: u32, MIB, u32::MAX, "bytes",
        "Their bytes; also the bytes waiting for the dead-letter file."),
    number!(webhook.queue_total_bytes_max: u32, MIB, u32::MAX, "bytes",
        "The same for all endpoints together."),
    number!(webhook.backlog_bytes_max: u32, MIB, u32::MAX, "bytes",
        "Events one core keeps while the side thread is busy; beyond it they are lost."),
    key!(webhook.dead_letter_file, "path",
        Place::Config(Field::OptionalPath {
            get: |config| config.webhook.dead_letter_file.as_deref(),
            set: |config, path| config.webhook.dead_letter_file = path,
        }),
        "File for what could not be delivered, one JSON object a line; \"off\" counts it as lost."),
    number!(webhook.dead_letter_bytes_max: u32, KIB, u32::MAX, "bytes",
        "Largest size of that file; beyond it events are lost."),

    text!(log.driver, form::LOG_DRIVER,
        "What keeps logs: memory, or file, so that all that was acknowledged survives a crash.")
        .flag("provider", |flags| &flags.provider).alias("ZERO_PUBSUB_PROVIDER"),
    text!(log.dir, form::DIRECTORY,
        "Directory of the driver file, of one server alone; it is made if it is not there.")
        .flag("connection", |flags| &flags.connection).alias("ZERO_PUBSUB_CONNECTION"),
    text!(log.recover, form::LOG_RECOVER,
        "What a start does about damage in it: strict ends with an error, skip goes on without."),
    text!(log.history, form::CHANNEL_PATTERNS,
        "Channels with a log, * any part of a name, between commas; an app's own history wins.")
        .flag("history", |flags| &flags.history),
    number!(log.sync_events_max: u32, 1, 1_000_000, "events",
        "Events that are written and synced at once."),
    number!(log.sync_bytes_max: u32, KIB, 1024 * MIB, "bytes",
        "Bytes that are written and synced at once; a larger event goes alone."),
    number!(log.sync_delay_ms: u32, 0, 1000, "milliseconds",
        "Time that an event waits for others to be synced with."),
    number!(log.segment_bytes: u32, 64 * KIB, 1024 * MIB, "bytes",
        "Size from which on a file of the log is followed by a new one."),
    number!(log.channels_max: u32, 1, 10_000_000, "channels",
        "Channels of one core with a log: rooms, and those that an app's history names."),
    number!(log.bytes_max: u32, MIB, u32::MAX, "bytes",
        "Events, snapshots and dead letters of one core; above it the oldest events go."),
    number!(log.cursors_max: u32, 1, 1_000_000, "subscribers",
        "Subscribers whose place in one channel is remembered; acks of others are refused."),
    number!(log.cursor_idle_s: u32, 1, 3_153_600_000, "seconds",
        "Time after which an unused one is forgotten, but never before the channel's events are."),
    number!(log.new_rate: u32, 0, 10_000_000, "logs per minute",
        "Logs that one connection may begin on one core; 0 is unlimited."),
    number!(log.new_rate_app: u32, 0, 10_000_000, "logs per minute",
        "Logs of one app on one core above which its clients begin no more; 0 is unlimited."),
    number!(log.ids_max: u32, 0, 10_000_000, "events",
        "Newest events of one channel that are not taken again under the same id."),
    number!(log.snapshot_bytes_max: u32, KIB, 64 * MIB, "bytes",
        "Largest state of one snapshot."),
    number!(log.dead_letters_max: u32, 0, 1_000_000, "events",
        "Events of one channel that could not be delivered and are kept."),
    number!(log.entered_max: u32, 1, 100_000, "users",
        "Users that connections may have entered into one room."),
    number!(log.entered_bytes_max: u32, KIB, 16 * MIB, "bytes",
        "What is told of those users, as JSON; whoever does not fit is refused."),
    number!(log.page_events_max: u32, 1, 100_000, "events",
        "Events that a subscriber gets at a time while it catches up, and of one replay."),
    number!(log.page_bytes_max: u32, KIB, 16 * MIB, "bytes",
        "Bytes that a subscriber gets at a time while it catches up; a larger event goes alone."),
    number!(log.unsynced_bytes_max: u32, MIB, u32::MAX, "bytes",
        "Events, acks and snapshots of one core that wait to be written; more are refused."),
    number!(log.disk_timeout_s: u16, 1, 3600, "seconds",
        "Time that the disk may take to answer before /ready says no."),
    number!(log.lag_series_max: u32, 0, 10_000, "channels",
        "Channels that /metrics names as furthest behind their subscribers' acknowledgements."),

    number!(log.sinks_in_flight_max: u32, 1, 65_536, "requests",
        "Requests of one core to sinks that are in flight."),
    number!(log.sink_post_bytes_max: u32, KIB, 16 * MIB, "bytes",
        "Events in one request to a sink; a larger event goes alone."),

    text!(registry.url, form::DATABASE_URL,
        "Database whose table apps is served, too (packaging/apps.sql); \"\" is none."),
    number!(registry.refresh_s: u16, 1, 3600, "seconds",
        "Time between two reads of the table."),
    number!(registry.timeout_s: u16, 1, 300, "seconds",
        "Time one read may take, connecting included."),
    number!(registry.apps_max: u32, 1, 60_000, "apps",
        "Apps that may be served, those of the configuration included."),

    switch!(zps.enabled,
        "Whether / and /apps/{id} are websockets of the zero-pub-sub protocol."),
    text!(zps.app, form::APP_ID,
        "Id of the app that / belongs to; \"\" is the first app."),
    text!(zps.sse_path, form::SOCKET_PATH,
        "Path of streams of server-sent events, besides /api/realtime/sse and /apps/{id}/sse."),
    number!(zps.sse_heartbeat_ms: u32, 100, 60_000, "milliseconds",
        "Silence after which a stream is sent a heartbeat."),
    number!(zps.http_events_max: u32, 1, 100_000, "events",
        "Events one request to /events may hold."),
    number!(zps.http_replay_events_max: u32, 1, 1_000_000, "events",
        "Events one request to /replay may ask for."),
    number!(zps.http_replay_bytes_max: u32, 64 * KIB, 1024 * MIB, "bytes",
        "Their bytes; what is more is refused."),
    number!(apps zps.max_connections: u32, 0, 100_000_000, "connections",
        "Connections of one app on this node at which a new one gets 1013; 0 is unlimited."),
    number!(apps zps.max_subscriptions: u32, 1, 100_000, "rooms",
        "Rooms one connection may subscribe to."),
    number!(apps zps.max_payload_bytes: u32, KIB, 16 * MIB, "bytes",
        "Largest message a client may send; a larger one is closed with 4409."),
    number!(apps zps.max_messages_per_window: u32, 0, 10_000_000, "messages",
        "Messages in a window, acks not counted; one more is closed with 4408; 0 is unlimited."),
    number!(apps zps.rate_limit_window_ms: u32, 100, 3_600_000, "milliseconds",
        "Length of that window."),
    number!(apps zps.init_timeout_ms: u32, 100, 3_600_000, "milliseconds",
        "Time to the first init before the connection is closed with 4408."),
    number!(apps zps.heartbeat_interval_ms: u32, 100, 3_600_000, "milliseconds",
        "Silence after which the server sends a websocket ping."),
    number!(apps zps.heartbeat_timeout_ms: u32, 100, 3_600_000, "milliseconds",
        "Time to answer it before the socket is cut."),
    switch!(apps zps.require_tenant,
        "Whether every event must have a metadata.tenantId."),
    number!(apps zps.max_socket_buffered_bytes: u32, KIB, 1024 * MIB, "bytes",
        "Waiting bytes above which a client is closed with 1013."),
    switch!(apps zps.allow_client_publish,
        "Whether clients may publish events.")
        .flag("allow-client-publish", |flags| &flags.allow_client_publish),
    switch!(apps zps.cursor_fast_forward,
        "Whether clients are told by a snapshot where they begin, if not at a room's first event."),
    text!(zps.jwt_secret, form::ZPS_SECRET,
        "Secret of HS256 tokens; \"\" is none. Without any key for tokens everybody is let in."),
    key!(zps.jwt_public_key_file, "path",
        Place::Config(Field::OptionalPath {
            get: |config| config.zps.jwt_public_key_file.as_deref(),
            set: |config, path| config.zps.jwt_public_key_file = path,
        }),
        "File with the public key of RS256 tokens, in PEM."),
    key!(zps.jwks_file, "path",
        Place::Config(Field::OptionalPath {
            get: |config| config.zps.jwks_file.as_deref(),
            set: |config, path| config.zps.jwks_file = path,
        }),
        "File with several keys of tokens, a JSON Web Key Set."),
    text!(zps.scopes, form::ZPS_SCOPES,
        "Scopes of rooms that may be used, between commas; \"\" is all."),
    text!(zps.authorize, form::ZPS_AUTHORIZE,
        "\"claims\": a token names its rooms; \"open\": every token opens every room."),
    number!(zps.authorize_timeout_ms: u32, 10, 600_000, "milliseconds",
        "Time an app's room_auth_url has to say whether a room may be used."),
    number!(zps.authorize_cache_ttl_ms: u32, 0, 86_400_000, "milliseconds",
        "Time its answer is good for; 0 asks each time."),
    number!(zps.authorize_cache_entries_max: u32, 0, 10_000_000, "answers",
        "Answers one core keeps; the oldest goes first."),
    number!(zps.authorize_in_flight_max: u32, 1, 65_536, "calls",
        "Questions of one core that may wait for an answer; one more is refused."),
    switch!(zps.subscriber_must_match_sub,
        "Whether a client must call itself what its token has as sub, or be closed with 4401."),
    switch!(zps.app_key_opens_rooms,
        "Whether the app's public key, in the place of a token, opens every room at /apps/{id}."),

    switch!(logging.actions,
        "Whether everything done in rooms is a line of JSON on standard error."),
    text!(logging.mask_fields, form::FIELD_NAMES,
        "Fields whose values are *** there, in any case and at any depth, between commas."),
    number!(logging.lines_max: u32, 1, 1_000_000, "lines",
        "Lines that wait to be written; more are left out and counted."),
];

/// The sections, in the order in which they are printed, each with one line for the operator.
pub(super) const SECTIONS: &[(&str, &str)] = &[
    ("server", "Addresses, cores and the drain at the end."),
    ("connection", "Limits and timers of one websocket connection."),
    ("core", "Limits of one core."),
    ("http", "Limits of one HTTP request."),
    ("pusher", "What apps may do by default; an app's own table may differ in any of these keys."),
    ("webhook", "Calls out over HTTP: what cores ask other servers, and what apps are told."),
    ("log", "What one core keeps of channels with a log, and where it outlives the process."),
    ("registry", "Where apps are read besides, and read again while the server runs."),
    ("zps", "The zero-pub-sub protocol: who may connect, and what apps may do by default."),
    ("logging", "What is written to standard error about what clients do."),
];

/// The known name closest to `unknown`, if it is close enough to be what was meant.
pub(super) fn nearest(unknown: &str, known: impl Iterator<Item = String>) -> Option<String> {
    let (similarity, name) = known
        .map(|name| (similarity(unknown, &name), name))
        .max_by(|(left, _), (right, _)| left.total_cmp(right))?;
    (similarity >= SIMILARITY_MIN).then_some(name)
}

/// From 0, nothing in common, to 1, equal: the whole names, or their last parts alone.
fn similarity(unknown: &str, known: &str) -> f64 {
    let last = |name: &str| name.rsplit('.').next().map(str::to_owned).unwrap_or_default();
    let whole = strsim::normalized_damerau_levenshtein(unknown, known);
    let end = strsim::normalized_damerau_levenshtein(&last(unknown), &last(known));
    // A key in the wrong section is a weaker match than the same slip in the right one.
    whole.max(0.9 * end)
}

const SIMILARITY_MIN: f64 = 0.6;
