//! Why a load could not be carried through.

use std::io;

use uringcast_proto::ws::client::FrameError;

use crate::payload::Damaged;

/// Anything that ends a load early. None of them can happen with a healthy server.
#[derive(Debug, thiserror::Error)]
pub enum Failure {
    /// A system call failed.
    #[error(transparent)]
    Io(#[from] io::Error),
    /// `io_uring` itself is missing or forbidden; the load knows no other way.
    #[error("io_uring is not available here, and the load client needs it (Linux 6.1): {0}")]
    NoRing(io::Error),
    /// The server's bytes are not websocket frames.
    #[error(transparent)]
    Frame(#[from] FrameError),
    /// A message comes in pieces: no Pusher server does that, and the load verifies whole ones.
    #[error("the server fragments its messages")]
    Fragmented,
    /// The parser's reason is the source.
    #[error("a text frame is not a Pusher message")]
    Message(#[from] serde_json::Error),
    /// The server ended a connection.
    #[error("the server closed a connection: {0}")]
    Closed(String),
    /// The server said no.
    #[error("the server answered with an error: {0}")]
    Complaint(String),
    /// The websocket upgrade was not accepted.
    #[error("no websocket upgrade: {0}")]
    Upgrade(String),
    /// An HTTP publish was not accepted.
    #[error("publish answered {status}: {body}")]
    Publish {
        /// The HTTP status.
        status: u16,
        /// The start of the body.
        body: String,
    },
    /// The HTTP answer could not be read.
    #[error("not an HTTP answer: {0}")]
    Response(&'static str),
    /// An event of the warm-up has other bytes than were published.
    #[error(transparent)]
    Damaged(#[from] Damaged),
    /// Nothing arrived for this long.
    #[error("no delivery for {0} s")]
    Stalled(u64),
    /// The whole load took too long.
    #[error("not finished within {0} s")]
    TimedOut(u64),
}
