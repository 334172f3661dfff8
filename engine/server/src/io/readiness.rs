//! Which sockets of a core have something to read, asked for all of them at once.
//!
//! A poll for each idle socket would be a task and an operation of the runtime for each, several
//! hundred bytes; here an idle socket is an entry in the kernel's own set (epoll), which costs this
//! process nothing. The set is a descriptor that the runtime polls like any other, on both drivers,
//! so a turn costs one look at it however many sockets have something.
//!
//! A websocket is reported as long as it has something: what a turn leaves in it comes again in the
//! next. A connection with requests has a task, which is told once and reads until nothing is left.

use std::cell::RefCell;
use std::io;
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd, RawFd};
use std::os::unix::net::UnixStream as StdUnixStream;

use monoio::net::UnixStream;

use crate::id::ConnId;

/// Sockets taken at a time. Whatever else is ready waits for the next turn, in the kernel's queue.
const TOGETHER: u16 = 256;

/// One core's set.
pub(super) struct Readiness {
    /// The set; a stream is what the runtime offers to hold a descriptor in.
    set: UnixStream,
    events: RefCell<Vec<libc::epoll_event>>,
}

/// A socket that has something.
#[derive(Clone, Copy)]
pub(super) struct Ready {
    pub(super) conn: ConnId,
    /// Whether it is broken or shut down in both directions: it is reported until it is closed.
    pub(super) is_over: bool,
    /// Whether the peer will send no more than what is there; only with
    /// [`add_changes`](Readiness::add_changes).
    pub(super) is_last: bool,
}

impl Readiness {
    /// An empty set, registered with the runtime of this thread.
    pub(super) fn new() -> io::Result<Self> {
        // SAFETY: takes no pointer; the descriptor it returns is new and owned by nobody else.
        let set = unsafe {
            match libc::epoll_create1(libc::EPOLL_CLOEXEC) {
                -1 => return Err(io::Error::last_os_error()),
                fd => OwnedFd::from_raw_fd(fd),
            }
        };
        let set = UnixStream::from_std(StdUnixStream::from(set))?;
        Ok(Self { set, events: RefCell::new(Vec::with_capacity(TOGETHER.into())) })
    }

    /// Report the socket `fd` of `conn` from now on, until [`remove`](Self::remove).
    pub(super) fn add(&self, fd: RawFd, conn: ConnId) -> io::Result<()> {
        self.control(libc::EPOLL_CTL_ADD, fd, conn, libc::EPOLLIN)
    }

    /// Report that something came for the socket `fd` of `conn`, and not again that it is still
    /// there, until [`remove`](Self::remove).
    pub(super) fn add_changes(&self, fd: RawFd, conn: ConnId) -> io::Result<()> {
        self.control(
            libc::EPOLL_CTL_ADD,
            fd,
            conn,
            libc::EPOLLIN | libc::EPOLLRDHUP | libc::EPOLLET,
        )
    }

    /// Report what comes, or only the end.
    pub(super) fn set_listening(&self, fd: RawFd, conn: ConnId, is_listening: bool) {
        let wanted = if is_listening { libc::EPOLLIN } else { 0 };
        let result = self.control(libc::EPOLL_CTL_MOD, fd, conn, wanted);
        result.expect("the socket is in the set until it is removed, and open until then");
    }

    /// Report the socket no more. It must still be open: what the kernel does for it may outlast
    /// its descriptor, and with it the entry in the set.
    pub(super) fn remove(&self, fd: RawFd, conn: ConnId) {
        let result = self.control(libc::EPOLL_CTL_DEL, fd, conn, 0);
        result.expect("the socket was added and is open");
    }

    /// Wait until there may be a socket to [`take`](Self::take).
    pub(super) async fn wait(&self) -> io::Result<()> {
        self.set.readable(false).await
    }

    /// Give each socket that has something to `to`, once.
    pub(super) fn take(&self, mut to: impl FnMut(Ready)) {
        let mut events = self.events.borrow_mut();
        // SAFETY: the buffer has room for `TOGETHER` events, as many as the call may write, and
        // the first ones, as many as it returns, are written then. 0 does not wait.
        unsafe {
            let (set, room) = (self.set.as_raw_fd(), events.spare_capacity_mut());
            let count = libc::epoll_wait(set, room.as_mut_ptr().cast(), TOGETHER.into(), 0);
            events.set_len(usize::try_from(count).unwrap_or_default());
        }
        for event in events.drain(..) {
            let is_any = |of: i32| event.events & of.cast_unsigned() != 0;
            let is_over = is_any(libc::EPOLLHUP | libc::EPOLLERR);
            let is_last = is_over || is_any(libc::EPOLLRDHUP);
            let conn = ConnId { slot: event.u64 as u32, generation: (event.u64 >> 32) as u32 };
            to(Ready { conn, is_over, is_last });
        }
    }

    fn control(&self, what: i32, fd: RawFd, conn: ConnId, wanted: i32) -> io::Result<()> {
        let u64 = u64::from(conn.generation) << 32 | u64::from(conn.slot);
        let mut event = libc::epoll_event { events: wanted.cast_unsigned(), u64 };
        // SAFETY: the event outlives the call, which copies it.
        match unsafe { libc::epoll_ctl(self.set.as_raw_fd(), what, fd, &raw mut event) } {
            0 => Ok(()),
            _ => Err(io::Error::last_os_error()),
        }
    }
}
