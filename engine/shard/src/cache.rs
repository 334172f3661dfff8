//! The last event of each cache channel that this core owns, for whoever subscribes later.
//!
//! It is a table of its own and no part of the owner's channels: an event is kept whether or not
//! anybody is subscribed, while a channel in the owner's table is an occupied one, which is what
//! is counted, listed and told. Only events of publishers are kept, as the frames that subscribers
//! got, and a client's never are.
//!
//! Invariant: `bytes` is the sum of the events' weights, at most `bytes_max` after each call, and
//! each event stands once in each of the two orders.

use std::collections::BTreeSet;

use bytes::Bytes;

use crate::message::{CachedInfo, ChannelName};
use crate::owner::Owner;
use crate::route::Route;
use crate::table::Table;
use crate::word::Said;
use crate::{DialectId, Millis, Word};

/// What an event costs besides its frame and its channel's name: its entry, the name's and the
/// frame's reference counts and its places in both orders, rounded up.
const ENTRY_OVERHEAD_BYTES: usize = 256;

/// Expired events let go at a time. What is left over goes at the next move of the clock, 100 ms
/// later, so a burst of events that expires together does not hold up a turn.
const EXPIRED_AT_ONCE_MAX: usize = 1_000;

/// Last events by channel.
#[derive(Debug)]
pub(super) struct Cache {
    events: Table<CachedEvent>,
    /// Serials with indices: who came first goes first when there is no room.
    by_age: BTreeSet<(u64, u32)>,
    /// Ends with indices: who ends first is looked at first.
    by_end: BTreeSet<(Millis, u32)>,
    bytes: usize,
    bytes_max: usize,
    serial: u64,
}

#[derive(Debug)]
pub(super) struct CachedEvent {
    frame: Bytes,
    /// Its number, if it is in a log.
    sequence: Option<u64>,
    /// From this moment on the event is as good as gone.
    end: Millis,
    serial: u64,
}

impl Cache {
    /// An empty cache that keeps at most `bytes_max` bytes; with 0 it keeps nothing.
    pub(super) fn new(bytes_max: usize) -> Self {
        Self {
            events: Table::new(),
            by_age: BTreeSet::new(),
            by_end: BTreeSet::new(),
            bytes: 0,
            bytes_max,
            serial: 0,
        }
    }

    /// Keep `frame`, event `sequence` of its log if it is in one, as the last event of `channel`
    /// until `end`, in the place of the one before.
    ///
    /// Returns how many events had to go to make room, perhaps this one, too.
    pub(super) fn store(
        &mut self,
        channel: &ChannelName,
        (frame, sequence): (Bytes, Option<u64>),
        end: Millis,
    ) -> u64 {
        if let Some(index) = self.events.find_name(channel) {
            self.remove(index);
        }
        self.serial += 1;
        let serial = self.serial;
        self.bytes += weight(channel, &frame);
        let index =
            self.events.insert(channel.clone(), CachedEvent { frame, sequence, end, serial });
        self.by_age.insert((serial, index));
        self.by_end.insert((end, index));
        let mut evicted = 0;
        while self.bytes > self.bytes_max {
            let &(_, oldest) = self.by_age.first().expect("bytes belong to events");
            self.remove(oldest);
            evicted += 1;
        }
        evicted
    }

    /// The last event of `channel` and when it ends, if it has one at `now`.
    pub(super) fn find(
        &mut self,
        channel: &ChannelName,
        now: Millis,
    ) -> Option<(&CachedEvent, Millis)> {
        let index = self.events.find_name(channel)?;
        let event = &self.events.at(index).value;
        (event.end > now).then_some((event, event.end))
    }

    /// Let go of some of what has ended by `now`.
    pub(super) fn expire(&mut self, now: Millis) {
        for _ in 0..EXPIRED_AT_ONCE_MAX {
            match self.by_end.first() {
                Some(&(end, index)) if end <= now => self.remove(index),
                Some(_) | None => return,
            }
        }
    }

    /// How many events are kept.
    pub(super) fn len(&self) -> usize {
        self.by_age.len()
    }

    /// What they weigh together.
    pub(super) const fn bytes(&self) -> usize {
        self.bytes
    }

    fn remove(&mut self, index: u32) {
        let entry = self.events.at(index);
        let CachedEvent { frame, end, serial, .. } = &entry.value;
        self.bytes -= weight(&entry.name, frame);
        let was_there = self.by_age.remove(&(*serial, index)) && self.by_end.remove(&(*end, index));
        assert!(was_there, "an event stands in both orders");
        self.events.remove(index);
    }
}

fn weight(channel: &ChannelName, frame: &Bytes) -> usize {
    channel.as_str().len() + frame.len() + ENTRY_OVERHEAD_BYTES
}

impl Owner {
    /// Keep a publisher's event, number `sequence` of its log if it is in one, if it is on a cache
    /// channel.
    pub(super) fn cache_event(
        &mut self,
        route: &mut Route,
        channel: &ChannelName,
        frame: &Bytes,
        sequence: Option<u64>,
    ) {
        if channel.nature().is_cached {
            let ttl_s = route.apps.app(channel.app()).policy.cache_ttl_s;
            let end = route.now.plus(u64::from(ttl_s) * 1_000);
            let event = (frame.clone(), sequence);
            route.counters.cache_evictions += self.cache.store(channel, event, end);
        }
    }

    /// What a new subscriber of `channel` is told behind that it is one: the channel's last event
    /// with its number, if it has one, or that there is none; nothing if it is no cache channel.
    pub(super) fn say_cached(
        &mut self,
        route: &mut Route,
        channel: &ChannelName,
        to: DialectId,
    ) -> (Said, Option<u64>) {
        if !channel.nature().is_cached {
            return (Said::default(), None);
        }
        if let Some((event, _)) = self.cache.find(channel, route.now) {
            route.counters.cache_hits += 1;
            return (Said { bytes: event.frame.clone(), frames: 1 }, event.sequence);
        }
        route.note_cache_miss(channel);
        (route.row(to).said(&[Word::CacheMiss { channel: channel.as_str() }]), None)
    }

    /// The last event of `channel` as the HTTP API shows it.
    pub(super) fn cached_info(
        &mut self,
        route: &Route,
        channel: &ChannelName,
    ) -> Option<CachedInfo> {
        let now = route.now;
        let data_of = route.dialects.data_of;
        let (event, end) = self.cache.find(channel, now)?;
        let data_json = data_of(&event.frame).expect("only frames of events are kept");
        Some(CachedInfo { data_json, ttl_s: end.since(now).div_ceil(1_000) as u32 })
    }
}

impl Route {
    /// Somebody has subscribed to a cache channel that has nothing to tell.
    fn note_cache_miss(&mut self, channel: &ChannelName) {
        self.counters.cache_misses += 1;
        self.notice_cache_miss(channel);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Nature;
    use crate::id::AppIndex;

    fn name(text: &str) -> ChannelName {
        ChannelName::new(AppIndex(0), text, Nature::default(), 1)
    }

    /// A frame with which an event of a channel with a name of one letter weighs 1,000 bytes.
    fn frame(first: u8) -> Bytes {
        let mut frame = vec![b'x'; 1_000 - ENTRY_OVERHEAD_BYTES - 1];
        frame[0] = first;
        Bytes::from(frame)
    }

    fn first(cache: &mut Cache, channel: &str, now: u64) -> Option<u8> {
        cache.find(&name(channel), Millis(now)).map(|(event, _)| event.frame[0])
    }

    #[test]
    fn the_last_event_takes_the_place_of_the_one_before() {
        let mut cache = Cache::new(10_000);
        cache.store(&name("a"), (frame(b'1'), None), Millis(10));
        cache.store(&name("a"), (frame(b'2'), None), Millis(20));
        assert_eq!((cache.len(), cache.bytes()), (1, 1_000));
        assert_eq!(first(&mut cache, "a", 15), Some(b'2'));
        assert_eq!(first(&mut cache, "b", 15), None);
    }

    #[test]
    fn the_kept_frame_is_the_one_that_was_published_and_no_copy() {
        let (mut cache, published) = (Cache::new(10_000), frame(b'1'));
        cache.store(&name("a"), (published.clone(), None), Millis(10));
        let kept = &cache.find(&name("a"), Millis(1)).unwrap().0.frame;
        assert_eq!((kept.as_ptr(), kept.len()), (published.as_ptr(), published.len()));
    }

    #[test]
    fn an_event_ends_at_its_end_and_gives_its_memory_back() {
        let mut cache = Cache::new(10_000);
        cache.store(&name("a"), (frame(b'1'), None), Millis(20));
        cache.store(&name("b"), (frame(b'2'), None), Millis(10));
        assert_eq!(first(&mut cache, "b", 9), Some(b'2'));
        assert_eq!(first(&mut cache, "b", 10), None);
        cache.expire(Millis(10));
        assert_eq!((cache.len(), cache.bytes()), (1, 1_000));
        assert_eq!(first(&mut cache, "a", 19), Some(b'1'));
        cache.expire(Millis(20));
        assert_eq!((cache.len(), cache.bytes()), (0, 0));
    }

    #[test]
    fn a_burst_that_ends_together_goes_in_parts() {
        let mut cache = Cache::new(usize::MAX);
        for channel in 0..=EXPIRED_AT_ONCE_MAX {
            cache.store(&name(&channel.to_string()), (frame(b'1'), None), Millis(10));
        }
        cache.expire(Millis(10));
        assert_eq!(cache.len(), 1);
        cache.expire(Millis(10));
        assert_eq!(cache.len(), 0);
    }

    #[test]
    fn what_came_first_goes_first_and_a_new_event_makes_its_channel_young() {
        let mut cache = Cache::new(2_000);
        assert_eq!(cache.store(&name("a"), (frame(b'1'), None), Millis(90)), 0);
        assert_eq!(cache.store(&name("b"), (frame(b'2'), None), Millis(10)), 0);
        assert_eq!(cache.store(&name("a"), (frame(b'3'), None), Millis(90)), 0);
        assert_eq!(cache.store(&name("c"), (frame(b'4'), None), Millis(50)), 1);
        assert_eq!(first(&mut cache, "b", 0), None);
        assert_eq!(first(&mut cache, "a", 0), Some(b'3'));
        assert_eq!(first(&mut cache, "c", 0), Some(b'4'));
        assert_eq!(cache.bytes(), 2_000);
    }

    #[test]
    fn an_event_of_exactly_the_limit_is_kept_and_one_byte_more_is_not() {
        let mut cache = Cache::new(1_000);
        assert_eq!(cache.store(&name("a"), (frame(b'1'), None), Millis(10)), 0);
        let larger = [&frame(b'2')[..], b"x"].concat();
        assert_eq!(cache.store(&name("a"), (larger.into(), None), Millis(10)), 1);
        // The one before is gone, too: it is not the last one any more.
        assert_eq!((first(&mut cache, "a", 0), cache.bytes()), (None, 0));
    }

    #[test]
    fn without_room_nothing_is_kept() {
        let mut cache = Cache::new(0);
        assert_eq!(cache.store(&name("a"), (frame(b'1'), None), Millis(10)), 1);
        assert_eq!(first(&mut cache, "a", 0), None);
    }
}
