//! Webhooks: what happened in an app, posted to the app's own server.
//!
//! `debounce`, `throttle`, `batch`, `endpoint` and `dispatch`, which ties them together, do no
//! I/O and read no clock: they are told what happened and when, and say what to post and what to
//! give up. `courier` carries that out on the side thread. What cannot be delivered is a dead
//! letter, which `dead_letters` keeps in a file and `replay` sends again.
//!
//! Invariant: an endpoint has one request in flight, and its batches leave in the order in which
//! they were made; so it hears of each channel in that channel's order, at least once, except for
//! what is given up.

mod batch;
mod counters;
mod courier;
mod dead_letters;
mod debounce;
mod dispatch;
mod endpoint;
mod post;
mod replay;
mod sink;
mod throttle;

use std::io;
use std::path::Path;
use std::sync::Arc;

pub use counters::WebhookCounters;
pub(crate) use courier::{Courier, Flush};
pub use replay::{list, replay};
pub(crate) use sink::sink_call;

use crate::app::App;
use crate::config::WebhookConfig;
use crate::shard::{Millis, Notice};

/// Whether the dead-letter file, if there is to be one, can be written.
///
/// # Errors
/// If it cannot: better the server does not start than nobody knows.
pub fn check_dead_letter_file(config: &WebhookConfig) -> io::Result<()> {
    let Some(path) = &config.dead_letter_file else { return Ok(()) };
    dead_letters::check(Path::new(path)).map_err(|error| {
        let reason = format!("the dead-letter file {path} cannot be written: {error}");
        io::Error::new(error.kind(), reason)
    })
}

/// A notice with the app as it was configured then.
#[derive(Clone, Debug)]
pub struct AppNotice {
    /// The app.
    pub app: Arc<App>,
    /// What happened in it.
    pub notice: Notice,
}

/// One moment, on both clocks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Now {
    /// By the clock that intervals are measured by.
    at: Millis,
    /// For other servers: milliseconds since 1970.
    unix_ms: u64,
}

#[cfg(test)]
mod tests;
