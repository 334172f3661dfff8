//! Streams of server-sent events: where websockets do not get through.

use serde_json::{Value, json};
use uringcast_tests::{Http, Options, Server, Stream, Zps, token};

fn start(config: &str) -> Server {
    Server::start(Options::new().cores(2).config(config))
}

fn post(server: &Server, path: &str, body: &Value) -> u16 {
    let body = body.to_string();
    let mut http = Http::connect(server.address());
    http.send(
        format!(
            "POST {path} HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer app-secret\r\n\
             Content-Length: {}\r\n\r\n{body}",
            body.len()
        )
        .as_bytes(),
    );
    http.response().status
}

#[expect(clippy::needless_pass_by_value, reason = "a payload reads best where it is written")]
fn publish(server: &Server, room: &str, kind: &str, payload: Value) {
    let event = json!({ "room": room, "type": kind, "payload": payload });
    assert_eq!(post(server, "/events", &event), 200);
}

#[test]
fn a_stream_has_what_is_kept_and_then_what_comes() {
    let server = start("");
    publish(&server, "chat:1", "t", json!({ "n": 1 }));
    publish(&server, "chat:1", "t", json!({ "n": 2 }));
    let (mut stream, since) = Stream::begin(&server, "/sse?rooms=chat%3A1");
    assert_eq!(since, "chat%3A1@0");
    for line in ["content-type: text/event-stream\r\n", "cache-control: no-store\r\n"] {
        assert!(stream.head.contains(line), "{}", stream.head);
    }
    assert!(!stream.head.contains("transfer-encoding"), "{}", stream.head);
    let first = stream.event();
    assert_eq!(first.id, "chat%3A1@1");
    let data = first.json();
    assert_eq!((&data["room"], &data["event"]["payload"]), (&json!("chat:1"), &json!({ "n": 1 })));
    assert_eq!(stream.event().sequence(), 2);
    publish(&server, "chat:1", "t", json!({ "n": 3 }));
    assert_eq!(stream.event().sequence(), 3);
}

/// As the client asks: the rooms of `since` are encoded twice.
#[test]
fn a_stream_goes_on_where_its_client_stopped() {
    let server = start("");
    for number in 1..=5 {
        publish(&server, "chat:1", "t", json!(number));
        publish(&server, "chat:2", "t", json!(number));
    }
    let target =
        "/api/realtime/sse?rooms=chat%3A1%2Cchat%3A2&since=chat%253A1%404%2Cchat%253A2%405";
    let (mut stream, since) = Stream::begin(&server, target);
    assert_eq!(since, "chat%3A1@4,chat%3A2@5");
    let block = stream.event();
    assert_eq!((block.id.as_str(), block.sequence()), ("chat%3A1@5", 5));
    publish(&server, "chat:2", "t", json!(6));
    assert_eq!(stream.event().id, "chat%3A2@6");
    // An EventSource asks with the URL it was made with, and the last id.
    let last = "Last-Event-ID: chat%3A2@5\r\n";
    let mut again = Stream::open(&server, "/sse?rooms=chat%3A2&since=chat%253A2%401", last);
    assert_eq!(again.block().json()["since"], "chat%3A2@5");
    assert_eq!(again.event().id, "chat%3A2@6");
}

/// Cut off again and again, a client that goes on where it stopped has each event once, in order.
#[test]
fn nothing_is_missing_and_nothing_twice_after_cuts() {
    let server = start("");
    let (mut have, total) = (0, 600);
    let mut published = 0;
    while have < total {
        let target = format!("/sse?rooms=chat%3A1&since=chat%253A1%40{have}");
        let (mut stream, _) = Stream::begin(&server, &target);
        for _ in 0..60 {
            if published < total {
                publish(&server, "chat:1", "t", json!("x".repeat(300)));
                published += 1;
            }
        }
        let until = total.min(have + 37);
        while have < until {
            have += 1;
            assert_eq!(stream.event().sequence(), have);
        }
    } // Each stream is dropped in the middle of what it has yet to read.
}

#[test]
fn many_streams_of_a_room_and_websockets_get_the_same() {
    let server = start("");
    let mut websocket = Zps::connect(&server, "ann");
    websocket.subscribe("chat:1");
    let mut streams: Vec<Stream> =
        (0..20).map(|_| Stream::begin(&server, "/sse?rooms=chat%3A1").0).collect();
    for stream in &mut streams {
        assert_eq!(stream.block().event, "subscribed");
    }
    let events: Vec<Value> = (0..50)
        .map(|n| json!({ "room": "chat:1", "type": "t", "payload": { "text": "a\nb", "n": n } }))
        .collect();
    assert_eq!(post(&server, "/events", &json!(events)), 200);
    for n in 0..50 {
        let sent = websocket.message();
        for stream in &mut streams {
            let block = stream.event();
            assert_eq!(block.json()["event"], sent["data"], "{n}");
        }
    }
}

/// A payload that is written over several lines is one line of data.
#[test]
fn a_payload_may_have_line_ends() {
    let server = start("");
    let (mut stream, _) = Stream::begin(&server, "/sse?rooms=a%3A1");
    let body = "{\"room\":\"a:1\",\"type\":\"t\",\"payload\":{\n\r\n\"x\":\"\u{e9}\"}}";
    let mut http = Http::connect(server.address());
    let head = "POST /events HTTP/1.1\r\nHost: l\r\nAuthorization: Bearer app-secret\r\n";
    http.send(format!("{head}Content-Length: {}\r\n\r\n{body}", body.len()).as_bytes());
    assert_eq!(http.response().status, 200);
    assert_eq!(stream.event().json()["event"]["payload"], json!({ "x": "\u{e9}" }));
}

#[test]
fn types_and_wildcards_are_as_for_websockets() {
    let server = start("");
    publish(&server, "chat:1", "odd", json!(1));
    publish(&server, "chat:1", "even", json!(2));
    let target = "/sse?rooms=chat%3A1&eventTypes=even";
    let (mut stream, _) = Stream::begin(&server, target);
    assert_eq!(stream.event().sequence(), 2);
    let (mut all, since) = Stream::begin(&server, "/sse?rooms=chat%3A*");
    assert_eq!(since, "");
    assert_eq!(all.block().event, "subscribed");
    publish(&server, "chat:1", "odd", json!(3));
    publish(&server, "chat:1", "even", json!(4));
    assert_eq!(stream.event().sequence(), 4);
    assert_eq!([all.event().sequence(), all.event().sequence()], [3, 4]);
    let typing = json!({ "room": "chat:1", "type": "typing", "payload": 1 });
    assert_eq!(post(&server, "/ephemeral", &typing), 200);
    let block = all.block();
    assert_eq!(
        (block.event.as_str(), &block.json()["data"]["type"]),
        ("ephemeral", &json!("typing"))
    );
}

#[test]
fn a_silent_stream_has_a_heartbeat_and_lives_on() {
    let server = start("[zps]\nsse_heartbeat_ms = 300\n");
    let (mut stream, _) = Stream::begin(&server, "/sse?rooms=a%3A1");
    let mut heartbeats = 0;
    while heartbeats < 4 {
        heartbeats += u32::from(stream.block().event == "heartbeat");
    }
    publish(&server, "a:1", "t", json!(1));
    assert_eq!(stream.event().sequence(), 1);
}

/// Heartbeats alone would go on until TCP itself gives up, which takes a quarter of an hour.
#[test]
fn a_stream_whose_client_has_vanished_ends_and_others_live_on() {
    let config = "[zps]\nsse_heartbeat_ms = 200\nheartbeat_timeout_ms = 1000\n";
    let server = start(config);
    let (gone, _) = Stream::begin(&server, "/sse?rooms=a%3A1");
    let (mut alive, _) = Stream::begin(&server, "/sse?rooms=a%3A1");
    server.until_metric("uringcast_connections", 2);
    gone.vanish();
    server.until_metric("uringcast_connections", 1);
    server.until_metric("uringcast_subscriptions", 1);
    server.until_metric("uringcast_slow_consumer_closes_total", 0);
    publish(&server, "a:1", "t", json!(1));
    assert_eq!(alive.event().sequence(), 1);
}

#[test]
fn the_end_of_the_server_is_said() {
    let mut server = start("");
    let (mut stream, _) = Stream::begin(&server, "/sse?rooms=a%3A1");
    server.signal(libc::SIGTERM);
    loop {
        let block = stream.block();
        if block.event == "error" {
            assert_ne!(block.data, "");
            break;
        }
    }
    assert_eq!(stream.try_block(), None);
    drop(stream);
    assert!(server.wait_exit().success());
}

#[test]
fn a_client_that_goes_is_forgotten() {
    let server = start("");
    let (stream, _) = Stream::begin(&server, "/sse?rooms=a%3A1");
    server.until_metric("uringcast_connections", 1);
    server.until_metric("uringcast_subscriptions", 1);
    drop(stream);
    server.until_metric("uringcast_connections", 0);
    server.until_metric("uringcast_subscriptions", 0);
}

#[test]
fn who_may_not_is_told_before_the_stream_begins() {
    let server = start("[zps]\njwt_secret = \"jwt\"\nscopes = \"chat\"\n");
    let ask = |target: &str, lines: &str| {
        let stream = Stream::open(&server, target, lines);
        let status = stream.status;
        let body: Value = serde_json::from_str(&stream.body()).unwrap();
        (status, body["error"].as_str().unwrap().to_owned())
    };
    let refused = |status: u16, text: &str| (status, text.to_owned());
    let token = token("jwt", &json!({ "rooms": ["chat:1"], "exp": 4_000_000_000_u64 }));
    let lines = format!("Authorization: Bearer {token}\r\n");
    let target = "/sse?rooms=chat%3A1";
    assert_eq!(ask(target, ""), refused(401, "Authentication token is required"));
    let wrong = "Authorization: Bearer x.y.z\r\n";
    assert_eq!(ask(target, wrong), refused(401, "Invalid token"));
    let denied = refused(403, "Access denied for room: chat:2");
    assert_eq!(ask("/sse?rooms=chat%3A1%2Cchat%3A2", &lines), denied);
    assert_eq!(ask("/sse?rooms=b%3A1", &lines), refused(403, "Room scope is not allowed: b"));
    assert_eq!(ask("/sse?rooms=b", &lines), refused(400, "Invalid realtime room: b"));
    let no_rooms = refused(400, "rooms must name at least one room");
    assert_eq!(ask("/sse", &lines), no_rooms);
    let stream = Stream::open(&server, &format!("{target}&token={token}"), "");
    assert_eq!(stream.status, 200);
    assert_eq!(Stream::open(&server, target, &lines).status, 200);
    assert_eq!(ask("/apps/nobody/sse?rooms=chat%3A1", &lines).0, 404);
    server.until_refused("signature");
    server.until_refused("channel_name");
}

/// The limits of `zps.max_subscriptions` and of the types of one stream, at and one past.
#[test]
fn a_stream_has_as_many_rooms_and_types_as_a_websocket() {
    let server = start("[zps]\nmax_subscriptions = 5\n");
    let rooms = |count: usize| {
        let rooms: Vec<String> = (0..count).map(|index| format!("r%3A{index}")).collect();
        format!("/sse?rooms={}", rooms.join(","))
    };
    assert_eq!(Stream::open(&server, &rooms(5), "").status, 200);
    assert_eq!(Stream::open(&server, &rooms(6), "").status, 413);
    let types = |count: usize| {
        let types: Vec<String> = (0..count).map(|index| format!("t{index}")).collect();
        format!("/sse?rooms=a%3A1&eventTypes={}", types.join(","))
    };
    assert_eq!(Stream::open(&server, &types(64), "").status, 200);
    assert_eq!(Stream::open(&server, &types(65), "").status, 413);
}

/// A browser asks first whether it may, and then on the same connection.
#[test]
fn other_methods_than_get_begin_no_stream() {
    let server = start("");
    let mut http = Http::connect(server.address());
    let origin = [("Origin", "https://a.example"), ("Access-Control-Request-Method", "GET")];
    let response = http.request_with("OPTIONS", "/sse?rooms=a%3A1", &origin);
    assert_eq!(response.status, 204);
    assert_eq!(response.header("access-control-allow-origin"), Some("*"));
    let response = http.request("POST", "/sse", b"{}");
    assert_eq!((response.status, response.header("allow")), (405, Some("GET")));
    assert_eq!(http.get("/sse").error(), "rooms must name at least one room");
}

#[test]
fn pages_read_streams_as_the_operator_allows() {
    let server = start("[http]\ncors_origins = \"https://a.example\"\n");
    let ask = |origin: &str| Stream::open(&server, "/sse?rooms=a%3A1", origin).head;
    let head = ask("Origin: https://a.example\r\n");
    assert!(head.contains("access-control-allow-origin: https://a.example\r\n"), "{head}");
    assert!(!ask("Origin: https://b.example\r\n").contains("allow-origin"));
    let app = "[[apps]]\nid = \"app-id\"\nkey = \"app-key\"\nsecret = \"app-secret\"\n\
        origins = [\"a.example\"]\n";
    let server = start(app);
    let ask = |origin: &str| Stream::open(&server, "/sse?rooms=a%3A1", origin).status;
    assert_eq!(ask("Origin: https://a.example\r\n"), 200);
    assert_eq!(ask("Origin: https://b.example\r\n"), 403);
}

/// A stream that does not read is set back to the log: what waits for it stays small, and nothing
/// is missing when it reads on.
#[test]
fn a_slow_stream_gets_everything_from_the_log() {
    let server = start("");
    let (mut stream, _) = Stream::begin(&server, "/sse?rooms=a%3A1");
    let events: Vec<Value> = (0..100)
        .map(|_| json!({ "room": "a:1", "type": "t", "payload": "x".repeat(4_000) }))
        .collect();
    // As much as a room keeps by default: the kernel holds little of it for the stream.
    for _ in 0..18 {
        assert_eq!(post(&server, "/events", &json!(events)), 200);
    }
    assert!(server.metric("uringcast_retained_bytes") < 1_500_000.0);
    for sequence in 1..=1_800 {
        assert_eq!(stream.event().sequence(), sequence);
    }
}
