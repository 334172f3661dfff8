//! Who gets the next page, and when: pages and what is new take turns.
//!
//! A connection wants a page when little waits for it, and gets one at a time, of its channels in
//! turn. A turn gives a bounded number of pages, and none while all outboxes together hold much, so
//! many that come back at once share the memory that there is.
//!
//! Invariant: a connection that is catching up anywhere stands in the queue, has a page on its way,
//! or has an outbox whose next send will put it into the queue.

use super::super::Shard;
use crate::id::ConnId;

/// Pages asked for in one turn: 4 MiB at their default size.
const PAGES_PER_TURN_MAX: usize = 64;

impl Shard {
    /// Whether so little waits for `conn` that it should have a page.
    pub(super) fn is_hungry(&mut self, conn: ConnId) -> bool {
        let bytes_max = self.config.outbox_bytes_soft / 2;
        self.connection(conn).is_some_and(|it| it.is_open() && it.outbox.bytes() <= bytes_max)
    }

    /// `conn` may have begun to want a page.
    pub(in super::super) fn note_appetite(&mut self, conn: ConnId) {
        if !self.is_hungry(conn) {
            return;
        }
        let log = self.connection(conn).and_then(|it| it.log.as_mut());
        if let Some(log) = log
            && !log.catching_up.is_empty()
            && !log.is_asked
            && !std::mem::replace(&mut log.is_queued, true)
        {
            self.logs.hungry.push_back(conn);
        }
    }

    /// Ask for pages, as many as a turn has.
    pub(in super::super) fn feed(&mut self) {
        for _ in 0..PAGES_PER_TURN_MAX {
            if !self.can_feed() {
                return;
            }
            let Some(conn) = self.logs.hungry.pop_front() else { return };
            self.feed_one(conn);
        }
    }

    /// Whether a turn would give pages.
    pub(in super::super) fn can_feed(&self) -> bool {
        !self.logs.hungry.is_empty() && self.retained.bytes() <= self.config.retained_bytes_max / 2
    }

    fn feed_one(&mut self, conn: ConnId) {
        let log = self.connection(conn).and_then(|it| it.log.as_mut());
        let Some(log) = log else { return }; // It has gone since.
        log.is_queued = false;
        if let Some(&local) = log.catching_up.first()
            && !log.is_asked
        {
            log.catching_up.rotate_left(1);
            self.ask_page(conn, local);
        }
    }
}
