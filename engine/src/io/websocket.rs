//! One websocket connection, from the bytes read to the dialect that understands them.
//!
//! A read takes all that is there into the core's scratch buffer and is worked off before anything
//! is flushed, so a busy publisher's events leave in few large sends. On `io_uring` that is one
//! read a turn, on epoll a few: every other connection gets its turn in between.
//!
//! A message may have to wait: for the answer to one before it, or because what its connection asks
//! for is not taken. What was read with it is kept, and nothing is read before it is worked off.

use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::rc::Rc;

use uringcast_proto::ws::assembler::{AssembleError, Assembler, Limits, Message};
use uringcast_proto::ws::close::CloseCode;
use uringcast_proto::ws::encode;

use super::core::{Core, Setup};
use super::pace::Pace;
use super::socket::Socket;
use crate::dialect::{Dialect, echo, pusher};
use crate::id::ConnId;
use crate::shard::{Refusal, Shard};

/// Reads that may follow the first within a turn, which is possible on epoll only.
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

/// One websocket's reading side.
pub(super) struct Reader {
    conn: ConnId,
    socket: Rc<Socket>,
    limits: Limits,
    assembler: Assembler,
    hearing: Hearing,
    /// What was read behind a message that the next one must wait for; at most one read.
    held: Vec<u8>,
    /// Where in it the next message begins.
    held_start: usize,
    /// Whether the handshake agreed to `permessage-deflate`.
    is_deflated: bool,
    pace: Pace,
}

impl Reader {
    /// The reader of `conn`, which speaks as was `agreed`.
    pub(super) fn new(setup: &Setup, conn: ConnId, socket: Rc<Socket>, agreed: Agreed) -> Self {
        let Agreed { dialect, is_deflated } = agreed;
        let limits = match dialect {
            Dialect::Pusher => Limits {
                message_bytes_max: setup.config.connection.message_bytes_max as usize,
                ..Limits::default()
            },
            Dialect::Echo => echo::LIMITS,
        };
        let assembler = Assembler::new();
        let pace = Pace::new(EAGER_READS_MAX);
        let hearing = Hearing::Listening;
        let held = Vec::new();
        Self { conn, socket, limits, assembler, hearing, held, held_start: 0, is_deflated, pace }
    }

    /// Work off bytes that came with the handshake: who sent them did not know what was agreed.
    pub(super) fn hear_early(&mut self, core: &Core, mut bytes: Vec<u8>) {
        let is_deflated = std::mem::take(&mut self.is_deflated);
        core.with_shard(|shard| self.hear_read(core, shard, &mut bytes));
        self.is_deflated = is_deflated;
    }

    /// Read until the connection is over.
    ///
    /// Boxed, because a future keeps what it is given twice.
    pub(super) async fn run(mut self: Box<Self>, core: Rc<Core>) {
        while self.read(&core).await {}
        core.forget(self.conn);
    }

    /// Wait for bytes and work them off; false when the connection is over.
    async fn read(&mut self, core: &Rc<Core>) -> bool {
        while !self.socket.is_cut() && self.must_wait(core) {
            self.socket.resume.wait().await;
        }
        if !self.held.is_empty() && !self.socket.is_cut() {
            core.with_shard(|shard| self.hear_held(core, shard));
            return true;
        }
        if self.socket.readable().await.is_err() {
            return false;
        }
        if let Some(pause) = self.pace.step(core.turn()) {
            pause.await;
        }
        core.with_scratch(|shard, scratch| {
            let room = if self.is_deflated { DEFLATED_READ_BYTES_MAX } else { usize::MAX };
            let room = room.min(scratch.len());
            match self.socket.try_read(&mut scratch[..room]) {
                Ok(0) => false,
                Ok(bytes) => {
                    shard.active(self.conn, bytes);
                    self.hear_read(core, shard, &mut scratch[..bytes]);
                    true
                }
                Err(error) => error.kind() == io::ErrorKind::WouldBlock,
            }
        })
    }

    /// Whether this connection's messages wait: for an answer, for its own outbox, or for other
    /// cores.
    fn must_wait(&self, core: &Core) -> bool {
        if core.ask(|shard| shard.must_pause(self.conn)) {
            return true;
        }
        let is_backlogged = core.is_backlogged();
        if is_backlogged {
            core.hold_back(&self.socket);
        }
        is_backlogged
    }

    /// Work off what was read, and keep what must wait.
    fn hear_read(&mut self, core: &Core, shard: &mut Shard, bytes: &mut [u8]) {
        let left = self.hear(core, shard, bytes);
        self.held.extend_from_slice(&bytes[bytes.len() - left..]);
    }

    /// Work off what had to wait, as far as it need not wait again.
    fn hear_held(&mut self, core: &Core, shard: &mut Shard) {
        let mut held = std::mem::take(&mut self.held);
        let left = self.hear(core, shard, &mut held[self.held_start..]);
        self.held_start = 0;
        if left > 0 {
            self.held_start = held.len() - left;
            self.held = held;
        }
    }

    /// Work off `bytes`; a panic on the way closes this connection and no other. Returns how many
    /// are left that must wait.
    fn hear(&mut self, core: &Core, shard: &mut Shard, bytes: &mut [u8]) -> usize {
        if self.hearing == Hearing::Deaf {
            return 0;
        }
        let outcome = catch_unwind(AssertUnwindSafe(|| self.assemble(core, shard, bytes)));
        match outcome {
            Ok(Ok(left)) => return left,
            Ok(Err(error)) => {
                shard.refuse(refusal(error));
                self.fail(shard, error.close_code(), &error.to_string());
            }
            Err(_) => {
                shard.counters_mut().panics += 1;
                self.fail(shard, CloseCode::INTERNAL, "internal error");
            }
        }
        0
    }

    fn assemble(
        &mut self,
        core: &Core,
        shard: &mut Shard,
        mut bytes: &mut [u8],
    ) -> Result<usize, AssembleError> {
        let mut inflater = self.is_deflated.then(|| core.inflater());
        while let Some(message) =
            self.assembler.next(&self.limits, inflater.as_deref_mut(), &mut bytes)?
        {
            if let Message::Close(reason) = message {
                shard.on_peer_close(self.conn, reason.map(|(code, _)| code));
                self.hearing = Hearing::Deaf; // RFC 6455 section 5.5.1: nothing follows it.
                return Ok(0);
            }
            understand(shard, self.conn, message);
            if shard.must_pause(self.conn) {
                return Ok(bytes.len());
            }
        }
        Ok(0)
    }

    fn fail(&mut self, shard: &mut Shard, code: CloseCode, reason: &str) {
        self.hearing = Hearing::Deaf;
        shard.fail(self.conn, code, reason);
    }
}

/// Do what one message asks, unless the connection is being closed.
fn understand(shard: &mut Shard, conn: ConnId, message: Message<'_>) {
    let Some((_, dialect)) = shard.speaks(conn) else { return };
    match (dialect, message) {
        (_, Message::Ping(payload)) => shard.send(conn, encode::pong(payload)),
        (_, Message::Pong(_) | Message::Close(_)) => {} // Noted when it was read.
        (Dialect::Pusher, Message::Text(text)) => pusher::on_text(shard, conn, text),
        (Dialect::Pusher, Message::Binary(_)) => pusher::on_binary(shard, conn),
        (Dialect::Echo, Message::Text(text)) => echo::on_text(shard, conn, text),
        (Dialect::Echo, Message::Binary(bytes)) => echo::on_binary(shard, conn, bytes),
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
