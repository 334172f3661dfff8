//! One websocket connection, from the bytes read to the session that understands them.
//!
//! A read takes all that is there into the core's scratch buffer and is worked off before anything
//! is flushed, so a busy publisher's events leave in few large sends. There is one read a turn from
//! each connection that has something, and one task for all of them: an idle connection has none.
//!
//! A message may have to wait, see [`Shard::may_hear`], or for room in a turn's bytes to inflate.
//! What was read with it is kept, and nothing is read before it is worked off. There is one order
//! in which that goes: the rest of the message that was heard last, what is left, as far as it may
//! be heard, and then what the socket has.

use std::cell::RefMut;
use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::rc::Rc;
use std::time::{Duration, Instant};

use uringcast_proto::ws::assembler::{AssembleError, Assembler, Message};
use uringcast_proto::ws::close::CloseCode;

use super::core::Core;
use super::inflating::{Inflating, Lent};
use super::pace::Pace;
use super::readiness::Ready;
use super::sends::ring::RING;
use super::socket::Socket;
use crate::dialect::zps::{self, RoomKey, RoomVerdict};
use crate::dialect::{Session, Speaker};
use crate::id::ConnId;
use crate::shard::{Refusal, Shard};

/// Rounds of reads that may follow the first within a turn, which is possible on epoll only.
const EAGER_READS_MAX: u16 = 1;

/// The most that one read takes of a connection that may compress.
///
/// Compressed bytes can become a thousand times as many, and what a turn does not inflate of a read
/// is kept.
const DEFLATED_READ_BYTES_MAX: usize = 32 * 1024;

/// How long the core stands back from inflating before it goes on with what is left, so that all
/// others have their turn: the least that the runtime's timer has.
const INFLATING_PAUSE: Duration = Duration::from_millis(1);

/// What a connection that has been failed or has said goodbye may still send: nothing that counts.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Hearing {
    /// Messages are understood.
    Listening,
    /// Bytes are read and thrown away until the stream ends, so that the peer gets our last words
    /// and not a reset.
    Deaf,
}

/// One websocket's reading side.
struct Ear {
    assembler: Assembler,
    session: Session,
    hearing: Hearing,
    /// Whether the handshake agreed to `permessage-deflate`.
    is_deflated: bool,
}

/// One websocket's reading side between reads, if nothing is left: there may be a million.
pub(super) enum Idle {
    Pusher(Assembler, Hearing, bool),
    Sse(Assembler, Hearing, bool),
    Echo(Assembler, Hearing, bool),
    /// One that is between two messages, so that it needs no room for an assembler.
    Zps(Box<zps::State>, Hearing, bool),
}

/// One websocket's reading side with what was read and not heard, if anything.
///
/// It is for few connections at a time and for as long as an answer takes: a socket has no room
/// for it.
pub(super) struct Reader {
    ear: Ear,
    left: Vec<u8>,
    /// Where in `left` the next message begins.
    start: usize,
}

/// What a core lends to who hears.
pub(super) struct Means<'a> {
    inflating: &'a Inflating,
    speaker: RefMut<'a, Speaker>,
}

/// What comes after hearing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Next {
    /// Nothing is left: the socket is listened to.
    Listen,
    /// The next message waits until the shard says that it may be heard.
    Wait,
    /// The next message waits for bytes that may be inflated.
    Queue,
}

/// Read from the websockets of `core` for ever.
pub(super) async fn run_readers(core: Rc<Core>) {
    let mut pace = Pace::new(EAGER_READS_MAX);
    loop {
        if core.readiness.wait().await.is_err() {
            return; // The set's descriptor is ours and open: cannot happen while we run.
        }
        if let Some(pause) = pace.step(core.turn()) {
            pause.await;
        }
        core.readiness.take(|ready| match ready.conn {
            RING => core.sends_ended(),
            _ => read(&core, ready),
        });
    }
}

/// Go on with the websockets of `core` whose messages have waited, for ever.
pub(super) async fn run_going_on(core: Rc<Core>) {
    loop {
        core.goes_on.wait().await;
        for conn in core.going_on.take() {
            go_on(&core, conn);
        }
    }
}

/// Go on with those that had to wait for bytes that may be inflated, for ever.
pub(super) async fn run_inflating(core: Rc<Core>) {
    loop {
        core.inflating.due().await;
        // The turn's end wakes this and this the turn: others would not get to their sockets.
        monoio::time::sleep(INFLATING_PAUSE).await;
        while let Some(conn) = core.inflating.next() {
            go_on(&core, conn);
        }
    }
}

/// Read what one websocket has, unless that has to wait.
fn read(core: &Core, ready: Ready) {
    let Ready { conn, is_over, .. } = ready;
    let Some(socket) = core.socket(conn) else { return };
    if socket.wake(ready) {
        return core.turn.raise(); // Its task reads, which may be all that it does.
    }
    let Some(mut reader) = socket.take_reader() else { return };
    let next = if is_over && reader.is_left() {
        None // Broken off before its messages could be heard.
    } else if !is_over && !core.may_hear(conn) {
        Some(Next::Wait)
    } else {
        reader.read(core, conn, &socket)
    };
    if let Some(next) = next {
        proceed(core, conn, &socket, reader, next);
    } else {
        socket.keep_reader(reader); // It knows who has gone.
        core.forget(conn);
    }
}

/// Hear what is left of `conn`, as far as it need not wait again, and read on after it.
fn go_on(core: &Core, conn: ConnId) {
    let Some(socket) = core.socket(conn) else { return };
    let Some(mut reader) = socket.take_reader() else { return };
    let next = core.with_shard(|shard| reader.go_on(shard, &mut core.means(), conn));
    proceed(core, conn, &socket, reader, next);
}

fn proceed(core: &Core, conn: ConnId, socket: &Socket, reader: Reader, next: Next) {
    socket.keep_reader(reader);
    match next {
        Next::Listen => core.resume(conn, socket),
        Next::Wait => core.pause(conn, socket),
        Next::Queue => {
            core.pause(conn, socket);
            core.inflating.wait(conn);
        }
    }
}

impl Core {
    fn means(&self) -> Means<'_> {
        Means { inflating: &self.inflating, speaker: self.speaker.borrow_mut() }
    }
}

impl Reader {
    /// The reader of a connection whose handshake has agreed to `permessage-deflate`, or not.
    pub(super) fn new(session: Session, is_deflated: bool) -> Self {
        let assembler = Assembler::new();
        let hearing = match session {
            Session::Sse => Hearing::Deaf, // It has said all it has to say.
            Session::Pusher | Session::Zps(_) | Session::Echo => Hearing::Listening,
        };
        Self::from(Ear { assembler, session, hearing, is_deflated })
    }

    /// Whether bytes that were read have yet to be heard, or what was heard has yet to be done.
    pub(super) fn is_left(&self) -> bool {
        !self.left.is_empty() || self.ear.session.is_unfinished()
    }

    /// What has to be kept of a reader of which nothing is left; itself otherwise.
    pub(super) fn into_idle(self) -> Result<Idle, Self> {
        if self.is_left() {
            return Err(self);
        }
        let Ear { assembler, session, hearing, is_deflated } = self.ear;
        Ok(match session {
            Session::Pusher => Idle::Pusher(assembler, hearing, is_deflated),
            Session::Sse => Idle::Sse(assembler, hearing, is_deflated),
            Session::Echo => Idle::Echo(assembler, hearing, is_deflated),
            Session::Zps(state) if assembler.is_empty() => Idle::Zps(state, hearing, is_deflated),
            session @ Session::Zps(_) => {
                return Err(Self::from(Ear { assembler, session, hearing, is_deflated }));
            }
        })
    }

    /// What a room's client calls itself, once it has said so.
    pub(super) fn subscriber_id(&self) -> Option<&str> {
        self.ear.session.subscriber_id()
    }

    /// An app's server has answered the question that a message waits for.
    pub(super) fn decided(&mut self, key: RoomKey, verdict: RoomVerdict) {
        self.ear.session.decided(key, verdict);
    }

    /// Work off bytes that came with the handshake: who sent them did not know what was agreed.
    pub(super) fn hear_early(&mut self, core: &Core, conn: ConnId, mut bytes: Vec<u8>) {
        let is_deflated = std::mem::take(&mut self.ear.is_deflated);
        core.with_shard(|shard| self.hear(shard, &mut core.means(), conn, &mut bytes));
        self.ear.is_deflated = is_deflated;
    }

    /// Read what is there and work it off; `None` when the connection is over.
    fn read(&mut self, core: &Core, conn: ConnId, socket: &Socket) -> Option<Next> {
        core.with_scratch(|shard, scratch| {
            let room = if self.ear.is_deflated { DEFLATED_READ_BYTES_MAX } else { usize::MAX };
            let room = room.min(scratch.len());
            match socket.try_read(&mut scratch[..room]) {
                Ok(0) => None,
                Ok(bytes) => {
                    shard.active(conn, bytes);
                    Some(self.hear(shard, &mut core.means(), conn, &mut scratch[..bytes]))
                }
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => Some(Next::Listen),
                Err(_) => None,
            }
        })
    }

    /// Work off what was read, and keep what must wait. Nothing is left from before.
    fn hear(
        &mut self,
        shard: &mut Shard,
        means: &mut Means<'_>,
        conn: ConnId,
        bytes: &mut [u8],
    ) -> Next {
        debug_assert!(!self.is_left(), "what is left comes first");
        let (left, next) = self.ear.hear(shard, means, conn, bytes);
        self.left.extend_from_slice(&bytes[bytes.len() - left..]);
        next
    }

    /// Work off what is left, as far as it need not wait again.
    fn go_on(&mut self, shard: &mut Shard, means: &mut Means<'_>, conn: ConnId) -> Next {
        let (left, next) = self.ear.hear(shard, means, conn, &mut self.left[self.start..]);
        self.start = self.left.len() - left;
        if left == 0 {
            (self.left, self.start) = (Vec::new(), 0);
        }
        next
    }
}

impl From<Ear> for Reader {
    fn from(ear: Ear) -> Self {
        Self { ear, left: Vec::new(), start: 0 }
    }
}

impl From<Idle> for Reader {
    fn from(idle: Idle) -> Self {
        let (assembler, session, hearing, is_deflated) = match idle {
            Idle::Pusher(it, hearing, is_deflated) => (it, Session::Pusher, hearing, is_deflated),
            Idle::Sse(it, hearing, is_deflated) => (it, Session::Sse, hearing, is_deflated),
            Idle::Echo(it, hearing, is_deflated) => (it, Session::Echo, hearing, is_deflated),
            Idle::Zps(state, hearing, is_deflated) => {
                (Assembler::new(), Session::Zps(state), hearing, is_deflated)
            }
        };
        Self::from(Ear { assembler, session, hearing, is_deflated })
    }
}

impl Ear {
    /// Work off `bytes`; a panic on the way closes this connection and no other. Returns how many
    /// are left, and for what they wait.
    fn hear(
        &mut self,
        shard: &mut Shard,
        means: &mut Means<'_>,
        conn: ConnId,
        bytes: &mut [u8],
    ) -> (usize, Next) {
        if self.hearing == Hearing::Deaf {
            return (0, Next::Listen);
        }
        let outcome = catch_unwind(AssertUnwindSafe(|| self.assemble(shard, means, conn, bytes)));
        match outcome {
            Ok(Ok(heard)) => return heard,
            Ok(Err(error)) => {
                shard.refuse(refusal(error));
                self.fail(shard, conn, error.close_code(), &error.to_string());
            }
            Err(_) => {
                shard.counters_mut().panics += 1;
                self.fail(shard, conn, CloseCode::INTERNAL, "internal error");
            }
        }
        (0, Next::Listen)
    }

    fn assemble(
        &mut self,
        shard: &mut Shard,
        means: &mut Means<'_>,
        conn: ConnId,
        mut bytes: &mut [u8],
    ) -> Result<(usize, Next), AssembleError> {
        let speaker = &mut *means.speaker;
        let limits = self.session.limits(&speaker.rules);
        let mut lent = self.is_deflated.then(|| means.inflating.lend());
        loop {
            let is_unfinished = self.session.is_unfinished();
            if (is_unfinished || !bytes.is_empty()) && !shard.may_hear(conn) {
                return Ok((bytes.len(), Next::Wait));
            }
            if is_unfinished {
                self.session.go_on(shard, speaker, conn);
                continue;
            }
            if !bytes.is_empty() && lent.as_ref().is_some_and(Lent::is_used_up) {
                shard.counters_mut().inflate_waits += 1;
                return Ok((bytes.len(), Next::Queue));
            }
            let inflater = lent.as_mut().map(Lent::inflater);
            let Some(message) = self.assembler.next(&limits, inflater, &mut bytes)? else {
                return Ok((0, Next::Listen));
            };
            if let Message::Close(reason) = message {
                shard.on_peer_close(conn, reason.map(|(code, _)| code));
                self.hearing = Hearing::Deaf; // RFC 6455 section 5.5.1: nothing follows it.
                return Ok((0, Next::Listen));
            }
            understand(&mut self.session, shard, speaker, conn, message);
        }
    }

    fn fail(&mut self, shard: &mut Shard, conn: ConnId, code: CloseCode, reason: &str) {
        self.hearing = Hearing::Deaf;
        self.session.fail(shard, conn, code, reason);
    }
}

/// Have `message` done, and time it if it is one of a room's client whose turn has come.
fn understand(
    session: &mut Session,
    shard: &mut Shard,
    speaker: &mut Speaker,
    conn: ConnId,
    message: Message<'_>,
) {
    let is_operation = matches!(session, Session::Zps(_))
        && matches!(message, Message::Text(_) | Message::Binary(_))
        && shard.speaks(conn).is_some();
    let started = (is_operation && shard.begins_operation()).then(Instant::now);
    session.hear(shard, speaker, conn, message);
    if let Some(started) = started {
        shard.timed_operation(started.elapsed().as_nanos() as u64);
    }
}

/// What a broken frame counts as.
fn refusal(error: AssembleError) -> Refusal {
    match error {
        AssembleError::MessageTooBig => Refusal::MessageBytes,
        AssembleError::InvalidUtf8 | AssembleError::CloseReasonInvalidUtf8 => Refusal::Utf8,
        _ => Refusal::Protocol,
    }
}

#[cfg(test)]
mod tests;
