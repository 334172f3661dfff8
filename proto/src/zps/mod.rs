//! The zero-pub-sub protocol ("zps"): rooms with an event log, replay, acks and presence.
//!
//! One JSON object a text message, both ways, told apart by `type`. What clients may say and the
//! words of every error are the original server's, which its clients were written against.

pub mod client;
pub mod codes;
mod envelope;
mod fields;
pub mod fingerprint;
pub mod http;
pub mod id;
pub mod room;
pub mod server;
pub mod time;

pub use envelope::{EventFault, Provider, RoomDraft};
