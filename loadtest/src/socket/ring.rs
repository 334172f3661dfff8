//! Many sockets on one `io_uring`: multishot receives into shared buffers, one send in flight each.
//!
//! Knows bytes and connections, not frames. Whoever waits is told what happened since; requests
//! made meanwhile go to the kernel together with the next wait, in one system call.

use std::io;
use std::net::TcpStream;
use std::os::fd::{AsRawFd, RawFd};
use std::time::Duration;

use io_uring::types::{Fd, SubmitArgs, Timespec};
use io_uring::{IoUring, cqueue, opcode, squeue};

use super::buffers::{self, Buffers};

/// Requests that fit between two waits without an extra system call.
const SUBMISSIONS: u32 = 2048;
/// Completions the kernel can post between two waits without its overflow list.
const COMPLETIONS: u32 = 16_384;

/// Set in a request's mark when it is a send.
const SEND: u64 = 1 << 32;

/// One connection on the ring.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Link(u32);

impl Link {
    /// A link that belongs to no ring.
    #[cfg(test)]
    pub(crate) const fn numbered(index: u32) -> Self {
        Self(index)
    }

    /// Links are numbered from 0 in the order in which they were added.
    pub const fn index(self) -> usize {
        self.0 as usize
    }
}

/// What happened on a connection.
#[derive(Debug)]
pub enum Event<'a> {
    /// Bytes arrived.
    Received(&'a [u8]),
    /// All bytes of the last send are with the kernel; here is their memory, emptied.
    Sent(Vec<u8>),
    /// The peer will send no more.
    Closed,
    /// The connection is broken.
    Failed(io::Error),
}

/// A connection's socket and the bytes being sent on it.
#[derive(Debug)]
struct Socket {
    stream: TcpStream,
    flight: Vec<u8>,
    flight_sent: usize,
}

impl Socket {
    fn fd(&self) -> RawFd {
        self.stream.as_raw_fd()
    }
}

/// The ring and every connection on it.
pub struct Ring {
    uring: IoUring,
    drain: Duration,
    buffers: Buffers,
    sockets: Vec<Socket>,
    /// Completions taken from the kernel but not reported yet: mark, result, flags.
    completed: Vec<(u64, i32, u32)>,
}

impl Ring {
    /// A ring without connections, or the kernel's reason for refusing one.
    ///
    /// With a `drain` of zero a wait ends at the first completion. With a longer one it lasts that
    /// long and then takes everything that came meanwhile: a load on the server's own core would
    /// otherwise interrupt the server after its first send, at a moment that differs from run to
    /// run.
    pub fn new(drain: Duration) -> io::Result<Self> {
        let uring = IoUring::builder()
            .setup_single_issuer()
            .setup_coop_taskrun()
            .setup_defer_taskrun()
            .setup_cqsize(COMPLETIONS)
            .build(SUBMISSIONS)?;
        let buffers = Buffers::register(&uring)?;
        Ok(Self { uring, drain, buffers, sockets: Vec::new(), completed: Vec::new() })
    }

    /// Take over a connected socket and start receiving on it.
    pub fn add(&mut self, stream: TcpStream) -> io::Result<Link> {
        let link = Link(self.sockets.len() as u32);
        self.sockets.push(Socket { stream, flight: Vec::new(), flight_sent: 0 });
        self.receive(link)?;
        Ok(link)
    }

    /// Go on with another connection in the place of one that was reported as [`Event::Closed`].
    ///
    /// # Panics
    ///
    /// If a send on it was not reported as [`Event::Sent`] yet.
    pub fn replace(&mut self, link: Link, stream: TcpStream) -> io::Result<()> {
        let socket = &mut self.sockets[link.index()];
        assert!(socket.flight.is_empty(), "what was sent has been reported");
        socket.stream = stream;
        self.receive(link)
    }

    /// Send `bytes`.
    ///
    /// # Panics
    ///
    /// If the last send on this link was not reported as [`Event::Sent`] yet.
    pub fn send(&mut self, link: Link, bytes: Vec<u8>) -> io::Result<()> {
        let socket = &mut self.sockets[link.index()];
        assert!(socket.flight.is_empty(), "one send at a time on a link");
        socket.flight = bytes;
        socket.flight_sent = 0;
        self.submit_send(link)
    }

    /// Submit all requests, wait for a completion, for the time between two drains or for
    /// `timeout`, and report every completion.
    pub fn wait<E: From<io::Error>>(
        &mut self,
        timeout: Duration,
        mut each: impl FnMut(Link, Event<'_>) -> Result<(), E>,
    ) -> Result<(), E> {
        self.enter(timeout)?;
        let mut completed = std::mem::take(&mut self.completed);
        completed.extend(
            self.uring.completion().map(|entry| (entry.user_data(), entry.result(), entry.flags())),
        );
        for (mark, result, flags) in completed.drain(..) {
            let link = Link(mark as u32);
            if mark & SEND == 0 {
                self.on_received(link, result, flags, &mut each)?;
            } else {
                self.on_sent(link, result, &mut each)?;
            }
        }
        self.completed = completed;
        Ok(())
    }

    fn enter(&self, timeout: Duration) -> io::Result<()> {
        let (wanted, timeout) = match self.drain {
            Duration::ZERO => (1, timeout),
            drain => (COMPLETIONS as usize, timeout.min(drain)),
        };
        let timeout = Timespec::from(timeout);
        let arguments = SubmitArgs::new().timespec(&timeout);
        match self.uring.submitter().submit_with_args(wanted, &arguments) {
            Ok(_) => Ok(()),
            // A time-out, a signal and a full completion queue all mean: look at the completions.
            Err(error)
                if matches!(
                    error.raw_os_error(),
                    Some(libc::ETIME | libc::EINTR | libc::EBUSY | libc::EAGAIN)
                ) =>
            {
                Ok(())
            }
            Err(error) => Err(error),
        }
    }

    fn on_received<E: From<io::Error>>(
        &mut self,
        link: Link,
        result: i32,
        flags: u32,
        each: &mut impl FnMut(Link, Event<'_>) -> Result<(), E>,
    ) -> Result<(), E> {
        let length = usize::try_from(result).unwrap_or(0);
        if let Some(buffer) = cqueue::buffer_select(flags) {
            let answer = match length {
                0 => Ok(()),
                _ => each(link, Event::Received(self.buffers.bytes(buffer, length))),
            };
            self.buffers.give_back(buffer);
            answer?;
        }
        if result == 0 {
            return each(link, Event::Closed);
        }
        // Running out of buffers only ends the multishot: the bytes stay in the socket.
        if result < 0 && -result != libc::ENOBUFS {
            return each(link, Event::Failed(io::Error::from_raw_os_error(-result)));
        }
        if !cqueue::more(flags) {
            self.receive(link)?;
        }
        Ok(())
    }

    fn on_sent<E: From<io::Error>>(
        &mut self,
        link: Link,
        result: i32,
        each: &mut impl FnMut(Link, Event<'_>) -> Result<(), E>,
    ) -> Result<(), E> {
        let Ok(sent) = usize::try_from(result) else {
            return each(link, Event::Failed(io::Error::from_raw_os_error(-result)));
        };
        let socket = &mut self.sockets[link.index()];
        socket.flight_sent += sent;
        if socket.flight_sent < socket.flight.len() {
            return Ok(self.submit_send(link)?);
        }
        let mut spare = std::mem::take(&mut socket.flight);
        spare.clear();
        each(link, Event::Sent(spare))
    }

    fn receive(&mut self, link: Link) -> io::Result<()> {
        let fd = Fd(self.sockets[link.index()].fd());
        let entry = opcode::RecvMulti::new(fd, buffers::GROUP).build();
        self.push(&entry.user_data(u64::from(link.0)))
    }

    fn submit_send(&mut self, link: Link) -> io::Result<()> {
        let socket = &self.sockets[link.index()];
        let rest = &socket.flight[socket.flight_sent..];
        // MSG_WAITALL lets the kernel itself continue a short send.
        let entry = opcode::Send::new(Fd(socket.fd()), rest.as_ptr(), rest.len() as u32)
            .flags(libc::MSG_NOSIGNAL | libc::MSG_WAITALL)
            .build();
        self.push(&entry.user_data(SEND | u64::from(link.0)))
    }

    fn push(&mut self, entry: &squeue::Entry) -> io::Result<()> {
        // SAFETY: a receive names registered buffers that are never unmapped. A send names the
        // socket's `flight`, which is neither touched before its completion nor freed: see `Drop`.
        if unsafe { self.uring.submission().push(entry) }.is_err() {
            self.uring.submit()?;
            // SAFETY: as above.
            let again = unsafe { self.uring.submission().push(entry) };
            again.map_err(|full| io::Error::other(full.to_string()))?;
        }
        Ok(())
    }
}

impl Drop for Ring {
    /// Closing a ring does not wait for its sends, so their memory is given up instead of freed.
    fn drop(&mut self) {
        for socket in &mut self.sockets {
            std::mem::forget(std::mem::take(&mut socket.flight));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::{Read as _, Write as _};
    use std::net::TcpListener;
    use std::time::Instant;

    fn pair() -> (TcpStream, TcpStream) {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let client = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
        (client, listener.accept().unwrap().0)
    }

    /// Wait until `done` says so, at most 10 s.
    fn wait_until(ring: &mut Ring, mut done: impl FnMut(Event<'_>) -> bool) {
        let deadline = Instant::now() + Duration::from_secs(10);
        let mut finished = false;
        while !finished {
            assert!(Instant::now() < deadline, "no completion within 10 s");
            ring.wait(Duration::from_millis(100), |_, event| {
                finished |= done(event);
                Ok::<(), io::Error>(())
            })
            .unwrap();
        }
    }

    #[test]
    fn bytes_travel_both_ways_and_the_end_is_reported() {
        for drain in [Duration::ZERO, Duration::from_micros(200)] {
            both_ways(drain);
        }
    }

    fn both_ways(drain: Duration) {
        let (client, mut server) = pair();
        let mut ring = Ring::new(drain).unwrap();
        let link = ring.add(client).unwrap();
        ring.send(link, b"ping".to_vec()).unwrap();
        wait_until(&mut ring, |event| matches!(event, Event::Sent(spare) if spare.is_empty()));
        let mut seen = [0; 4];
        server.read_exact(&mut seen).unwrap();
        assert_eq!(&seen, b"ping");
        server.write_all(b"pong").unwrap();
        wait_until(&mut ring, |event| matches!(event, Event::Received(bytes) if bytes == b"pong"));
        drop(server);
        wait_until(&mut ring, |event| matches!(event, Event::Closed));
    }

    #[test]
    fn more_bytes_than_all_buffers_hold_arrive_in_order() {
        let (client, mut server) = pair();
        let mut ring = Ring::new(Duration::ZERO).unwrap();
        ring.add(client).unwrap();
        let total = 32 << 20;
        let writer = std::thread::spawn(move || {
            let block: Vec<u8> = (0..=255).collect();
            for _ in 0..total / block.len() {
                server.write_all(&block).unwrap();
            }
        });
        let mut received = 0_usize;
        wait_until(&mut ring, |event| match event {
            Event::Received(bytes) => {
                for byte in bytes {
                    assert_eq!(usize::from(*byte), received % 256);
                    received += 1;
                }
                false
            }
            Event::Closed => true,
            Event::Sent(_) | Event::Failed(_) => panic!("unexpected {event:?}"),
        });
        assert_eq!(received, total);
        writer.join().unwrap();
    }
}
