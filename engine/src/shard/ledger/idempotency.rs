//! Publishes that are carried out once, however often they are sent.
//!
//! A publisher that got no answer does not know whether its event went out. It names the publish
//! with a key and sends it again: the first one is carried out, and what it was answered is kept
//! for the others. A publish that was refused leaves nothing behind, so the next one is a first.
//!
//! Invariant: every entry stands in `order` once, in the order in which the keys came, with no more
//! than a few gaps for each entry, and `bytes` is the sum of what the entries weigh.

use std::collections::VecDeque;
use std::sync::Arc;

use bytes::Bytes;
use hashbrown::HashMap;

use crate::id::AppIndex;

/// Gaps in the order that are not worth the walk.
const GAPS_MIN: usize = 64;

/// A publish that must be carried out once, however often it is sent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Once {
    /// The name of the publish.
    pub key: IdempotencyKey,
    /// Tells another publish under the same name apart.
    pub fingerprint: u64,
}

/// Names one publish of an app.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct IdempotencyKey {
    /// The app that the publish is for.
    pub app: AppIndex,
    /// The publisher's own name for it, 1 to 128 bytes.
    pub text: Arc<str>,
}

/// What is kept of the answer to a publish.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Kept {
    /// The HTTP status.
    pub status: u16,
    /// The body.
    pub body: Bytes,
}

/// What somebody is told who wants to publish under a key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Reserved {
    /// Nobody has: carry it out, then [`settle`](IdempotencyStore::settle) under this number.
    First(u64),
    /// Somebody is about to.
    Running,
    /// Somebody has, and was answered this.
    Done(Kept),
    /// Somebody has published something else under this key.
    OtherBody,
}

/// How much a store may hold; the oldest keys go when there is more.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct IdempotencyLimits {
    /// How many keys at most.
    pub keys_max: usize,
    /// Bytes of keys and answers, with what the store itself takes for them.
    pub bytes_max: usize,
}

/// The keys that are remembered, of all apps.
#[derive(Debug)]
pub struct IdempotencyStore {
    limits: IdempotencyLimits,
    entries: HashMap<IdempotencyKey, Entry, foldhash::fast::RandomState>,
    order: VecDeque<(IdempotencyKey, u64)>,
    bytes: usize,
    serial: u64,
}

#[derive(Debug)]
struct Entry {
    serial: u64,
    fingerprint: u64,
    expires_ms: u64,
    /// `None` while the publish is under way.
    kept: Option<Kept>,
}

impl IdempotencyStore {
    /// An empty store.
    pub fn new(limits: IdempotencyLimits) -> Self {
        let entries = HashMap::default();
        Self { limits, entries, order: VecDeque::new(), bytes: 0, serial: 0 }
    }

    /// Ask to publish under `key` something that is told apart by its `fingerprint`; the key is
    /// remembered for `window_ms` from now.
    ///
    /// Returns how many keys were forgotten before their time, too.
    pub fn reserve(
        &mut self,
        key: &IdempotencyKey,
        fingerprint: u64,
        now_ms: u64,
        window_ms: u64,
    ) -> (Reserved, u64) {
        self.expire(now_ms);
        if let Some(entry) = self.entries.get(key).filter(|entry| entry.expires_ms > now_ms) {
            return (entry.answer(fingerprint), 0);
        }
        self.serial += 1;
        let (serial, expires_ms) = (self.serial, now_ms.saturating_add(window_ms));
        let entry = Entry { serial, fingerprint, expires_ms, kept: None };
        self.bytes += weight_bytes(key, &entry);
        if let Some(expired) = self.entries.insert(key.clone(), entry) {
            self.bytes -= weight_bytes(key, &expired); // Its place in the order leads nowhere now.
        }
        self.order.push_back((key.clone(), serial));
        (Reserved::First(serial), self.shrink())
    }

    /// The publish that reserved `key` as `serial` was answered `kept`, or refused.
    ///
    /// Returns how many keys were forgotten before their time.
    pub fn settle(&mut self, key: &IdempotencyKey, serial: u64, kept: Option<Kept>) -> u64 {
        let Some(entry) = self.entries.get_mut(key).filter(|entry| entry.serial == serial) else {
            return 0; // Forgotten meanwhile.
        };
        match kept {
            Some(kept) => {
                self.bytes += kept.body.len();
                entry.kept = Some(kept);
            }
            None => self.forget(key),
        }
        self.shrink()
    }

    /// Forget the keys at the front whose time is over.
    pub fn expire(&mut self, now_ms: u64) {
        while let Some((key, serial)) = self.order.front() {
            let entry = self.entries.get(key).filter(|entry| entry.serial == *serial);
            if entry.is_some_and(|entry| entry.expires_ms > now_ms) {
                return;
            }
            self.pop();
        }
    }

    /// Forget the oldest keys until the rest fits.
    fn shrink(&mut self) -> u64 {
        let mut forgotten = 0;
        while self.entries.len() > self.limits.keys_max || self.bytes > self.limits.bytes_max {
            forgotten += u64::from(self.pop());
        }
        self.close_gaps();
        forgotten
    }

    /// Take places out of the order that lead nowhere, once they are more than those that do.
    fn close_gaps(&mut self) {
        if self.order.len() > 2 * self.entries.len() + GAPS_MIN {
            let Self { entries, order, .. } = self;
            order.retain(|(key, serial)| entries.get(key).is_some_and(|it| it.serial == *serial));
        }
    }

    /// Take the front of the order; whether a key was forgotten with it.
    fn pop(&mut self) -> bool {
        let Some((key, serial)) = self.order.pop_front() else {
            unreachable!("an empty store is within its limits");
        };
        let is_current = self.entries.get(&key).is_some_and(|entry| entry.serial == serial);
        if is_current {
            self.forget(&key);
        }
        is_current
    }

    fn forget(&mut self, key: &IdempotencyKey) {
        if let Some(entry) = self.entries.remove(key) {
            self.bytes -= weight_bytes(key, &entry);
        }
    }
}

impl Entry {
    fn answer(&self, fingerprint: u64) -> Reserved {
        match &self.kept {
            _ if self.fingerprint != fingerprint => Reserved::OtherBody,
            Some(kept) => Reserved::Done(kept.clone()),
            None => Reserved::Running,
        }
    }
}

/// About how much memory an entry takes, its places in the map and in the order included.
fn weight_bytes(key: &IdempotencyKey, entry: &Entry) -> usize {
    let kept = entry.kept.as_ref().map_or(0, |kept| kept.body.len());
    2 * size_of::<IdempotencyKey>() + size_of::<Entry>() + key.text.len() + kept
}

#[cfg(test)]
mod tests {
    use super::*;

    const WINDOW_MS: u64 = 1_000;

    fn store(keys_max: usize, bytes_max: usize) -> IdempotencyStore {
        IdempotencyStore::new(IdempotencyLimits { keys_max, bytes_max })
    }

    fn named(text: &str) -> IdempotencyKey {
        IdempotencyKey { app: AppIndex(0), text: text.into() }
    }

    fn kept(body: &'static str) -> Kept {
        Kept { status: 200, body: Bytes::from_static(body.as_bytes()) }
    }

    /// Ask for `text` with the fingerprint 7 at `now_ms`.
    fn reserve(store: &mut IdempotencyStore, text: &str, now_ms: u64) -> Reserved {
        store.reserve(&named(text), 7, now_ms, WINDOW_MS).0
    }

    fn first(store: &mut IdempotencyStore, text: &str, now_ms: u64) -> u64 {
        match reserve(store, text, now_ms) {
            Reserved::First(serial) => serial,
            other => panic!("{text} is not new: {other:?}"),
        }
    }

    #[test]
    fn the_second_waits_for_the_first_and_then_gets_its_answer() {
        let mut store = store(10, 10_000);
        let serial = first(&mut store, "a", 0);
        assert_eq!(reserve(&mut store, "a", 1), Reserved::Running);
        store.settle(&named("a"), serial, Some(kept("{}")));
        assert_eq!(reserve(&mut store, "a", 2), Reserved::Done(kept("{}")));
    }

    #[test]
    fn a_refused_publish_leaves_nothing_behind() {
        let mut store = store(10, 10_000);
        let serial = first(&mut store, "a", 0);
        store.settle(&named("a"), serial, None);
        assert_eq!(store.bytes, 0);
        first(&mut store, "a", 1);
    }

    #[test]
    fn refused_publishes_push_no_other_key_out() {
        let mut store = store(2, 10_000);
        first(&mut store, "a", 0);
        for turn in 0..1_000 {
            let serial = first(&mut store, "refused", turn % 100);
            assert_eq!(store.settle(&named("refused"), serial, None), 0);
            assert!(store.order.len() <= 2 * store.entries.len() + GAPS_MIN);
        }
        assert_eq!(reserve(&mut store, "a", 100), Reserved::Running);
    }

    #[test]
    fn another_body_under_the_same_key_is_told_apart() {
        let mut store = store(10, 10_000);
        let serial = first(&mut store, "a", 0);
        let other = |store: &mut IdempotencyStore| store.reserve(&named("a"), 8, 0, WINDOW_MS).0;
        assert_eq!(other(&mut store), Reserved::OtherBody);
        store.settle(&named("a"), serial, Some(kept("{}")));
        assert_eq!(other(&mut store), Reserved::OtherBody);
    }

    #[test]
    fn two_apps_may_use_the_same_key() {
        let mut store = store(10, 10_000);
        first(&mut store, "a", 0);
        let other = IdempotencyKey { app: AppIndex(1), text: "a".into() };
        assert!(matches!(store.reserve(&other, 7, 0, WINDOW_MS).0, Reserved::First(_)));
    }

    #[test]
    fn a_key_is_remembered_for_its_window_and_not_a_millisecond_longer() {
        let mut store = store(10, 10_000);
        let serial = first(&mut store, "a", 0);
        store.settle(&named("a"), serial, Some(kept("{}")));
        assert_eq!(reserve(&mut store, "a", 999), Reserved::Done(kept("{}")));
        first(&mut store, "a", 1_000);
    }

    /// A short window behind a long one is found over, though its place is not at the front.
    #[test]
    fn windows_of_different_lengths_end_on_their_own() {
        let mut store = store(10, 10_000);
        store.reserve(&named("long"), 7, 0, 10_000);
        first(&mut store, "short", 0);
        let again = first(&mut store, "short", 1_000);
        assert_eq!(reserve(&mut store, "short", 1_001), Reserved::Running);
        store.settle(&named("short"), again, Some(kept("{}")));
        store.expire(10_000);
        assert_eq!((store.bytes, store.entries.len(), store.order.len()), (0, 0, 0));
    }

    #[test]
    fn a_late_settlement_is_not_taken_for_a_newer_ones() {
        let mut store = store(10, 10_000);
        let late = first(&mut store, "a", 0);
        first(&mut store, "a", 1_000);
        store.settle(&named("a"), late, Some(kept("late")));
        assert_eq!(reserve(&mut store, "a", 1_000), Reserved::Running);
    }

    #[test]
    fn the_oldest_key_goes_when_there_is_one_too_many() {
        let mut store = store(2, 10_000);
        first(&mut store, "a", 0);
        assert_eq!(store.reserve(&named("b"), 7, 0, WINDOW_MS).1, 0);
        assert_eq!(store.reserve(&named("c"), 7, 0, WINDOW_MS).1, 1);
        assert_eq!(reserve(&mut store, "b", 0), Reserved::Running);
        first(&mut store, "a", 0);
    }

    #[test]
    fn the_oldest_keys_go_when_an_answer_takes_their_room() {
        let mut entry = store(10, 10_000);
        let serial = first(&mut entry, "a", 0);
        let bytes = entry.bytes;
        let settle = |bytes_max| {
            let mut store = store(10, bytes_max);
            first(&mut store, "b", 0);
            let serial = first(&mut store, "a", 0);
            store.settle(&named("a"), serial, Some(kept("0123456789")))
        };
        assert_eq!(settle(2 * bytes + 10), 0);
        assert_eq!(settle(2 * bytes + 9), 1);
        entry.settle(&named("a"), serial, Some(kept("0123456789")));
        assert_eq!(entry.bytes, bytes + 10);
    }
}
