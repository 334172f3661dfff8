//! What was read of a websocket behind a message that the next one must wait for.
//!
//! It is for few connections at a time and for as long as another core takes to answer, so it is
//! kept apart from the sockets. While there is any of a connection, nothing more is read from it:
//! at most one read of each is held.

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
            let left = Left { bytes: bytes.to_vec(), start: 0 };
            self.left.borrow_mut().insert(conn, left);
        }
    }

    /// Keep the last `count` bytes of what was taken for `conn`.
    pub(super) fn keep_rest(&self, conn: ConnId, mut left: Left, count: usize) {
        if count > 0 {
            left.start = left.bytes.len() - count;
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
        let holds = self.holds(conn);
        if holds {
            self.due.borrow_mut().push(conn);
            self.is_due.raise();
        }
        holds
    }

    /// Wait until there are connections that may go on.
    pub(super) async fn due(&self) -> Vec<ConnId> {
        self.is_due.wait().await;
        self.due.take()
    }
}
