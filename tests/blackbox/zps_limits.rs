//! The limits of zero-pub-sub connections, each at the limit and one past it.

use std::time::{Duration, Instant};

use serde_json::json;
use uringcast_tests::{Frame, Opcode, Options, Raw, Server, Zps};

fn server(keys: &str) -> Server {
    Server::start(Options::new().config(&format!("[zps]\nallow_client_publish = true\n{keys}")))
}

#[test]
fn one_message_more_than_a_window_has_closes() {
    let server = server("max_messages_per_window = 3\nrate_limit_window_ms = 3600000\n");
    let mut zps = Zps::connect(&server, "s");
    zps.subscribe("chat:1");
    for sequence in 0..10 {
        zps.ack("chat:1", sequence); // Acks do not count.
    }
    zps.subscribe("chat:2");
    zps.send(&json!({"type": "unsubscribe", "room": "chat:2"}));
    zps.expect_announced_close(4408, "Realtime rate limit exceeded");
    server.until_refused("zps_messages");
}

#[test]
fn a_message_may_be_as_large_as_the_limit_and_no_larger() {
    let server = server("max_payload_bytes = 2048\n");
    for (bytes, is_allowed) in [(2048, true), (2049, false)] {
        let mut zps = Zps::connect(&server, "s");
        let head = r#"{"type":"unsubscribe","room":""#;
        let room = "r".repeat(bytes - head.len() - 2);
        zps.send_text(&format!("{head}{room}\"}}"));
        if is_allowed {
            zps.expect(&json!({"type": "unsubscribed", "room": room}));
        } else {
            zps.expect_announced_close(4409, "Realtime payload too large");
        }
    }
    server.until_refused("message_bytes");
}

#[test]
fn a_connection_has_as_many_subscriptions_as_it_may() {
    let server = server("max_subscriptions = 2\n");
    let mut zps = Zps::connect(&server, "s");
    zps.send(&json!({"type": "subscribe", "room": ["chat:1", "chat:2", "chat:3", "chat:1"]}));
    zps.expect(&json!({"type": "subscribed", "room": "chat:1"}));
    zps.expect(&json!({"type": "subscribed", "room": "chat:2"}));
    zps.expect_error("Realtime subscription limit exceeded");
    zps.expect_quiet(); // An error ends the message.
    zps.subscribe("chat:2"); // Again is not one more.
    zps.send(&json!({"type": "unsubscribe", "room": "chat:1"}));
    zps.expect(&json!({"type": "unsubscribed", "room": "chat:1"}));
    zps.subscribe("chat:3");
}

#[test]
fn who_does_not_say_who_it_is_is_closed() {
    let server = server("init_timeout_ms = 300\n");
    let started = Instant::now();
    let mut silent = Zps::open(&server, "/");
    let mut known = Zps::connect(&server, "s");
    silent.expect_announced_close(4408, "Realtime init timeout");
    assert!(started.elapsed() >= Duration::from_millis(300));
    known.expect_quiet();
}

#[test]
fn who_does_not_answer_a_ping_is_cut_and_who_does_is_not() {
    let server = server("heartbeat_interval_ms = 300\nheartbeat_timeout_ms = 300\n");
    let mut alive = Zps::connect(&server, "s");
    alive.subscribe("chat:1");
    // Reading, the client library answers every ping.
    let reading = std::thread::spawn(move || alive.message());
    let mut dead = Raw::upgrade(server.address(), "/");
    dead.send_frame(&Frame::text(r#"{"type":"init","subscriberId":"d"}"#));
    assert_eq!(dead.frame().opcode, Opcode::TEXT);
    assert_eq!(dead.frame().opcode, Opcode::PING);
    assert_eq!(dead.rest(), b"", "no close frame, only the end");
    Zps::connect(&server, "p").publish("chat:1", "t", &json!(1));
    assert_eq!(reading.join().expect("the reader does not panic")["type"], "event");
}

#[test]
fn names_have_a_length() {
    let server = server("");
    let mut zps = Zps::open(&server, "/");
    for (bytes, is_allowed) in [(201, false), (200, true)] {
        let id = "s".repeat(bytes);
        zps.send(&json!({"type": "init", "subscriberId": id}));
        if is_allowed {
            zps.expect(&json!({"type": "ready", "subscriberId": id}));
        } else {
            zps.expect_error("Realtime message field subscriberId must have at most 200 bytes");
        }
    }
    let room = |bytes: usize| format!("chat:{}", "r".repeat(bytes - 5));
    zps.subscribe(&room(200));
    zps.send(&json!({"type": "subscribe", "room": room(201)}));
    zps.expect_error("Realtime message field room must have at most 200 bytes");
    zps.publish("chat:1", &"t".repeat(201), &json!(1));
    zps.expect_error("Realtime message field event.type must have at most 200 bytes");
    let types: Vec<String> = (0..65).map(|number| format!("t{number}")).collect();
    zps.send(&json!({"type": "subscribe", "room": "chat:1", "eventTypes": types}));
    zps.expect_error("Realtime message field eventTypes must have at most 64 types");
    zps.send(&json!({"type": "subscribe", "room": "chat:1", "eventTypes": types[1..]}));
    zps.expect(&json!({"type": "subscribed", "room": "chat:1"}));
    server.until_refused("zps_length");
}

#[test]
fn a_connection_may_enter_as_many_users_as_it_may_have_subscriptions() {
    let server = server("max_subscriptions = 2\n");
    let mut zps = Zps::connect(&server, "s");
    for (user, is_allowed) in [("a", true), ("b", true), ("b", true), ("c", false)] {
        let user = json!({"userId": user});
        zps.send(&json!({"type": "presence_enter", "room": "chat:1", "user": user}));
        if !is_allowed {
            zps.expect_error("Realtime presence limit exceeded");
        }
    }
    zps.expect_quiet();
    let metadata = json!({"x": "m".repeat(1024)});
    let user = json!({"userId": "a", "metadata": metadata});
    zps.send(&json!({"type": "presence_enter", "room": "chat:1", "user": user}));
    zps.expect_error("Realtime message field user.metadata must have at most 1024 bytes");
}
