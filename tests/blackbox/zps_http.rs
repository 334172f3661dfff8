//! The HTTP API of zero-pub-sub's cloud, as its backend client asks.

use serde_json::{Value, json};
use uringcast_tests::{Http, Options, Response, Server};

const SECRET: &str = "app-secret";

fn start(cores: u8) -> Server {
    Server::start(Options::new().cores(cores))
}

/// A request with the secret of the app, or another one.
fn ask_as(secret: &str, server: &Server, method: &str, path: &str, body: &str) -> Response {
    let mut http = Http::connect(server.address());
    let length = body.len();
    http.send(
        format!(
            "{method} {path} HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer {secret}\r\n\
             Content-Type: application/json\r\nContent-Length: {length}\r\n\r\n{body}"
        )
        .as_bytes(),
    );
    http.response()
}

fn ask(server: &Server, method: &str, path: &str, body: &str) -> Response {
    ask_as(SECRET, server, method, path, body)
}

fn event(room: &str, id: &str) -> Value {
    json!({ "room": room, "type": "t", "payload": { "x": 1 }, "id": id })
}

fn publish(server: &Server, event: &Value) -> Value {
    let response = ask(server, "POST", "/events", &event.to_string());
    assert_eq!(response.status, 200, "{}", response.body_text());
    response.json()
}

fn refused(response: &Response, status: u16, error: &str) {
    assert_eq!((response.status, response.error().as_str()), (status, error));
}

#[test]
fn an_event_is_answered_by_its_envelope() {
    let server = start(2);
    let envelope = publish(&server, &event("chat:1", "e1"));
    let keys: Vec<&String> = envelope.as_object().unwrap().keys().collect();
    assert_eq!(keys.len(), 8, "{keys:?}");
    assert_eq!((&envelope["sequence"], &envelope["room"]), (&json!(1), &json!("chat:1")));
    assert_eq!(envelope["metadata"], json!({ "provider": "memory" }));
    assert_eq!(publish(&server, &event("chat:1", "e2"))["sequence"], 2);
    assert_eq!(publish(&server, &event("chat:2", "e1"))["sequence"], 1);
}

/// An event with an id that was there is the same event: the first envelope, and nothing new in the
/// log.
#[test]
fn an_event_that_is_sent_again_is_answered_as_the_first_time() {
    let server = start(2);
    let first = publish(&server, &event("chat:1", "e1"));
    let other = json!({ "room": "chat:1", "type": "u", "payload": 2, "id": "e1" });
    assert_eq!(publish(&server, &other), first);
    assert_eq!(publish(&server, &event("chat:1", "e2"))["sequence"], 2);
}

/// Of a client that forges an order only the server's own sequence counts.
#[test]
fn a_sequence_that_the_publisher_names_is_ignored() {
    let server = start(1);
    let mut forged = event("chat:1", "e1");
    forged["sequence"] = json!(99);
    assert_eq!(publish(&server, &forged)["sequence"], 1);
}

#[test]
fn several_events_are_answered_in_their_order() {
    let server = start(2);
    let events: Vec<Value> =
        (0..40).map(|index| event(&format!("r:{}", index % 4), &format!("e{index}"))).collect();
    let envelopes = publish(&server, &json!(events));
    let sequences = envelopes.as_array().unwrap().iter().map(|it| it["sequence"].clone());
    let expected: Vec<Value> = (0..40).map(|index| json!(index / 4 + 1)).collect();
    assert_eq!(sequences.collect::<Vec<_>>(), expected);
}

#[test]
fn a_replay_is_what_was_asked_for_and_whole() {
    let server = start(2);
    // Together far above what one page of a log has.
    let payload = "x".repeat(10_000);
    for index in 0..60 {
        let kind = if index % 2 == 0 { "even" } else { "odd" };
        publish(&server, &json!({ "room": "chat:1", "type": kind, "payload": payload }));
    }
    let replay = |body: Value| {
        let response = ask(&server, "POST", "/replay", &body.to_string());
        assert_eq!(response.status, 200, "{}", response.body_text());
        let events = response.json()["events"].as_array().unwrap().clone();
        events.iter().map(|it| it["sequence"].as_u64().unwrap()).collect::<Vec<_>>()
    };
    assert_eq!(replay(json!({ "room": "chat:1" })), (1..=60).collect::<Vec<_>>());
    let body = json!({ "room": "chat:1", "fromSequence": 10, "toSequence": 13 });
    assert_eq!(replay(body), [11, 12, 13]);
    let body = json!({ "room": "chat:1", "eventTypes": ["odd"], "limit": 3 });
    assert_eq!(replay(body), [2, 4, 6]);
    assert_eq!(replay(json!({ "room": "chat:none" })), [0; 0]);
}

#[test]
fn a_snapshot_is_kept_and_given() {
    let server = start(2);
    let path = "/rooms/chat%3A1/snapshot";
    let response = ask(&server, "GET", path, "");
    assert_eq!((response.status, response.body_text().as_str()), (200, "null"));
    let body = json!({ "lastSequence": 3, "state": { "n": [1] } }).to_string();
    let kept = ask(&server, "PUT", path, &body).json();
    assert_eq!((&kept["room"], &kept["lastSequence"]), (&json!("chat:1"), &json!(3)));
    assert_eq!(kept["state"], json!({ "n": [1] }));
    assert_eq!(ask(&server, "GET", path, "").json(), kept);
    let response = ask(&server, "PUT", path, r#"{"lastSequence":1}"#);
    refused(&response, 400, "snapshot must include state");
}

#[test]
fn an_ack_has_no_answer_but_that_it_is_done() {
    let server = start(2);
    publish(&server, &event("chat:1", "e1"));
    let body = json!({ "room": "chat:1", "sequence": 1, "subscriberId": "s" }).to_string();
    let response = ask(&server, "POST", "/ack", &body);
    assert_eq!((response.status, response.body.len()), (204, 0));
    server.until_metric("uringcast_ack_updates_total", 1);
}

#[test]
fn an_ephemeral_event_is_answered_by_itself_and_kept_nowhere() {
    let server = start(2);
    let body = json!({ "room": "chat:1", "type": "typing", "payload": null }).to_string();
    let answer = ask(&server, "POST", "/ephemeral", &body).json();
    assert_eq!((&answer["type"], &answer["payload"]), (&json!("typing"), &Value::Null));
    assert_eq!(answer.get("sequence"), None);
    assert_eq!(publish(&server, &event("chat:1", "e1"))["sequence"], 1);
}

#[test]
fn dead_letters_are_listed_published_again_and_forgotten() {
    let server = start(2);
    let letters = ask(&server, "GET", "/rooms/chat%3A1/dlq?limit=5&fromFailedAt=1", "");
    assert_eq!((letters.status, letters.body_text().as_str()), (200, "[]"));
    let replayed = ask(&server, "POST", "/rooms/chat%3A1/dlq/replay", "");
    assert_eq!((replayed.status, replayed.body_text().as_str()), (200, "[]"));
    let forgotten = ask(&server, "DELETE", "/rooms/chat%3A1/dlq", "");
    assert_eq!((forgotten.status, forgotten.body_text().as_str()), (200, "0"));
    let response = ask(&server, "GET", "/rooms/chat%3A1/dlq?limit=many", "");
    refused(&response, 400, "limit must be a whole number in the query");
}

#[test]
fn the_health_has_numbers_of_all_cores() {
    let server = start(2);
    for index in 0..20 {
        publish(&server, &event(&format!("r:{index}"), "e"));
    }
    publish(&server, &event("r:0", "e"));
    let health = ask(&server, "GET", "/health", "").json();
    assert_eq!((&health["status"], &health["provider"]), (&json!("healthy"), &json!("memory")));
    assert_eq!(health["details"]["cores"], 2);
    let metrics = &health["metrics"];
    assert_eq!((&metrics["published"], &metrics["duplicatesDropped"]), (&json!(21), &json!(1)));
}

#[test]
fn nobody_asks_without_the_secret_of_an_app() {
    let server = start(1);
    for (method, path) in [
        ("POST", "/events"),
        ("POST", "/ephemeral"),
        ("POST", "/replay"),
        ("POST", "/ack"),
        ("GET", "/rooms/a%3A1/snapshot"),
        ("PUT", "/rooms/a%3A1/snapshot"),
        ("GET", "/rooms/a%3A1/dlq"),
        ("DELETE", "/rooms/a%3A1/dlq"),
        ("POST", "/rooms/a%3A1/dlq/replay"),
        ("GET", "/health"),
    ] {
        let response = ask_as("app-key", &server, method, path, "");
        refused(&response, 401, "no app has this secret");
        let bare = Http::connect(server.address()).request(method, path, b"");
        refused(&bare, 401, "send the secret of an app: Authorization: Bearer <secret>");
    }
    server.until_refused("signature");
}

#[test]
fn a_secret_of_two_apps_is_nobodys() {
    let apps = "[[apps]]\nid = \"a\"\nkey = \"ka\"\nsecret = \"same\"\n\
        [[apps]]\nid = \"b\"\nkey = \"kb\"\nsecret = \"same\"\n\
        [[apps]]\nid = \"c\"\nkey = \"kc\"\nsecret = \"own\"\n";
    let server = Server::start(Options::new().config(apps));
    let response = ask_as("same", &server, "GET", "/health", "");
    refused(&response, 401, "several apps have this secret: give each its own");
    assert_eq!(ask_as("own", &server, "GET", "/health", "").status, 200);
}

#[test]
fn what_cannot_be_done_is_said_clearly() {
    let server = start(1);
    for (path, body, error) in [
        ("/events", "x", "Realtime message must be valid JSON"),
        ("/events", "[]", "the batch has no events"),
        ("/events", "7", "publish.event must be an object"),
        ("/events", r#"{"room":"a:1","type":"t"}"#, "publish.event must include payload"),
        ("/events", r#"{"room":"a","type":"t","payload":1}"#, "Invalid realtime room: a"),
        ("/events", r#"{"room":"a:*","type":"t","payload":1}"#, "Invalid realtime room: a:*"),
        ("/replay", r#"{"room":"a"}"#, "Invalid realtime room: a"),
        (
            "/ack",
            r#"{"room":"a:1","sequence":-1,"subscriberId":"s"}"#,
            "Realtime message field sequence must be a non-negative integer",
        ),
        ("/rooms/a/dlq/replay", "", "Invalid realtime room: a"),
    ] {
        refused(&ask(&server, "POST", path, body), 400, error);
    }
    let response = ask(&server, "DELETE", "/events", "");
    refused(&response, 405, "this path takes POST only");
    assert_eq!(response.header("allow"), Some("POST"));
    server.until_refused("request");
    server.until_refused("channel_name");
}

/// The limits on one request, at and one past.
#[test]
fn too_much_is_refused_with_413() {
    let server = start(1);
    let sized = |bytes: usize| {
        let empty = json!({ "room": "a:1", "type": "t", "payload": "" }).to_string();
        let payload = "x".repeat(bytes - empty.len());
        json!({ "room": "a:1", "type": "t", "payload": payload }).to_string()
    };
    assert_eq!(ask(&server, "POST", "/events", &sized(65_536)).status, 200);
    let response = ask(&server, "POST", "/events", &sized(65_537));
    refused(&response, 413, "Payload too large: 65537 bytes");
    server.until_refused("event_data_bytes");

    let one = json!({ "room": "a:1", "type": "t", "payload": 1 });
    let batch = |count: usize| json!(vec![&one; count]).to_string();
    assert_eq!(ask(&server, "POST", "/events", &batch(1_000)).status, 200);
    let response = ask(&server, "POST", "/events", &batch(1_001));
    refused(&response, 413, "the batch has more than 1000 events");

    let replay = |limit: u32| json!({ "room": "a:1", "limit": limit }).to_string();
    assert_eq!(ask(&server, "POST", "/replay", &replay(10_000)).status, 200);
    let response = ask(&server, "POST", "/replay", &replay(10_001));
    refused(&response, 413, "limit must be at most 10000");

    let state = |bytes: usize| json!({ "lastSequence": 1, "state": "x".repeat(bytes) }).to_string();
    let body = state(800_000);
    assert_eq!(ask(&server, "PUT", "/rooms/a%3A1/snapshot", &body).status, 413);
}

/// What was there before is as it was: a publish of Pusher's and one of ZinTrust's.
#[test]
fn the_paths_of_apps_stay_what_they_were() {
    let server = start(1);
    let body = r#"{"channel":"one","event":"e","data":{}}"#;
    let response = ask(&server, "POST", "/apps/app-id/events", body);
    let expected = r#"{"ok":true,"channels":["one"],"event":"e","deliveries":0}"#;
    assert_eq!((response.status, response.body_text().as_str()), (202, expected));
    assert_eq!(ask(&server, "POST", "/apps/app-id/replay", "{}").status, 404);
}
