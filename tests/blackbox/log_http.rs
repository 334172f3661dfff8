//! Logs behind the HTTP APIs: what a publisher is told, and what a reader finds after a crash.

use std::fs;

use serde_json::{Value, json};
use uringcast_tests::{Api, Client, Http, Options, Response, Server, Stream, Zps, skip};

use crate::log_file::Directory;

const SECRET: &str = "app-secret";

/// A request to zero-pub-sub's API.
fn ask(server: &Server, method: &str, path: &str, body: &Value) -> Response {
    let (mut http, body) = (Http::connect(server.address()), body.to_string());
    let length = body.len();
    http.send(
        format!(
            "{method} {path} HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer {SECRET}\r\n\
             Content-Type: application/json\r\nContent-Length: {length}\r\n\r\n{body}"
        )
        .as_bytes(),
    );
    http.response()
}

fn event(room: &str, payload: &Value) -> Value {
    json!({"room": room, "type": "t", "payload": payload})
}

/// All refusals that are counted, by their limits.
fn refusals(server: &Server, limit: &str) -> (f64, f64) {
    let (metrics, name) = (server.metrics(), "uringcast_refusals_total");
    (metrics.sum_where(name, "limit", limit), metrics.sum(name))
}

#[test]
fn an_event_that_a_log_refuses_is_counted_once() {
    let server = Server::start(Options::new().cores(2).config(
        "[[apps]]\nid = \"app-id\"\nkey = \"app-key\"\nsecret = \"app-secret\"\n\
         history = [{ pattern = \"*\", bytes_max = 65536 }]\nevent_data_bytes_max = 100000\n",
    ));
    let data = "x".repeat(65_450);
    for (count, channel) in (1..).zip(["a", "b", "c"]) {
        let body = json!({"name": "n", "channel": channel, "data": data});
        let response = Api::new(&server).post("/events", &body);
        assert_eq!(response.status, 413, "{}", response.body_text());
        let count = f64::from(count);
        assert_eq!(refusals(&server, "log_event_bytes"), (count, count));
    }
    let response = ask(&server, "POST", "/events", &event("r:1", &json!(data)));
    assert_eq!(response.status, 413, "{}", response.body_text());
    assert_eq!(refusals(&server, "log_event_bytes"), (4.0, 4.0));
}

/// Logs in `directory`, of zero-pub-sub's rooms and of Pusher channels.
fn durable(directory: &Directory) -> Options {
    Options::new().cores(2).config(&format!(
        "[log]\ndriver = \"file\"\ndir = \"{}\"\n\
         [[apps]]\nid = \"app-id\"\nkey = \"app-key\"\nsecret = \"app-secret\"\n\
         history = [{{ pattern = \"*\" }}]\n",
        directory.0.display()
    ))
}

fn replay(server: &Server, room: &str, after: u64) -> Vec<Value> {
    let response = ask(server, "POST", "/replay", &json!({"room": room, "fromSequence": after}));
    assert_eq!(response.status, 200, "{}", response.body_text());
    response.json()["events"].as_array().expect("a list").clone()
}

/// What was answered before the kill is there after it, once and in its place, for a reader that
/// asks, and for a stream that goes on with the last id that it had.
#[test]
fn readers_over_http_go_on_after_the_server_was_killed() {
    let directory = Directory::new();
    let mut server = Server::start(durable(&directory));
    let publish = |server: &Server, number: u64| {
        let response = ask(server, "POST", "/events", &event("r:1", &json!(number)));
        assert_eq!(response.status, 200, "{}", response.body_text());
        assert_eq!(response.json()["sequence"], number);
    };
    let (mut stream, _) = Stream::begin(&server, "/sse?rooms=r%3A1");
    let (mut last, mut last_id) = (0, String::new());
    for round in 0..4 {
        (round * 25 + 1..=round * 25 + 25).for_each(|number| publish(&server, number));
        // It has had some of them when the server is gone.
        while last < round * 25 + 10 {
            let block = stream.event();
            assert_eq!(block.sequence(), last + 1, "round {round}");
            (last, last_id) = (block.sequence(), block.id);
        }
        server.restart();
        let replayed = replay(&server, "r:1", last);
        let payloads: Vec<u64> =
            replayed.iter().map(|it| it["payload"].as_u64().expect("a number")).collect();
        assert_eq!(payloads, (last + 1..=round * 25 + 25).collect::<Vec<_>>());
        let line = format!("Last-Event-ID: {last_id}\r\n");
        stream = Stream::open(&server, "/sse?rooms=r%3A1", &line);
        assert_eq!(stream.block().json()["since"], last_id);
    }
    publish(&server, 101);
    for number in last + 1..=101 {
        assert_eq!(stream.event().sequence(), number);
    }
}

/// Without a disk a server that is started again has fewer events than its clients have seen. They
/// are told where it goes on, instead of waiting for numbers that will not come.
#[test]
fn who_has_seen_more_than_there_is_is_told_where_the_log_goes_on() {
    let mut server = Server::start(Options::new().cores(2));
    let publish = |server: &Server, count: u64| {
        for number in 1..=count {
            let response = ask(server, "POST", "/events", &event("r:1", &json!(number)));
            assert_eq!(response.json()["sequence"], number);
        }
    };
    publish(&server, 9);
    server.restart();
    publish(&server, 3);
    let mut zps = Zps::connect(&server, "ann");
    zps.send(&json!({"type": "subscribe", "room": "r:1", "fromSequence": 9}));
    zps.expect(&json!({"type": "subscribed", "room": "r:1"}));
    let told = zps.message();
    let snapshot = &told["snapshot"];
    assert_eq!((&told["type"], &snapshot["lastSequence"]), (&json!("snapshot"), &json!(3)));
    assert_eq!(snapshot["state"], Value::Null);
    let line = "Last-Event-ID: r%3A1@9\r\n";
    let mut stream = Stream::open(&server, "/sse?rooms=r%3A1", line);
    assert_eq!(stream.block().event, "ready");
    assert_eq!(stream.block().event, "subscribed");
    let told = stream.block();
    assert_eq!(told.event, "snapshot", "{told:?}");
    assert_eq!(told.json()["snapshot"]["lastSequence"], 3, "{told:?}");
    let response = ask(&server, "POST", "/events", &event("r:1", &json!(4)));
    assert_eq!(response.status, 200);
    zps.expect_event("r:1", 4);
    assert_eq!(stream.event().sequence(), 4);
}

#[test]
fn a_full_disk_is_told_over_http_and_subscribers_stay() {
    let directory = Directory::new();
    if !directory.is_mounted("512k") {
        return skip("this process may not mount a file system");
    }
    let mut server = Server::start(durable(&directory));
    let mut zps = Zps::connect(&server, "ann");
    zps.subscribe("room:1");
    let mut client = Client::connect(&server);
    client.subscribe("kept");
    let mut api = Api::new(&server);
    let rest = directory.0.join("rest");
    let _ = fs::write(&rest, vec![0; 1 << 20]); // As much as there is room for.
    let data = "x".repeat(2_000);
    let mut kept = 0;
    let refused = loop {
        let response = ask(&server, "POST", "/events", &event("room:1", &json!(data)));
        if response.status != 200 {
            break response;
        }
        kept += 1;
        zps.expect_event("room:1", kept);
    };
    let words = "the event could not be written";
    assert_eq!((refused.status, refused.error().as_str()), (503, words));
    let body = json!({"name": "n", "channel": "kept", "data": data});
    let refused = api.post("/events", &body);
    assert_eq!(refused.status, 500, "{}", refused.body_text());
    assert!(refused.body_text().contains("could not be written"), "{}", refused.body_text());
    assert_eq!(refusals(&server, "log_write"), (2.0, 2.0));
    fs::remove_file(rest).expect("the file was written above");
    let response = ask(&server, "POST", "/events", &event("room:1", &json!("again")));
    assert_eq!((response.status, response.json()["sequence"].as_u64()), (200, Some(kept + 1)));
    zps.expect_event("room:1", kept + 1);
    let body = json!({"name": "n", "channel": "kept", "data": "again"});
    assert_eq!(api.post("/events", &body).status, 200);
    assert_eq!(client.expect_on("kept", "n").data, json!("again"));
    server.restart();
    let sequences: Vec<u64> = replay(&server, "room:1", 0)
        .iter()
        .map(|event| event["sequence"].as_u64().expect("a number"))
        .collect();
    assert_eq!(sequences, (1..=kept + 1).collect::<Vec<_>>());
}
