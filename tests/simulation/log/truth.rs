//! What all who see a room's log agree on: which event has which sequence.
//!
//! Nobody tells it: whoever sees an event first decides, and everybody after must see the same.

use std::collections::{BTreeMap, HashMap};

/// An event that somebody has published.
#[derive(Clone, Debug)]
pub(crate) struct Published {
    pub(crate) room: String,
    pub(crate) event_type: String,
    /// The connection that does not get it.
    pub(crate) skip: Option<usize>,
    /// Until when it is surely shown.
    pub(crate) shown_until_unix_ms: u64,
    /// Attempts to publish it of which nothing is known yet.
    pub(crate) open: u32,
    /// Whether an attempt may be in the log: it was answered so, or nobody answers it.
    pub(crate) may_be: bool,
    /// The sequence that its publisher was told.
    pub(crate) told: Option<u64>,
}

/// What is known of all rooms.
#[derive(Default)]
pub(crate) struct Truth {
    pub(crate) published: HashMap<String, Published>,
    /// By room: each sequence's event.
    pub(crate) rooms: BTreeMap<String, BTreeMap<u64, String>>,
    /// By room and id: the newest sequence.
    sequences: HashMap<(String, String), u64>,
}

impl Truth {
    /// Somebody sees the event `id` as number `sequence`; if it had another number before, that
    /// must have expired or be `is_gone` by now.
    pub(crate) fn see(
        &mut self,
        room: &str,
        sequence: u64,
        id: &str,
        now_unix_ms: u64,
        is_gone: impl FnOnce(u64) -> bool,
    ) {
        let published = self.published.get(id).unwrap_or_else(|| panic!("{id}: by nobody"));
        assert_eq!(published.room, room, "{id} is in another room");
        assert!(published.open > 0 || published.may_be, "{id} was refused and is there");
        let known = self.rooms.entry(room.to_owned()).or_default();
        let agreed = known.entry(sequence).or_insert_with(|| id.to_owned());
        assert_eq!(agreed, id, "{room} {sequence}: seen differently");
        let key = (room.to_owned(), id.to_owned());
        let before = self.sequences.insert(key.clone(), sequence).unwrap_or(sequence);
        if before < sequence {
            // What has expired before a restart is not known again after it.
            let is_over = published.shown_until_unix_ms <= now_unix_ms || is_gone(before);
            assert!(is_over, "{room}: {id} is there twice, as {before} and {sequence}");
        } else {
            self.sequences.insert(key, before);
        }
    }

    /// The event with this sequence, if anybody has seen it.
    pub(crate) fn get(&self, room: &str, sequence: u64) -> Option<(&str, &Published)> {
        let id = self.rooms.get(room)?.get(&sequence)?;
        Some((id, &self.published[id]))
    }

    /// Events of one connection are in the order in which it has published them; what HTTP has
    /// published may have been tried again later.
    pub(crate) fn check_order(&self) {
        for (room, events) in &self.rooms {
            let mut last: HashMap<&str, u64> = HashMap::new();
            for id in events.values() {
                let Some((who, number)) = id.split_once('-') else { continue };
                let number: u64 = number.parse().expect("ids end with a number");
                let before = last.insert(who, number);
                assert!(before < Some(number), "{room}: {id} comes after {before:?}");
            }
        }
    }
}
