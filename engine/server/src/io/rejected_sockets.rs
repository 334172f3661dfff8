//! Sockets that were answered without being served.
//!
//! A socket that is closed while its peer is still sending is reset, and a reset takes the answer
//! with it. So one that is refused before it has a place anywhere is kept for a moment, without a
//! task and without being read: what it costs is its descriptor. There are few, and the oldest goes
//! when there is one more.

use std::collections::VecDeque;
use std::rc::Rc;

use super::socket::Socket;
use crate::shard::Millis;

/// Sockets with the moments at which they are closed, in that order.
pub(super) struct RejectedSockets {
    sockets: VecDeque<(Millis, Rc<Socket>)>,
    sockets_max: usize,
    patience_ms: u64,
}

impl RejectedSockets {
    /// Room for `sockets_max`, each for `patience_ms`.
    pub(super) const fn new(sockets_max: usize, patience_ms: u64) -> Self {
        Self { sockets: VecDeque::new(), sockets_max, patience_ms }
    }

    /// Answer `socket`, and close it when its peer has had the time to read that.
    pub(super) fn part(&mut self, now: Millis, socket: Rc<Socket>, answer: &[u8]) {
        let _ = socket.try_write(answer); // Nothing was written before, so there is room.
        socket.finish();
        self.sockets.push_back((now.plus(self.patience_ms), socket));
        if self.sockets.len() > self.sockets_max {
            self.sockets.pop_front();
        }
    }

    /// Close those whose time is over as of `now`.
    pub(super) fn advance(&mut self, now: Millis) {
        while self.sockets.front().is_some_and(|(until, _)| *until <= now) {
            self.sockets.pop_front();
        }
    }
}
