//! The section `zps`: who may connect with the zero-pub-sub protocol.
//!
//! Its other keys are limits that apps may differ in: [`ZpsPolicy`](crate::app::ZpsPolicy).

/// What of the zero-pub-sub protocol is the same for all apps.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ZpsConfig {
    /// Whether `/` and `/apps/{id}` are websockets of this protocol. Default true.
    pub enabled: bool,
    /// The id of the app that `/` belongs to. Default empty: the first app.
    pub app: String,
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
    /// Whether a client must call itself what its token has as `sub`. Default false: one user may
    /// be several subscribers, whose cursors are the user's own either way.
    pub subscriber_must_match_sub: bool,
}

impl Default for ZpsConfig {
    fn default() -> Self {
        Self {
            enabled: true,
            app: String::new(),
            sse_path: "/sse".to_owned(),
            sse_heartbeat_ms: 15_000,
            http_events_max: 1_000,
            http_replay_events_max: 10_000,
            http_replay_bytes_max: 16 * 1024 * 1024,
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
            subscriber_must_match_sub: false,
        }
    }
}
