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
mod authenticate;
mod broadcasting;
mod config;
mod cors;
mod error;
mod info;
mod once;
mod publish;
mod ready;
mod reply;
mod resource;
mod route;
mod socket_path;
mod zintrust;
pub mod zps;

pub use action::{Action, Publish};
pub use answer::Answer;
pub use broadcasting::Question;
pub use config::{RestConfig, ZpsRestConfig};
pub use cors::{Cors, OriginError, Origins};
pub use error::RestError;
pub use info::{ChannelInfo, Info, Occupancy};
pub use publish::{Encoded, Publication, Reply};
pub use ready::Readiness;
pub use reply::{Reply as Pending, Waiter};
pub use route::{Head, Route, route};
pub use socket_path::socket_key;
pub(crate) use zintrust::bearer;
pub use zintrust::{PolicyAnswer, Review, ZinTrustError};

#[cfg(test)]
mod tests;
