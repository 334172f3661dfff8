//! Rooms of zero-pub-sub: events, their log, acks and presence.

use serde_json::{Value, json};
use uringcast_tests::{Options, Server, Zps};

fn start(cores: u8) -> Server {
    let keys = "[zps]\nallow_client_publish = true\nmax_messages_per_window = 0\n";
    Server::start(Options::new().cores(cores).config(keys))
}

fn publish_numbers(server: &Server, room: &str, numbers: std::ops::RangeInclusive<u64>) {
    let mut publisher = Zps::connect(server, "publisher");
    for number in numbers {
        publisher.publish(room, "t", &json!(number));
    }
    publisher.expect_quiet();
}

fn fast_forward(zps: &mut Zps, room: &str) -> u64 {
    let message = zps.message();
    assert_eq!((&message["type"], &message["room"]), (&json!("snapshot"), &json!(room)));
    assert_eq!(message["snapshot"]["state"], Value::Null, "{message}");
    message["snapshot"]["lastSequence"].as_u64().expect("a sequence")
}

#[test]
fn clients_may_not_publish_unless_the_operator_says_so() {
    let server = Server::start(Options::new());
    let mut zps = Zps::connect(&server, "s");
    zps.publish("bad", "t", &json!(1));
    zps.expect_error("Realtime client publish is disabled");
    zps.subscribe("chat:1");
    let event = json!({"room": "chat:1", "type": "typing", "payload": 1});
    zps.send(&json!({"type": "publish_ephemeral", "event": event}));
    assert_eq!(zps.message()["data"]["type"], "typing");
}

#[test]
fn events_are_numbered_from_one_and_come_in_order() {
    for cores in [1, 2] {
        let server = start(cores);
        let mut readers: Vec<Zps> =
            (0..4).map(|number| Zps::connect(&server, &format!("r{number}"))).collect();
        for reader in &mut readers {
            reader.subscribe("chat:1");
        }
        publish_numbers(&server, "chat:1", 1..=200);
        for reader in &mut readers {
            for sequence in 1..=200 {
                let event = reader.expect_event("chat:1", sequence);
                assert_eq!(event["payload"], json!(sequence));
            }
        }
    }
}

#[test]
fn a_client_cannot_choose_a_sequence() {
    let server = start(1);
    let mut zps = Zps::connect(&server, "s");
    zps.subscribe("chat:1");
    let event = json!({"room": "chat:1", "type": "t", "payload": 1, "sequence": 77});
    zps.send(&json!({"type": "publish", "event": event}));
    zps.expect_event("chat:1", 1);
}

#[test]
fn nobody_publishes_to_a_wildcard_and_its_subscribers_hear_all_rooms() {
    let server = start(2);
    let mut zps = Zps::connect(&server, "s");
    zps.subscribe("chat:*");
    zps.publish("chat:*", "t", &json!(1));
    zps.expect_error("Invalid realtime room: chat:*");
    for room in ["chat:a", "chat:b"] {
        zps.publish(room, "t", &json!(1));
        zps.expect_event(room, 1);
    }
    zps.publish("other:a", "t", &json!(1));
    zps.send(&json!({"type": "replay_request", "room": "chat:*", "fromSequence": 0}));
    zps.expect(&json!({"type": "replay", "room": "chat:*", "events": []}));
}

#[test]
fn a_subscriber_goes_on_where_it_has_acknowledged_and_is_told_so() {
    for cores in [1, 2] {
        let server = start(cores);
        publish_numbers(&server, "chat:1", 1..=5);
        let mut zps = Zps::connect(&server, "s");
        zps.subscribe("chat:1");
        for sequence in 1..=5 {
            zps.expect_event("chat:1", sequence);
        }
        zps.ack("chat:1", 3);
        zps.ack("chat:1", 2); // A lower one takes nothing back.
        zps.close();
        let mut zps = Zps::connect(&server, "s");
        zps.subscribe("chat:1");
        assert_eq!(fast_forward(&mut zps, "chat:1"), 3);
        zps.expect_event("chat:1", 4);
        zps.expect_event("chat:1", 5);
        zps.expect_quiet();
    }
}

#[test]
fn whoever_asks_for_pruned_events_is_told_where_the_log_begins() {
    let config = "[zps]\nallow_client_publish = true\nmax_messages_per_window = 0\n\
                  [[apps]]\nid = \"a\"\nkey = \"k\"\nsecret = \"s\"\n\
                  history = [{ pattern = \"chat:*\", events_max = 3 }]\n";
    let server = Server::start(Options::new().config(config));
    publish_numbers(&server, "chat:1", 1..=10);
    for from in [None, Some(0), Some(5)] {
        let mut zps = Zps::connect(&server, "s");
        zps.send(&json!({"type": "subscribe", "room": "chat:1", "fromSequence": from}));
        if from.is_none() {
            zps.expect_error("Realtime message field fromSequence must be a non-negative integer");
            zps.send(&json!({"type": "subscribe", "room": "chat:1"}));
        }
        zps.expect(&json!({"type": "subscribed", "room": "chat:1"}));
        assert_eq!(fast_forward(&mut zps, "chat:1"), 7);
        for sequence in 8..=10 {
            zps.expect_event("chat:1", sequence);
        }
    }
}

/// As on one core: all of a room's answer, its events among it, before any of the next one's.
#[test]
fn rooms_of_one_message_are_answered_in_its_order_whichever_core_owns_them() {
    for cores in [1, 2, 4] {
        let server = start(cores);
        let rooms: Vec<String> = (0..16).map(|number| format!("chat:{number}")).collect();
        for room in &rooms {
            publish_numbers(&server, room, 1..=2);
        }
        let mut zps = Zps::connect(&server, "s");
        zps.send(&json!({"type": "subscribe", "room": rooms, "fromSequence": 0}));
        for room in &rooms {
            zps.expect(&json!({"type": "subscribed", "room": room}));
            zps.expect_event(room, 1);
            zps.expect_event(room, 2);
        }
        zps.expect_quiet();
    }
}

#[test]
fn only_the_types_that_are_wanted_come() {
    let server = start(1);
    let mut zps = Zps::connect(&server, "s");
    zps.send(&json!({"type": "subscribe", "room": "chat:1", "eventTypes": ["b"]}));
    zps.expect(&json!({"type": "subscribed", "room": "chat:1"}));
    for event_type in ["a", "b", "a", "b"] {
        zps.publish("chat:1", event_type, &json!(event_type));
    }
    zps.expect_event("chat:1", 2);
    zps.expect_event("chat:1", 4);
    zps.expect_quiet();
}

#[test]
fn several_rooms_are_confirmed_in_their_order_whichever_core_has_them() {
    let server = start(2);
    let mut zps = Zps::connect(&server, "s");
    let rooms: Vec<String> = (0..20).map(|number| format!("chat:{number}")).collect();
    zps.send(&json!({"type": "subscribe", "room": rooms}));
    zps.send(&json!({"type": "unsubscribe", "room": "after"}));
    for room in &rooms {
        zps.expect(&json!({"type": "subscribed", "room": room}));
    }
    zps.expect(&json!({"type": "unsubscribed", "room": "after"}));
}

#[test]
fn who_was_entered_leaves_with_the_connection() {
    for cores in [1, 2] {
        let server = start(cores);
        let mut watcher = Zps::connect(&server, "w");
        watcher.subscribe("chat:p");
        let mut zps = Zps::connect(&server, "s");
        let user = json!({"userId": "u", "lastSeenAt": "then"});
        zps.send(&json!({"type": "presence_enter", "room": "chat:p", "user": user}));
        watcher.expect(&json!({"type": "presence", "room": "chat:p", "users": [user]}));
        assert_eq!(watcher.message()["data"]["type"], "presence.enter");
        let mut late = Zps::connect(&server, "late");
        late.subscribe("chat:p");
        late.expect(&json!({"type": "presence", "room": "chat:p", "users": [user]}));
        zps.close();
        for zps in [&mut watcher, &mut late] {
            zps.expect(&json!({"type": "presence", "room": "chat:p", "users": []}));
            let message = zps.message();
            assert_eq!(message["data"]["payload"], json!({"userId": "u"}), "{message}");
        }
    }
}

#[test]
fn a_binary_message_counts_as_its_text() {
    let server = start(1);
    let mut zps = Zps::open(&server, "/");
    zps.send_binary(br#"{"type":"init","subscriberId":"s"}"#);
    zps.expect(&json!({"type": "ready", "subscriberId": "s"}));
    zps.send_binary(&[0xff]);
    zps.expect_error("Realtime message must be valid JSON");
}
