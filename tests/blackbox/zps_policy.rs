//! Limits of rooms that one app has of its own, and those that are about how many there are.

use serde_json::json;
use uringcast_tests::{Frame, Http, Opcode, Options, Raw, Server, Zps};

/// Two apps: `a` has what the section says, `b` has the table `own` besides.
fn server(section: &str, own: &str) -> Server {
    let app = |id: &str| format!("[[apps]]\nid = {id:?}\nkey = \"k{id}\"\nsecret = \"s{id}\"\n");
    let config = format!("[zps]\n{section}\n{}{}zps = {{ {own} }}\n", app("a"), app("b"));
    Server::start(Options::new().config(&config))
}

/// A client of the app with this id that has said who it is.
fn client(server: &Server, app: &str) -> Zps {
    let mut zps = Zps::open(server, &format!("/apps/{app}"));
    zps.send(&json!({"type": "init", "subscriberId": "s"}));
    zps.expect(&json!({"type": "ready", "subscriberId": "s"}));
    zps
}

#[test]
fn each_app_has_its_own_subscriptions_messages_and_publishers() {
    let server = server(
        "allow_client_publish = true\nmax_subscriptions = 1\n",
        "allow_client_publish = false, max_subscriptions = 2, rate_limit_window_ms = 3600000, \
         max_messages_per_window = 6",
    );
    let (mut of_a, mut of_b) = (client(&server, "a"), client(&server, "b"));
    of_a.subscribe("r:1");
    of_a.send(&json!({"type": "subscribe", "room": "r:2"}));
    of_a.expect_error("Realtime subscription limit exceeded");
    of_a.publish("r:1", "t", &json!(1));
    of_a.expect_event("r:1", 1);
    of_b.subscribe("r:1");
    of_b.subscribe("r:2");
    of_b.send(&json!({"type": "subscribe", "room": "r:3"}));
    of_b.expect_error("Realtime subscription limit exceeded");
    of_b.publish("r:1", "t", &json!(1));
    of_b.expect_error("Realtime client publish is disabled");
    of_b.expect_quiet(); // The sixth message of the window.
    of_b.send(&json!({"type": "unsubscribe", "room": "r:1"}));
    of_b.expect_announced_close(4408, "Realtime rate limit exceeded");
    of_a.expect_quiet();
}

#[test]
fn each_app_has_its_own_size_of_messages_and_of_events_over_http() {
    let server = server("", "max_payload_bytes = 2048");
    let message = |bytes: usize| {
        let head = r#"{"type":"unsubscribe","room":""#;
        format!("{head}{}\"}}", "r".repeat(bytes - head.len() - 2))
    };
    let answer = |zps: &mut Zps| zps.message()["type"].clone();
    let (mut of_a, mut of_b) = (client(&server, "a"), client(&server, "b"));
    of_a.send_text(&message(2_049));
    assert_eq!(answer(&mut of_a), "unsubscribed");
    of_b.send_text(&message(2_048));
    assert_eq!(answer(&mut of_b), "unsubscribed");
    of_b.send_text(&message(2_049));
    of_b.expect_announced_close(4409, "Realtime payload too large");

    let status = |secret: &str, bytes: usize| {
        let empty = json!({"room": "r:1", "type": "t", "payload": ""}).to_string();
        let payload = "x".repeat(bytes - empty.len());
        let body = json!({"room": "r:1", "type": "t", "payload": payload}).to_string();
        let head = format!(
            "POST /events HTTP/1.1\r\nHost: a\r\nAuthorization: Bearer {secret}\r\n\
             Content-Length: {}\r\n\r\n{body}",
            body.len()
        );
        let mut http = Http::connect(server.address());
        http.send(head.as_bytes());
        http.response().status
    };
    assert_eq!((status("sb", 2_048), status("sb", 2_049), status("sa", 2_049)), (200, 413, 200));
}

#[test]
fn each_app_has_its_own_time_to_say_who_one_is_and_to_answer() {
    let server = server(
        "init_timeout_ms = 3600000\nheartbeat_interval_ms = 3600000\n",
        "init_timeout_ms = 200, heartbeat_interval_ms = 200, heartbeat_timeout_ms = 200",
    );
    let (mut of_a, mut of_b) = (Zps::open(&server, "/apps/a"), Zps::open(&server, "/apps/b"));
    of_b.expect_announced_close(4408, "Realtime init timeout");
    of_a.send(&json!({"type": "unsubscribe", "room": "r:1"}));
    of_a.expect_error("Realtime connection must send init first");
    let mut dead = Raw::upgrade(server.address(), "/apps/b");
    dead.send_frame(&Frame::text(r#"{"type":"init","subscriberId":"d"}"#));
    assert_eq!(dead.frame().opcode, Opcode::TEXT);
    assert_eq!(dead.frame().opcode, Opcode::PING);
    assert_eq!(dead.rest(), b"");
}

#[test]
fn each_app_has_as_many_connections_as_it_may() {
    let server = server("", "max_connections = 2");
    let (_first, second) = (client(&server, "b"), client(&server, "b"));
    let mut third = Zps::open(&server, "/apps/b");
    third.expect_close(1013, "Realtime gateway overloaded");
    server.until_refused("app_connections");
    let stream = Http::connect(server.address()).get("/apps/b/sse?rooms=r:1");
    assert_eq!(stream.status, 503);
    client(&server, "a"); // Which has no limit.
    // Who speaks another protocol is counted, but has its own limit.
    let pusher = Raw::pusher(server.address(), &uringcast_tests::App::new("b", "kb", "sb"));
    drop(pusher);
    second.close();
    server.until_metric("uringcast_connections", 1);
    client(&server, "b");
}

#[test]
fn who_must_name_a_tenant_is_decided_by_the_app() {
    let server = server("allow_client_publish = true\n", "require_tenant = true");
    for (app, is_needed) in [("a", false), ("b", true)] {
        let mut zps = client(&server, app);
        zps.subscribe("r:1");
        zps.publish("r:1", "t", &json!(1));
        if is_needed {
            zps.expect_error("Missing tenantId");
        } else {
            zps.expect_event("r:1", 1);
        }
    }
}

#[test]
fn who_does_not_read_is_closed_with_1013_and_finds_no_hole() {
    let server = server(
        "max_payload_bytes = 16384\nmax_messages_per_window = 0\n",
        "max_socket_buffered_bytes = 65536",
    );
    let mut stalled = Raw::upgrade(server.address(), "/apps/b");
    stalled.send_frame(&Frame::text(r#"{"type":"init","subscriberId":"d"}"#));
    stalled.send_frame(&Frame::text(r#"{"type":"subscribe","room":"r:1"}"#));
    assert_eq!((stalled.frame().opcode, stalled.frame().opcode), (Opcode::TEXT, Opcode::TEXT));
    let mut publisher = client(&server, "b");
    let padding = "x".repeat(8_000);
    let mut sent = 0_u64;
    while server.metric("uringcast_slow_consumer_closes_total") < 1.0 {
        assert!(sent < 4_000, "the limit is never reached");
        for _ in 0..10 {
            let event = json!({"room": "r:1", "type": "t", "payload": [sent, padding]});
            publisher.send(&json!({"type": "publish_ephemeral", "event": event}));
            sent += 1;
        }
        publisher.expect_quiet();
    }
    server.until_refused("outbox_bytes");
    let mut next = 0;
    let last = loop {
        let frame = stalled.frame();
        if frame.opcode != Opcode::TEXT {
            break frame;
        }
        let message: serde_json::Value = serde_json::from_slice(&frame.payload).expect("JSON");
        assert_eq!(message["data"]["payload"][0], next, "a hole");
        next += 1;
    };
    assert_eq!(last.close_code(), 1013);
    assert_eq!(&last.payload[2..], b"Realtime socket backpressure limit exceeded");
    assert!(next > 0 && next < sent, "{next} of {sent}");
}
