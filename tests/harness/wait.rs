//! Waiting for a condition, with a deadline.

use std::thread;
use std::time::{Duration, Instant};

/// How long a test waits for anything that has no time limit of its own.
///
/// Generous, because only a failing test ever waits this long.
pub const DEADLINE: Duration = Duration::from_secs(20);

const POLL_INTERVAL: Duration = Duration::from_millis(5);

/// Returns as soon as `condition` holds; panics, naming `what`, if it does not within [`DEADLINE`].
pub fn until(what: &str, mut condition: impl FnMut() -> bool) {
    let deadline = Instant::now() + DEADLINE;
    while !condition() {
        assert!(Instant::now() < deadline, "waited {DEADLINE:?} in vain until {what}");
        thread::sleep(POLL_INTERVAL);
    }
}
