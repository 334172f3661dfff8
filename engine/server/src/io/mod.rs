//! Threads, sockets and time: the only part of the engine that touches them.
//!
//! Each core is one thread with its own runtime, listener and shard. The main thread starts them
//! and waits for signals. Nothing outside this folder names the runtime.

mod bound;
mod call;
mod connection;
mod core;
mod cores;
mod descriptors;
mod driver;
mod guarded;
mod head_error;
mod http;
mod http_stream;
mod inflating;
mod listener;
mod log;
mod mailbox;
mod memory;
mod notices;
mod pace;
mod peek;
mod readiness;
mod rejected_sockets;
mod reload;
mod room_auth;
mod sends;
mod server;
mod shards;
mod signal;
mod sinks;
mod socket;
mod stream;
mod thread;
mod websocket;
mod zps;

pub use server::{Launch, serve};
