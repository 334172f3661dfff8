//! uringcast: a Pusher-compatible websocket fan-out engine, one thread per core on `io_uring`.

pub mod action_log;
pub mod admission;
pub mod api;
pub mod app;
pub mod config;
pub mod dialect;
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
pub mod usage;
pub mod webhook;
