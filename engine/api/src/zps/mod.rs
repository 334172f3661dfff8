//! The HTTP API of zero-pub-sub's cloud, which its backend client speaks (`connectRealtimeCloud`).
//!
//! The sender is known by its secret alone: no path names the app. What a body says is read here,
//! completed with the time and a random number that come from outside, and answered in JSON.

pub(super) mod ack;
pub(super) mod dead_letters;
pub(super) mod ephemeral;
pub(super) mod events;
pub(super) mod health;
pub(super) mod replay;
pub(super) mod replay_dead_letters;
pub(super) mod snapshot;

mod answer;
mod body;
mod caller;
mod error;
mod room;
mod shard_calls;
mod stream_method;

pub use error::ZpsError;
