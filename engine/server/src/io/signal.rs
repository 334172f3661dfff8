//! Wake-ups: between tasks of one core, and from one core to another.

use std::cell::Cell;
use std::future::poll_fn;
use std::io;
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd, RawFd};
use std::os::unix::net::UnixStream as StdUnixStream;
use std::task::{Context, Poll, Waker};

use monoio::net::UnixStream;

/// A flag that one task of a core raises and one other waits for.
#[derive(Default)]
pub(super) struct Signal {
    is_raised: Cell<bool>,
    waiter: Cell<Option<Waker>>,
}

impl Signal {
    /// Raise the flag; its waiter runs after every task that is ready now.
    pub(super) fn raise(&self) {
        if !self.is_raised.replace(true)
            && let Some(waker) = self.waiter.take()
        {
            waker.wake();
        }
    }

    /// Wait until the flag is raised, and lower it.
    pub(super) async fn wait(&self) {
        poll_fn(|context| self.poll_wait(context)).await;
    }

    /// Ready if the flag is raised, which lowers it; else `context` is woken when it is raised.
    pub(super) fn poll_wait(&self, context: &Context<'_>) -> Poll<()> {
        if self.is_raised.take() {
            return Poll::Ready(());
        }
        self.waiter.set(Some(context.waker().clone()));
        Poll::Pending
    }
}

/// The ringing side of a [`Bell`]: any thread may hold it.
#[derive(Debug)]
pub(super) struct Ringer(OwnedFd);

/// An eventfd that wakes a core from outside.
///
/// The runtime's own wakers are for its own thread only, so a core waits for a file descriptor.
pub(super) struct Bell(UnixStream);

/// A new bell, to be taken to its core by [`Bell::install`], and its ringer.
pub(super) fn bell() -> io::Result<(OwnedFd, Ringer)> {
    // SAFETY: eventfd takes no pointer; the descriptor it returns is new and owned by nobody else.
    let fd = unsafe {
        match libc::eventfd(0, libc::EFD_CLOEXEC | libc::EFD_NONBLOCK) {
            -1 => return Err(io::Error::last_os_error()),
            fd => OwnedFd::from_raw_fd(fd),
        }
    };
    let ringer = Ringer(fd.try_clone()?);
    Ok((fd, ringer))
}

impl Ringer {
    /// Wake the core. Rings before it waits are not lost, and many count as one.
    pub(super) fn ring(&self) {
        let one = 1_u64.to_ne_bytes();
        // SAFETY: the buffer is 8 readable bytes, as eventfd wants, and outlives the call. The
        // only failure is a counter at its maximum, and then the core is being woken anyway.
        let _ = unsafe { libc::write(self.0.as_raw_fd(), one.as_ptr().cast(), one.len()) };
    }
}

impl Bell {
    /// Register the bell with the runtime of this thread.
    pub(super) fn install(fd: OwnedFd) -> io::Result<Self> {
        // The runtime polls any descriptor alike; a stream is what it offers to hold one in.
        UnixStream::from_std(StdUnixStream::from(fd)).map(Self)
    }

    /// Wait until the bell has rung since the last time.
    pub(super) async fn rung(&self) -> io::Result<()> {
        self.0.readable(false).await?;
        silence(self.0.as_raw_fd());
        Ok(())
    }
}

/// Forget the rings of the bell with this descriptor.
pub(super) fn silence(fd: RawFd) {
    let mut count = [0_u8; 8];
    // SAFETY: the buffer is 8 writable bytes and outlives the call; a bell that is silent already
    // says EAGAIN, which is as good.
    let _ = unsafe { libc::read(fd, count.as_mut_ptr().cast(), count.len()) };
}
