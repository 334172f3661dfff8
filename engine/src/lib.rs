//! A Pusher-compatible websocket fan-out engine for Linux: one thread a core, on `io_uring` or
//! epoll.
//!
//! The program `uringcast` is this library behind a command line. A program of your own can
//! serve the
//! clients of pusher-js, laravel-echo and zero-pub-sub in the same way, with code of its own
//! that is
//! asked about whatever is done in rooms (see [`middleware`]):
//!
//! ```no_run
//! use uringcast::config::{Command, Sources};
//! use uringcast::io::Launch;
//!
//! let arguments = ["program", "serve", "--port", "6001"];
//! let Ok(Command::Serve(options)) = Command::parse(arguments.map(Into::into)) else {
//!     panic!("the arguments ask to serve");
//! };
//! let sources = Sources::new(options, std::env::vars_os());
//! let read = sources.stamp();
//! let effective = sources.load().expect("the configuration has no mistake");
//! // Serves until SIGTERM or SIGINT, then ends the process.
//! uringcast::io::serve(Launch {
//!     apps: effective.config.apps.clone(),
//!     config: effective.config,
//!     rows: Vec::new(),
//!     sources,
//!     read,
//!     middleware: Vec::new().into(),
//! })?;
//! # Ok::<(), std::io::Error>(())
//! ```
//!
//! # Where things are
//!
//! What decides does no I/O and reads no clock:
//! - [`shard`] holds all connections and channels of one core, and [`log`] what is kept of a
//!   channel;
//! - [`dialect`] says what a client's message asks of the shard, [`admission`] who may connect;
//! - [`api`] turns HTTP requests into actions and answers, [`app`] knows the apps and their keys;
//! - [`middleware`] is where an embedder's own code is asked, [`action_log`] is such code of our
//!   own.
//!
//! What touches the world is around it:
//! - [`io`] runs the cores, their sockets and the mailboxes between them: [`io::serve`] is the
//!   entry;
//! - [`side`] is the one thread for calls to other servers, [`webhook`] tells apps what happened;
//! - [`storage`] keeps logs on disk;
//! - [`config`] reads flags, environment and file; [`standard_error`], [`metrics`] and [`usage`]
//!   are
//!   what an operator sees; [`id`] names things.

pub mod action_log;
pub mod admission;
pub mod api;
pub mod app;
pub mod config;
pub mod dialect;
mod http_client;
pub mod id;
pub mod io;
pub mod limits;
pub mod log;
pub mod metrics;
pub mod middleware;
pub mod setting;
pub mod shard;
pub mod side;
pub mod standard_error;
pub mod storage;
pub mod usage;
pub mod webhook;
