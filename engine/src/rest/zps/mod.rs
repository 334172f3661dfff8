//! The HTTP API of zero-pub-sub's cloud, which its backend client speaks (`connectRealtimeCloud`).
//!
//! The sender is known by its secret alone: no path names the app. What a body says is read here,
//! completed with the time and a random number that come from outside, and answered in JSON.

mod action;
mod answer;
mod caller;
mod error;
mod health;
mod path;
mod stream;

pub use action::{ZpsAction, ZpsEvents};
pub use answer::DeadLetterView;
pub use error::ZpsError;
pub use health::{Health, ZpsMetrics, ZpsStatus};

pub(super) use action::Asked;
pub(super) use path::Resource;
