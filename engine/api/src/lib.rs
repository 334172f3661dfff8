//! The HTTP API, without HTTP: endpoints as functions from a request to an answer.
//!
//! A request is read in two steps. [`accept`] looks at the head alone, so that a stranger, a stale
//! signature or an announced giant is refused before a byte of the body is read;
//! [`Accepted::answer`] takes the body. What is to be done then asks [`Shards`], and waits for
//! their answers as [`Reply`]s. Nothing here knows sockets, a runtime or the clock.

mod admin;
mod answer;
mod append;
mod authenticate;
mod broadcasting;
mod call;
mod config;
mod cors;
mod endpoint;
mod error;
mod head;
mod info;
mod once;
mod origins;
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
pub use call::{Call, CallAnswer, CallError, CallOutcome};
pub use config::{ApiConfig, ZpsApiConfig};
pub use cors::Cors;
pub use endpoint::{Accepted, accept};
pub use error::ApiError;
pub use head::Head;
pub use origins::{OriginError, Origins};
pub use refusal::counted_as;
pub use reply::{Reply, Waiter};
pub use shards::{Facts, Shards};
pub use zintrust::{ZinTrustError, bearer};
pub use zps::ZpsError;

#[cfg(test)]
mod tests;
