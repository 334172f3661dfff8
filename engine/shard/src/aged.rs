//! A map that forgets: each entry has an end, and there are only so many entries and bytes.
//!
//! Whoever has put something in asks what is to go: the oldest goes first, and what is over behind
//! one that stays longer waits for that one, unseen.
//!
//! Invariant: every entry stands in `order` once, by age; the first place leads to an entry, and no
//! more than a few gaps for each entry are behind it. `bytes` is the sum of what the entries weigh.

use std::collections::VecDeque;
use std::hash::Hash;

use hashbrown::HashMap;

use crate::Millis;

/// Gaps in the order that are not worth the walk.
const GAPS_MIN: usize = 64;

/// How much a map may hold; the oldest entries go when there is more.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AgedLimits {
    /// How many entries at most.
    pub entries_max: usize,
    /// Bytes of keys and values, with what the map itself takes for them.
    pub bytes_max: usize,
}

/// What is known for a while.
#[derive(Debug)]
pub struct Aged<K, V> {
    /// How much it may hold.
    pub limits: AgedLimits,
    entries: HashMap<K, Entry<V>, foldhash::fast::RandomState>,
    order: VecDeque<(K, u64)>,
    /// What its keys and values hold, with what the map itself takes for them.
    pub bytes: usize,
    serial: u64,
    /// How many entries went before their time.
    pub evicted: u64,
}

#[derive(Debug)]
struct Entry<V> {
    value: V,
    end: Millis,
    /// Tells its place in the order from those that the key had before.
    serial: u64,
    bytes: usize,
}

impl AgedLimits {
    /// So many entries, whatever they weigh.
    pub const fn entries(entries_max: usize) -> Self {
        Self { entries_max, bytes_max: usize::MAX }
    }
}

impl<K: Clone + Eq + Hash, V> Aged<K, V> {
    /// An empty map.
    pub fn new(limits: AgedLimits) -> Self {
        let (entries, order) = (HashMap::default(), VecDeque::new());
        Self { limits, entries, order, bytes: 0, serial: 0, evicted: 0 }
    }

    /// Put `value` in until `end`, as the youngest; what was known under `key` comes back. `held`
    /// are the bytes that key and value hold besides themselves.
    pub fn insert(&mut self, key: K, value: V, end: Millis, held: usize) -> Option<V> {
        self.serial += 1;
        let bytes = 2 * size_of::<K>() + size_of::<Entry<V>>() + held;
        self.bytes += bytes;
        self.order.push_back((key.clone(), self.serial));
        let before = self.entries.insert(key, Entry { value, end, serial: self.serial, bytes });
        before.map(|before| self.leave(before))
    }

    /// What `key` stands for, even if its time is over.
    pub fn get_mut(&mut self, key: &K) -> Option<&mut V> {
        self.entries.get_mut(key).map(|entry| &mut entry.value)
    }

    /// The value of `key` holds so many bytes more.
    pub fn grow(&mut self, key: &K, held: usize) {
        if let Some(entry) = self.entries.get_mut(key) {
            entry.bytes += held;
            self.bytes += held;
        }
    }

    /// Take out what `key` stands for.
    pub fn remove(&mut self, key: &K) -> Option<V> {
        self.entries.remove(key).map(|entry| self.leave(entry))
    }

    /// Take out the oldest entry, if its time is over or there is too much.
    pub fn pop(&mut self, now: Millis) -> Option<(K, V)> {
        let (key, _) = self.order.front()?;
        let is_over = self.entries.get(key)?.end <= now;
        let AgedLimits { entries_max, bytes_max } = self.limits;
        if !is_over && self.entries.len() <= entries_max && self.bytes <= bytes_max {
            return None;
        }
        self.evicted += u64::from(!is_over);
        let key = key.clone();
        self.remove(&key).map(|value| (key, value))
    }

    /// Forget the oldest entries whose time is over or for which there is no room.
    pub fn forget(&mut self, now: Millis) {
        while self.pop(now).is_some() {}
    }

    /// What `key` stands for, unless its time is over.
    pub fn get(&self, key: &K, now: Millis) -> Option<&V> {
        self.entries.get(key).filter(|entry| entry.end > now).map(|entry| &entry.value)
    }

    /// When the oldest entry's time is over.
    pub fn next_end(&self) -> Option<Millis> {
        self.order.front().and_then(|(key, _)| self.entries.get(key)).map(|entry| entry.end)
    }

    /// How many entries there are.
    pub fn len(&self) -> usize {
        self.entries.len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// An entry is gone: its place leads nowhere now.
    fn leave(&mut self, entry: Entry<V>) -> V {
        self.bytes -= entry.bytes;
        let Self { entries, order, .. } = self;
        let leads =
            |(key, serial): &(K, u64)| entries.get(key).is_some_and(|it| it.serial == *serial);
        while order.front().is_some_and(|place| !leads(place)) {
            order.pop_front();
        }
        if order.len() > 2 * entries.len() + GAPS_MIN {
            order.retain(leads);
        }
        entry.value
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn map(entries_max: usize, bytes_max: usize) -> Aged<&'static str, u32> {
        Aged::new(AgedLimits { entries_max, bytes_max })
    }

    fn put(map: &mut Aged<&'static str, u32>, key: &'static str, now_ms: u64) {
        map.insert(key, 0, Millis(now_ms + 10), 0);
        map.forget(Millis(now_ms));
    }

    #[test]
    fn an_entry_is_known_until_its_end() {
        let mut map = map(10, 10_000);
        put(&mut map, "a", 5);
        assert!(map.get(&"a", Millis(14)).is_some() && map.get(&"b", Millis(14)).is_none());
        assert!(map.get(&"a", Millis(15)).is_none());
        assert_eq!((map.next_end(), map.pop(Millis(14))), (Some(Millis(15)), None));
        assert_eq!(map.pop(Millis(15)), Some(("a", 0)));
        assert_eq!((map.next_end(), map.bytes, std::mem::take(&mut map.evicted)), (None, 0, 0));
    }

    #[test]
    fn the_oldest_goes_when_there_is_one_too_many_and_is_counted() {
        let mut map = map(2, 10_000);
        for key in ["a", "b", "a", "c"] {
            put(&mut map, key, 0);
        }
        let known = ["a", "b", "c"].map(|key| map.get(&key, Millis(0)).is_some());
        assert_eq!((known, std::mem::take(&mut map.evicted)), ([true, false, true], 1));
        put(&mut map, "d", 10);
        assert_eq!((map.len(), map.order.len(), std::mem::take(&mut map.evicted)), (1, 1, 0));
    }

    #[test]
    fn the_oldest_goes_when_another_grows() {
        let mut sizes = map(10, 10_000);
        put(&mut sizes, "a", 0);
        let bytes = sizes.bytes;
        let left = |bytes_max| {
            let mut map = map(10, bytes_max);
            put(&mut map, "a", 0);
            put(&mut map, "b", 0);
            map.grow(&"b", 10);
            map.forget(Millis(0));
            map.len()
        };
        assert_eq!((left(2 * bytes + 10), left(2 * bytes + 9)), (2, 1));
    }

    #[test]
    fn what_comes_and_goes_leaves_few_gaps() {
        let mut map = map(10, 10_000);
        put(&mut map, "stays", 0);
        for _ in 0..1_000 {
            put(&mut map, "goes", 0);
            assert_eq!(map.remove(&"goes"), Some(0));
            assert!(map.order.len() <= 2 * map.len() + GAPS_MIN);
        }
        assert_eq!((map.remove(&"stays"), map.order.len(), map.bytes), (Some(0), 0, 0));
    }

    /// A short time behind a long one is over for whoever asks, and goes with it.
    #[test]
    fn times_of_different_lengths_end_on_their_own() {
        let mut map = map(10, 10_000);
        map.insert("long", 1, Millis(100), 0);
        map.insert("short", 2, Millis(10), 0);
        map.forget(Millis(10));
        assert_eq!((map.len(), map.get(&"short", Millis(10))), (2, None));
        assert_eq!(map.insert("short", 3, Millis(20), 0), Some(2));
        map.forget(Millis(100));
        assert!(map.is_empty() && map.bytes == 0);
    }
}
