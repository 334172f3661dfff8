//! The ids of a channel's newest events, so that one published again is known again.
//!
//! An id is not kept twice: the table has its hash and the event's sequence, and whoever asks
//! compares the id of that event itself.

use std::hash::BuildHasher;

use foldhash::fast::RandomState;
use hashbrown::HashTable;

/// Which sequences have an id with which hash.
#[derive(Debug, Default)]
pub struct Idempotency {
    hasher: RandomState,
    places: HashTable<(u64, u64)>,
}

impl Idempotency {
    /// Event `sequence` has this id.
    pub fn insert(&mut self, id: &str, sequence: u64) {
        let hash = self.hasher.hash_one(id);
        self.places.insert_unique(hash, (hash, sequence), |&(hash, _)| hash);
    }

    /// The sequence of the event with this id, of those for which `is_it` says so.
    pub fn find(&self, id: &str, is_it: impl Fn(u64) -> bool) -> Option<u64> {
        let hash = self.hasher.hash_one(id);
        let found = self.places.find(hash, |&(other, sequence)| other == hash && is_it(sequence));
        found.map(|&(_, sequence)| sequence)
    }

    /// Event `sequence`, which has this id, is not known again from here on.
    pub fn remove(&mut self, id: &str, sequence: u64) {
        let hash = self.hasher.hash_one(id);
        if let Ok(found) = self.places.find_entry(hash, |&(_, other)| other == sequence) {
            found.remove();
        }
    }

    /// How many are known.
    pub fn len(&self) -> usize {
        self.places.len()
    }

    /// Whether none is.
    pub fn is_empty(&self) -> bool {
        self.places.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_is_known_until_it_is_removed() {
        let mut ids = Idempotency::default();
        for sequence in 1..=100 {
            ids.insert(&format!("id-{sequence}"), sequence);
        }
        let find =
            |ids: &Idempotency, id: &str| ids.find(id, |sequence| id == format!("id-{sequence}"));
        assert_eq!((find(&ids, "id-7"), find(&ids, "id-101")), (Some(7), None));
        ids.remove("id-7", 7);
        ids.remove("id-7", 7);
        assert_eq!((find(&ids, "id-7"), ids.len()), (None, 99));
    }
}
