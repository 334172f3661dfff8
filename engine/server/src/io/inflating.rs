//! What clients' compressed messages may become: so many bytes a turn and core.
//!
//! A few compressed bytes become a thousand times as many, all of which have to be looked at. When
//! a turn's bytes are used up connections keep what they have sent, and go on in later turns, one
//! message of each after the other. Who did not agree to compression waits for none of them.
//!
//! Invariant: a turn inflates at most one message more than it may, whoever sends what.

use std::cell::{Cell, RefCell, RefMut};
use std::collections::VecDeque;

use uringcast_proto::ws::deflate::Inflater;

use super::signal::Signal;
use crate::id::ConnId;

/// One core's inflater, and who waits for it.
pub(super) struct Inflating {
    inflater: RefCell<Inflater>,
    bytes_per_turn: u64,
    /// How much may have been inflated since the start when this turn is over.
    turn_ends_at: Cell<u64>,
    /// How much may have been inflated since the start when it is another connection's turn: the
    /// limit of the one that goes on while others wait.
    share_ends_at: Cell<u64>,
    /// Connections with messages that wait, the one whose turn is next first.
    queue: RefCell<VecDeque<ConnId>>,
    is_due: Signal,
}

/// The inflater, lent to one connection.
pub(super) struct Lent<'a> {
    inflater: RefMut<'a, Inflater>,
    ends_at: u64,
}

impl Inflating {
    /// An inflater for `bytes_per_turn`, of which one turn has begun.
    pub(super) fn new(bytes_per_turn: u32) -> Self {
        let bytes_per_turn = bytes_per_turn.into();
        Self {
            inflater: RefCell::default(),
            bytes_per_turn,
            turn_ends_at: Cell::new(bytes_per_turn),
            share_ends_at: Cell::new(0),
            queue: RefCell::default(),
            is_due: Signal::default(),
        }
    }

    /// Lend the inflater; while others wait, for one message of whose turn it is.
    pub(super) fn lend(&self) -> Lent<'_> {
        let ends_at = if self.is_waited_for() { &self.share_ends_at } else { &self.turn_ends_at };
        Lent { inflater: self.inflater.borrow_mut(), ends_at: ends_at.get() }
    }

    /// Let `conn` go on behind those that wait already.
    pub(super) fn wait(&self, conn: ConnId) {
        self.queue.borrow_mut().push_back(conn);
    }

    /// Whether anybody waits.
    pub(super) fn is_waited_for(&self) -> bool {
        !self.queue.borrow().is_empty()
    }

    /// Begin a turn.
    pub(super) fn begin_turn(&self) {
        self.turn_ends_at.set(self.inflater.borrow().inflated_bytes() + self.bytes_per_turn);
        if self.is_waited_for() {
            self.is_due.raise();
        }
    }

    /// Wait until somebody waits for a turn that has begun.
    pub(super) async fn due(&self) {
        self.is_due.wait().await;
    }

    /// Who goes on now, if anything is left of this turn.
    pub(super) fn next(&self) -> Option<ConnId> {
        let (inflated, end) = (self.inflater.borrow().inflated_bytes(), self.turn_ends_at.get());
        let next = if inflated < end { self.queue.borrow_mut().pop_front() } else { None };
        self.share_ends_at.set(inflated + u64::from(next.is_some()));
        next
    }
}

impl Lent<'_> {
    /// Whether nothing more may be inflated now.
    pub(super) fn is_used_up(&self) -> bool {
        self.inflater.inflated_bytes() >= self.ends_at
    }

    /// What inflates the next message.
    pub(super) fn inflater(&mut self) -> &mut Inflater {
        &mut self.inflater
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const CONN: ConnId = ConnId { slot: 3, generation: 1 };

    /// A turn that is used up is so for those, too, who have something to read in it.
    #[test]
    fn nothing_is_lent_when_nobody_may_go_on() {
        let inflating = Inflating::new(1);
        assert!(!inflating.lend().is_used_up());
        inflating.wait(CONN);
        inflating.turn_ends_at.set(0);
        assert_eq!(inflating.next(), None);
        assert!(inflating.lend().is_used_up());
        inflating.begin_turn();
        assert_eq!(inflating.next(), Some(CONN));
        assert!(!inflating.lend().is_used_up());
    }
}
