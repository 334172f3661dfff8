//! One TCP socket as this engine uses it: polled, read without waiting, written by the ring.
//!
//! Reads go through one scratch buffer a core, so an idle connection holds no buffer.
//! Sends go through the runtime, which hands many of them to the kernel at once. No send that is
//! pending is ever dropped: a socket is ended by [`Socket::cut`], and what waits on it then ends.

use std::cell::{Cell, UnsafeCell};
use std::io;
use std::mem::MaybeUninit;
use std::os::fd::{AsRawFd, FromRawFd, IntoRawFd, RawFd};
use std::os::unix::net::UnixStream as StdUnixStream;
use std::rc::Rc;

use monoio::buf::IoBuf;
use monoio::io::AsyncWriteRent;
use monoio::net::{TcpStream, UnixStream};

use super::readiness::Ready;
use super::signal::Signal;
use super::websocket::{Idle, Reader};
use crate::id::ConnId;
use crate::shard::Segment;

/// Bytes that the kernel keeps of a socket and has not sent, where they are to be few: two pages of
/// a log, so that there is always something to send.
const UNSENT_BYTES: libc::c_int = 128 * 1024;

/// A connected socket.
pub(super) struct Socket {
    /// A TCP stream: the runtime's own type for those keeps both addresses, 72 bytes, for ever, and
    /// does with the descriptor what this one does.
    stream: UnsafeCell<UnixStream>,
    listener: Cell<Listener>,
    pub(super) reporting: Cell<Reporting>,
    is_finished: Cell<bool>,
    /// The generation of the connection that this is the socket of; its slot is the core's to know.
    generation: Cell<u32>,
}

/// With the two counts of its `Rc` a socket fills a class of the allocator. There may be a million.
const _: () = assert!(size_of::<Socket>() <= 48 - 16);

/// Who hears of what the core's set reports of a socket.
#[derive(Default)]
enum Listener {
    /// Nobody: the connection's own task reads its first request, or its last words, or is about
    /// to make something else of it.
    #[default]
    Nobody,
    /// A websocket of which nothing is left from the last read.
    Idle(Idle),
    /// One of which messages wait, or have come in part.
    Reader(Box<Reader>),
    /// The task that serves its requests.
    Task(Rc<More>),
}

/// That there is more to read of a socket than there was.
#[derive(Default)]
pub(super) struct More {
    pub(super) came: Signal,
    /// Whether nothing comes after it: the end itself may be there already, and is not reported
    /// again.
    pub(super) is_last: Cell<bool>,
    /// Whether something was read that may be of a next head.
    pub(super) is_read: Cell<bool>,
    /// Raised when the socket is broken or cut: nobody waits for an answer any more.
    pub(super) over: Signal,
}

/// What the core is told of a socket without asking for it.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Reporting {
    /// Nothing: it is not in the core's set.
    Nothing,
    /// That there is something to read, or that it is over.
    Reads,
    /// That it is over. Reading waits.
    End,
}

/// A send: a segment's bytes from `start` on.
struct Remainder {
    segment: Segment,
    start: usize,
}

// SAFETY: the bytes belong to a batch behind a reference count that `self` holds, they are never
// written after the batch was made, and they do not move when `self` does.
unsafe impl IoBuf for Remainder {
    fn read_ptr(&self) -> *const u8 {
        self.segment.as_ref()[self.start..].as_ptr()
    }

    fn bytes_init(&self) -> usize {
        self.segment.len() - self.start
    }
}

impl Socket {
    /// Take over an accepted stream.
    pub(super) fn new(stream: TcpStream) -> io::Result<Rc<Self>> {
        // A batch is one send already: waiting for more to send would only add latency.
        let _ = stream.set_nodelay(true);
        // SAFETY: the descriptor is open, and nobody else's from here on.
        let stream = unsafe { StdUnixStream::from_raw_fd(stream.into_raw_fd()) };
        Ok(Rc::new(Self {
            stream: UnsafeCell::new(UnixStream::from_std(stream)?),
            listener: Cell::new(Listener::Nobody),
            reporting: Cell::new(Reporting::Nothing),
            is_finished: Cell::new(false),
            generation: Cell::new(0),
        }))
    }

    /// From now on `reader` is to be asked for with [`take_reader`](Self::take_reader).
    pub(super) fn keep_reader(&self, reader: Reader) {
        let listener = match reader.into_idle() {
            Ok(idle) => Listener::Idle(idle),
            Err(reader) => Listener::Reader(Box::new(reader)),
        };
        self.listener.set(listener);
    }

    /// What a websocket keeps between reads, until it is given back; nothing before the handshake
    /// and on plain HTTP.
    pub(super) fn take_reader(&self) -> Option<Reader> {
        match self.listener.take() {
            Listener::Idle(idle) => Some(Reader::from(idle)),
            Listener::Reader(reader) => Some(*reader),
            other => {
                self.listener.set(other);
                None
            }
        }
    }

    /// Whether messages of a websocket wait that were read, if only for their rest to be done.
    pub(super) fn is_left(&self) -> bool {
        let listener = self.listener.take();
        let is_left = matches!(&listener, Listener::Reader(reader) if reader.is_left());
        self.listener.set(listener);
        is_left
    }

    /// From now on `more` is for the task that serves requests.
    pub(super) fn keep_task(&self, more: Rc<More>) {
        self.listener.set(Listener::Task(more));
    }

    /// From now on nobody hears of what is reported.
    pub(super) fn keep_nobody(&self) {
        self.listener.set(Listener::Nobody);
    }

    /// Tell the task that serves requests of what was reported; false if there is none.
    pub(super) fn wake(&self, Ready { is_over, is_last, .. }: Ready) -> bool {
        let listener = self.listener.take();
        let is_task = match &listener {
            Listener::Task(more) => {
                more.is_last.set(is_last);
                more.came.raise();
                if is_over {
                    more.over.raise();
                }
                true
            }
            Listener::Nobody | Listener::Idle(_) | Listener::Reader(_) => false,
        };
        self.listener.set(listener);
        is_task
    }

    /// Note that this is the socket of `conn`.
    pub(super) fn belongs_to(&self, conn: ConnId) {
        self.generation.set(conn.generation);
    }

    /// Whether this is the socket of `conn` and not of another in its slot.
    pub(super) fn is_of(&self, conn: ConnId) -> bool {
        self.generation.get() == conn.generation
    }

    /// Wait until there is something to read, or the end.
    pub(super) async fn readable(&self) -> io::Result<()> {
        self.stream().readable(false).await
    }

    /// Wait until there is room to write.
    pub(super) async fn writable(&self) -> io::Result<()> {
        self.stream().writable(false).await
    }

    /// Read what is there, without waiting; 0 bytes are the end of the stream.
    pub(super) fn try_read(&self, buffer: &mut [u8]) -> io::Result<usize> {
        let length = buffer.len();
        let start = buffer.as_mut_ptr().cast::<MaybeUninit<u8>>();
        // SAFETY: the same bytes; the call below only ever writes initialized ones.
        self.try_read_uninit(unsafe { std::slice::from_raw_parts_mut(start, length) })
    }

    /// Read what is there, without waiting, into memory that holds nothing yet. Its first bytes, as
    /// many as returned, then hold what was read; 0 bytes are the end of the stream.
    pub(super) fn try_read_uninit(&self, buffer: &mut [MaybeUninit<u8>]) -> io::Result<usize> {
        // SAFETY: the buffer is writable for its length and outlives the call.
        let read = unsafe {
            let start = buffer.as_mut_ptr().cast();
            libc::recv(self.fd(), start, buffer.len(), libc::MSG_DONTWAIT)
        };
        usize::try_from(read).map_err(|_| io::Error::last_os_error())
    }

    /// Write what there is room for, without waiting. Not while a [`send`](Self::send) is pending.
    pub(super) fn try_write(&self, bytes: &[u8]) -> io::Result<usize> {
        // SAFETY: the buffer is readable for its length and outlives the call.
        let written = unsafe {
            let flags = libc::MSG_DONTWAIT | libc::MSG_NOSIGNAL;
            libc::send(self.fd(), bytes.as_ptr().cast(), bytes.len(), flags)
        };
        usize::try_from(written).map_err(|_| io::Error::last_os_error())
    }

    /// Send all of `segment`, telling `landed` what the socket takes. One at a time.
    pub(super) async fn send(
        &self,
        segment: Segment,
        mut landed: impl FnMut(usize),
    ) -> io::Result<()> {
        let mut remainder = Remainder { segment, start: 0 };
        while remainder.bytes_init() > 0 {
            // SAFETY: `write` uses the stream to clone its descriptor's handle and to start the
            // operation, then works on those. The only other users are `readable` and `writable`,
            // which do the same through a shared reference; all run on this thread, and the type
            // promises that reads and writes may overlap (`monoio::io::Split`). What `write` does
            // is read from the source of one version and promised by none: hence Cargo.toml pins
            // monoio exactly, and who raises it reads `write` of its `UnixStream` again.
            let stream = unsafe { &mut *self.stream.get() };
            let (result, back) = stream.write(remainder).await;
            remainder = back;
            match result? {
                0 => return Err(io::ErrorKind::WriteZero.into()),
                bytes => {
                    remainder.start += bytes;
                    landed(bytes);
                }
            }
        }
        Ok(())
    }

    /// Have the kernel take no more than [`UNSENT_BYTES`] beyond what the peer has room for.
    ///
    /// It would take megabytes: who reads a log slowly would have its place there, behind which a
    /// ping waits for a minute, and it would seem to take nothing until a third of that is gone.
    pub(super) fn keep_unsent_few(&self) {
        self.set_tcp_option(libc::TCP_NOTSENT_LOWAT, UNSENT_BYTES); // Else it is closed sooner.
    }

    /// Have the kernel break the connection when the peer has acknowledged nothing of what was sent
    /// for `ms`.
    pub(super) fn break_after_ms(&self, ms: u64) {
        let ms = libc::c_int::try_from(ms).unwrap_or(libc::c_int::MAX);
        self.set_tcp_option(libc::TCP_USER_TIMEOUT, ms); // Else TCP gives up by itself, later.
    }

    fn set_tcp_option(&self, name: libc::c_int, value: libc::c_int) {
        let length = size_of_val(&value) as libc::socklen_t;
        let start = (&raw const value).cast();
        // SAFETY: the pointer is to a live integer of the given length. Who calls knows what
        // becomes of it should it fail.
        let _ = unsafe { libc::setsockopt(self.fd(), libc::IPPROTO_TCP, name, start, length) };
    }

    /// Say that nothing more will be written.
    pub(super) fn finish(&self) {
        self.is_finished.set(true);
        self.shutdown(libc::SHUT_WR);
    }

    /// Whether [`finish`](Self::finish) was called: whatever the peer still says is not answered.
    pub(super) fn is_finished(&self) -> bool {
        self.is_finished.get()
    }

    /// End the socket in both directions; every pending read and write ends.
    pub(super) fn cut(&self) {
        self.shutdown(libc::SHUT_RDWR);
    }

    /// The descriptor, open for as long as `self` lives.
    pub(super) fn fd(&self) -> RawFd {
        self.stream().as_raw_fd()
    }

    fn shutdown(&self, how: i32) {
        // SAFETY: takes no pointer. It fails when the peer is gone, which is what was wanted.
        let _ = unsafe { libc::shutdown(self.fd(), how) };
    }

    fn stream(&self) -> &UnixStream {
        // SAFETY: see `send`: no method keeps a unique reference while another runs.
        unsafe { &*self.stream.get() }
    }
}
