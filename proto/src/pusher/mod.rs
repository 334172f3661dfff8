//! DIALECT Pusher, protocol 7: what pusher-js, laravel-echo and the HTTP libraries say and expect.
//!
//! The wire is fixed by spec pusher.md. Event names and `data` of relayed events stay raw JSON
//! tokens from the publisher to the subscriber, so no byte of them changes on the way.

pub mod auth;
pub mod channel;
pub mod client;
pub mod codes;
pub mod logged;
pub mod presence;
pub mod rest;
pub mod server;
pub mod signature;
pub mod user;
pub mod webhook;
