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

/// A file system of so many bytes in the place's directory, if this process may make one.
struct SmallDisk<'a>(&'a Place);

impl<'a> SmallDisk<'a> {
    fn mount(place: &'a Place, size: &str) -> Option<Self> {
        fs::create_dir_all(&place.0).unwrap();
        let size = format!("size={size}");
        let mut mount = std::process::Command::new("mount");
        let status = mount.args(["-t", "tmpfs", "-o", &size, "tmpfs"]).arg(&place.0).status();
        status.is_ok_and(|status| status.success()).then_some(Self(place))
    }
}

impl Drop for SmallDisk<'_> {
    fn drop(&mut self) {
        let _ = std::process::Command::new("umount").arg(&self.0.0).status();
    }
}

#[test]
fn a_full_disk_fails_commits_until_there_is_room_again() {
    let place = Place::new();
    let Some(_disk) = SmallDisk::mount(&place, "512k") else {
        return eprintln!("skipped: this process may not mount a file system");
    };
    let rest = place.0.join("rest");
    fs::write(&rest, vec![0; 256 * 1024]).unwrap();
    let mut store = place.start_small(64 * 1024);
    let mut last = 0;
    let error = loop {
        let group: Vec<Record> = (last + 1..=last + 100).map(|it| event("a", it)).collect();
        match store.commit(&group) {
            Ok(()) => last += 100,
            Err(error) => break error,
        }
    };
    assert!(error.to_string().contains("No space left"), "{error}");
    for _ in 0..5 {
        let group: Vec<Record> = (last + 1..=last + 1_000).map(|it| event("a", it)).collect();
        store.commit(&group).unwrap_err();
    }
    store.retain(NOW).unwrap();
    drop(store);
    let (mut store, recovered) = place.start();
    assert_eq!(log(&recovered, "a").last_sequence, last, "what failed was cut off");
    fs::remove_file(rest).unwrap();
    store.commit(&[event("a", last + 1)]).unwrap();
    drop(store);
    let (store, recovered) = place.start();
    assert_eq!(sequences(log(&recovered, "a")), (1..=last + 1).collect::<Vec<_>>());
    drop(store);
}
