//! Counts what a subscriber received against what it must receive: each event once, in order.

/// What went right and wrong, over all subscribers.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct Tally {
    /// Events received intact, each counted once per subscriber.
    pub delivered: u64,
    /// Events that were skipped.
    pub gaps: u64,
    /// Events that came again, or after a later one.
    pub duplicates: u64,
    /// Events that did not have the published bytes.
    pub damaged: u64,
    /// Events published by requests that were accepted.
    pub answered: u64,
    /// Events received whose acks the server has answered, each counted once per subscriber.
    pub acked: u64,
    /// Events received whose acks it has passed over.
    pub unconfirmed: u64,
    /// Answers to acks that were not sent, or that come again.
    pub stray_acks: u64,
}

impl Tally {
    /// True if nothing but intact, ordered events and answers to acks arrived.
    pub const fn is_clean(self) -> bool {
        let is_acked = self.unconfirmed == 0 && self.stray_acks == 0;
        self.gaps == 0 && self.duplicates == 0 && self.damaged == 0 && is_acked
    }

    /// Deliveries, answers and confirmations that will not happen any more or have happened.
    pub const fn settled(self) -> u64 {
        self.delivered + self.gaps + self.answered + self.acked + self.unconfirmed
    }
}

/// One subscriber's place in its room.
#[derive(Clone, Copy, Debug, Default)]
pub struct Cursor {
    /// The sequence that must come next.
    pub next: u64,
}

impl Cursor {
    /// Count an intact event; where it moves the cursor, the old position is returned.
    #[inline]
    pub fn advance(&mut self, sequence: u64, tally: &mut Tally) -> Option<u64> {
        let first = self.next;
        if sequence < first {
            tally.duplicates += 1;
            return None;
        }
        tally.delivered += 1;
        tally.gaps += sequence - first;
        self.next = sequence + 1;
        Some(first)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tally(sequences: &[u64]) -> Tally {
        let mut cursor = Cursor::default();
        let mut tally = Tally::default();
        for sequence in sequences {
            cursor.advance(*sequence, &mut tally);
        }
        tally
    }

    #[test]
    fn every_event_once_in_order_is_clean() {
        let tally = tally(&[0, 1, 2, 3]);
        assert_eq!(tally, Tally { delivered: 4, ..Tally::default() });
        assert!(tally.is_clean());
    }

    #[test]
    fn a_gap_counts_each_skipped_event_and_settles_it() {
        let tally = tally(&[0, 3, 4]);
        assert_eq!(tally, Tally { delivered: 3, gaps: 2, ..Tally::default() });
        assert_eq!(tally.settled(), 5);
        assert!(!tally.is_clean());
    }

    #[test]
    fn a_repeated_event_is_a_duplicate_and_no_delivery() {
        let tally = tally(&[0, 1, 1, 2]);
        assert_eq!(tally, Tally { delivered: 3, duplicates: 1, ..Tally::default() });
        assert!(!tally.is_clean());
    }

    #[test]
    fn swapped_events_are_a_gap_and_a_duplicate() {
        let tally = tally(&[0, 2, 1, 3]);
        assert_eq!(tally, Tally { delivered: 3, gaps: 1, duplicates: 1, ..Tally::default() });
    }
}
