//! Rooms of zero-pub-sub that an app's own server decides about: what it has said, and who waits.
//!
//! A connection that needs an answer is held until it is here; nobody else waits. Answers are kept
//! for a while, the oldest going first, so that a busy client costs one call now and then.
//!
//! Invariant: the order of age holds each key that is kept, once, with the time of its end.

use std::collections::VecDeque;
use std::sync::Arc;

use bytes::Bytes;
use hashbrown::HashMap;

use super::{Millis, Output, Shard};
use crate::dialect::zps;
use crate::id::{AppIndex, ConnId};

/// Who wants to do what with which room.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct RoomKey {
    /// The app that the room belongs to.
    pub app: AppIndex,
    /// The subscriber and its token, as a fingerprint.
    pub caller: Arc<str>,
    /// What is to be done.
    pub action: zps::Action,
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

/// What apps' servers have said, and how many questions they have yet to answer.
#[derive(Debug, Default)]
pub(super) struct RoomAuth {
    kept: HashMap<RoomKey, (bool, Millis), foldhash::fast::RandomState>,
    by_age: VecDeque<(RoomKey, Millis)>,
    in_flight: usize,
}

impl RoomAuth {
    fn find(&self, key: &RoomKey, now: Millis) -> Option<bool> {
        let &(is_allowed, end) = self.kept.get(key)?;
        (now < end).then_some(is_allowed)
    }

    fn keep(&mut self, key: RoomKey, is_allowed: bool, now: Millis, limits: RoomAuthLimits) {
        if limits.cache_ttl_ms == 0 || limits.cache_entries_max == 0 {
            return;
        }
        let end = now.plus(limits.cache_ttl_ms);
        if self.kept.insert(key.clone(), (is_allowed, end)).is_some() {
            self.by_age.retain(|(known, _)| *known != key); // Asked twice at the same time: rare.
        }
        self.by_age.push_back((key, end));
        let is_old = |(_, end): &(RoomKey, Millis)| *end <= now;
        while self.by_age.len() > limits.cache_entries_max
            || self.by_age.front().is_some_and(is_old)
        {
            let Some((oldest, _)) = self.by_age.pop_front() else { return };
            self.kept.remove(&oldest);
        }
    }

    fn forget(&mut self) {
        self.kept.clear();
        self.by_age.clear();
    }
}

impl Shard {
    /// What is known of `key`; `None` if its app's server must be asked. Then the caller asks, and
    /// tells [`room_answered`](Self::room_answered) whatever comes of it.
    pub fn open_room_question(&mut self, key: &RoomKey) -> Option<RoomVerdict> {
        if let Some(is_allowed) = self.room_auth.find(key, self.now) {
            self.counters.room_cache_hits += 1;
            return Some(if is_allowed { RoomVerdict::Allowed } else { RoomVerdict::Denied });
        }
        if self.room_auth.in_flight >= self.config.zps.room_auth.in_flight_max {
            return Some(RoomVerdict::Busy);
        }
        self.room_auth.in_flight += 1;
        self.counters.room_calls += 1;
        None
    }

    /// What is known of `question`, on which a message of `conn` depends. `None` if its app's
    /// server is asked: `conn` is held until [`room_answered`](Self::room_answered).
    pub fn ask_room(&mut self, conn: ConnId, question: RoomQuestion) -> Option<RoomVerdict> {
        let known = self.open_room_question(&question.key);
        if known.is_none() {
            self.hold(conn);
            self.outputs.push_back(Output::AskRoom(conn, Box::new(question)));
        }
        known
    }

    /// The answer to a question is here; `conn` is who is held for it, if anybody is.
    pub fn room_answered(&mut self, conn: Option<ConnId>, key: RoomKey, verdict: RoomVerdict) {
        self.room_auth.in_flight -= 1;
        let (now, limits) = (self.now, self.config.zps.room_auth);
        let (action, room) = (key.action, key.room.clone());
        match verdict {
            RoomVerdict::Allowed => self.room_auth.keep(key, true, now, limits),
            RoomVerdict::Denied => self.room_auth.keep(key, false, now, limits),
            RoomVerdict::Unavailable | RoomVerdict::Busy => {}
        }
        let Some(conn) = conn else { return };
        zps::decided(self, conn, action, room, verdict);
        self.release(conn);
    }

    /// Questions that wait for an answer, and answers that are kept.
    pub(super) fn room_levels(&self) -> (u64, u64) {
        (self.room_auth.in_flight as u64, self.room_auth.kept.len() as u64)
    }

    /// Another server may be asked from now on.
    pub(super) fn forget_room_answers(&mut self) {
        self.room_auth.forget();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(room: &str) -> RoomKey {
        let (app, action) = (AppIndex(0), zps::Action::Publish);
        RoomKey { app, caller: "caller".into(), action, room: room.into() }
    }

    const LIMITS: RoomAuthLimits =
        RoomAuthLimits { cache_ttl_ms: 10, cache_entries_max: 2, in_flight_max: 1 };

    #[test]
    fn an_answer_is_good_until_its_end_and_for_its_own_question_only() {
        let mut auth = RoomAuth::default();
        auth.keep(key("a:1"), true, Millis(5), LIMITS);
        auth.keep(key("a:2"), false, Millis(5), LIMITS);
        assert_eq!(auth.find(&key("a:1"), Millis(14)), Some(true));
        assert_eq!(auth.find(&key("a:2"), Millis(14)), Some(false));
        assert_eq!(auth.find(&key("a:1"), Millis(15)), None);
        assert_eq!(auth.find(&key("a:3"), Millis(5)), None);
        let other = RoomKey { action: zps::Action::Subscribe, ..key("a:1") };
        assert_eq!(auth.find(&other, Millis(5)), None);
    }

    #[test]
    fn as_many_answers_are_kept_as_may_be_and_the_oldest_goes() {
        let mut auth = RoomAuth::default();
        for room in ["a:1", "a:2", "a:1", "a:3"] {
            auth.keep(key(room), true, Millis(0), LIMITS);
        }
        let kept = ["a:1", "a:2", "a:3"].map(|room| auth.find(&key(room), Millis(0)).is_some());
        assert_eq!(kept, [true, false, true]);
        assert_eq!((auth.kept.len(), auth.by_age.len()), (2, 2));
        auth.keep(key("a:4"), true, Millis(10), LIMITS);
        assert_eq!((auth.kept.len(), auth.by_age.len()), (1, 1), "what is over goes, too");
    }

    #[test]
    fn without_time_or_room_nothing_is_kept() {
        let mut auth = RoomAuth::default();
        auth.keep(key("a:1"), true, Millis(0), RoomAuthLimits { cache_ttl_ms: 0, ..LIMITS });
        auth.keep(key("a:1"), true, Millis(0), RoomAuthLimits { cache_entries_max: 0, ..LIMITS });
        assert!(auth.kept.is_empty() && auth.by_age.is_empty());
    }
}
