//! One coarse timer wheel for all connections of a core.
//!
//! Each connection has at most one live entry. Activity does not move it: when the entry comes due
//! the shard looks at the connection, acts or sets the next one. So a message costs no timer work.
//!
//! The wheel never reads a clock; time moves when [`Wheel::advance`] is told so.

use crate::Millis;
use crate::id::ConnId;

/// How coarse the wheel is. A deadline is met up to this much late, never early.
pub(super) const TICK_MS: u64 = 100;

/// A turn of the wheel is 102.4 s; what lies further ahead is looked at once on the way.
const SLOTS: usize = 1024;

/// A tick's number; what a connection remembers of its live entry.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Tick(u64);

/// Connections by the tick at which they must be looked at.
#[derive(Debug)]
pub(super) struct Wheel {
    slots: Box<[Vec<ConnId>]>,
    now: Tick,
}

impl Wheel {
    pub(super) fn new(now: Millis) -> Self {
        Self { slots: vec![Vec::new(); SLOTS].into_boxed_slice(), now: Tick(now.0 / TICK_MS) }
    }

    /// Look at `conn` not before `at`; returns the entry's tick.
    pub(super) fn insert(&mut self, conn: ConnId, at: Millis) -> Tick {
        let due = self.tick_of(at);
        self.slots[(due.0 as usize) % SLOTS].push(conn);
        due
    }

    /// The tick an entry for `at` gets: in the future, and within one turn of the wheel.
    pub(super) fn tick_of(&self, at: Millis) -> Tick {
        let due = at.0.div_ceil(TICK_MS);
        Tick(due.clamp(self.now.0 + 1, self.now.0 + SLOTS as u64 - 1))
    }

    /// Move one tick towards `now` and take its entries, or `None` when the wheel has arrived.
    pub(super) fn advance(&mut self, now: Millis) -> Option<(Tick, Vec<ConnId>)> {
        if self.now.0 >= now.0 / TICK_MS {
            return None;
        }
        self.now.0 += 1;
        Some((self.now, std::mem::take(&mut self.slots[(self.now.0 as usize) % SLOTS])))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn due(wheel: &mut Wheel, now: u64) -> Vec<u32> {
        let mut slots = Vec::new();
        while let Some((_, conns)) = wheel.advance(Millis(now)) {
            slots.extend(conns.iter().map(|conn| conn.slot));
        }
        slots
    }

    #[test]
    fn an_entry_comes_due_late_by_less_than_a_tick_and_never_early() {
        let mut wheel = Wheel::new(Millis(0));
        wheel.insert(ConnId { slot: 1, generation: 0 }, Millis(250));
        assert!(due(&mut wheel, 299).is_empty());
        assert_eq!(due(&mut wheel, 300), [1]);
        assert!(due(&mut wheel, 10_000).is_empty());
    }

    #[test]
    fn an_entry_in_the_past_comes_due_at_the_next_tick() {
        let mut wheel = Wheel::new(Millis(5_000));
        wheel.insert(ConnId { slot: 1, generation: 0 }, Millis(10));
        assert_eq!(due(&mut wheel, 5_100), [1]);
    }

    #[test]
    fn an_entry_beyond_the_horizon_is_looked_at_within_a_turn() {
        let mut wheel = Wheel::new(Millis(0));
        let tick = wheel.insert(ConnId { slot: 9, generation: 0 }, Millis(u64::MAX / 2));
        assert_eq!(tick, Tick(SLOTS as u64 - 1));
        assert_eq!(due(&mut wheel, SLOTS as u64 * TICK_MS), [9]);
    }
}
