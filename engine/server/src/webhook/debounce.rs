//! What is taken back at once is not told at all.
//!
//! A client that reconnects leaves its channels and comes back. That a channel is vacant or a user
//! gone is held for a while, and if it is undone in that time neither is told, as hosted Pusher
//! does it.

use std::sync::Arc;

use super::AppNotice;
use crate::id::AppIndex;
use crate::shard::{Aged, AgedLimits, Fact, Millis};

/// Departures that may yet be taken back.
#[derive(Debug)]
pub(super) struct Debounce {
    delay_ms: u64,
    held: Aged<Key, AppNotice>,
}

/// The channel, or the user of one, that has gone.
type Key = (AppIndex, Arc<str>, Option<Box<str>>);

impl Debounce {
    /// Hold departures for `delay_ms`; beyond `held_max` of them the oldest are told early.
    pub(super) fn new(delay_ms: u64, held_max: usize) -> Self {
        Self { delay_ms, held: Aged::new(AgedLimits::entries(held_max)) }
    }

    /// Take in what happened; what is to be told at once comes back.
    pub(super) fn take(&mut self, now: Millis, told: AppNotice) -> Option<AppNotice> {
        match &told.notice.fact {
            Fact::ChannelVacated | Fact::MemberRemoved { .. } => {
                self.held.insert(key(&told), told, now.plus(self.delay_ms), 0)
            }
            Fact::ChannelOccupied | Fact::MemberAdded { .. } => {
                self.held.remove(&key(&told)).is_none().then_some(told)
            }
            Fact::ClientEvent { .. }
            | Fact::CacheMiss
            | Fact::SubscriptionCount { .. }
            | Fact::ConnectionCount { .. } => Some(told),
        }
    }

    /// The next departure that is past being taken back.
    pub(super) fn release(&mut self, now: Millis) -> Option<AppNotice> {
        self.held.pop(now).map(|(_, told)| told)
    }

    /// From now on, hold nothing.
    pub(super) fn hurry(&mut self) {
        self.delay_ms = 0;
        self.held.limits.entries_max = 0;
    }

    /// When [`release`](Self::release) should be asked again.
    pub(super) fn next_due(&self) -> Option<Millis> {
        self.held.next_end()
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
