//! Who has been entered into one channel: found by hash, listed in the order of entering.
//!
//! A user whom several connections have entered has an entry of each, and is listed once.
//!
//! Invariant: both tables have the same entries, and `bytes` is the sum of their users' JSON.

use std::collections::BTreeMap;
use std::sync::Arc;

use hashbrown::{HashMap, HashSet};

use super::room_presence::EnterError;
use crate::id::{ConnId, CoreId};
use crate::log::LogLimits;

type Hasher = foldhash::fast::RandomState;

/// A user as one connection has entered them.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) struct Entrant {
    pub(super) user_id: Arc<str>,
    pub(super) core: CoreId,
    pub(super) conn: ConnId,
}

/// The users of one channel.
#[derive(Debug, Default)]
pub(crate) struct Entered {
    /// The place of each entry.
    places: HashMap<Entrant, u64, Hasher>,
    /// By place: the user's id and what is told of them, raw JSON.
    users: BTreeMap<u64, (Arc<str>, Box<str>)>,
    next_place: u64,
    bytes: usize,
}

impl Entered {
    /// Enter a user, or say anew what is told of them.
    ///
    /// # Errors
    /// If there is no room; then nothing has changed.
    pub(super) fn put(
        &mut self,
        entrant: Entrant,
        user_json: Box<str>,
        limits: &LogLimits,
    ) -> Result<(), EnterError> {
        let LogLimits { entered_max, entered_bytes_max, .. } = *limits;
        let place = self.places.get(&entrant).copied();
        let before = place.map_or(0, |place| self.users[&place].1.len());
        let bytes = self.bytes - before + user_json.len();
        if place.is_none() && self.users.len() >= entered_max {
            return Err(EnterError::Full { entered_max: entered_max as u32 });
        }
        if bytes > entered_bytes_max {
            return Err(EnterError::FullOfBytes { entered_bytes_max: entered_bytes_max as u32 });
        }
        let place = place.unwrap_or(self.next_place);
        self.next_place = self.next_place.max(place + 1);
        self.bytes = bytes;
        self.users.insert(place, (Arc::clone(&entrant.user_id), user_json));
        self.places.insert(entrant, place);
        Ok(())
    }

    /// Take a user out; whether there was such a one.
    pub(super) fn take(&mut self, entrant: &Entrant) -> bool {
        let Some(place) = self.places.remove(entrant) else { return false };
        let (_, user_json) = self.users.remove(&place).expect("both tables have the same users");
        self.bytes -= user_json.len();
        true
    }

    pub(super) fn is_empty(&self) -> bool {
        self.users.is_empty()
    }

    /// The JSON of each user, once: as their last entry has it.
    pub(super) fn users(&self) -> Vec<&str> {
        let mut listed: HashSet<&str, Hasher> = HashSet::default();
        let newest_first = self.users.values().rev();
        let last_of_each = newest_first.filter(|(user_id, _)| listed.insert(user_id));
        let mut users: Vec<&str> = last_of_each.map(|(_, user_json)| &**user_json).collect();
        users.reverse();
        users
    }
}
