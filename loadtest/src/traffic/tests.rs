//! A load without sockets: frames in by hand, publishes counted in their rooms.

use uringcast_proto::ws::encode;

use super::*;
use crate::payload::Stamp;
use crate::publish::websocket;

const FOREVER: u64 = 1_000_000;

/// Two rooms with one subscriber each, and one publisher, with no end to the events.
fn traffic() -> Traffic {
    traffic_of(FOREVER)
}

/// Two rooms with one subscriber each, and one publisher, with so many events in each room.
fn traffic_of(events_per_room: u64) -> Traffic {
    let room =
        |index: u32| Room::new(index, format!("private-load-{index}"), "client-load", 1, 267);
    let rooms = vec![room(0), room(1)];
    let subscriber = |room| Subscriber {
        room,
        cursor: Cursor::default(),
        inbox: FrameCursor::new(),
        outbox: Outbox::default(),
        acks: None,
    };
    let publisher = websocket::Publisher::new(FrameCursor::new(), &rooms, 0, 1);
    let publishers = vec![Publisher::Websocket(publisher)];
    let mut traffic = Traffic::new(rooms, vec![subscriber(0), subscriber(1)], publishers);
    traffic.begin(events_per_room);
    traffic
}

/// The frame with which the server delivers an event.
fn frame(traffic: &Traffic, room: u32, sequence: u64) -> Vec<u8> {
    let Room { channel, text_bytes, .. } = &traffic.rooms[room as usize];
    let mut text = Vec::new();
    traffic.template.write(&mut text, Stamp { sequence, room, due_ns: 0 }, *text_bytes);
    let text = String::from_utf8(text).unwrap();
    let message = format!(r#"{{"event":"client-load","channel":"{channel}","data":"{text}"}}"#);
    encode::text(message.as_bytes()).to_vec()
}

fn deliver(traffic: &mut Traffic, room: u32, sequences: &[u64]) -> Tally {
    for sequence in sequences {
        let frame = frame(traffic, room, *sequence);
        traffic.on_event(Link::numbered(room), Event::Received(&frame)).unwrap();
    }
    traffic.tally
}

fn published(traffic: &mut Traffic, window: u64, burst: u64) -> [u64; 2] {
    assert_eq!(traffic.publish(Pace::Window { window, burst }), None);
    [traffic.rooms[0].published, traffic.rooms[1].published]
}

#[test]
fn a_window_is_filled_and_refilled_per_room() {
    let mut traffic = traffic();
    assert_eq!(published(&mut traffic, 4, 1), [4, 4]);
    assert_eq!(published(&mut traffic, 4, 1), [4, 4]);
    deliver(&mut traffic, 0, &[0, 1]);
    assert_eq!(published(&mut traffic, 4, 1), [6, 4]);
}

#[test]
fn a_refill_waits_for_a_whole_burst() {
    let mut traffic = traffic();
    assert_eq!(published(&mut traffic, 4, 2), [4, 4]);
    deliver(&mut traffic, 0, &[0]);
    assert_eq!(published(&mut traffic, 4, 2), [4, 4]);
    deliver(&mut traffic, 0, &[1]);
    assert_eq!(published(&mut traffic, 4, 2), [6, 4]);
}

#[test]
fn the_last_events_are_published_even_if_they_are_less_than_a_burst() {
    let mut traffic = traffic_of(5);
    let pace = Pace::Window { window: 4, burst: 4 };
    traffic.publish(pace);
    deliver(&mut traffic, 0, &[0, 1, 2]);
    traffic.publish(pace);
    assert_eq!(traffic.rooms[0].published, 5);
    assert_eq!(traffic.rooms[1].published, 4);
}

#[test]
fn an_open_loop_publishes_what_is_due_and_says_when_the_next_is() {
    let mut traffic = traffic();
    let next_ns = traffic.publish(Pace::Interval { interval_ns: 3_600_000_000_000 });
    assert!(next_ns.unwrap() <= 3_600_000_000_000);
    assert_eq!([traffic.rooms[0].published, traffic.rooms[1].published], [1, 0]);
    assert_eq!(traffic.late, 0);
    let mut traffic = traffic_of(2);
    assert_eq!(traffic.publish(Pace::Interval { interval_ns: 0 }), None);
    assert_eq!([traffic.rooms[0].published, traffic.rooms[1].published], [2, 2]);
    assert_eq!(traffic.late, 4);
}

#[test]
fn a_warm_up_is_not_counted_and_the_sequence_goes_on() {
    let mut traffic = traffic_of(2);
    assert_eq!(published(&mut traffic, 4, 1), [2, 2]);
    deliver(&mut traffic, 0, &[0, 1]);
    deliver(&mut traffic, 1, &[0, 1]);
    traffic.begin(1);
    assert_eq!((traffic.tally, traffic.latency.len()), (Tally::default(), 0));
    assert_eq!(published(&mut traffic, 4, 1), [3, 3]);
    let counted = deliver(&mut traffic, 0, &[2]);
    assert_eq!(counted, Tally { delivered: 1, ..Tally::default() });
}

#[test]
fn a_gap_a_duplicate_and_a_damaged_event_are_each_counted() {
    let mut traffic = traffic();
    published(&mut traffic, 8, 1);
    let clean = deliver(&mut traffic, 0, &[0, 1]);
    assert_eq!(clean, Tally { delivered: 2, ..Tally::default() });
    let gap = deliver(&mut traffic, 0, &[4]);
    assert_eq!(gap, Tally { delivered: 3, gaps: 2, ..Tally::default() });
    let duplicate = deliver(&mut traffic, 0, &[3, 4]);
    assert_eq!(duplicate, Tally { duplicates: 2, ..gap });
    let mut damaged = frame(&traffic, 0, 5);
    damaged[200] ^= 1;
    traffic.on_event(Link::numbered(0), Event::Received(&damaged)).unwrap();
    assert_eq!(traffic.tally, Tally { damaged: 1, ..duplicate });
    assert_eq!(traffic.damage, Some(Damaged("filler")));
    assert_eq!(traffic.latency.len(), 3);
}

#[test]
fn an_event_of_another_room_is_damaged() {
    let mut traffic = traffic();
    published(&mut traffic, 8, 1);
    let stray = frame(&traffic, 1, 0);
    traffic.on_event(Link::numbered(0), Event::Received(&stray)).unwrap();
    assert_eq!(traffic.tally, Tally { damaged: 1, ..Tally::default() });
}

#[test]
fn a_ping_is_answered_and_a_closed_connection_ends_the_load() {
    let mut traffic = traffic();
    let ping = encode::text(br#"{"event":"pusher:ping","data":{}}"#);
    traffic.on_event(Link::numbered(1), Event::Received(&ping)).unwrap();
    assert_eq!(traffic.replying, [Link::numbered(1)]);
    assert!(traffic.on_event(Link::numbered(1), Event::Closed).is_err());
}
