//! The ids of a channel's newest events, so that one published again is known again.
//!
//! An id is not kept twice: the table has a part of its hash and of the event's sequence, 8 bytes
//! in all, and whoever asks compares the id of that event itself. The tables of busy channels are
//! larger than the processor's caches, so their size is their cost.
//!
//! Invariant: all sequences that are known are within 2 to the power of 32 of the newest.

use std::hash::BuildHasher;

use foldhash::fast::RandomState;
use hashbrown::HashTable;

/// Which sequences have an id with which hash.
#[derive(Debug, Default)]
pub struct Idempotency {
    hasher: RandomState,
    places: HashTable<Place>,
    /// The highest sequence there was.
    newest: u64,
}

#[derive(Clone, Copy, Debug)]
struct Place {
    hash: u32,
    /// The lower half of the event's sequence.
    sequence: u32,
}

impl Place {
    /// A hash for the table, which looks at both of its ends.
    fn spread(self) -> u64 {
        u64::from(self.hash) << 32 | u64::from(self.hash)
    }
}

impl Idempotency {
    /// Event `sequence` has this id.
    pub fn insert(&mut self, id: &str, sequence: u64) {
        let place = self.place(id, sequence);
        self.newest = self.newest.max(sequence);
        self.places.insert_unique(place.spread(), place, |place| place.spread());
    }

    /// The sequence of the event with this id, of those for which `is_it` says so.
    pub fn find(&self, id: &str, is_it: impl Fn(u64) -> bool) -> Option<u64> {
        let wanted = self.place(id, 0);
        let is_it = |place: &Place| place.hash == wanted.hash && is_it(self.sequence(*place));
        self.places.find(wanted.spread(), is_it).map(|&place| self.sequence(place))
    }

    /// Event `sequence`, which has this id, is not known again from here on.
    pub fn remove(&mut self, id: &str, sequence: u64) {
        let wanted = self.place(id, sequence);
        let is_it = |place: &Place| place.sequence == wanted.sequence && place.hash == wanted.hash;
        if let Ok(found) = self.places.find_entry(wanted.spread(), is_it) {
            found.remove();
        }
    }

    fn place(&self, id: &str, sequence: u64) -> Place {
        Place { hash: (self.hasher.hash_one(id) >> 32) as u32, sequence: sequence as u32 }
    }

    /// The whole sequence, which is at most the newest.
    fn sequence(&self, place: Place) -> u64 {
        self.newest - u64::from((self.newest as u32).wrapping_sub(place.sequence))
    }

    /// How many ids are known.
    pub fn len(&self) -> usize {
        self.places.len()
    }

    /// Whether no ids are known.
    pub fn is_empty(&self) -> bool {
        self.places.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sequences_beyond_the_half_that_is_kept_are_told_apart() {
        let mut ids = Idempotency::default();
        let first = (1 << 32) - 2;
        for sequence in first..first + 4 {
            ids.insert(&format!("id-{sequence}"), sequence);
        }
        ids.remove("id-4294967297", 4_294_967_297);
        for sequence in first..first + 4 {
            let found = ids.find(&format!("id-{sequence}"), |_| true);
            assert_eq!(found, (sequence != 4_294_967_297).then_some(sequence));
        }
    }

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
