//! Who gets the next page, and when: pages and what is new take turns.
//!
//! A connection wants a page when little waits for it, and gets one at a time, of its channels in
//! turn. A turn gives a bounded number of pages, and none while all outboxes together hold much, so
//! many that come back at once share the memory that there is.
//!
//! Invariant: a connection that is catching up anywhere stands in the queue, has a page on its way,
//! or has an outbox whose next send will put it into the queue.

use crate::Shard;
use crate::id::ConnId;
use crate::local::Local;
use crate::route::Route;

/// Pages asked for in one turn: 4 MiB at their default size.
const PAGES_PER_TURN_MAX: usize = 64;

impl Shard {
    /// Ask for pages, as many as a turn has.
    pub(crate) fn feed(&mut self) {
        for _ in 0..PAGES_PER_TURN_MAX {
            if !self.local.can_feed(&self.route) {
                return;
            }
            let Some(conn) = self.local.page_queue.pop_front() else { return };
            self.local.feed_one(&mut self.route, conn);
            self.settle(); // A page of a log of its own is in the outbox before the next is asked.
        }
    }
}

impl Local {
    /// Whether so little waits for `conn` that it should have a page.
    pub(super) fn is_hungry(&mut self, route: &Route, conn: ConnId) -> bool {
        let bytes_max = route.config.outbox_bytes_soft / 2;
        self.connection(conn).is_some_and(|it| it.is_open() && it.outbox.bytes() <= bytes_max)
    }

    /// `conn` may have begun to want a page.
    pub(crate) fn note_appetite(&mut self, route: &Route, conn: ConnId) {
        if !self.is_hungry(route, conn) {
            return;
        }
        let log = self.connection(conn).and_then(|it| it.log.as_mut());
        if let Some(log) = log
            && !log.catching_up.is_empty()
            && !log.is_asked
            && !std::mem::replace(&mut log.is_queued, true)
        {
            self.page_queue.push_back(conn);
        }
    }

    /// Whether a turn would give pages.
    pub(crate) fn can_feed(&self, route: &Route) -> bool {
        !self.page_queue.is_empty() && self.retained.bytes() <= route.config.retained_bytes_max / 2
    }

    fn feed_one(&mut self, route: &mut Route, conn: ConnId) {
        let log = self.connection(conn).and_then(|it| it.log.as_mut());
        let Some(log) = log else { return }; // It has gone since.
        log.is_queued = false;
        if let Some(&local) = log.catching_up.first()
            && !log.is_asked
        {
            log.catching_up.rotate_left(1);
            self.ask_page(route, conn, local);
        }
    }
}
