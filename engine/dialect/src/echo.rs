//! The dialect of the listener for tests: every message comes back as it came.
//!
//! It exists so that a conformance suite can drive the same assembler, limits, close and send path
//! that every client goes through.

use uringcast_proto::ws::assembler::Limits;
use uringcast_proto::ws::{Opcode, encode};
use uringcast_shard::id::ConnId;
use uringcast_shard::{Shard, Word};

use super::pusher;

/// What one message may be on this listener: what the Autobahn suite sends, at most 16 MiB and cut
/// into as many fragments as 4 MiB have 64 bytes, and an empty one.
pub const LIMITS: Limits = Limits { message_bytes_max: 16 * 1024 * 1024, fragments_max: 65_537 };

/// The most unsent bytes of one connection on this listener: a few of its longest messages.
pub const OUTBOX_BYTES_MAX: usize = 4 * LIMITS.message_bytes_max;

/// Send `text` back.
pub fn on_text(shard: &mut Shard, conn: ConnId, text: &str) {
    shard.send_message(conn, Opcode::Text, text.as_bytes());
}

/// Send `bytes` back.
pub fn on_binary(shard: &mut Shard, conn: ConnId, bytes: &[u8]) {
    shard.send_message(conn, Opcode::Binary, bytes);
}

/// Append `word` as whole frames, and return how many: a frame that asks for an answer, and the
/// last one. It subscribes to nothing, so there is nothing else to say.
pub fn say(word: &Word<'_>, frames: &mut Vec<u8>) -> u32 {
    match word {
        Word::Ping => frames.extend_from_slice(encode::PING),
        Word::KeepAlive | Word::Farewell { .. } => return pusher::say(word, frames),
        _ => return 0,
    }
    1
}
