//! The section `zps`: who may connect with the zero-pub-sub protocol, and within which limits.
//!
//! Limits are named after the original server's, in snake case and with their units.

/// The zero-pub-sub protocol.
#[expect(clippy::struct_excessive_bools, reason = "each is a switch of its own")]
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ZpsConfig {
    /// Whether `/` and `/apps/{id}` are websockets of this protocol. Default true.
    pub enabled: bool,
    /// The id of the app that `/` belongs to. Default empty: the first app.
    pub app: String,
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
    /// The path of streams of server-sent events, besides `/api/realtime/sse` and
    /// `/apps/{id}/sse`. Default `/sse`.
    pub sse_path: String,
    /// Milliseconds of silence after which a stream is sent a heartbeat. Default 15,000: clients
    /// give up after 60,000.
    pub sse_heartbeat_ms: u32,
    /// Events that one HTTP request may publish. Default 1000.
    pub http_events_max: u32,
    /// Events that one HTTP request may have replayed. Default 10,000, as the original has it.
    pub http_replay_events_max: u32,
    /// Bytes that one HTTP request may have replayed. Default 16 MiB.
    pub http_replay_bytes_max: u32,
    /// Whether every event must name its tenant in `metadata.tenantId`. Default false.
    pub require_tenant: bool,
    /// Unsent bytes of one connection, above which it is closed with 1013. Default 1 MiB, as the
    /// original has it.
    pub max_socket_buffered_bytes: u32,
    /// Whether clients may publish events. Default false, as the original's command line has it.
    pub allow_client_publish: bool,
    /// Whether a client that is not sent its room's first event is told by a snapshot where it
    /// begins. Default true: original clients would otherwise ask for what is gone for ever.
    pub cursor_fast_forward: bool,
    /// The secret of HS256 tokens. Default empty: none.
    pub jwt_secret: String,
    /// The public key of RS256 tokens, a PEM file. Default none.
    pub jwt_public_key_file: Option<String>,
    /// Several keys of tokens, a file with a JSON Web Key Set. Default none.
    pub jwks_file: Option<String>,
    /// Scopes of rooms that may be used, between commas. Default empty: all.
    pub scopes: String,
    /// Whether a token must name its rooms: "claims" or "open". Default "claims"; without keys for
    /// tokens there are none, and everybody may use every room.
    pub authorize: String,
    /// Milliseconds that an app's `room_auth_url` has for an answer. Default 5,000: its client
    /// waits for as long.
    pub authorize_timeout_ms: u32,
    /// Milliseconds that such an answer is good for; 0 asks each time. Default 30,000: who loses a
    /// right keeps it for half a minute.
    pub authorize_cache_ttl_ms: u32,
    /// Answers that one core keeps. Default 10,000: some 4 MB.
    pub authorize_cache_entries_max: u32,
    /// Questions of one core that wait for an answer. Default 128: half of what all calls together
    /// may have in flight by default.
    pub authorize_in_flight_max: u32,
    /// Whether the app's public key in the place of a token opens every room at `/apps/{id}`.
    /// Default false: whoever sees a page of the app knows it.
    pub app_key_opens_rooms: bool,
}

impl Default for ZpsConfig {
    fn default() -> Self {
        Self {
            enabled: true,
            app: String::new(),
            max_subscriptions: 128,
            max_payload_bytes: 64 * 1024,
            max_messages_per_window: 100,
            rate_limit_window_ms: 1_000,
            init_timeout_ms: 10_000,
            heartbeat_interval_ms: 30_000,
            heartbeat_timeout_ms: 10_000,
            sse_path: "/sse".to_owned(),
            sse_heartbeat_ms: 15_000,
            http_events_max: 1_000,
            http_replay_events_max: 10_000,
            http_replay_bytes_max: 16 * 1024 * 1024,
            require_tenant: false,
            max_socket_buffered_bytes: 1024 * 1024,
            allow_client_publish: false,
            cursor_fast_forward: true,
            jwt_secret: String::new(),
            jwt_public_key_file: None,
            jwks_file: None,
            scopes: String::new(),
            authorize: "claims".to_owned(),
            authorize_timeout_ms: 5_000,
            authorize_cache_ttl_ms: 30_000,
            authorize_cache_entries_max: 10_000,
            authorize_in_flight_max: 128,
            app_key_opens_rooms: false,
        }
    }
}
