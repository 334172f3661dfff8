//! Server-sent events: the stream of blocks of text that clients of zero-pub-sub fall back to where
//! websockets do not get through (WHATWG HTML, section "Server-sent events").
//!
//! A stream is asked for by a query, begins with a head of plain HTTP, and is made of blocks that
//! end with an empty line. Every block of the server's own messages can be made from the message's
//! JSON alone, so the subscribers of a room share one.

mod block;
mod cursor;
mod query;

pub use block::{HEARTBEAT, closing, message_into, ready};
pub use cursor::{Cursor, CursorError};
pub use query::{QueryError, StreamQuery};
