//! The sending side of `loadtest limit`, in a process of its own so that its cost can be told.
//!
//! Everything a round needs is made before the first one: the bytes, the registered sockets and
//! the requests. A round is a read of one byte from standard input, a copy of the requests into
//! the ring, one system call per `TOGETHER` of them, and a look at every result.

use std::io::{self, Read as _, Write as _};
use std::net::{Ipv4Addr, SocketAddr, TcpStream};
use std::num::NonZeroU32;
use std::os::fd::AsRawFd as _;
use std::process::ExitCode;

use clap::Args;
use io_uring::types::Fixed;
use io_uring::{IoUring, opcode, squeue};
use socket2::{Domain, Protocol, Socket, Type};

use super::FILES_SPARE;
use crate::limits;
use crate::server::LISTENING;

/// What the other side writes to start a round; the end of the input ends the process.
pub const START: u8 = b'.';

/// Requests submitted with one system call: all of a thousand, and few enough to stay in a cache.
const TOGETHER: usize = 1024;
/// Connections that may wait to be accepted; the kernel lowers it to its own limit.
const BACKLOG: i32 = 4096;

/// Arguments of `limit-sender`.
#[derive(Args, Debug)]
pub struct SenderArgs {
    /// Connections to accept
    #[arg(long)]
    pub subscribers: NonZeroU32,
    /// Size of each send, in bytes
    #[arg(long)]
    pub send_bytes: u32,
}

/// Accept the connections, then send to all of them for every byte that comes from standard input.
pub fn send(args: &SenderArgs) -> anyhow::Result<ExitCode> {
    limits::raise_open_files(u64::from(args.subscribers.get()) + FILES_SPARE)?;
    let mut sender = Sender::new(accept(args.subscribers.get())?, args.send_bytes)?;
    let mut starts = io::stdin().lock();
    let mut start = [0];
    while starts.read(&mut start)? > 0 {
        sender.round()?;
    }
    Ok(ExitCode::SUCCESS)
}

/// Listen, say where, and accept as many connections as wanted.
fn accept(wanted: u32) -> io::Result<Vec<TcpStream>> {
    let listener = Socket::new(Domain::IPV4, Type::STREAM, Some(Protocol::TCP))?;
    listener.bind(&SocketAddr::from((Ipv4Addr::LOCALHOST, 0)).into())?;
    listener.listen(BACKLOG)?;
    let listener = std::net::TcpListener::from(listener);
    writeln!(io::stdout(), "{LISTENING}{}", listener.local_addr()?)?;
    let accept = |_| {
        let (stream, _) = listener.accept()?;
        stream.set_nodelay(true)?;
        Ok(stream)
    };
    (0..wanted).map(accept).collect()
}

/// The ring, the sockets registered with it, and one request for each of them.
struct Sender {
    uring: IoUring,
    requests: Vec<squeue::Entry>,
    send_bytes: u32,
    /// Held so that the connections stay open.
    _streams: Vec<TcpStream>,
}

impl Sender {
    fn new(streams: Vec<TcpStream>, send_bytes: u32) -> io::Result<Self> {
        let uring = IoUring::builder()
            .setup_single_issuer()
            .setup_coop_taskrun()
            .setup_defer_taskrun()
            .build(TOGETHER as u32)?;
        let sockets: Vec<_> = streams.iter().map(TcpStream::as_raw_fd).collect();
        uring.submitter().register_files(&sockets)?;
        // Never freed: closing a ring does not wait for its sends.
        let bytes: &'static [u8] = vec![b'x'; send_bytes as usize].leak();
        // MSG_WAITALL lets the kernel itself continue a short send.
        let request = |index| {
            opcode::Send::new(Fixed(index), bytes.as_ptr(), send_bytes)
                .flags(libc::MSG_NOSIGNAL | libc::MSG_WAITALL)
                .build()
        };
        let requests = (0..streams.len() as u32).map(request).collect();
        Ok(Self { uring, requests, send_bytes, _streams: streams })
    }

    /// Send to every socket once, and wait until the kernel has all the bytes.
    fn round(&mut self) -> io::Result<()> {
        for together in self.requests.chunks(TOGETHER) {
            // SAFETY: a request names a registered socket and bytes that are never freed.
            let pushed = unsafe { self.uring.submission().push_multiple(together) };
            pushed.map_err(|full| io::Error::other(full.to_string()))?;
            self.uring.submit_and_wait(together.len())?;
            let mut completed = 0;
            for entry in self.uring.completion() {
                completed += 1;
                check(entry.result(), self.send_bytes)?;
            }
            assert_eq!(completed, together.len(), "every send completes once");
        }
        Ok(())
    }
}

/// A send has to be a whole one.
fn check(result: i32, send_bytes: u32) -> io::Result<()> {
    match u32::try_from(result) {
        Ok(sent) if sent == send_bytes => Ok(()),
        Ok(_) => Err(io::ErrorKind::WriteZero.into()),
        Err(_) => Err(io::Error::from_raw_os_error(-result)),
    }
}
