//! Acknowledgements: how often a subscriber of a zero-pub-sub room sends one, and what comes back.
//!
//! The server answers each ack with the same room and sequence, in the order of the acks. So the
//! answer that must come next is known, and an event counts as acked when an answer covers it.

use std::num::NonZeroU64;
use std::str::FromStr;

use crate::verify::Tally;

/// How often subscribers acknowledge.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum AckMode {
    /// An ack for each event.
    Each,
    /// One for so many events together, and one for what is left at the end.
    Batch(NonZeroU64),
    /// No acks at all.
    None,
}

/// A text that is not an [`AckMode`].
#[derive(Debug, thiserror::Error)]
#[error("expected each, batch:N or none")]
pub struct AckModeError;

impl FromStr for AckMode {
    type Err = AckModeError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match (text, text.strip_prefix("batch:")) {
            ("each", _) => Ok(Self::Each),
            ("none", _) => Ok(Self::None),
            (_, Some(count)) => count.parse().map(Self::Batch).map_err(|_| AckModeError),
            (_, None) => Err(AckModeError),
        }
    }
}

impl std::fmt::Display for AckMode {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Each => formatter.write_str("each"),
            Self::Batch(count) => write!(formatter, "batch:{count}"),
            Self::None => formatter.write_str("none"),
        }
    }
}

impl AckMode {
    /// Events from one ack to the next; `None` where there are no acks.
    pub const fn every(self) -> Option<NonZeroU64> {
        match self {
            Self::Each => Some(NonZeroU64::MIN),
            Self::Batch(count) => Some(count),
            Self::None => None,
        }
    }
}

/// The acks of one subscriber of one room. Sequences begin at 1, as the server counts.
#[derive(Clone, Copy, Debug)]
pub struct Acks {
    every: NonZeroU64,
    /// The last event that there will be.
    last: u64,
    /// Events that answers have covered.
    confirmed: u64,
}

impl Acks {
    /// No acks yet, one to come for `every` so many events.
    pub const fn new(every: NonZeroU64) -> Self {
        Self { every, last: 0, confirmed: 0 }
    }

    /// Event `last` is the last one: it is acknowledged alone if it has to be.
    pub const fn end_at(&mut self, last: u64) {
        self.last = last;
    }

    /// Whether the receipt of event `sequence` is to be acknowledged now.
    #[inline]
    pub const fn is_due(&self, sequence: u64) -> bool {
        sequence.is_multiple_of(self.every.get()) || sequence == self.last
    }

    /// The server has answered the ack of `sequence`; `received` is the last event that arrived.
    #[inline]
    pub fn confirm(&mut self, sequence: u64, received: u64, tally: &mut Tally) {
        if sequence <= self.confirmed || sequence > received || !self.is_due(sequence) {
            tally.stray_acks += 1;
            return;
        }
        // All of an ack's events but those of the acks before it, which had answers of their own.
        let first = ((sequence - 1) / self.every * self.every.get()).max(self.confirmed);
        tally.unconfirmed += first - self.confirmed;
        tally.acked += sequence - first;
        self.confirmed = sequence;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The answers so far, where events up to `received` have arrived and 10 is the last one.
    fn confirmed(every: u64, received: u64, answers: &[u64]) -> Tally {
        let mut acks = Acks::new(NonZeroU64::new(every).unwrap());
        acks.end_at(10);
        let mut tally = Tally::default();
        for answer in answers {
            acks.confirm(*answer, received, &mut tally);
        }
        tally
    }

    fn due(every: u64) -> Vec<u64> {
        let mut acks = Acks::new(NonZeroU64::new(every).unwrap());
        acks.end_at(10);
        (1..=10).filter(|sequence| acks.is_due(*sequence)).collect()
    }

    #[test]
    fn modes_are_read_and_written_alike() {
        for text in ["each", "none", "batch:1", "batch:500"] {
            assert_eq!(text.parse::<AckMode>().unwrap().to_string(), text);
        }
        for text in ["", "batch", "batch:", "batch:0", "batch:-1", "Each", "all"] {
            assert!(text.parse::<AckMode>().is_err(), "{text}");
        }
    }

    #[test]
    fn a_batch_is_acked_when_it_is_full_and_the_rest_at_the_end() {
        assert_eq!(due(1), (1..=10).collect::<Vec<_>>());
        assert_eq!(due(4), [4, 8, 10]);
        assert_eq!(due(5), [5, 10]);
        assert_eq!(due(100), [10]);
    }

    #[test]
    fn answers_in_order_confirm_every_event() {
        let clean = Tally { acked: 10, ..Tally::default() };
        assert_eq!(confirmed(1, 10, &(1..=10).collect::<Vec<_>>()), clean);
        assert_eq!(confirmed(4, 10, &[4, 8, 10]), clean);
        assert_eq!(confirmed(100, 10, &[10]), clean);
        assert!(clean.is_clean());
    }

    #[test]
    fn an_answer_that_is_missing_leaves_its_events_unconfirmed() {
        let tally = confirmed(1, 10, &[1, 2, 5]);
        assert_eq!(tally, Tally { acked: 3, unconfirmed: 2, ..Tally::default() });
        let tally = confirmed(4, 10, &[4, 10]);
        assert_eq!(tally, Tally { acked: 6, unconfirmed: 4, ..Tally::default() });
        let tally = confirmed(4, 10, &[8]);
        assert_eq!(tally, Tally { acked: 4, unconfirmed: 4, ..Tally::default() });
        assert!(!tally.is_clean());
        assert_eq!(tally.settled(), 8);
    }

    #[test]
    fn an_answer_to_no_ack_is_stray() {
        for (every, received, answers) in
            [(1, 10, [1, 1]), (1, 10, [2, 1]), (1, 3, [1, 4]), (4, 10, [4, 5]), (4, 10, [4, 11])]
        {
            let tally = confirmed(every, received, &answers);
            assert_eq!(tally.stray_acks, 1, "{answers:?}");
            assert!(!tally.is_clean());
        }
    }
}
