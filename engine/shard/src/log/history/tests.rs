//! Unit tests of one channel's history, and a seeded comparison with a model that keeps everything.

use std::collections::BTreeMap;

use super::*;

const LIMITS: HistoryLimits =
    HistoryLimits { events_max: 1_000, bytes_max: usize::MAX, ttl_ms: 1_000 };
const PAGE: PageLimits = PageLimits { events_max: 1_000, bytes_max: usize::MAX };

fn entry(id: &str, expires_unix_ms: u64) -> Entry {
    let frame = Bytes::from(format!("frame-{id}"));
    Entry { id: id.into(), event_type: "t".into(), expires_unix_ms, frame, skip: None }
}

fn all(_: &Entry) -> bool {
    true
}

#[test]
fn sequences_start_at_one_and_have_no_hole() {
    let mut history = History::default();
    assert_eq!((history.first_sequence(), history.last_sequence()), (1, 0));
    for id in ["a", "b", "c"] {
        history.append(entry(id, 9), &LIMITS, 10);
    }
    assert_eq!((history.first_sequence(), history.last_sequence()), (1, 3));
    assert_eq!(history.get(2).map(|it| &*it.id), Some("b"));
    assert_eq!((history.get(0), history.get(4)), (None, None));
}

#[test]
fn events_are_kept_up_to_each_limit_and_not_one_more() {
    let weight = entry("a", 9).weight_bytes();
    for limits in [
        HistoryLimits { events_max: 2, ..LIMITS },
        HistoryLimits { bytes_max: 2 * weight, ..LIMITS },
    ] {
        let mut history = History::default();
        assert_eq!(history.append(entry("a", 9), &limits, 10), Evicted::default());
        assert_eq!(history.append(entry("b", 9), &limits, 10), Evicted::default());
        assert_eq!(history.append(entry("c", 9), &limits, 10), Evicted { events: 1, expired: 0 });
        assert_eq!((history.first_sequence(), history.last_sequence()), (2, 3));
        assert_eq!(history.bytes(), 2 * weight);
    }
}

#[test]
fn an_event_without_room_is_numbered_and_gone() {
    let mut history = History::default();
    let limits = HistoryLimits { events_max: 0, ..LIMITS };
    assert_eq!(history.append(entry("a", 9), &limits, 10).events, 1);
    assert_eq!((history.first_sequence(), history.last_sequence(), history.bytes()), (2, 1, 0));
}

#[test]
fn what_has_expired_is_not_shown_and_what_comes_after_keeps_its_number() {
    let mut history = History::default();
    for (id, expires) in [("a", 5), ("b", 9), ("c", 5), ("d", 9)] {
        history.append(entry(id, expires), &LIMITS, 10);
    }
    let page = history.page(0, u64::MAX, 5, PAGE, all);
    assert_eq!((page.lost, page.last, page.frames.len()), (Some((1, 1)), 2, 1));
    let page = history.page(2, u64::MAX, 5, PAGE, all);
    assert_eq!((page.lost, page.last), (Some((3, 3)), 4));
    assert_eq!(page.frames, [Bytes::from("frame-d")]);
    assert_eq!(history.expire(5), Evicted { events: 0, expired: 1 });
    assert_eq!(history.first_sequence(), 2);
    let page = history.page(0, u64::MAX, 9, PAGE, all);
    assert_eq!((page.lost, page.last, page.frames.len()), (Some((1, 4)), 4, 0));
}

#[test]
fn a_page_ends_at_each_limit_and_gives_one_event_at_least() {
    let mut history = History::default();
    for id in ["a", "b", "c"] {
        history.append(entry(id, 9), &LIMITS, 10);
    }
    let read = |events_max, bytes_max| {
        let page = history.page(0, u64::MAX, 0, PageLimits { events_max, bytes_max }, all);
        (page.frames.len(), page.last)
    };
    assert_eq!((read(2, usize::MAX), read(1_000, 14), read(1_000, 13)), ((2, 2), (2, 2), (1, 1)));
    assert_eq!(read(1_000, 0), (1, 1));
}

#[test]
fn what_is_not_wanted_is_passed_over_and_not_lost() {
    let mut history = History::default();
    for id in ["a", "b", "c"] {
        history.append(entry(id, 9), &LIMITS, 10);
    }
    let page = history.page(0, 2, 0, PAGE, |it| &*it.id != "b");
    assert_eq!((page.frames.len(), page.last, page.lost), (1, 2, None));
}

#[test]
fn a_page_after_the_end_is_empty() {
    let mut history = History::default();
    history.append(entry("a", 9), &LIMITS, 10);
    for after in [1, 2, 100] {
        let page = history.page(after, u64::MAX, 0, PAGE, all);
        assert_eq!(page, Page { frames: Vec::new(), last: after, lost: None });
    }
}

#[test]
fn ids_are_known_again_within_the_window() {
    let mut history = History::default();
    for id in ["a", "b", "", "c"] {
        history.append(entry(id, 9), &LIMITS, 3);
    }
    assert_eq!(history.find_id("a"), None);
    assert_eq!(history.find_id("b").map(|(sequence, _)| sequence), Some(2));
    assert_eq!(history.find_id("c").map(|(sequence, _)| sequence), Some(4));
    assert_eq!(history.find_id(""), None);
}

/// The least generator that is good enough here (splitmix64).
struct Random(u64);

impl Random {
    fn below(&mut self, end: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (mixed ^ (mixed >> 31)) % end
    }
}

/// Whatever is appended, evicted and expired: pages put together are exactly what is still there,
/// in order, and what is missing is said to be lost.
#[test]
fn pages_show_each_event_that_is_there_once_in_order() {
    for seed in 0..200 {
        let mut random = Random(seed);
        let limits = HistoryLimits { events_max: 1 + random.below(30) as usize, ..LIMITS };
        let ids_max = 1 + random.below(40) as usize;
        let (mut history, mut model, mut now) = (History::default(), BTreeMap::new(), 0);
        for _ in 0..200 {
            match random.below(4) {
                0 => now += random.below(20),
                1 => {
                    history.expire(now);
                }
                2 => check_pages(&history, &model, now, &mut random, seed),
                _ => {
                    let sequence = history.last_sequence() + 1;
                    let expires = now + 1 + random.below(60);
                    history.append(entry(&sequence.to_string(), expires), &limits, ids_max);
                    model.insert(sequence, expires);
                    let known = history.find_id(&sequence.to_string()).map(|(it, _)| it);
                    assert_eq!(known, Some(sequence), "seed {seed}");
                }
            }
            model.retain(|sequence, _| *sequence >= history.first_sequence());
            assert!(history.ids.len() <= ids_max.min(history.len()), "seed {seed}");
        }
    }
}

fn check_pages(
    history: &History,
    model: &BTreeMap<u64, u64>,
    now: u64,
    random: &mut Random,
    seed: u64,
) {
    let start = random.below(history.last_sequence() + 2);
    let limits = PageLimits { events_max: 1 + random.below(5) as usize, bytes_max: 40 };
    let (mut after, mut seen, mut lost) = (start, Vec::new(), Vec::new());
    while after < history.last_sequence() {
        let page = history.page(after, u64::MAX, now, limits, all);
        assert!(page.last > after, "seed {seed}: a page moves on");
        lost.extend(page.lost.into_iter().flat_map(|(first, last)| first..=last));
        seen.extend(page.frames);
        after = page.last;
    }
    let is_live = |sequence: &u64| model.get(sequence).is_some_and(|expires| *expires > now);
    let (live, gone): (Vec<u64>, Vec<u64>) =
        (start + 1..=history.last_sequence()).partition(is_live);
    let frames: Vec<Bytes> = live.iter().map(|it| Bytes::from(format!("frame-{it}"))).collect();
    assert_eq!((seen, lost), (frames, gone), "seed {seed}");
}
