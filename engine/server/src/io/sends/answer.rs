//! An answer to a request, on its way through the core's ring.

use std::cell::Cell;
use std::io;
use std::rc::Rc;
use std::task::{Context, Poll, ready};

use super::super::signal::Signal;
use super::super::socket::Socket;

/// Bytes of an answer from `start` on.
pub(in crate::io) struct ReadyAnswer {
    pub(super) socket: Rc<Socket>,
    bytes: Vec<u8>,
    start: usize,
    passage: Rc<Passage>,
}

/// How far the answers of one connection have got: at most one of them is on its way.
#[derive(Default)]
pub(in crate::io) struct Passage {
    is_taken: Cell<bool>,
    is_failed: Cell<bool>,
    /// Whether there is more to come of an answer that was begun.
    pub(in crate::io) is_partial: Cell<bool>,
    ended: Signal,
}

impl ReadyAnswer {
    /// `bytes` for `socket`, on the `passage` of its connection, which is free.
    pub(in crate::io) fn new(socket: Rc<Socket>, bytes: Vec<u8>, passage: &Rc<Passage>) -> Self {
        passage.is_taken.set(true);
        Self { socket, bytes, start: 0, passage: Rc::clone(passage) }
    }

    pub(super) fn rest(&self) -> &[u8] {
        &self.bytes[self.start..]
    }

    /// The socket has taken bytes, all that there were, or none ever again: what is left.
    pub(super) fn advance(mut self, taken: io::Result<usize>) -> Option<Self> {
        match taken {
            Err(error) if error.kind() == io::ErrorKind::Interrupted => return Some(self),
            Ok(0) | Err(_) => {
                self.fail();
                return None;
            }
            Ok(bytes) => self.start += bytes,
        }
        if self.start < self.bytes.len() {
            return Some(self);
        }
        self.passage.end();
        None
    }

    /// Nothing more of it can be sent: whoever reads the socket sees its end.
    pub(super) fn fail(&self) {
        self.passage.is_failed.set(true);
        self.socket.cut();
        self.passage.end();
    }
}

impl Passage {
    fn end(&self) {
        self.is_taken.set(false);
        self.ended.raise();
    }

    /// Wait until the last answer has been taken by the socket.
    pub(in crate::io) fn poll_free(&self, context: &Context<'_>) -> Poll<io::Result<()>> {
        while self.is_taken.get() {
            ready!(self.ended.poll_wait(context));
        }
        Poll::Ready(if self.is_failed.get() {
            Err(io::ErrorKind::BrokenPipe.into())
        } else {
            Ok(())
        })
    }
}
