//! Listening sockets: bound before any thread starts, one for each core.
//!
//! The kernel spreads new connections over the listeners of one address (`SO_REUSEPORT`), and a
//! connection stays on the core that accepted it.

use std::io;
use std::net::{SocketAddr, TcpListener as StdTcpListener};
use std::os::fd::{AsRawFd, BorrowedFd};
use std::rc::Rc;
use std::time::Duration;

use monoio::net::{TcpListener, TcpStream};
use socket2::{Domain, Protocol, SockRef, Socket, Type};

use super::connection;
use super::core::Core;
use super::http::Purpose;
use super::pace::Pace;
use crate::shard::Refusal;

/// Connections that may wait to be accepted; the kernel's own limit is usually 4,096.
const BACKLOG: i32 = 4_096;

/// How often, and after which pause, an address in use is tried again: for half a second.
const PROBE_TRIES: u32 = 100;
const PROBE_PAUSE: Duration = Duration::from_millis(5);

/// Accepts that may follow each other without a wait, which is possible on epoll only.
const EAGER_ACCEPTS_MAX: u16 = 64;

/// How long to wait after the process has run out of file descriptors or memory.
const EXHAUSTED_PAUSE: Duration = Duration::from_millis(100);

/// Listeners for `cores` cores on `address`, whose port may be 0 for any free one.
///
/// An address that another process listens on is refused, even if that one would share it.
pub(super) fn bind(address: SocketAddr, cores: usize) -> io::Result<Vec<StdTcpListener>> {
    let named = |error: io::Error| {
        io::Error::new(error.kind(), format!("cannot listen on {address}: {error}"))
    };
    if address.port() != 0 {
        probe(address).map_err(named)?;
    }
    let first = listen(address, true).map_err(named)?;
    let address = first.local_addr()?;
    let others = (1..cores).map(|_| listen(address, true).map_err(named));
    std::iter::once(Ok(first)).chain(others).collect()
}

/// Bind alone for a moment, to see that nobody else listens.
///
/// A process that was just killed may hold its listener for some milliseconds more: the kernel
/// tears its ring down in the background.
fn probe(address: SocketAddr) -> io::Result<()> {
    let mut tries = PROBE_TRIES;
    loop {
        match listen(address, false) {
            Err(error) if error.kind() == io::ErrorKind::AddrInUse && tries > 0 => {
                tries -= 1;
                std::thread::sleep(PROBE_PAUSE);
            }
            result => return result.map(drop),
        }
    }
}

fn listen(address: SocketAddr, is_shared: bool) -> io::Result<StdTcpListener> {
    let socket = Socket::new(Domain::for_address(address), Type::STREAM, Some(Protocol::TCP))?;
    socket.set_reuse_address(true)?; // A restart must not wait for old connections to time out.
    socket.set_reuse_port(is_shared)?;
    socket.set_nonblocking(true)?;
    socket.bind(&address.into())?;
    socket.listen(BACKLOG)?;
    Ok(socket.into())
}

/// Accept connections of `purpose` until the listener is shut down.
pub(super) async fn accept(core: Rc<Core>, listener: Rc<TcpListener>, purpose: Purpose) {
    let mut pace = Pace::new(EAGER_ACCEPTS_MAX);
    loop {
        let accepted = listener.accept().await;
        if let Some(pause) = pace.step(core.turn()) {
            pause.await;
        }
        match accepted {
            Ok((stream, peer)) => connection::start(&core, stream, peer.ip(), purpose),
            Err(_) if core.is_draining() => return,
            Err(error) if error.kind() == io::ErrorKind::ConnectionAborted => {} // Gone already.
            Err(_) => {
                // Out of descriptors or memory, which takes a while to pass.
                core.count(|counters| counters.refuse(Refusal::Connections));
                monoio::time::sleep(EXHAUSTED_PAUSE).await;
            }
        }
    }
}

/// Take in what the kernel has accepted already, and then no more.
///
/// Whoever waits in the kernel's queue believes to be connected, and would be reset.
pub(super) fn close(core: &Rc<Core>, listener: &TcpListener, purpose: Purpose) {
    // SAFETY: the listener keeps its descriptor open for longer than this function runs.
    let descriptor = unsafe { BorrowedFd::borrow_raw(listener.as_raw_fd()) };
    let socket = SockRef::from(&descriptor); // Never waits: see `listen`.
    while let Ok((accepted, peer)) = socket.accept() {
        // The ring waits by itself, and only in a socket that may block; epoll is the opposite.
        let is_ready = accepted.set_nonblocking(monoio::utils::is_legacy());
        let stream = is_ready.and_then(|()| TcpStream::from_std(accepted.into()));
        if let (Ok(stream), Some(peer)) = (stream, peer.as_socket()) {
            connection::start(core, stream, peer.ip(), purpose);
        }
    }
    // SAFETY: takes no pointer. It ends the accept that is pending, which must not be dropped.
    let _ = unsafe { libc::shutdown(listener.as_raw_fd(), libc::SHUT_RDWR) };
}
