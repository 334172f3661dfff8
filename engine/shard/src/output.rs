//! What a shard wants done: all that it cannot do itself, which is everything outside of it.

use crate::LogRecord;
use crate::id::ConnId;
use crate::{Answer, Notice, SinkPost, Ticket};

/// What the I/O layer must do next, in this order.
#[derive(Debug)]
pub enum Output {
    /// Start a send of what [`Shard::take_send`](super::Shard::take_send) gives.
    Flush(ConnId),
    /// Tell the peer that no more will come, and read on until it ends, too.
    Finish(ConnId),
    /// End the socket in both directions; what the kernel has taken still goes out.
    Abort(ConnId),
    /// A request's head did not come in time: answer 408 and say that no more will come.
    HandshakeExpired(ConnId),
    /// A question's answer, for whoever asked on this core.
    Answer(Ticket, Answer),
    /// The connection's messages may be heard again: those that
    /// [`Shard::may_hear`](super::Shard::may_hear) made wait.
    GoOn(ConnId),
    /// What waits for the connection should wait here and not in the kernel: it follows a log, to
    /// which it goes back when it reads too slowly. Said once; of a room's client never, which does
    /// nothing else.
    ReadsLog(ConnId),
    /// Post events to a sink, and tell the shard what comes of it.
    PostToSink(Box<SinkPost>),
    /// To be kept by the log thread, in this order.
    Log(LogRecord),
    /// An app's server wants to be told of this. What is told of one channel is in its order.
    Notice(Notice),
}

impl Output {
    /// The connection that it is about, if it is worth nothing without it.
    pub(super) const fn conn(&self) -> Option<ConnId> {
        match self {
            Self::Flush(conn)
            | Self::Finish(conn)
            | Self::Abort(conn)
            | Self::GoOn(conn)
            | Self::ReadsLog(conn)
            | Self::HandshakeExpired(conn) => Some(*conn),
            Self::PostToSink(_) | Self::Answer(..) | Self::Log(_) | Self::Notice(_) => None,
        }
    }
}
