//! The HTTP API, without HTTP: endpoints as functions from a request to an answer.
//!
//! A request is read in two steps. `endpoint::route` looks at the head alone, so that a stranger, a
//! stale signature or an announced giant is refused before a byte of the body is read;
//! `Route::finish` takes the body. What is to be done then asks [`Shards`], and waits for their
//! answers as [`Reply`]s. Nothing here knows sockets, a runtime or the clock.

mod admin;
mod answer;
mod append;
mod authenticate;
mod broadcasting;
mod config;
mod cors;
mod endpoint;
mod error;
mod head;
mod info;
mod once;
mod publish;
mod publishing;
mod pusher;
mod refusal;
mod reply;
mod shards;
mod socket_path;
mod zintrust;
mod zps;

pub use admin::ready::Readiness;
pub use answer::HttpAnswer;
pub use config::{ApiConfig, ZpsApiConfig};
pub use cors::Cors;

pub use error::ApiError;
pub use head::Head;
pub use reply::{Reply, Waiter};
pub use shards::{Facts, Shards};
pub use zintrust::ZinTrustError;
pub(crate) use zintrust::bearer;
pub use zps::ZpsError;

pub(crate) use endpoint::route;
pub(crate) use refusal::counted_as;

#[cfg(test)]
mod tests;
