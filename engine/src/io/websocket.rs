//! One websocket connection, from the bytes read to the dialect that understands them.
//!
//! A read takes all that is there into the core's scratch buffer and is worked off before anything
//! is flushed, so a busy publisher's events leave in few large sends. There is one read a turn from
//! each connection that has something, and one task for all of them: an idle connection has none.
//!
//! A message may have to wait, see [`Shard::may_hear`], or for room in a turn's bytes to inflate.
//! What was read with it is kept, and nothing is read before it is worked off. There is one order
//! in which that goes: what is left, as far as it may be heard, and then what the socket has.

use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::rc::Rc;
use std::time::{Duration, Instant};

use uringcast_proto::ws::assembler::{AssembleError, Assembler, Limits, Message};
use uringcast_proto::ws::close::CloseCode;
use uringcast_proto::ws::encode;

use super::core::Core;
use super::inflating::{Inflating, Lent};
use super::pace::Pace;
use super::readiness::Ready;
use super::sends::ring::RING;
use super::socket::Socket;
use crate::dialect::{Dialect, echo, pusher, zps};
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

/// What the handshake came to.
#[derive(Clone, Copy)]
pub(super) struct Agreed {
    pub(super) dialect: Dialect,
    /// Whether messages may be compressed, in both directions.
    pub(super) is_deflated: bool,
}

/// What a connection that has been failed or has said goodbye may still send: nothing that counts.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Hearing {
    /// Messages are understood.
    Listening,
    /// Bytes are read and thrown away until the stream ends, so that the peer gets our last words
    /// and not a reset.
    Deaf,
}

/// One websocket's reading side: what is kept of it between reads.
pub(super) struct Ear {
    assembler: Assembler,
    dialect: Dialect,
    hearing: Hearing,
    /// Whether the handshake agreed to `permessage-deflate`.
    is_deflated: bool,
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
    message_bytes_max: usize,
    inflating: &'a Inflating,
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
    match next {
        Some(next) => proceed(core, conn, &socket, reader, next),
        None => core.forget(conn),
    }
}

/// Hear what is left of `conn`, as far as it need not wait again, and read on after it.
fn go_on(core: &Core, conn: ConnId) {
    let Some(socket) = core.socket(conn) else { return };
    let Some(mut reader) = socket.take_reader() else { return };
    let next = core.with_shard(|shard| reader.go_on(shard, &core.means(), conn));
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
        let message_bytes_max = self.setup.config.connection.message_bytes_max as usize;
        Means { message_bytes_max, inflating: &self.inflating }
    }
}

impl Reader {
    /// The reader of a connection that speaks as was `agreed`.
    pub(super) fn new(Agreed { dialect, is_deflated }: Agreed) -> Self {
        let assembler = Assembler::new();
        let hearing = match dialect {
            Dialect::Sse => Hearing::Deaf, // It has said all it has to say.
            Dialect::Pusher | Dialect::Zps | Dialect::Echo => Hearing::Listening,
        };
        Self::from(Ear { assembler, dialect, hearing, is_deflated })
    }

    /// Whether bytes that were read have yet to be heard.
    pub(super) const fn is_left(&self) -> bool {
        !self.left.is_empty()
    }

    /// What has to be kept of a reader of which nothing is left; itself otherwise.
    pub(super) fn into_ear(self) -> Result<Ear, Self> {
        if self.is_left() { Err(self) } else { Ok(self.ear) }
    }

    /// Work off bytes that came with the handshake: who sent them did not know what was agreed.
    pub(super) fn hear_early(&mut self, core: &Core, conn: ConnId, mut bytes: Vec<u8>) {
        let is_deflated = std::mem::take(&mut self.ear.is_deflated);
        core.with_shard(|shard| self.hear(shard, &core.means(), conn, &mut bytes));
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
                    Some(self.hear(shard, &core.means(), conn, &mut scratch[..bytes]))
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
        means: &Means<'_>,
        conn: ConnId,
        bytes: &mut [u8],
    ) -> Next {
        debug_assert!(!self.is_left(), "what is left comes first");
        let (left, next) = self.ear.hear(shard, means, conn, bytes);
        self.left.extend_from_slice(&bytes[bytes.len() - left..]);
        next
    }

    /// Work off what is left, as far as it need not wait again.
    fn go_on(&mut self, shard: &mut Shard, means: &Means<'_>, conn: ConnId) -> Next {
        if !shard.may_hear(conn) {
            return Next::Wait;
        }
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

impl Ear {
    /// Work off `bytes`; a panic on the way closes this connection and no other. Returns how many
    /// are left, and for what they wait.
    fn hear(
        &mut self,
        shard: &mut Shard,
        means: &Means<'_>,
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
        means: &Means<'_>,
        conn: ConnId,
        mut bytes: &mut [u8],
    ) -> Result<(usize, Next), AssembleError> {
        let limits = limits(means, shard, conn, self.dialect);
        let mut lent = self.is_deflated.then(|| means.inflating.lend());
        loop {
            if !bytes.is_empty() && !shard.may_hear(conn) {
                return Ok((bytes.len(), Next::Wait));
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
            understand(shard, conn, self.dialect, message);
        }
    }

    fn fail(&mut self, shard: &mut Shard, conn: ConnId, code: CloseCode, reason: &str) {
        self.hearing = Hearing::Deaf;
        match self.dialect {
            Dialect::Zps => zps::fail(shard, conn, code, reason),
            Dialect::Pusher | Dialect::Echo | Dialect::Sse => shard.fail(conn, code, reason),
        }
    }
}

/// What one message of `dialect` may cost.
fn limits(means: &Means<'_>, shard: &Shard, conn: ConnId, dialect: Dialect) -> Limits {
    match dialect {
        Dialect::Pusher => {
            Limits { message_bytes_max: means.message_bytes_max, ..Limits::default() }
        }
        Dialect::Zps => Limits {
            message_bytes_max: shard.zps_policy(conn).max_payload_bytes as usize,
            ..Limits::default()
        },
        Dialect::Sse => Limits::default(), // It is not listened to.
        Dialect::Echo => echo::LIMITS,
    }
}

/// Do what one message asks, unless the connection is being closed.
fn understand(shard: &mut Shard, conn: ConnId, dialect: Dialect, message: Message<'_>) {
    if shard.speaks(conn).is_none() {
        return;
    }
    match (dialect, message) {
        (_, Message::Ping(payload)) => shard.send(conn, encode::pong(payload)),
        // Noted when it was read; a stream is not listened to.
        (_, Message::Pong(_) | Message::Close(_))
        | (Dialect::Sse, Message::Text(_) | Message::Binary(_)) => {}
        (Dialect::Pusher, Message::Text(text)) => pusher::on_text(shard, conn, text),
        (Dialect::Pusher, Message::Binary(_)) => pusher::on_binary(shard, conn),
        (Dialect::Zps, Message::Text(text)) => {
            timed(shard, |shard| zps::on_text(shard, conn, text));
        }
        (Dialect::Zps, Message::Binary(bytes)) => {
            timed(shard, |shard| zps::on_binary(shard, conn, bytes));
        }
        (Dialect::Echo, Message::Text(text)) => echo::on_text(shard, conn, text),
        (Dialect::Echo, Message::Binary(bytes)) => echo::on_binary(shard, conn, bytes),
    }
}

/// Work off one message of a room's client, and time it if its turn has come.
fn timed(shard: &mut Shard, work_off: impl FnOnce(&mut Shard)) {
    let started = shard.begins_operation().then(Instant::now);
    work_off(shard);
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
