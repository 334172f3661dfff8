//! Sends of one core: handed to the kernel together after each turn, in a ring of their own.
//!
//! A send through the runtime is a task, a place in its table and a wake-up. Here it is a request
//! and a place in ours; most sends are done when the call that starts them returns, so what they
//! free is sent at once, too. What the socket has no room for ends later: then the ring rings a
//! bell, which is polled like a socket while the kernel holds any send. The ring itself would not
//! do: what has ended stands in it only once it is asked.
//!
//! Where there is no `io_uring` there is no ring, and the runtime sends.

use std::cell::RefCell;
use std::io;
use std::os::fd::{AsRawFd, OwnedFd};
use std::rc::Rc;

use io_uring::types::Fd;
use io_uring::{IoUring, opcode, squeue};
use slab::Slab;

use super::super::driver::completions;
use super::super::readiness::Readiness;
use super::super::signal::{bell, silence};
use super::super::socket::Socket;
use super::answer::ReadyAnswer;
use crate::id::ConnId;
use crate::shard::Segment;

/// What the core's set of sockets knows the bell by: no connection has this slot.
pub(in crate::io) const RING: ConnId = ConnId { slot: u32::MAX, generation: u32::MAX };

/// The ring of one core, where there is one.
pub(in crate::io) struct Sends(Option<RefCell<Ring>>);

/// What the kernel is given sends in.
pub(in crate::io) struct Ring {
    uring: IoUring,
    /// Rung by the kernel whenever something ends.
    bell: OwnedFd,
    /// Whether the core's set reports the bell.
    is_watched: bool,
    /// Everything that the kernel has or is about to get.
    in_flight: Slab<InFlight>,
    /// What has ended and has not been looked at: the place of a send, and what came of it.
    ended: Vec<(usize, i32)>,
    /// Whether requests wait to be submitted.
    is_pushed: bool,
    /// Whether events are among them.
    is_fanning_out: bool,
}

/// What a request names the bytes of.
pub(in crate::io) enum InFlight {
    Send(Send),
    ReadyAnswer(ReadyAnswer),
}

/// One connection's send: a segment's bytes from `start` on.
pub(in crate::io) struct Send {
    pub(in crate::io) conn: ConnId,
    pub(in crate::io) socket: Rc<Socket>,
    pub(in crate::io) segment: Segment,
    start: usize,
}

impl Send {
    pub(in crate::io) const fn new(conn: ConnId, socket: Rc<Socket>, segment: Segment) -> Self {
        Self { conn, socket, segment, start: 0 }
    }

    /// `bytes` more have been taken: what is left to send, if anything.
    pub(in crate::io) fn advance(mut self, bytes: usize) -> Result<Self, (ConnId, Rc<Socket>)> {
        self.start += bytes;
        if self.start < self.segment.len() { Ok(self) } else { Err((self.conn, self.socket)) }
    }

    fn rest(&self) -> &[u8] {
        &self.segment.as_ref()[self.start..]
    }
}

impl InFlight {
    fn socket(&self) -> &Socket {
        match self {
            Self::Send(send) => &send.socket,
            Self::ReadyAnswer(answer) => &answer.socket,
        }
    }

    fn request(&self, key: usize) -> squeue::Entry {
        let rest = match self {
            Self::Send(send) => send.rest(),
            Self::ReadyAnswer(answer) => answer.rest(),
        };
        // A turn's frames are bounded far below 4 GiB.
        opcode::Send::new(Fd(self.socket().fd()), rest.as_ptr(), rest.len() as u32)
            .flags(libc::MSG_NOSIGNAL)
            .build()
            .user_data(key as u64)
    }

    /// The kernel has no memory for it.
    fn fail(self) {
        match self {
            Self::Send(send) => send.socket.cut(),
            Self::ReadyAnswer(answer) => answer.fail(),
        }
    }
}

impl Sends {
    /// Send with `ring`, its bell in `set`; none on epoll.
    pub(in crate::io) fn new(ring: Option<Ring>, set: &Readiness) -> io::Result<Self> {
        if let Some(ring) = &ring {
            set.add(ring.bell.as_raw_fd(), RING)?;
            set.set_listening(ring.bell.as_raw_fd(), RING, false);
        }
        Ok(Self(ring.map(RefCell::new)))
    }

    /// Start `send` with the next [`exchange`](Self::exchange); it is given back without a ring.
    pub(in crate::io) fn push(&self, send: Send) -> Result<(), Send> {
        match &self.0 {
            Some(ring) => {
                let mut ring = ring.borrow_mut();
                ring.is_fanning_out = true;
                ring.push(InFlight::Send(send));
                Ok(())
            }
            None => Err(send),
        }
    }

    /// Whether an answer would leave with the next [`exchange`](Self::exchange), and not wait for
    /// a fan-out in front of it.
    pub(in crate::io) fn takes_answers(&self) -> bool {
        self.0.as_ref().is_some_and(|ring| !ring.borrow().is_fanning_out)
    }

    /// Start `answer` with the next [`exchange`](Self::exchange).
    ///
    /// # Panics
    ///
    /// Without a ring, which [`takes_answers`](Self::takes_answers) tells.
    pub(in crate::io) fn push_answer(&self, answer: ReadyAnswer) {
        let ring = self.0.as_ref().expect("takes_answers is only true with a ring");
        ring.borrow_mut().push(InFlight::ReadyAnswer(answer));
    }

    /// Hand the kernel what was pushed, and take what has ended.
    pub(in crate::io) fn exchange(&self) {
        if let Some(ring) = &self.0 {
            ring.borrow_mut().exchange();
        }
    }

    /// What has ended or has got further, and the bytes that were taken.
    pub(in crate::io) fn ended(&self) -> Option<(InFlight, io::Result<usize>)> {
        let mut ring = self.0.as_ref()?.borrow_mut();
        let (key, result) = ring.ended.pop()?;
        let taken = usize::try_from(result).map_err(|_| io::Error::from_raw_os_error(-result));
        Some((ring.in_flight.remove(key), taken))
    }

    /// Whether there is something to [`exchange`](Self::exchange) at once.
    pub(in crate::io) fn is_pushed(&self) -> bool {
        self.0.as_ref().is_some_and(|ring| ring.borrow().is_pushed)
    }

    /// Have `set` report the bell while the kernel has any send, and no longer. It stays in there,
    /// because there may be no room in that when it is needed.
    pub(in crate::io) fn watch(&self, set: &Readiness) {
        let Some(ring) = &self.0 else { return };
        let mut ring = ring.borrow_mut();
        let is_wanted = !ring.in_flight.is_empty();
        if std::mem::replace(&mut ring.is_watched, is_wanted) != is_wanted {
            set.set_listening(ring.bell.as_raw_fd(), RING, is_wanted);
        }
    }

    /// The bell was heard: the next [`exchange`](Self::exchange) takes what it was rung for.
    pub(in crate::io) fn silence(&self) {
        if let Some(ring) = &self.0 {
            silence(ring.borrow().bell.as_raw_fd());
        }
    }
}

impl Ring {
    /// A ring of `entries` requests for the thread that this is called on. It has been tried: one
    /// that may be made and not used would leave its core waiting for ever.
    pub(in crate::io) fn new(entries: u32) -> io::Result<Self> {
        let (mut uring, (bell, _)) = (build(entries)?, bell()?);
        // SAFETY: the request names no memory.
        unsafe { uring.submission().push(&opcode::Nop::new().build()) }
            .map_err(io::Error::other)?;
        uring.submit_and_wait(1)?;
        uring.completion().next().ok_or(io::ErrorKind::UnexpectedEof)?;
        uring.submitter().register_eventfd(bell.as_raw_fd())?;
        let (in_flight, ended) = (Slab::new(), Vec::new());
        let (is_watched, is_pushed, is_fanning_out) = (false, false, false);
        Ok(Self { uring, bell, is_watched, in_flight, ended, is_pushed, is_fanning_out })
    }

    fn push(&mut self, what: InFlight) {
        if self.uring.submission().is_full() {
            self.exchange();
        }
        let place = self.in_flight.vacant_entry();
        let request = what.request(place.key());
        // SAFETY: the request names bytes and a descriptor that `in_flight` holds until the kernel
        // says that it has done with them; the bytes are never written and do not move.
        match unsafe { self.uring.submission().push(&request) } {
            Ok(()) => {
                place.insert(what);
                self.is_pushed = true;
            }
            Err(_) => what.fail(), // The kernel has no memory for what it was given before.
        }
    }

    fn exchange(&mut self) {
        let (submitter, mut requests, mut results) = self.uring.split();
        // Besides what was pushed: results that the kernel keeps until it is asked for them.
        if self.is_pushed || requests.taskrun() || requests.cq_overflow() {
            drop(submitter.submit()); // What it does not take now it is given again.
            requests.sync();
            self.is_pushed = !requests.is_empty();
            self.is_fanning_out &= self.is_pushed;
        }
        results.sync();
        self.ended.extend(results.map(|it| (it.user_data() as usize, it.result())));
    }
}

/// A ring for one thread, which runs what the kernel has left to do when it asks for results. On
/// kernels before 6.1 it is one without these promises.
fn build(entries: u32) -> io::Result<IoUring> {
    let mut builder = IoUring::builder();
    builder.setup_cqsize(completions(entries));
    let mut best = builder.clone();
    best.setup_single_issuer().setup_coop_taskrun().setup_taskrun_flag().setup_defer_taskrun();
    best.build(entries).or_else(|_| builder.build(entries))
}
