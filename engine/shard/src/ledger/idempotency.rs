//! Publishes that are carried out once, however often they are sent.
//!
//! A publisher that got no answer does not know whether its event went out. It names the publish
//! with a key and sends it again: the first one is carried out, and what it was answered is kept
//! for the others. A publish that was refused leaves nothing behind, so the next one is a first.

use std::sync::Arc;

use bytes::Bytes;

use crate::id::AppIndex;
use crate::{Aged, AgedLimits, Millis};

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

/// The keys that are remembered, of all apps.
#[derive(Debug)]
pub struct IdempotencyStore {
    pub(super) keys: Aged<IdempotencyKey, Entry>,
    serial: u64,
}

#[derive(Debug)]
pub(super) struct Entry {
    serial: u64,
    fingerprint: u64,
    /// `None` while the publish is under way.
    kept: Option<Kept>,
}

impl IdempotencyStore {
    /// An empty store.
    pub fn new(limits: AgedLimits) -> Self {
        Self { keys: Aged::new(limits), serial: 0 }
    }

    /// Ask to publish something once; its key is remembered for `window_ms` from `now`.
    pub fn reserve(&mut self, once: Once, now: Millis, window_ms: u64) -> Reserved {
        let Once { key, fingerprint } = once;
        self.keys.forget(now);
        if let Some(entry) = self.keys.get(&key, now) {
            return entry.answer(fingerprint);
        }
        self.serial += 1;
        let entry = Entry { serial: self.serial, fingerprint, kept: None };
        let held = key.text.len();
        self.keys.insert(key, entry, now.plus(window_ms), held);
        self.keys.forget(now);
        Reserved::First(self.serial)
    }

    /// The publish that reserved `key` as `serial` was answered `kept`, or refused.
    pub fn settle(&mut self, key: &IdempotencyKey, serial: u64, kept: Option<Kept>, now: Millis) {
        let Some(entry) = self.keys.get_mut(key).filter(|entry| entry.serial == serial) else {
            return; // Forgotten meanwhile.
        };
        if let Some(kept) = kept {
            let held = kept.body.len();
            entry.kept = Some(kept);
            self.keys.grow(key, held);
            self.keys.forget(now);
        } else {
            self.keys.remove(key);
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

#[cfg(test)]
mod tests {
    use super::*;

    const WINDOW_MS: u64 = 1_000;

    fn store(entries_max: usize, bytes_max: usize) -> IdempotencyStore {
        IdempotencyStore::new(AgedLimits { entries_max, bytes_max })
    }

    fn named(text: &str) -> IdempotencyKey {
        IdempotencyKey { app: AppIndex(0), text: text.into() }
    }

    fn once(key: IdempotencyKey, fingerprint: u64) -> Once {
        Once { key, fingerprint }
    }

    fn kept(body: &'static str) -> Kept {
        Kept { status: 200, body: Bytes::from_static(body.as_bytes()) }
    }

    /// Ask for `text` with the fingerprint 7 at `now_ms`.
    fn reserve(store: &mut IdempotencyStore, text: &str, now_ms: u64) -> Reserved {
        store.reserve(once(named(text), 7), Millis(now_ms), WINDOW_MS)
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
        store.settle(&named("a"), serial, Some(kept("{}")), Millis(0));
        assert_eq!(reserve(&mut store, "a", 2), Reserved::Done(kept("{}")));
    }

    #[test]
    fn a_refused_publish_leaves_nothing_behind() {
        let mut store = store(10, 10_000);
        let serial = first(&mut store, "a", 0);
        store.settle(&named("a"), serial, None, Millis(0));
        assert!(store.keys.is_empty());
        first(&mut store, "a", 1);
    }

    #[test]
    fn another_body_under_the_same_key_is_told_apart() {
        let mut store = store(10, 10_000);
        let serial = first(&mut store, "a", 0);
        let other =
            |store: &mut IdempotencyStore| store.reserve(once(named("a"), 8), Millis(0), WINDOW_MS);
        assert_eq!(other(&mut store), Reserved::OtherBody);
        store.settle(&named("a"), serial, Some(kept("{}")), Millis(0));
        assert_eq!(other(&mut store), Reserved::OtherBody);
    }

    #[test]
    fn two_apps_may_use_the_same_key() {
        let mut store = store(10, 10_000);
        first(&mut store, "a", 0);
        let other = IdempotencyKey { app: AppIndex(1), text: "a".into() };
        assert!(matches!(store.reserve(once(other, 7), Millis(0), WINDOW_MS), Reserved::First(_)));
    }

    #[test]
    fn a_key_is_remembered_for_its_window_and_not_a_millisecond_longer() {
        let mut store = store(10, 10_000);
        let serial = first(&mut store, "a", 0);
        store.settle(&named("a"), serial, Some(kept("{}")), Millis(0));
        assert_eq!(reserve(&mut store, "a", 999), Reserved::Done(kept("{}")));
        first(&mut store, "a", 1_000);
    }

    #[test]
    fn a_late_settlement_is_not_taken_for_a_newer_ones() {
        let mut store = store(10, 10_000);
        let late = first(&mut store, "a", 0);
        first(&mut store, "a", 1_000);
        store.settle(&named("a"), late, Some(kept("late")), Millis(0));
        assert_eq!(reserve(&mut store, "a", 1_000), Reserved::Running);
    }

    #[test]
    fn an_answer_may_push_out_the_oldest_key() {
        let mut store = store(10, 1_000);
        first(&mut store, "b", 0);
        let serial = first(&mut store, "a", 0);
        let body = "x".repeat(1_000 - store.keys.bytes / 2);
        let kept = |body: String| Some(Kept { status: 200, body: body.into() });
        store.settle(&named("a"), serial, kept(body), Millis(0));
        assert_eq!((store.keys.evicted, store.keys.len()), (1, 1));
    }
}
