//! Messages of one client that cores answer together: those behind one that another core answers
//! wait, and then they are heard, all of them and in their order.

use serde_json::{Value, json};
use uringcast_tests::{Frame, Options, Raw, Server};

/// Which core a client comes to is the kernel's to choose, and how far the answers overlap is luck.
const ROUNDS: usize = 15;

fn start(cores: u8) -> Server {
    Server::start(Options::new().cores(cores).flag("--history", "kept-*"))
}

/// All of `messages` in one write.
fn frames(messages: &[Value]) -> Vec<u8> {
    messages.iter().flat_map(|it| Frame::text(&it.to_string()).to_bytes()).collect()
}

fn message(raw: &mut Raw) -> Value {
    serde_json::from_slice(&raw.frame().payload).expect("every message is JSON")
}

/// A zps client says who it is and `messages` in one write; what answers each of them must come, as
/// its type and its room.
fn check_zps(messages: &[Value], expected: &[(&str, &str)]) {
    let init = json!({"type": "init", "subscriberId": "ann"});
    let written = frames(&[&[init], messages].concat());
    for cores in [2, 3] {
        let server = start(cores);
        for _ in 0..ROUNDS {
            let mut raw = Raw::upgrade(server.address(), "/");
            raw.send(&written);
            assert_eq!(message(&mut raw)["type"], "ready");
            for &(name, room) in expected {
                let answer = message(&mut raw);
                assert_eq!((&answer["type"], &answer["room"]), (&json!(name), &json!(room)));
            }
            // What is said later is heard, too.
            raw.send(&frames(&[json!({"type": "unsubscribe", "room": "chat:end"})]));
            assert_eq!(message(&mut raw)["room"], "chat:end");
        }
    }
}

fn replay_request(room: &str) -> Value {
    json!({"type": "replay_request", "room": room, "fromSequence": 0})
}

#[test]
fn replays_of_five_rooms_asked_for_in_one_write_are_all_answered() {
    let rooms = ["chat:0", "chat:1", "chat:2", "chat:3", "chat:4"];
    let messages: Vec<Value> = rooms.iter().copied().map(replay_request).collect();
    check_zps(&messages, &rooms.map(|room| ("replay", room)));
}

#[test]
fn who_enters_a_room_and_subscribes_to_another_in_one_write_is_heard() {
    for (entered, room) in [("chat:0", "chat:1"), ("chat:1", "chat:2"), ("chat:2", "chat:3")] {
        let enter = json!({"type": "presence_enter", "room": entered, "user": {"userId": "ann"}});
        let subscribe = json!({"type": "subscribe", "room": room});
        let last = json!({"type": "unsubscribe", "room": room});
        let expected = [("subscribed", room), ("unsubscribed", room)];
        check_zps(&[enter, subscribe, last], &expected);
    }
}

#[test]
fn who_asks_for_a_replay_and_subscribes_to_another_room_in_one_write_is_heard() {
    for (replayed, room) in [("chat:0", "chat:1"), ("chat:1", "chat:2"), ("chat:2", "chat:3")] {
        let subscribe = json!({"type": "subscribe", "room": room});
        let last = json!({"type": "unsubscribe", "room": room});
        let expected = [("replay", replayed), ("subscribed", room), ("unsubscribed", room)];
        check_zps(&[replay_request(replayed), subscribe, last], &expected);
    }
}

#[test]
fn twelve_replays_asked_for_by_a_pusher_client_in_one_write_are_all_answered() {
    let channels: Vec<String> = (0..12).map(|number| format!("kept-{number}")).collect();
    let asked = channels.iter().map(|channel| json!({"channel": channel, "after": 0}));
    let replays: Vec<Value> =
        asked.map(|data| json!({"event": "uringcast:replay", "data": data})).collect();
    for cores in [2, 3] {
        let server = start(cores);
        for _ in 0..ROUNDS {
            let mut raw = Raw::pusher(server.address(), &server.app());
            for channel in &channels {
                raw.subscribe(channel);
            }
            raw.send(&frames(&replays));
            for channel in &channels {
                let event = raw.expect_event("uringcast:replayed");
                assert_eq!(event.channel.as_ref(), Some(channel));
            }
        }
    }
}
