//! Limits of the HTTP API that hold before an app is known.

/// How large a request to the HTTP API may be, and which paths are not its own; what it may ask for
/// is the app's policy.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RestConfig {
    /// Bytes of a request's body. Default 512 KiB: a full batch of full events fits, unless nearly
    /// every character of them is written as an escape. Only a signed request gets this much.
    pub body_bytes_max: usize,
    /// Where websockets are, with a slash in front and none behind. Default `/app`.
    pub socket_path: String,
}

impl Default for RestConfig {
    fn default() -> Self {
        Self { body_bytes_max: 512 * 1024, socket_path: "/app".to_owned() }
    }
}
