//! What the black-box tests share: a server process on a free port, and clients that talk to it.
//!
//! Nothing here links the engine. The server is a child process, known only by its flags, its
//! standard output and its sockets, so the same tests would run against any other build of it.
//! Everything waits for a condition with a deadline; nothing sleeps and hopes.
//!
//! The tools panic instead of returning errors: a panic is how a test fails, and the panic's text
//! is all that a reader of a failed run gets to see.

#![allow(clippy::missing_panics_doc, reason = "every tool here panics to fail its test")]

mod api;
mod binary;
mod client;
mod confine;
mod endpoint;
mod event;
mod flood;
mod frame;
mod http;
mod metrics;
mod options;
mod process;
mod raw;
mod server;
mod sign;
mod skip;
mod sql;
mod sse;
mod thread;
mod wait;
mod zps;

pub use api::{Api, Signed};
pub use binary::server_binary;
pub use client::Client;
pub use confine::{Denied, Errors};
pub use endpoint::{Endpoint, Posted, Reply};
pub use event::Event;
pub use flood::Flood;
pub use frame::{Frame, Opcode};
pub use http::{Http, Response};
pub use metrics::Metrics;
pub use options::{App, COMMAND_LINE, Options};
pub use process::{cpu_time, fd_count, rss_bytes};
pub use raw::{Raw, upgrade_request};
pub use server::{Driver, Server};
pub use sign::{hex_md5, signature};
pub use skip::skip;
pub use sql::Database;
pub use sse::{Block, Stream};
pub use thread::Stopped;
pub use wait::{DEADLINE, until};
pub use zps::{Zps, base64url, token};
