//! Channels by name and by a small, generational id.
//!
//! The id is what hot paths and messages between cores carry; the name is looked up once, when a
//! connection subscribes or an event comes from the HTTP API.

use hashbrown::HashTable;
use slab::Slab;

use crate::id::AppIndex;
use crate::message::ChannelName;

/// One core's channels of one kind.
#[derive(Debug)]
pub(super) struct Table<T> {
    entries: Slab<Entry<T>>,
    names: HashTable<u32>,
    serial: u32,
}

/// A channel and what this table keeps about it.
#[derive(Debug)]
pub(super) struct Entry<T> {
    pub(super) name: ChannelName,
    pub(super) generation: u32,
    pub(super) value: T,
}

impl<T> Table<T> {
    pub(super) fn new() -> Self {
        Self { entries: Slab::new(), names: HashTable::new(), serial: 0 }
    }

    /// Add a channel that is not there yet; returns its index.
    pub(super) fn insert(&mut self, name: ChannelName, value: T) -> u32 {
        debug_assert!(
            self.find(name.app(), name.as_str(), name.hash()).is_none(),
            "inserted twice"
        );
        self.serial = self.serial.wrapping_add(1);
        let hash = name.hash();
        let index = self.entries.insert(Entry { name, generation: self.serial, value }) as u32;
        let entries = &self.entries;
        self.names.insert_unique(hash, index, |&index| entries[index as usize].name.hash());
        index
    }

    /// Forget the channel at `index`.
    pub(super) fn remove(&mut self, index: u32) {
        let entry = self.entries.remove(index as usize);
        let found = self.names.find_entry(entry.name.hash(), |&other| other == index);
        found.expect("every entry is in the index of names").remove();
    }

    /// The entry at an index that is known to be alive.
    pub(super) fn at(&mut self, index: u32) -> &mut Entry<T> {
        &mut self.entries[index as usize]
    }

    /// The entry at `index` if it is still the one with `generation`.
    pub(super) fn get(&mut self, index: u32, generation: u32) -> Option<&mut Entry<T>> {
        self.entries.get_mut(index as usize).filter(|entry| entry.generation == generation)
    }

    /// The index of a channel by its name and the name's hash.
    pub(super) fn find(&self, app: AppIndex, name: &str, hash: u64) -> Option<u32> {
        let is_it = |&index: &u32| {
            let entry = &self.entries[index as usize].name;
            entry.hash() == hash && entry.app() == app && entry.as_str() == name
        };
        self.names.find(hash, is_it).copied()
    }

    /// The index of a channel.
    pub(super) fn find_name(&self, name: &ChannelName) -> Option<u32> {
        self.find(name.app(), name.as_str(), name.hash())
    }

    /// The entry at `index`, if there is one.
    pub(super) fn find_at(&mut self, index: u32) -> Option<&mut Entry<T>> {
        self.entries.get_mut(index as usize)
    }

    /// Whether there is no entry.
    pub(super) fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// How many entries there are.
    pub(super) fn len(&self) -> usize {
        self.entries.len()
    }

    /// The index of the first entry from `index` on, and around to those before.
    pub(super) fn next_from(&self, index: u32) -> Option<u32> {
        let room = self.entries.capacity().max(1);
        let places = (index as usize..room).chain(0..room);
        places.map(|at| at as u32).find(|&at| self.entries.contains(at as usize))
    }

    /// Every entry, to be changed, with its index.
    pub(super) fn iter_mut(&mut self) -> impl Iterator<Item = (u32, &mut Entry<T>)> {
        self.entries.iter_mut().map(|(index, entry)| (index as u32, entry))
    }

    /// Every entry.
    pub(super) fn iter(&self) -> impl Iterator<Item = &Entry<T>> {
        self.entries.iter().map(|(_, entry)| entry)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn name(text: &str) -> ChannelName {
        ChannelName::new(AppIndex(0), text, crate::Nature::default(), 1)
    }

    #[test]
    fn an_index_used_again_has_another_generation() {
        let mut table = Table::new();
        let index = table.insert(name("a"), 1);
        let generation = table.at(index).generation;
        table.remove(index);
        assert_eq!(table.insert(name("b"), 2), index);
        assert!(table.get(index, generation).is_none());
    }

    #[test]
    fn a_removed_name_is_not_found_and_others_still_are() {
        let mut table = Table::new();
        let a = table.insert(name("a"), ());
        let b = table.insert(name("b"), ());
        table.remove(a);
        assert_eq!(table.find_name(&name("a")), None);
        assert_eq!((table.find_name(&name("b")), table.iter().count()), (Some(b), 1));
    }
}
