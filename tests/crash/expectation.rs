//! What a room must replay.

use std::collections::BTreeMap;

use crate::client::Published;

/// Events that a room keeps by default.
const EVENTS_MAX: u64 = 10_000;

/// What has been published to one room over all rounds.
#[derive(Debug, Default)]
pub(crate) struct Expectation {
    /// What each acknowledged sequence is, by the publisher's own name.
    acknowledged: BTreeMap<u64, String>,
    pub(crate) acknowledged_last_round: usize,
}

impl Expectation {
    /// One round is over.
    pub(crate) fn add(&mut self, published: Published) {
        self.acknowledged_last_round = published.acknowledged.len();
        for (sequence, id) in published.acknowledged {
            let before = self.acknowledged.insert(sequence, id);
            assert_eq!(before, None, "sequence {sequence} was given twice");
        }
    }

    /// How many there are.
    pub(crate) fn acknowledged(&self) -> usize {
        self.acknowledged.len()
    }

    /// `replayed` is what the room gives, in that order: all that was acknowledged and is not older
    /// than what a room keeps, each once and in its place.
    pub(crate) fn check(&self, replayed: &[(u64, String)], context: &str) {
        let Some((newest, _)) = self.acknowledged.last_key_value() else { return };
        let (first, last) = match replayed {
            [] => panic!("{context}: nothing is replayed, {newest} were acknowledged"),
            [first, ..] => (first.0, replayed[replayed.len() - 1].0),
        };
        assert!(last >= *newest, "{context}: {newest} was acknowledged, the last is {last}");
        assert!(first + EVENTS_MAX <= last + 1 || first == 1, "{context}: begins at {first}");
        for (at, (sequence, id)) in replayed.iter().enumerate() {
            assert_eq!(*sequence, first + at as u64, "{context}: out of order");
            if let Some(acknowledged) = self.acknowledged.get(sequence) {
                assert_eq!(id, acknowledged, "{context}: sequence {sequence}");
            }
        }
    }
}
