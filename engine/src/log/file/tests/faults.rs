//! What becomes of a commit that fails, and of the next one.

use std::cell::Cell;
use std::io;

use super::*;

thread_local! {
    /// Syncs of this thread that will succeed, and then those that will fail.
    static SYNCS: Cell<(u32, u32)> = const { Cell::new((0, 0)) };
}

/// A disk that fails when it is told to.
fn sync_data(file: &File) -> io::Result<()> {
    match SYNCS.get() {
        (0, 0) => file.sync_data(),
        (0, failing) => {
            SYNCS.set((0, failing - 1));
            Err(io::Error::other("the disk has failed"))
        }
        (good, failing) => {
            SYNCS.set((good - 1, failing));
            file.sync_data()
        }
    }
}

fn start_failing(place: &Place) -> FileStore {
    let (mut store, _) = place.start();
    store.sync_data = sync_data;
    store
}

#[test]
fn a_group_that_was_not_synced_does_not_count_and_the_next_one_does() {
    let place = Place::new();
    let mut store = start_failing(&place);
    store.commit(&[event("a", 1)]).unwrap();
    SYNCS.set((0, 1));
    let error = store.commit(&[event("a", 2), event("a", 3)]).unwrap_err();
    assert!(matches!(error, StoreError::Io { doing: "cannot sync", .. }), "{error}");
    store.commit(&[other_event("a", 2)]).unwrap();
    assert_eq!(place.segments().len(), 2, "the one that failed is written no more");
    drop(store);
    let (_, recovered) = place.start();
    let ids: Vec<_> = log(&recovered, "a").events.iter().map(|event| &*event.id).collect();
    assert_eq!(ids, ["id-1", "other"]);
}

/// The event as number `sequence`, but another one.
fn other_event(channel: &str, sequence: u64) -> Record {
    let event = StoredEvent { id: "other".into(), ..stored_event(sequence) };
    record(channel, Change::Event(event))
}

/// Put a whole group behind the end of the segment at `path`, as if cutting it off had failed.
fn undo_cut(path: &std::path::Path, sequence: u64) {
    let mut bytes = fs::read(path).unwrap();
    let header = Header::decode(&bytes).unwrap();
    let end = bytes.len() as u64;
    encode_mark(header.salt, end, &mut bytes);
    let change = Change::Event(stored_event(sequence));
    encode(header.salt, ("app", "a", 0), &change, &mut bytes);
    fs::write(path, bytes).unwrap();
}

/// The next segment says where the one that failed ends, and is kept as long as that is needed.
#[test]
fn what_failed_does_not_come_back_even_if_it_could_not_be_cut() {
    let place = Place::new();
    let mut store = start_failing(&place);
    store.commit(&[event("a", 1)]).unwrap();
    SYNCS.set((0, 1));
    store.commit(&[event("a", 2)]).unwrap_err();
    store.commit(&[other_event("a", 2)]).unwrap();
    undo_cut(&place.segments()[0], 2);
    drop(store);
    let (mut store, recovered) = place.start();
    let a = log(&recovered, "a");
    assert_eq!((sequences(a), &*a.events[1].id, recovered.records), (vec![1, 2], "other", 2));
    // All that the second segment holds is let go, and the third is begun.
    store.options.segment_bytes = 1;
    let head = |first_sequence| Change::Head { first_sequence, last_sequence: 2 };
    store.commit(&[record("a", head(1))]).unwrap();
    store.commit(&[event("pin", 1)]).unwrap();
    store.commit(&[record("a", Change::Forgotten)]).unwrap();
    store.commit(&[event("a", 1), event("a", 2)]).unwrap();
    for _ in 0..9 {
        store.retain(NOW).unwrap();
    }
    drop(store);
    let (_, recovered) = place.start();
    assert_eq!(&*log(&recovered, "a").events[1].id, "id-2");
}

#[test]
fn a_segment_is_cut_before_the_one_goes_that_says_where_it_ends() {
    let place = Place::new();
    let mut store = start_failing(&place);
    store.commit(&[event("pin", 1)]).unwrap();
    SYNCS.set((0, 1));
    store.commit(&[event("a", 1)]).unwrap_err();
    store.options.segment_bytes = 1;
    store.commit(&[other_event("a", 1)]).unwrap();
    let first = place.segments()[0].clone();
    let whole = fs::metadata(&first).unwrap().len();
    undo_cut(&first, 1);
    store.commit(&[trimming_event("a", 2, 2)]).unwrap();
    store.retain(NOW).unwrap();
    assert_eq!(place.segments().len(), 2, "the second has gone");
    assert_eq!(fs::metadata(&first).unwrap().len(), whole);
    drop(store);
    let (_, recovered) = place.start();
    assert_eq!((recovered.records, sequences(log(&recovered, "a"))), (2, vec![2]));
}

#[test]
fn as_long_as_the_disk_fails_nothing_piles_up() {
    let place = Place::new();
    let mut store = start_failing(&place);
    store.commit(&[event("a", 1)]).unwrap();
    for good in [0, 1, 0, 1, 1, 0] {
        SYNCS.set((good, 1));
        store.commit(&[event("a", 2)]).unwrap_err();
        assert_eq!((SYNCS.get(), place.segments().len()), ((0, 0), 1));
    }
    store.commit(&[other_event("a", 2)]).unwrap();
    drop(store);
    let (_, recovered) = place.start();
    assert_eq!(&*log(&recovered, "a").events[1].id, "other");
}

#[test]
fn a_start_fails_if_what_it_has_read_cannot_be_made_durable() {
    let place = Place::new();
    let mut store = start_failing(&place);
    store.commit(&[event("a", 1)]).unwrap();
    drop(store);
    let mut store = place.open();
    store.sync_data = sync_data;
    SYNCS.set((0, 1));
    assert!(matches!(store.recover(NOW), Err(StoreError::Io { doing: "cannot sync", .. })));
}
