//! The one clock of a load: nanoseconds since it began.

use std::time::{Duration, Instant};

/// A point in time that all stamps count from.
#[derive(Clone, Copy, Debug)]
pub struct Clock {
    origin: Instant,
}

impl Clock {
    /// A clock that starts now.
    pub fn start() -> Self {
        Self { origin: Instant::now() }
    }

    /// Nanoseconds since the start.
    pub fn now_ns(self) -> u64 {
        self.origin.elapsed().as_nanos() as u64
    }

    /// Time since the start.
    pub fn elapsed(self) -> Duration {
        self.origin.elapsed()
    }
}
