//! The HTTP API, without HTTP: a request's head and body in, what the engine must do out.
//!
//! A request is read in two steps. [`route()`] looks at the head alone, so that a stranger, a stale
//! signature or an announced giant is refused before a byte of the body is read;
//! [`Route::finish`] takes the body. What the engine found out is turned into bytes by [`Answer`].
//! Nothing here knows connections, channels' state, sockets or the clock.
//!
//! Invariant: an [`Action::Publish`] is complete and valid. A batch with one bad event yields none.

mod action;
mod answer;
mod config;
mod error;
mod route;
mod socket_path;

pub use action::{Action, ChannelInfo, Info, Publication};
pub use answer::Answer;
pub use config::RestConfig;
pub use error::RestError;
pub use route::{Head, Route, route};
pub use socket_path::socket_key;

#[cfg(test)]
mod tests;
