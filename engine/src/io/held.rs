//! What was read of a websocket behind a message that the next one must wait for.
//!
//! It is for few connections at a time and for as long as another core takes to answer, so it is
//! kept apart from the sockets. While there is any of a connection, nothing more is read from it:
//! at most one read of each is held.
//!
//! Invariant: a connection is due once at most, however often it is resumed until it is worked off,
//! and only while something is held of it.

use std::cell::RefCell;
use std::collections::HashMap;

use super::signal::Signal;
use crate::id::ConnId;

/// One core's connections with messages that wait.
#[derive(Default)]
pub(super) struct Held {
    left: RefCell<HashMap<ConnId, Left, foldhash::fast::RandomState>>,
    /// Connections that may go on.
    due: RefCell<Vec<ConnId>>,
    is_due: Signal,
}

/// The rest of a read.
pub(super) struct Left {
    bytes: Vec<u8>,
    /// Where in it the next message begins.
    start: usize,
    /// Whether it is about to be worked off.
    is_due: bool,
}

impl Left {
    /// What is still to be worked off.
    pub(super) fn bytes(&mut self) -> &mut [u8] {
        &mut self.bytes[self.start..]
    }
}

impl Held {
    /// Keep `bytes` of `conn`, of which nothing is kept yet.
    pub(super) fn keep(&self, conn: ConnId, bytes: &[u8]) {
        if !bytes.is_empty() {
            let left = Left { bytes: bytes.to_vec(), start: 0, is_due: false };
            self.left.borrow_mut().insert(conn, left);
        }
    }

    /// Keep the last `count` bytes of what was taken for `conn`.
    pub(super) fn keep_rest(&self, conn: ConnId, mut left: Left, count: usize) {
        if count > 0 {
            (left.start, left.is_due) = (left.bytes.len() - count, false);
            self.left.borrow_mut().insert(conn, left);
        }
    }

    /// Whether messages of `conn` wait.
    pub(super) fn holds(&self, conn: ConnId) -> bool {
        let left = self.left.borrow();
        !left.is_empty() && left.contains_key(&conn)
    }

    /// What waits of `conn`.
    pub(super) fn take(&self, conn: ConnId) -> Option<Left> {
        self.left.borrow_mut().remove(&conn)
    }

    /// Let `conn` go on soon; whether messages of it wait.
    pub(super) fn resume(&self, conn: ConnId) -> bool {
        let mut left = self.left.borrow_mut();
        let Some(left) = left.get_mut(&conn) else { return false };
        // A send that landed and an answer that came may both resume it in one turn.
        if !std::mem::replace(&mut left.is_due, true) {
            self.due.borrow_mut().push(conn);
            self.is_due.raise();
        }
        true
    }

    /// Wait until there are connections that may go on.
    pub(super) async fn due(&self) -> Vec<ConnId> {
        self.is_due.wait().await;
        self.due.take()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const CONN: ConnId = ConnId { slot: 3, generation: 1 };

    fn due(held: &Held) -> Vec<ConnId> {
        held.due.take()
    }

    #[test]
    fn who_is_resumed_twice_in_a_turn_is_due_once() {
        let held = Held::default();
        held.keep(CONN, b"abc");
        assert!(held.resume(CONN) && held.resume(CONN));
        assert_eq!(due(&held), [CONN]);
        assert_eq!(held.take(CONN).unwrap().bytes(), b"abc");
        // All of it is worked off: nothing is left to be due for.
        assert!(!held.resume(CONN) && !held.holds(CONN));
        assert_eq!(due(&held), []);
    }

    #[test]
    fn who_has_to_wait_again_is_due_again() {
        let held = Held::default();
        held.keep(CONN, b"abc");
        assert!(held.resume(CONN));
        assert_eq!(due(&held), [CONN]);
        let left = held.take(CONN).unwrap();
        held.keep_rest(CONN, left, 1);
        assert!(held.resume(CONN) && held.resume(CONN));
        assert_eq!(due(&held), [CONN]);
        assert_eq!(held.take(CONN).unwrap().bytes(), b"c");
    }

    #[test]
    fn nothing_is_held_of_who_had_nothing_left() {
        let held = Held::default();
        held.keep(CONN, b"");
        assert!(!held.holds(CONN) && !held.resume(CONN));
        assert_eq!(due(&held), []);
    }
}
