//! The end of the process: every websocket is told to connect again, not all at once.

use uringcast_proto::pusher::codes::Code;

use super::close::close_frame;
use super::connection::Farewell;
use super::{Millis, Shard};
use crate::id::ConnId;

/// A shutdown in progress.
#[derive(Debug)]
pub(super) struct Drain {
    /// Websockets that have yet to be told.
    waiting: Vec<ConnId>,
    started: Millis,
    window_ms: u64,
    total: usize,
}

impl Drain {
    /// One more websocket has to be told.
    pub(super) fn add(&mut self, conn: ConnId) {
        self.waiting.push(conn);
        self.total += 1;
    }
}

impl Shard {
    /// Start to close every websocket with 4200, spread over `window_ms`.
    pub fn start_drain(&mut self, window_ms: u64) {
        let open = self.connections.iter().filter(|(_, connection)| connection.is_open());
        let waiting: Vec<ConnId> = open
            .map(|(slot, it)| ConnId { slot: slot as u32, generation: it.generation })
            .collect();
        let total = waiting.len();
        self.drain = Some(Drain { waiting, started: self.now, window_ms, total });
        self.continue_drain();
    }

    /// Whether a drain has been started.
    pub const fn is_draining(&self) -> bool {
        self.drain.is_some()
    }

    /// Whether every websocket is gone, and all that follows from it has been said.
    ///
    /// A channel is vacant when every core has told its owner so: then the last notice is out.
    pub fn is_drained(&self) -> bool {
        self.counters.connections == 0 && self.counters.channels == 0 && !self.has_outputs()
    }

    /// Close as many of the waiting websockets as the part of the window that is over asks for.
    pub(super) fn continue_drain(&mut self) {
        let now = self.now;
        loop {
            let Some(drain) = &mut self.drain else { return };
            let elapsed = now.since(drain.started).min(drain.window_ms);
            let due = match drain.window_ms {
                0 => drain.total,
                window => (drain.total as u64 * elapsed).div_ceil(window) as usize,
            };
            if drain.total - drain.waiting.len() >= due {
                return;
            }
            let Some(conn) = drain.waiting.pop() else { return };
            let code = Code::Reconnect;
            self.begin_close(conn, close_frame(code, code.text()), Farewell::Awaited);
        }
    }
}
