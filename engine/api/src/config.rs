//! Limits of the HTTP API that hold before an app is known.

use std::time::Duration;

use super::origins::Origins;

/// How large a request to the HTTP API may be, which paths are not its own, and which pages may
/// read the answers; what a request may ask for is the app's policy.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ApiConfig {
    /// Bytes of a request's body. Default 768 KiB: a full batch of full events fits, also if
    /// every character of them is written as an escape. Only a signed request gets this much.
    pub body_bytes_max: usize,
    /// Where websockets are, with a slash in front and none behind. Default `/app`.
    pub socket_path: String,
    /// The origins whose pages may read answers. Default all, without cookies.
    pub cors_origins: Origins,
    /// The time that an app's own server has for all that is asked for one request. Default 5 s.
    pub time_to_answer: Duration,
    /// What zero-pub-sub's backend client may ask for.
    pub zps: ZpsApiConfig,
}

/// What one request of zero-pub-sub's backend client may ask for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ZpsApiConfig {
    /// What every event's metadata names as what keeps the log: `memory` or `file`.
    pub provider: &'static str,
    /// Events that one request may publish. Default 1,000.
    pub events_max: usize,
    /// Events that one request may have replayed. Default 10,000, as in the original.
    pub replay_events_max: usize,
    /// Events that one request has replayed if it names no limit. Default 500, as in the original.
    pub replay_events_default: usize,
    /// Bytes that one request may have replayed. Default 16 MiB.
    pub replay_bytes_max: usize,
    /// Whether who acknowledges must be the user of the same name. Default false.
    pub must_match_sub: bool,
}

impl Default for ZpsApiConfig {
    fn default() -> Self {
        Self {
            provider: "memory",
            events_max: 1_000,
            replay_events_max: 10_000,
            replay_events_default: 500,
            replay_bytes_max: 16 * 1024 * 1024,
            must_match_sub: false,
        }
    }
}

impl Default for ApiConfig {
    fn default() -> Self {
        let socket_path = "/app".to_owned();
        Self {
            body_bytes_max: 768 * 1024,
            socket_path,
            cors_origins: Origins::Any,
            time_to_answer: Duration::from_secs(5),
            zps: ZpsApiConfig::default(),
        }
    }
}
