//! How often the count of a large channel is told: at most every five seconds, as hosted Pusher
//! does it for more than 100 subscribers. The last count is always told.

use std::sync::Arc;

use super::AppNotice;
use crate::id::AppIndex;
use crate::shard::{Aged, AgedLimits, Fact, Millis};

/// Above so many subscriptions a channel's count is told less often.
const EVERY_COUNT_MAX: u32 = 100;

/// How often it is told then.
const INTERVAL_MS: u64 = 5_000;

/// Large channels whose count was told within the last interval.
#[derive(Debug)]
pub(super) struct Throttle {
    /// Each with the last count since.
    channels: Aged<Key, Option<AppNotice>>,
}

type Key = (AppIndex, Arc<str>);

impl Default for Throttle {
    fn default() -> Self {
        Self { channels: Aged::new(AgedLimits::entries(usize::MAX)) }
    }
}

impl Throttle {
    /// Take in what happened; what is to be told at once comes back.
    pub(super) fn take(&mut self, now: Millis, told: AppNotice) -> Option<AppNotice> {
        let Fact::SubscriptionCount { subscriptions } = told.notice.fact else {
            return Some(told);
        };
        let key = (told.notice.app, Arc::clone(&told.notice.channel));
        if subscriptions <= EVERY_COUNT_MAX {
            self.channels.remove(&key);
            return Some(told);
        }
        if let Some(waiting) = self.channels.get_mut(&key) {
            *waiting = Some(told);
            return None;
        }
        self.begin(now, key);
        Some(told)
    }

    /// The next count whose time has come.
    pub(super) fn release(&mut self, now: Millis) -> Option<AppNotice> {
        while let Some((key, waiting)) = self.channels.pop(now) {
            if waiting.is_some() {
                self.begin(now, key);
                return waiting;
            }
        }
        None
    }

    /// When [`release`](Self::release) should be asked again.
    pub(super) fn next_due(&self) -> Option<Millis> {
        self.channels.next_end()
    }

    /// Every count that waits.
    pub(super) fn release_all(&mut self) -> Vec<AppNotice> {
        let all = std::iter::from_fn(|| self.channels.pop(Millis(u64::MAX)));
        all.filter_map(|(_, waiting)| waiting).collect()
    }

    fn begin(&mut self, now: Millis, key: Key) {
        self.channels.insert(key, None, now.plus(INTERVAL_MS), 0);
    }
}
