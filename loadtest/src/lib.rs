//! Load over real sockets against any Pusher-compatible server.
//!
//! The client side must cost far less than the server it measures: one thread, one `io_uring`,
//! receives into shared buffers, and events that are compared with a template instead of parsed.
//!
//! The command line, in `main.rs`, names every load; each has its own arguments beside it and no
//! load names the command line. A load makes a [`plan`]; [`run`] finds or starts the server, lets
//! [`load`] carry the plan out and hands the outcome to [`report`].

pub mod ack;
pub mod clock;
pub mod compare;
pub mod conduct;
pub mod control;
pub mod cores;
pub mod dialect;
pub mod endpoint;
pub mod failure;
pub mod fanout;
pub mod form;
pub mod health;
pub mod idle;
pub mod latency;
pub mod layout;
pub mod limit;
pub mod limits;
pub mod load;
pub mod message;
pub mod million;
pub mod payload;
pub mod peer;
pub mod plan;
pub mod proc;
pub mod profile;
pub mod progress;
pub mod publish;
pub mod report;
pub mod room;
pub mod run;
pub mod server;
pub mod slow_reader;
pub mod socket;
pub mod subject;
pub mod traffic;
pub mod verify;
