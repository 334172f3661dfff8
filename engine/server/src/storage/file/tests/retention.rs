//! What gives its room back, and what must not.

use super::*;

/// As many events of `channel` from `first` on that each fill a segment.
fn fill(store: &mut FileStore, channel: &str, sequences: std::ops::RangeInclusive<u64>) {
    for sequence in sequences {
        store.commit(&[event(channel, sequence)]).unwrap();
    }
}

/// Retain until nothing more changes.
fn settle(store: &mut FileStore, now_unix_ms: u64) {
    for _ in 0..100 {
        let before = store.size();
        store.retain(now_unix_ms).unwrap();
        if store.size() == before {
            return;
        }
    }
    panic!("it never comes to rest");
}

#[test]
fn a_segment_goes_when_all_in_it_was_let_go() {
    let place = Place::new();
    let mut store = place.start_small(1);
    fill(&mut store, "a", 1..=5);
    settle(&mut store, NOW);
    assert_eq!(place.segments().len(), 5, "all is needed");
    store.commit(&[trimming_event("a", 6, 4)]).unwrap();
    settle(&mut store, NOW);
    assert_eq!(place.segments().len(), 3);
    drop(store);
    let (_, recovered) = place.start();
    assert_eq!(sequences(log(&recovered, "a")), [4, 5, 6]);
}

#[test]
fn a_segment_goes_when_all_in_it_has_expired() {
    let place = Place::new();
    let mut store = place.start_small(1);
    for sequence in 1..=4 {
        let event = StoredEvent { expires_unix_ms: NOW + sequence, ..stored_event(sequence) };
        store.commit(&[record("a", Change::Event(event))]).unwrap();
    }
    settle(&mut store, NOW);
    assert_eq!(place.segments().len(), 4);
    settle(&mut store, NOW + 1);
    assert_eq!(place.segments().len(), 3);
    settle(&mut store, NOW + 2);
    assert_eq!(place.segments().len(), 2);
    settle(&mut store, NOW + 9);
    assert_eq!(place.segments().len(), 1, "the one that is written to stays");
}

#[test]
fn cursors_snapshots_letters_and_last_sequences_outlive_their_segments() {
    let place = Place::new();
    let mut store = place.start_small(4_000);
    let snapshot = StoredSnapshot { last_sequence: 2, created_unix_ms: 3, state: "[]".into() };
    let letter = StoredDeadLetter { id: "x".into(), entry: "{}".into() };
    let kept = [
        event("idle", 1),
        record("idle", Change::Head { first_sequence: 2, last_sequence: 1 }),
        cursor("a", "ann", 1),
        cursor("a", "bob", 1),
        record("a", Change::Snapshot(snapshot.clone())),
        record("a", Change::DeadLetter(letter.clone())),
    ];
    store.commit(&kept).unwrap();
    store.commit(&[cursor("a", "bob", 2)]).unwrap();
    let first = place.segments()[0].clone();
    for sequence in 1..=200 {
        store.commit(&[trimming_event("a", sequence, sequence.saturating_sub(5).max(1))]).unwrap();
    }
    settle(&mut store, NOW);
    assert!(!first.exists() && place.segments().len() <= 3, "{:?}", place.segments());
    drop(store);
    let (_, recovered) = place.start();
    let a = log(&recovered, "a");
    assert_eq!(sequences(a), (195..=200).collect::<Vec<_>>());
    let mut cursors = a.cursors.clone();
    cursors.sort_by_key(|cursor| cursor.sequence);
    assert_eq!(cursors, [stored_cursor("ann", 1), stored_cursor("bob", 2)]);
    assert_eq!((&a.snapshot, &a.dead_letters), (&Some(snapshot), &vec![letter]));
    let idle = log(&recovered, "idle");
    assert_eq!((idle.first_sequence, idle.last_sequence, idle.events.len()), (2, 1, 0));
}

/// One event that stays for ever does not keep all that stands around it.
#[test]
fn what_little_is_needed_of_a_segment_is_copied() {
    let place = Place::new();
    let mut store = place.start_small(4_000);
    for sequence in 1..=400_u64 {
        let first_sequence = sequence.saturating_sub(1).max(1);
        store.commit(&[trimming_event("busy", sequence, first_sequence)]).unwrap();
        if sequence % 40 == 0 {
            store.commit(&[event("slow", sequence / 40)]).unwrap();
        }
    }
    assert!(place.segments().len() > 10);
    settle(&mut store, NOW);
    assert!(place.segments().len() <= 2, "{:?}", place.segments());
    drop(store);
    let (_, recovered) = place.start();
    assert_eq!(sequences(log(&recovered, "slow")), (1..=10).collect::<Vec<_>>());
    assert_eq!(sequences(log(&recovered, "busy")), [399, 400]);
}

/// An event of which six are copied as one group.
fn large_event(channel: &str, sequence: u64, first_sequence: u64) -> Record {
    let frame = Bytes::from(vec![b'x'; 50_000]);
    let event = StoredEvent { first_sequence, frame, ..stored_event(sequence) };
    record(channel, Change::Event(event))
}

/// A store and its oldest segment, of which sixteen large events and a cursor are needed, and twice
/// as much is not.
fn start_with_much_to_copy(place: &Place) -> (FileStore, PathBuf) {
    let mut store = place.start_small(2_500_000);
    for sequence in 1..=16 {
        store.commit(&[large_event("slow", sequence, 1), cursor("slow", "ann", sequence)]).unwrap();
        for sequence in [2 * sequence, 2 * sequence + 1] {
            store.commit(&[large_event("busy", sequence, sequence)]).unwrap();
        }
    }
    let head = Change::Head { first_sequence: 2, last_sequence: 16 };
    store.commit(&[record("slow", head)]).unwrap();
    assert_eq!(place.segments().len(), 1);
    store.commit(&[large_event("busy", 40, 40), event("other", 1)]).unwrap();
    while place.segments().len() == 1 {
        store.commit(&[large_event("busy", 41, 41)]).unwrap();
    }
    (store, place.segments()[0].clone())
}

fn check_copied(place: &Place) {
    let (_, recovered) = place.start();
    let slow = log(&recovered, "slow");
    assert_eq!((sequences(slow), slow.last_sequence), ((2..=16).collect(), 16));
    assert_eq!(slow.cursors, [stored_cursor("ann", 16)]);
}

/// What comes later in a segment is looked at when what stands before it has moved already.
#[test]
fn what_is_copied_in_several_groups_is_all_there() {
    let place = Place::new();
    let (mut store, oldest) = start_with_much_to_copy(&place);
    settle(&mut store, NOW);
    assert!(!oldest.exists(), "{:?}", place.segments());
    drop(store);
    check_copied(&place);
}

/// It would be copied again each time.
#[test]
fn nothing_is_copied_of_a_segment_whose_end_is_damaged() {
    let place = Place::new();
    let (mut store, oldest) = start_with_much_to_copy(&place);
    let mut bytes = fs::read(&oldest).unwrap();
    let last = bytes.len() - 1;
    bytes[last] ^= 1;
    fs::write(&oldest, bytes).unwrap();
    let before = store.size();
    let error = store.retain(NOW).unwrap_err();
    assert!(matches!(&error, StoreError::Damaged { path, .. } if *path == oldest), "{error}");
    assert_eq!((store.size(), oldest.exists()), (before, true));
    store.options.is_skipping = true;
    settle(&mut store, NOW);
    assert!(!oldest.exists());
    drop(store);
    check_copied(&place);
}

#[test]
fn what_is_gone_does_not_come_back_from_an_older_segment() {
    let place = Place::new();
    let mut store = place.start_small(1);
    let letter = StoredDeadLetter { id: "x".into(), entry: "{}".into() };
    // All in the oldest segment, which a log that needs it keeps.
    let mut oldest: Vec<Record> = (1..=20).map(|sequence| event("pin", sequence)).collect();
    oldest.push(event("a", 1));
    oldest.push(cursor("b", "ann", 1));
    oldest.push(record("b", Change::DeadLetter(letter)));
    oldest.extend([event("c", 1), event("c", 2)]);
    store.commit(&oldest).unwrap();
    store.commit(&[record("a", Change::Forgotten)]).unwrap();
    store.commit(&[record("b", Change::CursorForgotten { subscriber_id: "ann".into() })]).unwrap();
    store.commit(&[record("b", Change::DeadLetterGone { id: "x".into() })]).unwrap();
    store.commit(&[trimming_event("c", 3, 3)]).unwrap();
    store.commit(&[record("c", Change::Head { first_sequence: 4, last_sequence: 3 })]).unwrap();
    store.commit(&[event("d", 1)]).unwrap();
    for _ in 0..5 {
        store.retain(NOW).unwrap();
    }
    drop(store);
    let (mut store, recovered) = place.start();
    let names: Vec<_> = recovered.logs.iter().map(|log| &*log.channel).collect();
    assert_eq!(names, ["b", "c", "d", "pin"]);
    let b = log(&recovered, "b");
    assert_eq!((b.cursors.len(), b.dead_letters.len()), (0, 0));
    assert!(log(&recovered, "c").events.is_empty());
    // Once the oldest segment has gone, nothing need be said of them any more.
    store.commit(&[trimming_event("pin", 21, 21)]).unwrap();
    settle(&mut store, NOW);
    drop(store);
    let (_, recovered) = place.start();
    let names: Vec<_> = recovered.logs.iter().map(|log| &*log.channel).collect();
    assert_eq!(names, ["b", "c", "d", "pin"]);
    assert_eq!(log(&recovered, "c").last_sequence, 3);
}

/// Every log's events and cursors at random, with retention and starts in between, against a model.
#[test]
fn retention_never_takes_what_is_needed() {
    for seed in 0..10_u64 {
        let place = Place::new();
        let mut store = place.start_small(2_000);
        let mut model: BTreeMap<String, (u64, u64, BTreeMap<String, u64>)> = BTreeMap::new();
        let mut state = seed;
        let mut random = |below: u64| {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888);
            (state >> 33) % below
        };
        for step in 0..300 {
            let channel = format!("c{}", random(5));
            let log = model.entry(channel.clone()).or_insert_with(|| (1, 0, BTreeMap::new()));
            let change = match random(10) {
                0 => {
                    let subscriber = format!("s{}", random(3));
                    log.2.insert(subscriber.clone(), log.1);
                    cursor(&channel, &subscriber, log.1)
                }
                1 if random(4) == 0 => {
                    model.remove(&channel);
                    record(&channel, Change::Forgotten)
                }
                _ => {
                    log.1 += 1;
                    log.0 = log.0.max(log.1.saturating_sub(random(30)));
                    trimming_event(&channel, log.1, log.0)
                }
            };
            store.commit(&[change]).unwrap();
            match random(20) {
                0..4 => store.retain(NOW).unwrap(),
                4 => {
                    drop(store);
                    store = place.start_small(2_000);
                }
                _ => {}
            }
            if step % 30 == 0 {
                drop(store);
                let recovered;
                (store, recovered) = place.start();
                store.options.segment_bytes = 2_000;
                check(&recovered, &model, seed);
            }
        }
        settle(&mut store, NOW);
        drop(store);
        check(&place.start().1, &model, seed);
    }
}

fn check(
    recovered: &Recovered,
    model: &BTreeMap<String, (u64, u64, BTreeMap<String, u64>)>,
    seed: u64,
) {
    let names: Vec<_> = recovered.logs.iter().map(|log| log.channel.to_string()).collect();
    assert_eq!(names, model.keys().cloned().collect::<Vec<_>>(), "seed {seed}");
    for log in &recovered.logs {
        let (first, last, cursors) = &model[&*log.channel];
        assert_eq!(sequences(log), (*first..=*last).collect::<Vec<_>>(), "seed {seed}");
        let found: BTreeMap<String, u64> =
            log.cursors.iter().map(|it| (it.subscriber_id.to_string(), it.sequence)).collect();
        assert_eq!(found, *cursors, "seed {seed}");
    }
}

/// Twice what is needed, what was written since the last time, and the segment that is written.
///
/// Every group has something that stays for long beside much that does not: a cursor of yet another
/// subscriber, or an event of a channel that hardly anything is published to.
#[test]
fn under_endless_appends_the_files_take_about_twice_what_is_needed() {
    const SEGMENT_BYTES: u64 = 4_000;
    const KEPT: u64 = 20;
    /// More than the files of one segment's size that are written between two times.
    const GROUPS: u64 = 50;
    let place = Place::new();
    let mut store = place.start_small(SEGMENT_BYTES);
    let mut size_max = 0;
    for number in 1..=10_000_u64 {
        let (rare, subscriber) = (format!("rare-{}", number % 100), format!("s-{}", number % 100));
        let first = number.saturating_sub(KEPT - 1).max(1);
        let mut records = vec![trimming_event("busy", number, first)];
        if number % 7 == 0 {
            records.push(cursor("busy", &subscriber, number));
            let sequence = number / 700 + 1;
            records.push(trimming_event(&rare, sequence, sequence));
        }
        store.commit(&records).unwrap();
        if number % GROUPS == 0 {
            store.retain(NOW).unwrap();
            size_max = size_max.max(store.size().bytes);
        }
    }
    let needed: u64 = store.index.needed_bytes(NOW).values().sum();
    let group_bytes = 3 * 100;
    let bound = 2 * needed + GROUPS * group_bytes + 2 * SEGMENT_BYTES;
    assert!(size_max <= bound, "{size_max} bytes, {needed} of them needed, at most {bound}");
}
