//! Slow consumers: who does not read as fast as it is sent to.
//!
//! First its own messages wait, then it is closed: what it has not been sent is thrown away whole
//! and ends with a close frame, so what it did get has no gap.

use crate::connection::Connection;
use crate::counters::Refusal;
use crate::id::ConnId;
use crate::local::Local;
use crate::{Ending, Shard};

impl Shard {
    /// Close what was found over its limit while a channel's list was walked.
    pub(super) fn close_overflowed(&mut self) {
        while let Some(conn) = self.local.overflowed.pop() {
            self.close_slow(conn, Refusal::OutboxBytes);
        }
    }

    /// Close the slowest consumers until the core retains no more than it may.
    ///
    /// Only what waits behind a send in flight counts: it is what a close gives back, and whoever
    /// has nothing in flight has not been asked to take anything yet.
    pub(super) fn shed_retained(&mut self) {
        if self.local.retained.bytes() <= self.route.config.retained_bytes_max {
            return;
        }
        let mut stuck: Vec<(usize, ConnId)> =
            self.local.in_flight.iter().map(|&conn| (self.local.stuck_bytes(conn), conn)).collect();
        stuck.sort_unstable_by_key(|&(bytes, _)| std::cmp::Reverse(bytes));
        for (bytes, conn) in stuck {
            if bytes == 0 || self.local.retained.bytes() <= self.route.config.retained_bytes_max {
                return; // Sends retain the rest, and those end by themselves or stall.
            }
            self.close_slow(conn, Refusal::RetainedBytes);
        }
    }

    /// Close whoever has taken nothing for too long, and forget whose sends have ended.
    pub(super) fn look_at_sends(&mut self) {
        let (now, stall_ms) = (self.route.now, self.route.config.outbox_stall_ms);
        let mut index = 0;
        while let Some(&conn) = self.local.in_flight.get(index) {
            match self.local.connection(conn) {
                Some(connection) if !connection.outbox.is_idle() => {
                    let is_stalled = now.since(connection.last_progress) >= stall_ms;
                    index += 1;
                    if is_stalled {
                        self.close_slow(conn, Refusal::OutboxStall);
                    }
                }
                Some(connection) => {
                    connection.is_in_flight_listed = false;
                    self.local.in_flight.swap_remove(index);
                }
                None => {
                    self.local.in_flight.swap_remove(index);
                }
            }
        }
    }

    /// Close a connection that does not read; what it has not been sent is thrown away.
    fn close_slow(&mut self, conn: ConnId, refusal: Refusal) {
        let Some(connection) = self.local.connection(conn).filter(|it| it.is_open()) else {
            return;
        };
        connection.outbox.discard();
        self.route.refuse(refusal);
        self.route.counters.slow_consumer_closes += 1;
        self.end(conn, Ending::Slow, "slow consumer: too much waits unread");
    }
}

impl Local {
    /// Note that the connection in `slot` is over its limit.
    pub(super) fn overflow(&mut self, slot: u32) {
        let connection = &mut self.connections[slot as usize];
        if !std::mem::replace(&mut connection.is_over, true) {
            self.overflowed.push(ConnId { slot, generation: connection.generation });
        }
    }

    fn stuck_bytes(&self, conn: ConnId) -> usize {
        let connection = self.connections.get(conn.slot as usize);
        let is_it = |it: &&Connection| it.generation == conn.generation && it.is_open();
        connection.filter(is_it).map_or(0, |it| it.outbox.stuck_bytes())
    }
}
