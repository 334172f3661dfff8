//! Rooms that an app's own server decides about.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use serde_json::{Value, json};
use uringcast_tests::{Endpoint, Options, Posted, Reply, Server, Stream, Zps, token, until};

/// A server whose only app asks at `url`.
fn start(url: &str, zps: &str) -> Server {
    start_on(2, url, zps)
}

/// A server of as many cores whose only app asks at `url`; each core keeps answers of its own.
fn start_on(cores: u8, url: &str, zps: &str) -> Server {
    Server::start(Options::new().cores(cores).config(&format!(
        "[[apps]]\nid = \"app-id\"\nkey = \"app-key\"\nsecret = \"app-secret\"\n\
         room_auth_url = \"{url}\"\n\
         [zps]\nallow_client_publish = true\n{zps}\n"
    )))
}

/// Yes to all but rooms of the scope `secret`.
fn usual(posted: &Posted) -> Reply {
    let room = posted.json()["room"].as_str().expect("a question names a room").to_owned();
    verdict(!room.starts_with("secret:"))
}

fn verdict(authorized: bool) -> Reply {
    Reply::Status(200, json!({ "authorized": authorized }).to_string())
}

/// What was asked: the room and the action.
fn asked(endpoint: &Endpoint) -> Vec<(String, String)> {
    let text = |value: &Value| value.as_str().expect("the field is a string").to_owned();
    let questions = endpoint.posted().into_iter().map(|posted| posted.json());
    questions.map(|it| (text(&it["room"]), text(&it["action"]))).collect()
}

fn pairs(pairs: &[(&str, &str)]) -> Vec<(String, String)> {
    pairs.iter().map(|&(room, action)| (room.to_owned(), action.to_owned())).collect()
}

/// A gate that requests stand in front of until it is opened.
#[derive(Clone, Default)]
struct Gate(Arc<AtomicBool>);

impl Gate {
    fn open(&self) {
        self.0.store(true, Ordering::Relaxed);
    }

    fn pass(&self) {
        until("the gate is open", || self.0.load(Ordering::Relaxed));
    }
}

#[test]
fn each_action_in_each_room_is_asked_about_once_in_a_while() {
    let endpoint = Endpoint::start(usual);
    let server = start(&endpoint.url("/rooms"), "");
    let mut ann = Zps::connect(&server, "ann");
    for _ in 0..2 {
        ann.subscribe("chat:1");
    }
    for sequence in 1..=3 {
        ann.publish("chat:1", "t", &json!(sequence));
        ann.expect_event("chat:1", sequence);
        ann.ack("chat:1", sequence);
    }
    ann.send(&json!({"type": "replay_request", "room": "chat:1", "fromSequence": 2}));
    assert_eq!(ann.message()["events"][0]["payload"], 3);
    ann.send(&json!({"type": "presence_enter", "room": "chat:1", "user": {"userId": "u"}}));
    assert_eq!(ann.message()["type"], "presence");
    assert_eq!(ann.message()["data"]["type"], "presence.enter");
    let actions = ["subscribe", "publish", "ack", "replay"];
    assert_eq!(asked(&endpoint), pairs(&actions.map(|action| ("chat:1", action))));
    let question = endpoint.posted()[0].clone();
    assert_eq!(
        (question.path.as_str(), question.header("content-type")),
        ("/rooms", Some("application/json"))
    );
    let expected = json!({
        "appId": "app-id", "subscriberId": "ann", "room": "chat:1", "action": "subscribe",
    });
    assert_eq!(question.json(), expected);
    server.until_metric("uringcast_room_calls_total", 4);
    // Somebody else has answers of their own.
    Zps::connect(&server, "bob").subscribe("chat:1");
    assert_eq!(asked(&endpoint).len(), 5);
}

#[test]
fn what_is_denied_is_refused_and_the_connection_lives_on() {
    let endpoint = Endpoint::start(usual);
    let server = start(&endpoint.url("/"), "");
    let mut ann = Zps::connect(&server, "ann");
    let denied = "Access denied for room: secret:1";
    for _ in 0..2 {
        ann.send(&json!({"type": "subscribe", "room": "secret:1"}));
        ann.expect_error(denied);
    }
    assert_eq!(endpoint.posted().len(), 1, "a no is kept like a yes");
    ann.publish("secret:1", "t", &json!(1));
    ann.expect_error(denied);
    let event = json!({"room": "secret:1", "type": "t", "payload": 1});
    ann.send(&json!({"type": "publish_ephemeral", "event": event}));
    ann.expect_error(denied);
    ann.send(&json!({"type": "presence_enter", "room": "secret:1", "user": {"userId": "u"}}));
    ann.expect_error(denied);
    ann.send(&json!({"type": "replay_request", "room": "secret:1", "fromSequence": 0}));
    ann.expect_error(denied);
    ann.send(&json!({"type": "ack", "room": "secret:1", "sequence": 1}));
    ann.expect_error(denied);
    server.until_refused("room_authorization");
    // An error in the middle of several rooms stops the rest.
    ann.send(&json!({"type": "subscribe", "room": ["chat:1", "secret:1", "chat:2"]}));
    ann.expect(&json!({"type": "subscribed", "room": "chat:1"}));
    ann.expect_error(denied);
    ann.expect_quiet();
}

/// The client's own messages wait for the answer, in their order; other clients do not.
#[test]
fn messages_behind_a_question_wait_and_nobody_else_does() {
    let gate = Gate::default();
    let passed = gate.clone();
    let endpoint = Endpoint::start(move |posted| {
        if posted.json()["subscriberId"] == "ann" {
            passed.pass();
        }
        usual(posted)
    });
    let server = start(&endpoint.url("/"), "");
    let mut ann = Zps::connect(&server, "ann");
    ann.send(&json!({"type": "subscribe", "room": ["chat:1", "chat:2"]}));
    ann.publish("chat:2", "t", &json!(1));
    endpoint.until_posted(1);
    let mut bob = Zps::connect(&server, "bob");
    bob.subscribe("chat:1");
    bob.publish("chat:1", "t", &json!("bob"));
    bob.expect_event("chat:1", 1);
    server.until_metric("uringcast_room_calls_in_flight", 1);
    gate.open();
    ann.expect(&json!({"type": "subscribed", "room": "chat:1"}));
    ann.expect_event("chat:1", 1);
    ann.expect(&json!({"type": "subscribed", "room": "chat:2"}));
    ann.expect_event("chat:2", 1);
    server.until_metric("uringcast_room_calls_in_flight", 0);
}

#[test]
fn a_client_that_leaves_while_its_room_is_asked_about_leaves_nothing_behind() {
    let gate = Gate::default();
    let passed = gate.clone();
    let endpoint = Endpoint::start(move |posted| {
        passed.pass();
        usual(posted)
    });
    let server = start(&endpoint.url("/"), "");
    let mut ann = Zps::connect(&server, "ann");
    ann.send(&json!({"type": "subscribe", "room": "chat:1"}));
    endpoint.until_posted(1);
    drop(ann); // Seen when its message has been carried out: what it sent before counts.
    gate.open();
    server.until_metric("uringcast_connections", 0);
    server.until_metric("uringcast_room_calls_in_flight", 0);
    server.until_metric("uringcast_subscriptions", 0);
    Zps::connect(&server, "ann").subscribe("chat:1");
}

#[test]
fn without_a_clear_answer_in_time_nothing_is_allowed_and_nothing_is_kept() {
    let is_well = Arc::new(AtomicBool::new(false));
    let well = Arc::clone(&is_well);
    let endpoint = Endpoint::start(move |posted| match posted.json()["room"].as_str() {
        _ if well.load(Ordering::Relaxed) => usual(posted),
        Some("chat:late") => Reply::Never,
        Some("chat:broken") => Reply::Status(500, String::new()),
        _ => Reply::Status(200, "yes".to_owned()),
    });
    let server = start(&endpoint.url("/"), "authorize_timeout_ms = 100");
    let mut ann = Zps::connect(&server, "ann");
    for room in ["chat:late", "chat:broken", "chat:odd"] {
        ann.send(&json!({"type": "subscribe", "room": room}));
        ann.expect_error(&format!("Room authorization failed for room: {room}"));
    }
    server.until_refused("room_unavailable");
    is_well.store(true, Ordering::Relaxed);
    for room in ["chat:late", "chat:broken", "chat:odd"] {
        ann.subscribe(room);
    }
}

#[test]
fn a_server_that_is_down_opens_no_room() {
    let server = start(&Endpoint::nobody(), "");
    let mut ann = Zps::connect(&server, "ann");
    ann.send(&json!({"type": "subscribe", "room": "chat:1"}));
    ann.expect_error("Room authorization failed for room: chat:1");
    ann.publish("chat:1", "t", &json!(1));
    ann.expect_error("Room authorization failed for room: chat:1");
    let stream = Stream::open(&server, "/sse?rooms=chat:1", "");
    assert_eq!(stream.status, 503);
}

/// As many questions wait as may; one more is refused at once, and works when it is sent again.
#[test]
fn a_burst_is_answered_up_to_the_limit_and_refused_beyond_it() {
    let gate = Gate::default();
    let passed = gate.clone();
    let endpoint = Endpoint::start(move |posted| {
        passed.pass();
        usual(posted)
    });
    let server = start_on(1, &endpoint.url("/"), "authorize_in_flight_max = 4");
    let mut clients: Vec<Zps> =
        (0..5).map(|index| Zps::connect(&server, &format!("c{index}"))).collect();
    for client in &mut clients[..4] {
        client.send(&json!({"type": "subscribe", "room": "chat:1"}));
    }
    server.until_metric("uringcast_room_calls_in_flight", 4);
    clients[4].send(&json!({"type": "subscribe", "room": "chat:1"}));
    clients[4].expect_error("Too many room authorizations, try again: chat:1");
    server.until_refused("room_calls_in_flight");
    gate.open();
    for client in &mut clients[..4] {
        client.expect(&json!({"type": "subscribed", "room": "chat:1"}));
    }
    clients[4].subscribe("chat:1");
}

#[test]
fn answers_are_kept_up_to_their_number_and_for_their_time() {
    let endpoint = Endpoint::start(usual);
    let server = start(&endpoint.url("/"), "authorize_cache_entries_max = 1");
    let mut ann = Zps::connect(&server, "ann");
    for (room, count) in [("a:1", 1), ("a:1", 1), ("a:2", 2), ("a:2", 2), ("a:1", 3)] {
        ann.subscribe(room);
        assert_eq!(endpoint.posted().len(), count, "{room}");
    }
    let server = start(&endpoint.url("/"), "authorize_cache_ttl_ms = 0");
    let mut ann = Zps::connect(&server, "ann");
    ann.subscribe("a:1");
    ann.subscribe("a:1");
    assert_eq!(endpoint.posted().len(), 5);
    server.until_metric("uringcast_room_cache_entries", 0);
}

/// The claims of the token come first; what they do not open is not asked about.
#[test]
fn the_server_is_asked_about_what_a_token_opens() {
    let endpoint = Endpoint::start(usual);
    let server = start(&endpoint.url("/"), "jwt_secret = \"jwt-secret\"");
    let claims = json!({"exp": 9e9, "sub": "ann", "rooms": ["chat:*", "secret:*"]});
    let token = token("jwt-secret", &claims);
    let mut ann = Zps::open(&server, "/");
    ann.send(&json!({"type": "init", "subscriberId": "ann", "token": token}));
    ann.expect(&json!({"type": "ready", "subscriberId": "ann"}));
    ann.send(&json!({"type": "subscribe", "room": "other:1"}));
    ann.expect_error("Access denied for room: other:1");
    assert!(endpoint.posted().is_empty());
    ann.subscribe("chat:1");
    ann.send(&json!({"type": "subscribe", "room": "secret:1"}));
    ann.expect_error("Access denied for room: secret:1");
    let question = endpoint.posted()[0].json();
    assert_eq!((&question["token"], &question["claims"]), (&json!(token), &claims));
}

#[test]
fn a_stream_begins_when_all_of_its_rooms_are_opened() {
    let endpoint = Endpoint::start(usual);
    let server = start_on(1, &endpoint.url("/"), "");
    let (_stream, since) = Stream::begin(&server, "/sse?rooms=chat:1,chat:2");
    assert_eq!(since, "chat%3A1@0,chat%3A2@0");
    assert_eq!(asked(&endpoint), pairs(&[("chat:1", "subscribe"), ("chat:2", "subscribe")]));
    let refused = Stream::open(&server, "/sse?rooms=chat:1,secret:1", "");
    assert_eq!(refused.status, 403);
    assert_eq!(asked(&endpoint).len(), 3, "what is known is not asked again");
}
