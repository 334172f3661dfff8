//! Short answers to the messages of one connection, which leave together.
//!
//! Who acknowledges every event has as many acks in a read as there were events. Their answers are
//! written one behind the other and queued as one segment, before anything else is queued on the
//! same connection, so they keep their place among all that it is sent.
//!
//! Invariant: what is gathered here is of one connection and less than [`BYTES_MAX`] and one frame,
//! and nothing is after the turn's end.

use bytes::Bytes;

use crate::Shard;
use crate::id::ConnId;
use crate::local::Local;
use crate::route::Route;

/// Bytes that are queued without waiting for more: they count as what waits only then.
const BYTES_MAX: usize = 4 * 1024;

/// Short frames that are gathered for one connection.
#[derive(Debug, Default)]
pub(super) struct Replies {
    /// The connection that it is for, while there is anything.
    conn: Option<ConnId>,
    /// Whole frames; its room is kept for the next ones.
    bytes: Vec<u8>,
    frames: u32,
}

impl Shard {
    /// Send `conn`, which is open, the short frames that `write` appends, and whose number it
    /// returns.
    pub fn reply(&mut self, conn: ConnId, write: impl FnOnce(&mut Vec<u8>) -> u32) {
        self.local.reply(&mut self.route, conn, write);
    }
}

impl Local {
    /// Gather short frames for `conn`, which is open; `write` appends them and returns how many.
    pub(super) fn reply(
        &mut self,
        route: &mut Route,
        conn: ConnId,
        write: impl FnOnce(&mut Vec<u8>) -> u32,
    ) {
        if self.replies.conn != Some(conn) {
            self.send_replies(route);
            self.replies.conn = Some(conn);
        }
        self.replies.frames += write(&mut self.replies.bytes);
        if self.replies.bytes.len() >= BYTES_MAX {
            self.send_replies(route);
        }
    }

    /// Queue what is gathered for the connection in `slot`, before something else is.
    #[inline]
    pub(super) fn send_replies_first(&mut self, route: &mut Route, slot: u32) {
        if self.replies.conn.is_some_and(|conn| conn.slot == slot) {
            self.send_replies(route);
        }
    }

    /// Queue what is gathered.
    pub(super) fn send_replies(&mut self, route: &mut Route) {
        let Some(conn) = self.replies.conn.take() else { return };
        let frames = std::mem::take(&mut self.replies.frames);
        if frames == 0 {
            return; // The dialect has no word for it.
        }
        let bytes = Bytes::copy_from_slice(&self.replies.bytes);
        self.replies.bytes.clear();
        self.send_run(route, conn, bytes, frames);
    }
}
