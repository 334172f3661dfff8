//! One websocket connection, from the bytes read to the dialect that understands them.
//!
//! A read takes all that is there into the core's scratch buffer and is worked off before anything
//! is flushed, so a busy publisher's events leave in few large sends. There is one read a turn from
//! each connection that has something, and one task for all of them: an idle connection has none.
//!
//! A message may have to wait: for the answer to one before it, or because what its connection asks
//! for is not taken. What was read with it is kept, and nothing is read before it is worked off.

use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::rc::Rc;
use std::time::Instant;

use uringcast_proto::ws::assembler::{AssembleError, Assembler, Limits, Message};
use uringcast_proto::ws::close::CloseCode;
use uringcast_proto::ws::encode;

use super::core::Core;
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
/// Compressed bytes can become a thousand times as many, and all of a read is worked off before
/// anyone else gets a turn: these become 32 MiB at most.
const DEFLATED_READ_BYTES_MAX: usize = 32 * 1024;

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
pub(super) struct Reader {
    assembler: Assembler,
    dialect: Dialect,
    hearing: Hearing,
    /// Whether the handshake agreed to `permessage-deflate`.
    is_deflated: bool,
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

/// Work off what was held of the websockets of `core` for ever.
pub(super) async fn run_held(core: Rc<Core>) {
    loop {
        for conn in core.held.due().await {
            hear_held(&core, conn);
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
    if is_over && core.held.holds(conn) {
        return core.forget(conn); // Broken off before its messages could be worked off.
    }
    if !is_over && must_wait(core, conn, &socket) {
        return core.pause(conn, &socket);
    }
    let Some(mut reader) = socket.take_reader() else { return };
    if !reader.read(core, conn, &socket) {
        return core.forget(conn);
    }
    socket.keep_reader(reader);
    if core.held.holds(conn) {
        core.pause(conn, &socket);
    }
}

/// Work off what was held of `conn`, as far as it need not wait again, and read on after it.
fn hear_held(core: &Core, conn: ConnId) {
    let Some(socket) = core.socket(conn) else { return };
    if must_wait(core, conn, &socket) {
        return; // What it waits for now resumes it again.
    }
    // Who has nothing held any more keeps its reader.
    let Some(mut left) = core.held.take(conn) else { return };
    let Some(mut reader) = socket.take_reader() else { return };
    let count = core.with_shard(|shard| reader.hear(core, shard, conn, left.bytes()));
    core.held.keep_rest(conn, left, count);
    socket.keep_reader(reader);
    if count == 0 {
        core.resume(conn, &socket);
    } else if core.ask(|shard| !shard.must_pause(conn)) {
        core.held.resume(conn); // What it waited for came at once.
    }
}

/// Whether this connection's messages wait: for an answer, for its own outbox, or for other cores.
fn must_wait(core: &Core, conn: ConnId, socket: &Socket) -> bool {
    if core.ask(|shard| shard.must_pause(conn)) {
        return true;
    }
    let is_backlogged = core.is_backlogged();
    if is_backlogged {
        core.hold_back(conn, socket);
    }
    is_backlogged
}

impl Reader {
    /// The reader of a connection that speaks as was `agreed`.
    pub(super) const fn new(Agreed { dialect, is_deflated }: Agreed) -> Self {
        let assembler = Assembler::new();
        let hearing = match dialect {
            Dialect::Sse => Hearing::Deaf, // It has said all it has to say.
            Dialect::Pusher | Dialect::Zps | Dialect::Echo => Hearing::Listening,
        };
        Self { assembler, dialect, hearing, is_deflated }
    }

    /// Work off bytes that came with the handshake: who sent them did not know what was agreed.
    pub(super) fn hear_early(&mut self, core: &Core, conn: ConnId, mut bytes: Vec<u8>) {
        let is_deflated = std::mem::take(&mut self.is_deflated);
        core.with_shard(|shard| self.hear_read(core, shard, conn, &mut bytes));
        self.is_deflated = is_deflated;
    }

    /// Read what is there and work it off; false when the connection is over.
    fn read(&mut self, core: &Core, conn: ConnId, socket: &Socket) -> bool {
        core.with_scratch(|shard, scratch| {
            let room = if self.is_deflated { DEFLATED_READ_BYTES_MAX } else { usize::MAX };
            let room = room.min(scratch.len());
            match socket.try_read(&mut scratch[..room]) {
                Ok(0) => false,
                Ok(bytes) => {
                    shard.active(conn, bytes);
                    self.hear_read(core, shard, conn, &mut scratch[..bytes]);
                    true
                }
                Err(error) => error.kind() == io::ErrorKind::WouldBlock,
            }
        })
    }

    /// Work off what was read, and keep what must wait.
    fn hear_read(&mut self, core: &Core, shard: &mut Shard, conn: ConnId, bytes: &mut [u8]) {
        let left = self.hear(core, shard, conn, bytes);
        core.held.keep(conn, &bytes[bytes.len() - left..]);
    }

    /// Work off `bytes`; a panic on the way closes this connection and no other. Returns how many
    /// are left that must wait.
    fn hear(&mut self, core: &Core, shard: &mut Shard, conn: ConnId, bytes: &mut [u8]) -> usize {
        if self.hearing == Hearing::Deaf {
            return 0;
        }
        let outcome = catch_unwind(AssertUnwindSafe(|| self.assemble(core, shard, conn, bytes)));
        match outcome {
            Ok(Ok(left)) => return left,
            Ok(Err(error)) => {
                shard.refuse(refusal(error));
                self.fail(shard, conn, error.close_code(), &error.to_string());
            }
            Err(_) => {
                shard.counters_mut().panics += 1;
                self.fail(shard, conn, CloseCode::INTERNAL, "internal error");
            }
        }
        0
    }

    fn assemble(
        &mut self,
        core: &Core,
        shard: &mut Shard,
        conn: ConnId,
        mut bytes: &mut [u8],
    ) -> Result<usize, AssembleError> {
        let limits = limits(core, shard, conn, self.dialect);
        let mut inflater = self.is_deflated.then(|| core.inflater());
        while let Some(message) =
            self.assembler.next(&limits, inflater.as_deref_mut(), &mut bytes)?
        {
            if let Message::Close(reason) = message {
                shard.on_peer_close(conn, reason.map(|(code, _)| code));
                self.hearing = Hearing::Deaf; // RFC 6455 section 5.5.1: nothing follows it.
                return Ok(0);
            }
            understand(shard, conn, message);
            if shard.must_pause(conn) {
                return Ok(bytes.len());
            }
        }
        Ok(0)
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
fn limits(core: &Core, shard: &Shard, conn: ConnId, dialect: Dialect) -> Limits {
    match dialect {
        Dialect::Pusher => Limits {
            message_bytes_max: core.setup.config.connection.message_bytes_max as usize,
            ..Limits::default()
        },
        Dialect::Zps => Limits {
            message_bytes_max: shard.zps_policy(conn).max_payload_bytes as usize,
            ..Limits::default()
        },
        Dialect::Sse => Limits::default(), // It is not listened to.
        Dialect::Echo => echo::LIMITS,
    }
}

/// Do what one message asks, unless the connection is being closed.
fn understand(shard: &mut Shard, conn: ConnId, message: Message<'_>) {
    let Some((_, dialect)) = shard.speaks(conn) else { return };
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
