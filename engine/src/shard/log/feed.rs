//! Who gets the next page, and when: pages and what is new take turns.
//!
//! A subscriber wants a page when little waits for it. A turn gives a bounded number of pages, and
//! none while all outboxes together hold much, so many that come back at once share the memory that
//! there is.

use super::super::Shard;
use crate::id::ConnId;

/// Pages asked for in one turn: 4 MiB at their default size.
const PAGES_PER_TURN_MAX: usize = 64;

impl Shard {
    /// Whether so little waits for `conn` that it should have a page.
    pub(super) fn is_hungry(&mut self, conn: ConnId) -> bool {
        let bytes_max = self.config.outbox_bytes_soft / 2;
        self.connection(conn).is_some_and(|it| it.is_open() && it.outbox.bytes() < bytes_max)
    }

    /// Some of what waited for `conn` is sent: it may want pages.
    pub(in super::super) fn note_appetite(&mut self, conn: ConnId) {
        if !self.is_hungry(conn) {
            return;
        }
        let log = self.connection(conn).and_then(|it| it.log.as_ref());
        let Some(log) = log else { return };
        let wanted = log.catching_up.iter().map(|&local| (conn, local));
        let wanted: smallvec::SmallVec<[(ConnId, u32); 4]> = wanted.collect();
        self.logs.hungry.extend(wanted);
    }

    /// Ask for pages, as many as a turn has.
    pub(in super::super) fn feed(&mut self) {
        for _ in 0..PAGES_PER_TURN_MAX {
            if !self.can_feed() {
                return;
            }
            let Some((conn, local)) = self.logs.hungry.pop_front() else { return };
            self.ask_page(conn, local);
        }
    }

    /// Whether a turn would give pages.
    pub(in super::super) fn can_feed(&self) -> bool {
        !self.logs.hungry.is_empty() && self.retained.bytes() <= self.config.retained_bytes_max / 2
    }
}
