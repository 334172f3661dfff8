//! The end of the process: every websocket is told to connect again, not all at once.
//!
//! The window is cut into as many parts as there are websockets, and each is closed at a moment in
//! its part that its nonce decides: evenly, so that no moment has many, and not in step with other
//! cores or other nodes that were told to end at the same time.

use crate::id::ConnId;
use crate::{Ending, Millis, Shard};

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

    /// When the next one, which has `nonce`, is told, in milliseconds from the start.
    fn due_ms(&self, nonce: u32) -> u64 {
        let part = (self.total - self.waiting.len()) as u128;
        let moment = part << u32::BITS | u128::from(nonce);
        ((moment * u128::from(self.window_ms) / self.total as u128) >> u32::BITS) as u64
    }
}

impl Shard {
    /// Start to close every websocket, spread over `window_ms`: each client may come back at once.
    pub fn start_drain(&mut self, window_ms: u64) {
        let open = self.local.connections.iter().filter(|(_, connection)| connection.is_open());
        let waiting: Vec<ConnId> = open
            .map(|(slot, it)| ConnId { slot: slot as u32, generation: it.generation })
            .collect();
        let total = waiting.len();
        self.local.drain = Some(Drain { waiting, started: self.route.now, window_ms, total });
        self.continue_drain();
    }

    /// Whether a drain has been started.
    pub const fn is_draining(&self) -> bool {
        self.local.drain.is_some()
    }

    /// Whether every websocket is gone, and all that follows from it has been said.
    ///
    /// A channel is vacant when every core has told its owner so, and so is an app: then the last
    /// notice is out.
    pub fn is_drained(&self) -> bool {
        self.route.counters.connections == 0
            && self.route.counters.channels == 0
            && self.owner.are_apps_vacant()
            && !self.has_outputs()
    }

    /// Close the waiting websockets whose moment has come.
    pub(super) fn continue_drain(&mut self) {
        loop {
            let Some(drain) = &mut self.local.drain else { return };
            let Some(&conn) = drain.waiting.last() else { return };
            let nonce = self.local.connections.get(conn.slot as usize).map_or(0, |it| it.nonce);
            if self.route.now.since(drain.started) < drain.due_ms(nonce) {
                return;
            }
            drain.waiting.pop();
            self.end(conn, Ending::Draining, "");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// When each of `nonces` is told, in a window of a second.
    fn due(nonces: &[u32]) -> Vec<u64> {
        let total = nonces.len();
        let due = |(told, nonce): (usize, &u32)| {
            let waiting = vec![ConnId { slot: 0, generation: 0 }; total - told];
            Drain { waiting, started: Millis(0), window_ms: 1_000, total }.due_ms(*nonce)
        };
        nonces.iter().enumerate().map(due).collect()
    }

    #[test]
    fn each_has_a_moment_in_its_own_part_of_the_window() {
        assert_eq!(due(&[0; 4]), [0, 250, 500, 750]);
        assert_eq!(due(&[u32::MAX; 4]), [249, 499, 749, 999]);
        assert_eq!(due(&[1 << 31, 0, 1 << 30, u32::MAX]), [125, 250, 562, 999]);
    }

    #[test]
    fn one_client_of_each_of_many_nodes_is_not_told_in_the_same_moment() {
        let moments: Vec<u64> = (0..4).map(|node| due(&[node << 30])[0]).collect();
        assert_eq!(moments, [0, 250, 500, 750]);
    }

    #[test]
    fn a_window_of_no_time_is_over_at_once() {
        let conn = ConnId { slot: 0, generation: 0 };
        let drain = Drain { waiting: vec![conn], started: Millis(0), window_ms: 0, total: 1 };
        assert_eq!(drain.due_ms(u32::MAX), 0);
    }
}
