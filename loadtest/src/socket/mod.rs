//! Real sockets: connecting and subscribing (blocking, before the clock starts) and the ring that
//! carries the load.

pub mod buffers;
pub mod connect;
pub mod outbox;
pub mod ring;
