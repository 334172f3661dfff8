//! How many sockets a publish goes to.
//!
//! A question of its own behind the publish, so that ordinary publishes pay nothing for it. Each
//! core counts its own sockets, which are on no other core, so the sum counts none twice. A client
//! that comes or goes while the question is on its way may be counted or not.

use crate::id::SocketId;
use crate::local::Local;
use crate::message::ChannelName;
use crate::route::Route;

impl Local {
    /// Connections of this core that are subscribed to any of `channels`, each once, without the
    /// one called `skip`.
    pub(super) fn reach(
        &mut self,
        route: &Route,
        channels: &[ChannelName],
        skip: Option<SocketId>,
    ) -> u32 {
        let skip = skip.and_then(|id| self.slot_of(route, id));
        let mut sockets = Slots::default();
        for channel in channels {
            let Some(local) = self.channels.find_name(channel) else { continue };
            for subscriber in &self.channels.at(local).value.subscribers {
                sockets.insert(subscriber.slot);
            }
        }
        if let Some(slot) = skip {
            sockets.remove(slot);
        }
        sockets.len()
    }
}

/// A set of slots: a bit for each up to the highest, at most 2 MiB.
#[derive(Default)]
struct Slots(Vec<u64>);

impl Slots {
    fn insert(&mut self, slot: u32) {
        let (word, bit) = Self::place(slot);
        if word >= self.0.len() {
            self.0.resize(word + 1, 0);
        }
        self.0[word] |= bit;
    }

    fn remove(&mut self, slot: u32) {
        let (word, bit) = Self::place(slot);
        if let Some(word) = self.0.get_mut(word) {
            *word &= !bit;
        }
    }

    fn len(&self) -> u32 {
        self.0.iter().map(|word| word.count_ones()).sum()
    }

    const fn place(slot: u32) -> (usize, u64) {
        ((slot / u64::BITS) as usize, 1 << (slot % u64::BITS))
    }
}
