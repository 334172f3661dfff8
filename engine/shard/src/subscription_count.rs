//! How many subscriptions a channel has, told to its subscribers where the app wants it.
//!
//! The owner tells: it alone knows the number, and what it tells has a place in the channel's
//! order. A channel whose number has changed is listed and told at the turn's end, so a burst of
//! joins is one event. Above [`LARGE`] subscriptions a channel is told once in [`INTERVAL_MS`];
//! meanwhile it waits in one list for all channels, which is looked at as time moves on. The last
//! number is told in the end, whatever happens in between.
//!
//! A new subscriber is told, too: with the others, or at once if those have to wait.

use crate::message::{ChannelName, Nature, OwnedId};
use crate::owner::Owner;
use crate::route::{Route, Way};
use crate::word::Said;
use crate::{DialectId, Millis, Word};

/// Subscriptions above which a channel is told less often (spec pusher.md, `subscription_count`).
const LARGE: u32 = 100;

/// The time between two tellings of a large channel (spec pusher.md, `subscription_count`).
const INTERVAL_MS: u64 = 5_000;

/// What the subscribers of one channel know of their number.
#[derive(Debug, Default)]
pub(super) struct AnnouncedCount {
    count: u32,
    at: Millis,
    /// Somebody is new and has not been told.
    is_owed: bool,
    is_changed: bool,
    is_waiting: bool,
}

impl AnnouncedCount {
    /// What a channel begins with, if it is of a kind that is told at all.
    ///
    /// Members are told of each other, and a user's own channel is nobody else's.
    fn of(nature: Nature) -> Option<Box<Self>> {
        let is_told = !nature.has_members && !nature.is_of_user && !nature.is_room;
        is_told.then(Box::default)
    }

    /// When `count` may be told.
    const fn due(&self, count: u32) -> Millis {
        if count > LARGE && self.count > LARGE { self.at.plus(INTERVAL_MS) } else { Millis(0) }
    }
}

/// Channels whose subscribers have something to be told.
#[derive(Debug, Default)]
pub(super) struct Untold {
    /// At the end of this turn.
    changed: Vec<OwnedId>,
    /// Not before a time.
    waiting: Vec<(Millis, OwnedId)>,
}

impl Untold {
    pub(super) fn is_empty(&self) -> bool {
        self.changed.is_empty() && self.waiting.is_empty()
    }
}

impl Owner {
    /// The channel at `index` has one subscription more; returns what its joiner, who speaks
    /// `dialect`, must be told at once because the others have to wait.
    pub(super) fn count_in(&mut self, route: &Route, index: u32, dialect: DialectId) -> Said {
        let (now, row) = (route.now, route.row(dialect));
        let entry = self.channels.at(index);
        let count = entry.value.subscriptions();
        let Some(told) = entry.value.announced_count.as_mut() else { return Said::default() };
        let must_wait = told.due(count) > now;
        told.is_owed |= !must_wait;
        let word = Word::SubscriptionCount { channel: entry.name.as_str(), count };
        let said = if must_wait { row.said(&[word]) } else { Said::default() };
        self.list_changed(index);
        said
    }

    /// The channel at `index` has one subscription less.
    pub(super) fn count_out(&mut self, index: u32) {
        self.list_changed(index);
    }

    /// The turn is over: tell the subscribers of each channel that has changed.
    pub(super) fn tell_counts(&mut self, way: &mut Way<'_>) {
        let mut changed = std::mem::take(&mut self.untold.changed);
        for owned in changed.drain(..) {
            self.tell_count(way, owned);
        }
        self.untold.changed = changed; // Empty, with its room: telling changes no number.
    }

    /// Time has moved: list the channels that have waited for it.
    pub(super) fn look_at_counts(&mut self, route: &Route) {
        let mut index = 0;
        while let Some(&(due, owned)) = self.untold.waiting.get(index) {
            if due > route.now {
                index += 1;
                continue;
            }
            self.untold.waiting.swap_remove(index);
            if let Some(told) = self.announced_count(owned) {
                told.is_waiting = false;
                self.list_changed(owned.index);
            }
        }
    }

    fn list_changed(&mut self, index: u32) {
        let entry = self.channels.at(index);
        let owned = OwnedId { index, generation: entry.generation };
        if let Some(told) = &mut entry.value.announced_count
            && !std::mem::replace(&mut told.is_changed, true)
        {
            self.untold.changed.push(owned);
        }
    }

    fn tell_count(&mut self, way: &mut Way<'_>, owned: OwnedId) {
        let now = way.route.now;
        let Some(entry) = self.channels.get(owned.index, owned.generation) else {
            return; // Vacated since: nobody is left to tell.
        };
        let count = entry.value.subscriptions();
        let told = entry
            .value
            .announced_count
            .as_mut()
            .expect("only channels that tell counts are listed");
        told.is_changed = false;
        if told.count == count && !told.is_owed {
            return;
        }
        let due = told.due(count);
        if due > now {
            if !std::mem::replace(&mut told.is_waiting, true) {
                self.untold.waiting.push((due, owned));
            }
            return;
        }
        (told.count, told.at, told.is_owed) = (count, now, false);
        let name = entry.name.clone();
        let word = Word::SubscriptionCount { channel: name.as_str(), count };
        self.tell_channel(way, owned.index, &word);
    }

    fn announced_count(&mut self, owned: OwnedId) -> Option<&mut AnnouncedCount> {
        self.channels.get(owned.index, owned.generation)?.value.announced_count.as_deref_mut()
    }
}

impl Route {
    /// What the owner of a channel that begins now keeps about its number.
    pub(super) fn announced_count_of(&self, name: &ChannelName) -> Option<Box<AnnouncedCount>> {
        let is_wanted = self.apps.app(name.app()).policy.subscription_count;
        if is_wanted { AnnouncedCount::of(name.nature()) } else { None }
    }
}
