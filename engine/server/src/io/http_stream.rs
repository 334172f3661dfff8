//! A socket as hyper wants it.
//!
//! A read is tried at once and waits only when the kernel has nothing. What is written leaves with
//! the other answers of the turn, or at once where there are none or events would leave before it.
//!
//! monoio-compat's adapter would need the runtime's second poller and could not put back what was
//! read before hyper came in; this is less code than both.

use std::future::Future;
use std::io;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use hyper::rt::ReadBufCursor;

use super::core::Core;
use super::sends::answer::Passage;
use super::socket::{More, Reporting, Socket};
use crate::id::ConnId;

/// A wait for readiness that is under way.
type Wait = Pin<Box<dyn Future<Output = io::Result<()>>>>;

/// A socket with the bytes that were read from it before.
pub(super) struct HttpStream {
    core: Rc<Core>,
    socket: Rc<Socket>,
    early: Bytes,
    /// Whether the last read took all there was, so that the next one must wait anyway.
    is_drained: bool,
    more: Rc<More>,
    writable: Option<Wait>,
    /// What was written and may not have been taken yet.
    passage: Rc<Passage>,
}

impl HttpStream {
    /// The socket of `conn`, of which `early` was read before; `None` if there is no memory for it.
    pub(super) fn new(
        core: &Rc<Core>,
        conn: ConnId,
        socket: Rc<Socket>,
        early: Bytes,
    ) -> Option<Self> {
        let more = Rc::<More>::default();
        core.tell(conn, &socket, Rc::clone(&more)).then(|| Self {
            core: Rc::clone(core),
            socket,
            early,
            is_drained: false,
            more,
            writable: None,
            passage: Rc::default(),
        })
    }

    /// What the stream is told of its socket.
    pub(super) fn more(&self) -> Rc<More> {
        Rc::clone(&self.more)
    }

    /// What was written and may outlast the stream: it is free when the socket has taken all.
    pub(super) fn passage(&self) -> Rc<Passage> {
        Rc::clone(&self.passage)
    }

    /// Hear no more of the socket, which is that of `conn`; what was read of it and not taken yet.
    pub(super) fn give_back(self, conn: ConnId) -> Bytes {
        self.socket.keep_nobody();
        if self.socket.reporting.replace(Reporting::Nothing) != Reporting::Nothing {
            self.core.readiness.remove(self.socket.fd(), conn);
        }
        self.early
    }

    fn poll_writable(&mut self, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        let socket = &self.socket;
        let wait = self.writable.get_or_insert_with(|| {
            let socket = Rc::clone(socket);
            Box::pin(async move { socket.writable().await })
        });
        let result = ready!(wait.as_mut().poll(context));
        self.writable = None;
        Poll::Ready(result)
    }
}

impl hyper::rt::Read for HttpStream {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        mut buffer: ReadBufCursor<'_>,
    ) -> Poll<io::Result<()>> {
        if !self.early.is_empty() {
            let bytes = self.early.len().min(buffer.remaining());
            buffer.put_slice(&self.early.split_to(bytes));
            if self.early.is_empty() {
                self.early = Bytes::new(); // Its memory was the first request's.
            }
            return Poll::Ready(Ok(()));
        }
        loop {
            if self.is_drained {
                ready!(self.more.came.poll_wait(context));
                self.is_drained = false;
            }
            // SAFETY: nothing that is initialized is overwritten with what is not, and only what
            // the kernel has written is counted as initialized.
            let result = unsafe {
                let result = self.socket.try_read_uninit(buffer.as_mut());
                if let Ok(bytes) = result {
                    buffer.advance(bytes);
                }
                result
            };
            match result {
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => self.is_drained = true,
                Ok(bytes) => {
                    self.more.is_read.set(bytes > 0);
                    let is_all = buffer.remaining() > 0 && !self.more.is_last.get();
                    self.is_drained = bytes > 0 && is_all;
                    return Poll::Ready(Ok(()));
                }
                Err(error) => return Poll::Ready(Err(error)),
            }
        }
    }
}

impl hyper::rt::Write for HttpStream {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        self.passage.is_partial.set(true);
        loop {
            if self.writable.is_some() {
                ready!(self.poll_writable(context))?;
            }
            ready!(self.passage.poll_free(context))?;
            if self.core.answer_later(&self.socket, bytes, &self.passage) {
                return Poll::Ready(Ok(bytes.len()));
            }
            match self.socket.try_write(bytes) {
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                    ready!(self.poll_writable(context))?;
                }
                result => return Poll::Ready(result),
            }
        }
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.passage.is_partial.set(false); // hyper has nothing more.
        Poll::Ready(Ok(())) // What is on its way needs no help.
    }

    fn poll_shutdown(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        ready!(self.passage.poll_free(context))?;
        self.socket.finish();
        Poll::Ready(Ok(()))
    }
}
