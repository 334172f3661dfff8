//! Rooms of zero-pub-sub that an app's own server decides about: what it has said, and who waits.
//!
//! A connection that needs an answer is held until it is here; nobody else waits. Answers are kept
//! for a while, the oldest going first, so that a busy client costs one call now and then.

use std::collections::VecDeque;
use std::sync::Arc;

use bytes::Bytes;
use uringcast_shard::id::{AppIndex, ConnId};
use uringcast_shard::{Aged, AgedLimits, Millis, Shard};

use super::access::RoomAction;

/// Who wants to do what with which room.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct RoomKey {
    /// The app that the room belongs to.
    pub app: AppIndex,
    /// The subscriber and its token, as a fingerprint.
    pub caller: Arc<str>,
    /// What is to be done.
    pub action: RoomAction,
    /// The room.
    pub room: Box<str>,
}

/// A question for an app's server.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RoomQuestion {
    /// What the answer is kept under.
    pub key: RoomKey,
    /// Where it is asked.
    pub url: String,
    /// What is posted, as JSON.
    pub body: Bytes,
}

/// What comes of a question.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RoomVerdict {
    /// It may be done. Kept for a while.
    Allowed,
    /// It may not. Kept for a while, too.
    Denied,
    /// There was no answer in time, or none that can be understood. Not kept.
    Unavailable,
    /// As many questions wait as `zps.authorize_in_flight_max` allows. Not kept.
    Busy,
}

/// Limits on questions, for one core.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RoomAuthLimits {
    /// Time that an answer is good for; 0 keeps none. Default 30 s.
    pub cache_ttl_ms: u64,
    /// Answers that are kept. Default 10,000: some 4 MB.
    pub cache_entries_max: usize,
    /// Questions that wait for an answer. Default 128: half of what the side thread has in flight.
    pub in_flight_max: usize,
}

impl Default for RoomAuthLimits {
    fn default() -> Self {
        Self { cache_ttl_ms: 30_000, cache_entries_max: 10_000, in_flight_max: 128 }
    }
}

/// What apps' servers have said, and which questions they have yet to answer.
#[derive(Debug)]
pub struct Verdicts {
    limits: RoomAuthLimits,
    kept: Aged<RoomKey, bool>,
    /// Questions that nobody has been asked yet, and who is held for each.
    asked: VecDeque<(ConnId, RoomQuestion)>,
    in_flight: usize,
}

impl Verdicts {
    pub(crate) fn new(limits: RoomAuthLimits) -> Self {
        let kept = Aged::new(AgedLimits::entries(limits.cache_entries_max));
        Self { limits, kept, asked: VecDeque::new(), in_flight: 0 }
    }

    /// What is known of `key`; `None` if its app's server must be asked. Then the caller asks, and
    /// tells [`answered`](Self::answered) whatever comes of it.
    pub fn open(&mut self, shard: &mut Shard, key: &RoomKey) -> Option<RoomVerdict> {
        if let Some(&is_allowed) = self.kept.get(key, shard.now()) {
            shard.counters_mut().room_cache_hits += 1;
            return Some(if is_allowed { RoomVerdict::Allowed } else { RoomVerdict::Denied });
        }
        if self.in_flight >= self.limits.in_flight_max {
            return Some(RoomVerdict::Busy);
        }
        self.in_flight += 1;
        shard.counters_mut().room_calls += 1;
        self.tell_levels(shard);
        None
    }

    /// What is known of `question`, on which a message of `conn` depends. `None` if its app's
    /// server is asked: `conn` is held until it is released after the answer.
    pub(super) fn ask(
        &mut self,
        shard: &mut Shard,
        conn: ConnId,
        question: RoomQuestion,
    ) -> Option<RoomVerdict> {
        let known = self.open(shard, &question.key);
        if known.is_none() {
            shard.hold(conn);
            self.asked.push_back((conn, question));
        }
        known
    }

    /// The answer to the question of `key` is here.
    pub fn answered(&mut self, shard: &mut Shard, key: RoomKey, verdict: RoomVerdict) {
        self.in_flight -= 1;
        match verdict {
            RoomVerdict::Allowed => self.keep(key, true, shard.now()),
            RoomVerdict::Denied => self.keep(key, false, shard.now()),
            RoomVerdict::Unavailable | RoomVerdict::Busy => {}
        }
        self.tell_levels(shard);
    }

    /// A question to ask an app's server, and who is held until it is [answered](Self::answered).
    pub fn poll(&mut self) -> Option<(ConnId, RoomQuestion)> {
        self.asked.pop_front()
    }

    /// Another server may be asked from now on.
    pub(crate) fn forget(&mut self, shard: &mut Shard) {
        self.kept = Aged::new(AgedLimits::entries(self.limits.cache_entries_max));
        self.tell_levels(shard);
    }

    fn keep(&mut self, key: RoomKey, is_allowed: bool, now: Millis) {
        self.kept.insert(key, is_allowed, now.plus(self.limits.cache_ttl_ms), 0);
        self.kept.forget(now);
    }

    fn tell_levels(&self, shard: &mut Shard) {
        let counters = shard.counters_mut();
        counters.room_calls_in_flight = self.in_flight as u64;
        counters.room_cache_entries = self.kept.len() as u64;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(room: &str) -> RoomKey {
        let (app, action) = (AppIndex(0), RoomAction::Publish);
        RoomKey { app, caller: "caller".into(), action, room: room.into() }
    }

    const LIMITS: RoomAuthLimits =
        RoomAuthLimits { cache_ttl_ms: 10, cache_entries_max: 2, in_flight_max: 1 };

    #[test]
    fn an_answer_is_good_until_its_end_and_for_its_own_question_only() {
        let mut auth = Verdicts::new(LIMITS);
        auth.keep(key("a:1"), true, Millis(5));
        auth.keep(key("a:2"), false, Millis(5));
        assert_eq!(auth.kept.get(&key("a:1"), Millis(14)), Some(&true));
        assert_eq!(auth.kept.get(&key("a:2"), Millis(14)), Some(&false));
        assert_eq!(auth.kept.get(&key("a:1"), Millis(15)), None);
        assert_eq!(auth.kept.get(&key("a:3"), Millis(5)), None);
        let other = RoomKey { action: RoomAction::Subscribe, ..key("a:1") };
        assert_eq!(auth.kept.get(&other, Millis(5)), None);
    }

    #[test]
    fn without_time_or_room_nothing_is_kept() {
        for limits in [
            RoomAuthLimits { cache_ttl_ms: 0, ..LIMITS },
            RoomAuthLimits { cache_entries_max: 0, ..LIMITS },
        ] {
            let mut auth = Verdicts::new(limits);
            auth.keep(key("a:1"), true, Millis(0));
            assert!(auth.kept.is_empty());
        }
    }
}
