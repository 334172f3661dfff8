//! How often the count of a large channel is told: at most every five seconds, as hosted Pusher
//! does it for more than 100 subscribers. The last count is always told.

use std::collections::{HashMap, VecDeque};
use std::sync::Arc;

use super::AppNotice;
use crate::id::AppIndex;
use crate::shard::{Fact, Millis};

/// Above so many subscriptions a channel's count is told less often.
const EVERY_COUNT_MAX: u32 = 100;

/// How often it is told then.
const INTERVAL_MS: u64 = 5_000;

/// Large channels whose count was told within the last interval.
#[derive(Debug, Default)]
pub(super) struct Throttle {
    channels: HashMap<Key, Recent>,
    /// When each interval ends, in that order.
    ends: VecDeque<(Millis, Key)>,
}

type Key = (AppIndex, Arc<str>);

#[derive(Debug)]
struct Recent {
    end: Millis,
    /// The last count since.
    waiting: Option<AppNotice>,
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
        if let Some(recent) = self.channels.get_mut(&key) {
            recent.waiting = Some(told);
            return None;
        }
        self.begin(now, key);
        Some(told)
    }

    /// The next count whose time has come.
    pub(super) fn release(&mut self, now: Millis) -> Option<AppNotice> {
        while let Some((end, _)) = self.ends.front()
            && *end <= now
        {
            let (end, key) = self.ends.pop_front().expect("the loop has seen a first one");
            // Another interval may have begun since, after the channel had become small.
            if self.channels.get(&key).is_some_and(|recent| recent.end == end)
                && let Some(recent) = self.channels.remove(&key)
                && let Some(told) = recent.waiting
            {
                self.begin(now, key);
                return Some(told);
            }
        }
        None
    }

    /// When [`release`](Self::release) should be asked again.
    pub(super) fn next_due(&self) -> Option<Millis> {
        self.ends.front().map(|(end, _)| *end)
    }

    /// Every count that waits.
    pub(super) fn release_all(&mut self) -> Vec<AppNotice> {
        self.ends.clear();
        self.channels.drain().filter_map(|(_, recent)| recent.waiting).collect()
    }

    fn begin(&mut self, now: Millis, key: Key) {
        let end = now.plus(INTERVAL_MS);
        self.ends.push_back((end, key.clone()));
        self.channels.insert(key, Recent { end, waiting: None });
    }
}
