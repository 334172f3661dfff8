//! The checker refuses histories that break a promise: it can fail.

use std::collections::BTreeSet;

use crate::checker::{Violation, check};
use crate::history::{Attempt, Event, Heard, History, Promise, Story};

const ROOM: &str = "room";
const HALL: &str = "presence-hall";

/// A client that joined `room` after event 1 and has heard the rest of 1 to 4, but not its own 3.
fn story() -> Story {
    let attempt = Attempt { joined_at: Some(1), ..Attempt::default() };
    let succeeded = Heard::Succeeded { channel: ROOM.into(), members: None };
    Story {
        attempts: [(ROOM.to_owned(), vec![attempt])].into(),
        heard: vec![Heard::Established, succeeded, event(2), event(4)],
        promises: Vec::new(),
        watchlist: BTreeSet::new(),
        is_complete: true,
    }
}

fn event(id: u64) -> Heard {
    Heard::Event { channel: ROOM.into(), id }
}

fn ordinary(id: u64, skip: Option<usize>) -> Event {
    Event { id, skip, is_kept: false, taken_ms: 0 }
}

fn verdict(edit: impl FnOnce(&mut Story)) -> Result<(), Violation> {
    let order = [1, 2, 3, 4].map(|id| ordinary(id, (id == 3).then_some(0)));
    let mut story = story();
    edit(&mut story);
    let channels = [(ROOM.to_owned(), order.to_vec())].into();
    check(&History { channels, clients: vec![story], ..History::default() }).map(|_| ())
}

fn wrong(expected: Option<u64>, heard: u64) -> Result<(), Violation> {
    Err(Violation::Event { client: 0, channel: ROOM.into(), expected, heard })
}

#[test]
fn a_right_history_passes() {
    assert_eq!(verdict(|_| {}), Ok(()));
}

#[test]
fn a_gap_at_the_start_in_the_middle_and_at_the_end_is_found() {
    assert_eq!(verdict(|story| drop(story.heard.remove(2))), wrong(Some(2), 4));
    let missing = |expected| Err(Violation::Missing { client: 0, channel: ROOM.into(), expected });
    assert_eq!(verdict(|story| drop(story.heard.pop())), missing(4));
    assert_eq!(verdict(|story| story.heard.truncate(2)), missing(2));
}

#[test]
fn a_duplicate_is_found() {
    assert_eq!(verdict(|story| story.heard.insert(2, event(2))), wrong(Some(4), 2));
    assert_eq!(verdict(|story| story.heard.push(event(4))), wrong(None, 4));
}

#[test]
fn a_swap_is_found() {
    assert_eq!(verdict(|story| story.heard.swap(2, 3)), wrong(Some(2), 4));
}

#[test]
fn an_event_from_before_the_join_and_ones_own_are_found() {
    assert_eq!(verdict(|story| story.heard.insert(2, event(1))), wrong(Some(2), 1));
    assert_eq!(verdict(|story| story.heard.insert(3, event(3))), wrong(Some(4), 3));
}

#[test]
fn an_event_before_succeeded_and_one_after_the_unsubscribe_are_found() {
    let not_subscribed = Err(Violation::NotSubscribed { client: 0, channel: ROOM.into() });
    assert_eq!(verdict(|story| story.heard.swap(1, 2)), not_subscribed);
    let over = |story: &mut Story| {
        story.attempts.get_mut(ROOM).unwrap()[0].over_at_pong = Some(1);
        story.heard.insert(3, Heard::Pong);
    };
    assert_eq!(verdict(over), not_subscribed);
}

#[test]
fn a_subscription_that_never_begins_or_begins_twice_is_found() {
    let channel = || ROOM.to_owned();
    let never = Err(Violation::NeverBegun { client: 0, channel: channel() });
    assert_eq!(verdict(|story| story.heard.truncate(1)), never);
    let twice = Err(Violation::Succeeded { client: 0, channel: channel() });
    assert_eq!(verdict(|story| story.heard.push(story.heard[1].clone())), twice);
}

#[test]
fn an_answer_before_the_event_is_queued_is_found() {
    let early = |story: &mut Story| {
        story.promises.push(Promise { pong: 1, id: 4 });
        story.heard.insert(3, Heard::Pong);
    };
    assert_eq!(verdict(early), Err(Violation::Answered { client: 0, id: 4 }));
}

#[test]
fn words_before_the_greeting_and_after_the_close_are_found() {
    assert_eq!(
        verdict(|story| drop(story.heard.remove(0))),
        Err(Violation::Greeting { client: 0 })
    );
    let after = Err(Violation::AfterClose { client: 0, heard: event(4) });
    assert_eq!(verdict(|story| story.heard.insert(3, Heard::Close { code: None })), after);
}

#[test]
fn a_member_who_comes_twice_or_leaves_unseen_is_found() {
    let hall = |heard: Heard| {
        let user = Some("ann".into());
        let attempt = Attempt { joined_at: Some(0), user, ..Attempt::default() };
        let members = Some(BTreeSet::from(["ann".to_owned(), "bob".to_owned()]));
        let story = Story {
            attempts: [(HALL.to_owned(), vec![attempt])].into(),
            heard: vec![
                Heard::Established,
                Heard::Succeeded { channel: HALL.into(), members },
                heard,
            ],
            ..Story::default()
        };
        check(&History { clients: vec![story], ..History::default() })
    };
    let member =
        |user: &str| Violation::Member { client: 0, channel: HALL.into(), user: user.into() };
    let (channel, user) = (|| HALL.to_owned(), |name: &str| name.to_owned());
    let added = |name| Heard::Added { channel: channel(), user: user(name) };
    let removed = |name| Heard::Removed { channel: channel(), user: user(name) };
    assert_eq!(hall(added("bob")).err(), Some(member("bob")));
    assert_eq!(hall(removed("eve")).err(), Some(member("eve")));
    assert_eq!(hall(removed("ann")).err(), Some(member("ann")));
    let left = hall(removed("bob")).unwrap();
    assert_eq!(left[0].rosters[HALL], BTreeSet::from(["ann".to_owned()]));
}

/// What a client that joined a cache channel after events 1 to 3, of which the third is a client's,
/// may hear next.
#[test]
fn a_cached_event_that_is_not_the_last_one_is_found() {
    const NEWS: &str = "cache-news";
    let news = |joined_ms: u64, is_cache_small: bool, heard: &[Heard]| {
        let order = [1, 2, 3, 4].map(|id| Event { is_kept: id != 3, ..ordinary(id, None) });
        let attempt = Attempt { joined_at: Some(3), joined_ms, ..Attempt::default() };
        let succeeded = Heard::Succeeded { channel: NEWS.into(), members: None };
        let story = Story {
            attempts: [(NEWS.to_owned(), vec![attempt])].into(),
            heard: [&[Heard::Established, succeeded], heard].concat(),
            is_complete: true,
            ..Story::default()
        };
        let channels = [(NEWS.to_owned(), order.to_vec())].into();
        let clients = vec![story];
        check(&History { channels, clients, cache_ttl_ms: 1_000, is_cache_small }).map(|_| ())
    };
    let event = |id| Heard::Event { channel: NEWS.into(), id };
    let missed = || Heard::Missed { channel: NEWS.into() };
    let cached = |expected, heard| {
        Err(Violation::Cached { client: 0, channel: NEWS.into(), expected, heard })
    };
    assert_eq!(news(999, false, &[event(2), event(4)]), Ok(()));
    assert_eq!(news(1_000, false, &[missed(), event(4)]), Ok(()));
    assert_eq!(news(0, true, &[missed(), event(4)]), Ok(()));
    assert_eq!(news(1_000, true, &[event(2), event(4)]), cached(None, event(2)));
    assert_eq!(news(999, false, &[missed(), event(4)]), cached(Some(2), missed()));
    for id in [1, 3, 4] {
        assert_eq!(news(999, false, &[event(id), event(4)]), cached(Some(2), event(id)));
    }
    assert_eq!(news(999, false, &[Heard::Pong, event(2)]), cached(Some(2), Heard::Pong));
    let channel = || NEWS.to_owned();
    let missing = Err(Violation::Missing { client: 0, channel: channel(), expected: 4 });
    assert_eq!(news(999, false, &[event(2)]), missing);
    let never = Err(Violation::NeverBegun { client: 0, channel: channel() });
    assert_eq!(news(999, false, &[]), never);
    let twice = news(999, false, &[event(2), missed(), event(4)]);
    assert_eq!(twice, Err(Violation::NotSubscribed { client: 0, channel: channel() }));
}
