//! What is taken back at once is not told at all.
//!
//! A client that reconnects leaves its channels and comes back. That a channel is vacant or a user
//! gone is held for a while, and if it is undone in that time neither is told, as hosted Pusher
//! does it.

use std::collections::{HashMap, VecDeque};
use std::sync::Arc;

use super::AppNotice;
use crate::id::AppIndex;
use crate::shard::{Fact, Millis};

/// Departures that may yet be taken back.
#[derive(Debug)]
pub(super) struct Debounce {
    delay_ms: u64,
    held_max: usize,
    /// In the order in which they come due; `None` where one was taken back.
    held: VecDeque<(Millis, Option<AppNotice>)>,
    /// How many have left the front of `held`.
    gone: u64,
    /// Where each stands, counted from the first there ever was.
    places: HashMap<Key, u64>,
}

/// The channel, or the user of one, that has gone.
type Key = (AppIndex, Arc<str>, Option<Box<str>>);

impl Debounce {
    /// Hold departures for `delay_ms`; beyond `held_max` of them the oldest are told early.
    pub(super) fn new(delay_ms: u64, held_max: usize) -> Self {
        let (held, places) = (VecDeque::new(), HashMap::new());
        Self { delay_ms, held_max, held, gone: 0, places }
    }

    /// Take in what happened; what is to be told at once comes back.
    pub(super) fn take(&mut self, now: Millis, told: AppNotice) -> Option<AppNotice> {
        match &told.notice.fact {
            Fact::ChannelVacated | Fact::MemberRemoved { .. } => {
                self.places.insert(key(&told), self.gone + self.held.len() as u64);
                self.held.push_back((now.plus(self.delay_ms), Some(told)));
                None
            }
            Fact::ChannelOccupied | Fact::MemberAdded { .. } => {
                let Some(place) = self.places.remove(&key(&told)) else { return Some(told) };
                self.held[(place - self.gone) as usize].1 = None;
                None
            }
            Fact::ClientEvent { .. }
            | Fact::CacheMiss
            | Fact::SubscriptionCount { .. }
            | Fact::ConnectionCount { .. } => Some(told),
        }
    }

    /// The next departure that is past being taken back.
    pub(super) fn release(&mut self, now: Millis) -> Option<AppNotice> {
        while let Some((due, _)) = self.held.front()
            && (*due <= now || self.held.len() > self.held_max)
        {
            self.gone += 1;
            if let Some((_, Some(told))) = self.held.pop_front() {
                self.places.remove(&key(&told));
                return Some(told);
            }
        }
        None
    }

    /// From now on, hold nothing.
    pub(super) fn hurry(&mut self) {
        self.delay_ms = 0;
        self.held_max = 0;
    }

    /// When [`release`](Self::release) should be asked again.
    pub(super) fn next_due(&self) -> Option<Millis> {
        self.held.front().map(|(due, _)| *due)
    }
}

fn key(told: &AppNotice) -> Key {
    let user_id = match &told.notice.fact {
        Fact::MemberAdded { user_id } | Fact::MemberRemoved { user_id } => Some(user_id.clone()),
        Fact::ChannelOccupied
        | Fact::ChannelVacated
        | Fact::ClientEvent { .. }
        | Fact::CacheMiss
        | Fact::SubscriptionCount { .. }
        | Fact::ConnectionCount { .. } => None,
    };
    (told.notice.app, Arc::clone(&told.notice.channel), user_id)
}
