//! The numbers of `GET /health`: each is changed by what it is about.

use std::io::{Read, Write};
use std::net::TcpListener;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;

use serde_json::{Value, json};
use uringcast_tests::{Client, Endpoint, Http, Options, Reply, Response, Server, Zps, until};

fn ask(server: &Server, method: &str, path: &str, body: &str) -> Response {
    let mut http = Http::connect(server.address());
    let length = body.len();
    http.send(
        format!(
            "{method} {path} HTTP/1.1\r\nHost: a\r\nAuthorization: Bearer app-secret\r\n\
             Content-Length: {length}\r\n\r\n{body}"
        )
        .as_bytes(),
    );
    http.response()
}

fn health(server: &Server) -> Value {
    let response = ask(server, "GET", "/health", "");
    assert_eq!(response.status, 200, "{}", response.body_text());
    response.json()
}

fn metric(server: &Server, name: &str) -> f64 {
    health(server)["metrics"][name].as_f64().unwrap_or_else(|| panic!("{name} is no number"))
}

/// Waits until the number called `name` is `expected`.
fn until_metric(server: &Server, name: &str, expected: u32) {
    let what = format!("{name} is {expected}");
    until(&what, || metric(server, name).total_cmp(&f64::from(expected)).is_eq());
}

fn app(more: &str) -> String {
    format!("[[apps]]\nid = \"app-id\"\nkey = \"app-key\"\nsecret = \"app-secret\"\n{more}")
}

fn start(more: &str) -> Server {
    Server::start(Options::new().cores(2).config(&format!(
        "{}{more}",
        app("history = [{ pattern = \"short:*\", events_max = 1 }]\n\
         zps = { allow_client_publish = true }\n",)
    )))
}

fn event(room: &str, id: &str, more: &str) -> String {
    format!(r#"{{"room":{room:?},"id":{id:?},"type":"t","payload":1{more}}}"#)
}

#[test]
fn numbers_of_events_and_subscribers_follow_them() {
    let server = start("");
    let (mut ann, mut bob) = (Zps::connect(&server, "ann"), Zps::connect(&server, "bob"));
    for (name, before) in [("published", 0), ("received", 0), ("activeRooms", 0), ("acked", 0)] {
        until_metric(&server, name, before);
    }
    ann.subscribe("r:1");
    bob.subscribe("r:1");
    bob.subscribe("r:2");
    until_metric(&server, "activeRooms", 2);
    until_metric(&server, "activeListeners", 3);
    for _ in 0..2 {
        assert_eq!(ask(&server, "POST", "/events", &event("r:1", "one", "")).status, 200);
    }
    until_metric(&server, "duplicatesDropped", 1);
    until_metric(&server, "published", 2);
    until_metric(&server, "received", 2);
    ann.expect_event("r:1", 1);
    ann.ack("r:1", 1);
    until_metric(&server, "acked", 1);
    bob.close();
    until_metric(&server, "activeRooms", 1);
    until_metric(&server, "activeListeners", 1);
    let errors = metric(&server, "errors");
    ann.send_text("{");
    ann.expect_error("Realtime message must be valid JSON");
    until("the error is counted", || metric(&server, "errors") > errors);
}

#[test]
fn numbers_of_what_was_missed_follow_it() {
    let server = start("");
    for id in ["one", "two", "three"] {
        assert_eq!(ask(&server, "POST", "/events", &event("short:1", id, "")).status, 200);
    }
    let names = ["replayed", "gapsDetected", "snapshotUsage", "replayLatencyMs"];
    for name in names {
        until_metric(&server, name, 0);
    }
    let mut ann = Zps::connect(&server, "ann");
    ann.send(&json!({"type": "subscribe", "room": "short:1", "fromSequence": 0}));
    ann.expect(&json!({"type": "subscribed", "room": "short:1"}));
    assert_eq!(ann.message()["snapshot"]["lastSequence"], 2, "the first two are gone");
    ann.expect_event("short:1", 3);
    until_metric(&server, "gapsDetected", 1);
    until_metric(&server, "replayed", 1);
    let body = r#"{"room":"short:1"}"#;
    assert_eq!(ask(&server, "POST", "/replay", body).json()["events"][0]["sequence"], 3);
    until_metric(&server, "replayed", 2);
    until("reading took time", || metric(&server, "replayLatencyMs") > 0.0);
    assert!(metric(&server, "replayLatencyMs") < 1_000.0);
    let path = "/rooms/short%3A1/snapshot";
    assert_eq!(ask(&server, "PUT", path, r#"{"lastSequence":3,"state":1}"#).status, 200);
    assert_eq!(ask(&server, "GET", path, "").json()["state"], 1);
    until_metric(&server, "snapshotUsage", 1);
}

#[test]
fn the_lag_of_deliveries_is_the_age_of_events() {
    let server = start("");
    let mut ann = Zps::connect(&server, "ann");
    ann.subscribe("r:1");
    until_metric(&server, "averageDeliveryLagMs", 0);
    let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
    let five_seconds_ago = since.expect("the clock is set").as_millis() - 5_000;
    let emitted = format!(r#","emittedAt":{five_seconds_ago}"#);
    assert_eq!(ask(&server, "POST", "/events", &event("r:1", "one", &emitted)).status, 200);
    ann.expect_event("r:1", 1);
    let lag_ms = metric(&server, "averageDeliveryLagMs");
    assert!((4_999.0..15_000.0).contains(&lag_ms), "{lag_ms}");
    // One that was emitted now brings the average down; one of the future says nothing.
    let future = r#","emittedAt":"2999-01-01""#;
    assert_eq!(ask(&server, "POST", "/events", &event("r:1", "two", future)).status, 200);
    assert_eq!(ask(&server, "POST", "/events", &event("r:1", "three", "")).status, 200);
    ann.expect_event("r:1", 2);
    ann.expect_event("r:1", 3);
    let average_ms = metric(&server, "averageDeliveryLagMs");
    assert!(average_ms < lag_ms && average_ms > lag_ms / 3.0, "{average_ms} after {lag_ms}");
}

#[test]
fn what_is_sent_again_to_an_apps_server_is_counted() {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port is free");
    let url = format!("http://{}/", listener.local_addr().expect("the listener is bound"));
    thread::spawn(move || {
        for mut stream in listener.incoming().map_while(Result::ok) {
            let mut request = [0; 4096];
            let _ = stream.read(&mut request); // Whatever it says, it failed.
            let _ = stream.write_all(b"HTTP/1.1 500 No\r\nContent-Length: 0\r\n\r\n");
        }
    });
    let server = start(&format!("[[apps.webhooks]]\nurl = \"{url}\"\n"));
    until_metric(&server, "retryCount", 0);
    Client::connect(&server).subscribe("room");
    until("it was sent again", || metric(&server, "retryCount") > 0.0);
}

/// Letters of rooms of both cores count, until they are forgotten or come as events again.
#[test]
fn the_size_of_the_dead_letter_queue_is_that_of_all_rooms() {
    let is_well = Arc::new(AtomicBool::new(false));
    let well = Arc::clone(&is_well);
    let endpoint = Endpoint::start(move |_| {
        let status = if well.load(Ordering::Relaxed) { 200 } else { 503 };
        Reply::Status(status, String::new())
    });
    let server = start(&format!(
        "[[apps.sinks]]\nname = \"test\"\nurl = \"{}\"\nattempts_max = 1\nbatch_events_max = 1\n",
        endpoint.url("/")
    ));
    until_metric(&server, "dlqSize", 0);
    let mut ann = Zps::connect(&server, "ann");
    for (room, letters) in [("dead:1", 1), ("dead:2", 2), ("dead:3", 3), ("dead:4", 4)] {
        for number in 0..letters {
            ann.publish(room, "t", &json!(number));
        }
    }
    until_metric(&server, "dlqSize", 10);
    assert_eq!(ask(&server, "DELETE", "/rooms/dead%3A3/dlq", "").json(), json!(3));
    until_metric(&server, "dlqSize", 7);
    is_well.store(true, Ordering::Relaxed);
    ask(&server, "POST", "/rooms/dead%3A4/dlq/replay", "");
    until_metric(&server, "dlqSize", 3);
}

#[test]
fn the_provider_is_what_keeps_the_logs() {
    let server = start("");
    let found = health(&server);
    let provider = (&found["provider"], &found["transport"]["provider"]);
    assert_eq!(provider, (&json!("memory"), &json!("memory")));
    let directory = std::env::temp_dir().join(format!("uringcast-health-{}", std::process::id()));
    let config = format!(
        "{}[log]\ndriver = \"file\"\ndir = {directory:?}\nsync_delay_ms = 200\n",
        app("zps = { allow_client_publish = true }\n")
    );
    let durable = Server::start(Options::new().config(&config));
    let found = health(&durable);
    assert_eq!((&found["provider"], &found["status"]), (&json!("file"), &json!("healthy")));
    // An event waits for the disk before anybody gets it.
    let mut ann = Zps::connect(&durable, "ann");
    ann.subscribe("r:1");
    ann.publish("r:1", "t", &json!(1));
    assert_eq!(ann.expect_event("r:1", 1)["metadata"]["provider"], "file");
    let lag_ms = metric(&durable, "averageDeliveryLagMs");
    drop(durable);
    drop(std::fs::remove_dir_all(directory)); // Best effort.
    assert!(lag_ms >= 199.0, "{lag_ms}");
}
