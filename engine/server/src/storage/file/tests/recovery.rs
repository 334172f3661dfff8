//! What a process finds that starts after another has ended.

use std::os::unix::fs::FileExt;

use super::*;

#[test]
fn an_empty_directory_holds_nothing() {
    let place = Place::new();
    let (store, recovered) = place.start();
    assert_eq!((recovered, store.size()), (Recovered::default(), StoreSize::default()));
    drop(store);
    assert_eq!(place.start().1, Recovered::default());
}

#[test]
fn one_process_at_a_time_has_a_directory() {
    let place = Place::new();
    let first = place.open();
    let error = FileStore::open(place.options()).unwrap_err();
    assert!(matches!(&error, StoreError::Locked { path } if *path == place.0), "{error}");
    assert!(error.to_string().ends_with("is in use by another process"), "{error}");
    drop(first);
    place.open();
}

#[test]
fn everything_that_was_stored_comes_back() {
    let place = Place::new();
    let (mut store, _) = place.start();
    let snapshot = StoredSnapshot { last_sequence: 2, created_unix_ms: 3, state: "[]".into() };
    let letter = |id: &str, entry: &'static str| StoredDeadLetter {
        id: id.into(),
        entry: Bytes::from_static(entry.as_bytes()),
    };
    store.commit(&[event("a", 1), event("b", 1), event("a", 2)]).unwrap();
    store
        .commit(&[
            event("a", 3),
            cursor("a", "ann", 1),
            cursor("a", "bob", 2),
            cursor("a", "ann", 3),
            record("a", Change::CursorForgotten { subscriber_id: "bob".into() }),
            record("a", Change::Snapshot(snapshot.clone())),
            record("a", Change::DeadLetter(letter("x", "1"))),
            record("a", Change::DeadLetter(letter("y", "2"))),
            record("a", Change::DeadLetter(letter("z", "3"))),
            record("a", Change::DeadLetterGone { id: "y".into() }),
        ])
        .unwrap();
    drop(store);
    let (store, recovered) = place.start();
    assert_eq!((recovered.records, recovered.cut_bytes, recovered.segments), (13, 0, 1));
    assert_eq!(recovered.bytes, store.size().bytes);
    assert_eq!(recovered.logs.len(), 2);
    let a = StoredLog {
        app_id: "app".into(),
        channel: "a".into(),
        first_sequence: 1,
        last_sequence: 3,
        events: (1..=3).map(stored_event).collect(),
        cursors: vec![stored_cursor("ann", 3)],
        snapshot: Some(snapshot),
        dead_letters: vec![letter("x", "1"), letter("z", "3")],
    };
    assert_eq!(recovered.logs[0], a);
    assert_eq!(sequences(log(&recovered, "b")), [1]);
}

#[test]
fn a_log_goes_on_where_it_was_over_many_starts() {
    let place = Place::new();
    for sequence in 1..=5 {
        let (mut store, recovered) = place.start();
        let before = recovered.logs.first().map_or(vec![], sequences);
        assert_eq!(before, (1..sequence).collect::<Vec<_>>());
        store.commit(&[event("a", sequence)]).unwrap();
    }
    assert_eq!(place.segments().len(), 1, "a start alone begins no segment");
}

#[test]
fn logs_of_the_same_channel_in_two_apps_are_two() {
    let place = Place::new();
    let (mut store, _) = place.start();
    let other = Record { app_id: "other".into(), ..event("a", 1) };
    store.commit(&[event("a", 1), other, event("a", 2)]).unwrap();
    drop(store);
    let (_, recovered) = place.start();
    let found: Vec<_> =
        recovered.logs.iter().map(|log| (&*log.app_id, log.last_sequence)).collect();
    assert_eq!(found, [("app", 2), ("other", 1)]);
}

#[test]
fn what_was_let_go_or_has_expired_stays_gone_and_keeps_its_number() {
    let place = Place::new();
    let (mut store, _) = place.start();
    let expiring = |sequence, expires_unix_ms| {
        let event = StoredEvent { expires_unix_ms, ..stored_event(sequence) };
        record("b", Change::Event(event))
    };
    store.commit(&[event("a", 1), event("a", 2), trimming_event("a", 3, 2)]).unwrap();
    store.commit(&[expiring(1, NOW), expiring(2, NOW + 1), expiring(3, NOW)]).unwrap();
    let head = Change::Head { first_sequence: 8, last_sequence: 7 };
    store.commit(&[record("c", head)]).unwrap();
    drop(store);
    let (_, recovered) = place.start();
    let a = log(&recovered, "a");
    assert_eq!((a.first_sequence, a.last_sequence, sequences(a)), (2, 3, vec![2, 3]));
    let b = log(&recovered, "b");
    assert_eq!((b.last_sequence, sequences(b)), (3, vec![2]));
    let c = log(&recovered, "c");
    assert_eq!((c.first_sequence, c.last_sequence, sequences(c)), (8, 7, vec![]));
}

#[test]
fn a_log_that_was_forgotten_begins_again() {
    let place = Place::new();
    let (mut store, _) = place.start();
    let forgotten = || record("a", Change::Forgotten);
    store.commit(&[event("a", 1), event("a", 2), cursor("a", "ann", 2), forgotten()]).unwrap();
    drop(store);
    let (mut store, recovered) = place.start();
    assert_eq!(recovered.logs, []);
    store.commit(&[event("a", 1), forgotten(), event("a", 1), event("a", 2)]).unwrap();
    store.commit(&[event("a", 3)]).unwrap();
    drop(store);
    let (_, recovered) = place.start();
    let a = log(&recovered, "a");
    assert_eq!((sequences(a), a.cursors.len()), (vec![1, 2, 3], 0));
}

#[test]
fn a_segment_that_is_full_is_followed_by_another() {
    let place = Place::new();
    let mut store = place.start_small(200);
    for sequence in 1..=10 {
        store.commit(&[event("a", sequence)]).unwrap();
    }
    let segments = place.segments();
    assert!(segments.len() > 3, "{segments:?}");
    let sizes = segments.iter().map(|path| fs::metadata(path).unwrap().len());
    assert!(sizes.clone().rev().skip(1).all(|bytes| (200..400).contains(&bytes)));
    assert_eq!(store.size(), StoreSize { segments: segments.len() as u64, bytes: sizes.sum() });
    drop(store);
    let (_, recovered) = place.start();
    assert_eq!(sequences(log(&recovered, "a")), (1..=10).collect::<Vec<_>>());
}

/// The newest segment is cut at every byte, as a crash may: each whole record in front of that is
/// there, and the log goes on from it.
#[test]
fn a_torn_end_is_cut_wherever_it_is_torn() {
    let place = Place::new();
    let (mut store, _) = place.start();
    store.commit(&[event("a", 1)]).unwrap();
    let durable = store.size().bytes;
    store.commit(&[event("a", 2), event("a", 3)]).unwrap();
    drop(store);
    let path = &place.segments()[0];
    let whole = fs::read(path).unwrap();
    for cut in durable..=whole.len() as u64 {
        fs::write(path, &whole[..cut as usize]).unwrap();
        let (mut store, recovered) = place.start();
        assert_eq!(recovered.bytes + recovered.cut_bytes, cut, "cut at {cut}");
        let last = log(&recovered, "a").last_sequence;
        assert_eq!(sequences(log(&recovered, "a")), (1..=last).collect::<Vec<_>>());
        store.commit(&[event("a", last + 1)]).unwrap();
        drop(store);
        let (_, recovered) = place.start();
        assert_eq!((log(&recovered, "a").last_sequence, recovered.cut_bytes), (last + 1, 0));
    }
}

/// A letter that comes and one that goes are each there whole or not at all, in their order.
#[test]
fn dead_letters_in_a_torn_end_come_and_go_in_their_order() {
    let place = Place::new();
    let (mut store, _) = place.start();
    let letter = |id: &str| {
        let entry = Bytes::from(format!("{{\"id\":\"{id}\"}}"));
        record("a", Change::DeadLetter(StoredDeadLetter { id: id.into(), entry }))
    };
    let gone = |id: &str| record("a", Change::DeadLetterGone { id: id.into() });
    store.commit(&[event("a", 1), letter("w")]).unwrap();
    let durable = store.size().bytes;
    store.commit(&[letter("x"), gone("w"), letter("y"), gone("x")]).unwrap();
    drop(store);
    let path = &place.segments()[0];
    let whole = fs::read(path).unwrap();
    let states = [&["w"][..], &["w", "x"], &["x"], &["x", "y"], &["y"]];
    let mut seen = Vec::new();
    for cut in durable..=whole.len() as u64 {
        fs::write(path, &whole[..cut as usize]).unwrap();
        let (store, recovered) = place.start();
        let letters = &log(&recovered, "a").dead_letters;
        let ids: Vec<&str> = letters.iter().map(|it| &*it.id).collect();
        let state = states.iter().position(|it| *it == ids);
        seen.push(state.unwrap_or_else(|| panic!("{ids:?}, cut at {cut}")));
        drop(store);
    }
    assert!(seen.is_sorted(), "{seen:?}");
    seen.dedup();
    assert_eq!(seen, [0, 1, 2, 3, 4]);
}

#[test]
fn a_segment_that_was_torn_while_it_was_made_is_none() {
    let place = Place::new();
    let mut store = place.start_small(1);
    store.commit(&[event("a", 1)]).unwrap();
    drop(store);
    let next = place.0.join("00000000000000000002.log");
    for bytes in [0, 1, format::HEADER_BYTES] {
        fs::write(&next, vec![0; bytes]).unwrap();
        let (mut store, recovered) = place.start();
        assert_eq!((recovered.cut_bytes, sequences(log(&recovered, "a"))), (bytes as u64, vec![1]));
        assert!(!next.exists());
        store.commit(&[]).unwrap();
    }
}

/// What was once durable and cannot be read is no torn end.
#[test]
fn damage_is_named_and_ends_the_start_unless_it_is_to_be_skipped() {
    let place = Place::new();
    let mut store = place.start_small(200);
    for sequence in 1..=9 {
        store.commit(&[event("a", sequence)]).unwrap();
    }
    drop(store);
    let segments = place.segments();
    for path in &segments {
        let whole = fs::read(path).unwrap();
        let at = format::HEADER_BYTES + format::MARK_BYTES + 20;
        let file = fs::OpenOptions::new().write(true).open(path).unwrap();
        file.write_all_at(&[whole[at] ^ 1], at as u64).unwrap();
        let is_last_group = path == segments.last().unwrap() && whole.len() < 200;
        let mut store = place.open();
        match store.recover(NOW) {
            Err(StoreError::Damaged { path: named, offset, .. }) => {
                assert_eq!((&named, offset), (path, (at - 20) as u64));
            }
            other => assert!(is_last_group, "{}: {other:?}", path.display()),
        }
        drop(store);
        if !is_last_group {
            let skipping = FileOptions { is_skipping: true, ..place.options() };
            let recovered = open(&skipping).recover(NOW).unwrap();
            let left = sequences(log(&recovered, "a"));
            assert_eq!((left.len(), recovered.skipped_bytes > 20), (8, true), "{left:?}");
        }
        fs::write(path, whole).unwrap();
    }
}

#[test]
fn a_segment_of_another_version_is_left_alone() {
    let place = Place::new();
    let (mut store, _) = place.start();
    store.commit(&[event("a", 1)]).unwrap();
    drop(store);
    let path = &place.segments()[0];
    let mut bytes = fs::read(path).unwrap();
    bytes[8] = 9;
    let covered = format::HEADER_BYTES - 4;
    let checksum = crc32fast::hash(&bytes[..covered]);
    bytes[covered..covered + 4].copy_from_slice(&checksum.to_le_bytes());
    fs::write(path, &bytes).unwrap();
    let error = place.open().recover(NOW).unwrap_err();
    assert!(matches!(error, StoreError::Version { version: 9, .. }), "{error}");
    assert_eq!(fs::read(path).unwrap(), bytes);
}
