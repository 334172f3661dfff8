//! The wire formats that uringcast speaks.
//!
//! Everything here turns bytes into meaning or meaning into bytes. Nothing here does I/O, reads a
//! clock, starts a thread, draws a random number or logs.

mod digest;
pub mod form;
mod json;
mod json_frame;
mod json_reader;
pub mod limits;
pub mod pusher;
pub mod secret;
pub mod sse;
pub mod ws;
pub mod zps;
