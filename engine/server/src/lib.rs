//! A Pusher-compatible websocket fan-out engine for Linux: one thread a core, on `io_uring` or
//! epoll.
//!
//! The program `uringcast` is this library behind a command line. A program of your own can serve
//! the clients of pusher-js, laravel-echo and zero-pub-sub in the same way, with code of its own
//! that is asked about whatever is done in rooms (see [`middleware`]):
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
//! What decides does no I/O and reads no clock, and is three crates that this one shows under short
//! names:
//! - [`shard`] holds all connections and channels of one core, and [`log`] what is kept of a
//!   channel; [`app`] knows the apps and their keys, and [`id`] names things;
//! - [`dialect`] says what a client's message asks of the shard;
//! - [`api`] turns HTTP requests into actions and answers;
//! - [`middleware`] is where an embedder's own code is asked, [`action_log`] is such code of our
//!   own.
//!
//! What touches the world is here:
//! - [`io`] runs the cores, their sockets and the mailboxes between them: [`io::serve`] is the
//!   entry, and [`admission`] says who may connect;
//! - [`side`] is the one thread for calls to other servers, [`webhook`] tells apps what happened;
//! - [`storage`] keeps logs on disk;
//! - [`config`] reads flags, environment and file; [`standard_error`], [`metrics`] and [`usage`]
//!   are what an operator sees.

pub mod action_log;
pub mod admission;
pub mod config;
mod http_client;
pub mod io;
pub mod metrics;
pub mod side;
pub mod standard_error;
pub mod storage;
pub mod usage;
pub mod webhook;

pub use uringcast_api as api;
pub use uringcast_dialect as dialect;
pub use uringcast_shard as shard;
pub use uringcast_shard::{app, id, limits, log, middleware, setting};
