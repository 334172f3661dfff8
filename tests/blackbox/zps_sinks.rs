//! Servers that are posted the events of rooms.

use std::collections::HashMap;
use std::env;
use std::fs;
use std::net::TcpListener;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};

use serde_json::{Value, json};
use uringcast_tests::{Endpoint, Http, Options, Posted, Reply, Server, Zps, signature, until};

/// A server whose only app has a sink at `url` with `more` in its table.
fn options(url: &str, more: &str) -> Options {
    Options::new().cores(2).config(&format!(
        "[zps]\nallow_client_publish = true\nmax_messages_per_window = 0\n\
         [[apps]]\nid = \"app-id\"\nkey = \"app-key\"\nsecret = \"app-secret\"\n\
         [[apps.sinks]]\nname = \"test\"\nurl = \"{url}\"\n{more}\n"
    ))
}

fn ok() -> Reply {
    Reply::Status(200, String::new())
}

fn sequences(posted: &Posted) -> Vec<u64> {
    let body = posted.json();
    let events = body["events"].as_array().expect("a request has events");
    events.iter().map(|event| event["sequence"].as_u64().expect("events are numbered")).collect()
}

/// What each room's requests that were taken brought, in their order.
fn by_room(posted: &[Posted]) -> HashMap<String, Vec<u64>> {
    let mut rooms: HashMap<String, Vec<u64>> = HashMap::new();
    for posted in posted {
        let room = posted.json()["room"].as_str().expect("a request names its room").to_owned();
        rooms.entry(room).or_default().extend(sequences(posted));
    }
    rooms
}

fn ask(server: &Server, method: &str, path: &str) -> Value {
    let mut http = Http::connect(server.address());
    let head = format!(
        "{method} {path} HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer app-secret\r\n\
         Content-Length: 0\r\n\r\n"
    );
    http.send(head.as_bytes());
    http.response().json()
}

/// Waits until `room` has so many dead letters, and lists them.
fn until_dead(server: &Server, room: &str, count: usize) -> Vec<Value> {
    let path = format!("/rooms/{}/dlq", room.replace(':', "%3A"));
    let mut letters = Vec::new();
    until(&format!("{room} has {count} dead letters"), || {
        letters.clone_from(ask(server, "GET", &path).as_array().expect("a list"));
        letters.len() >= count
    });
    letters
}

#[test]
fn every_event_of_every_room_comes_in_the_rooms_order() {
    let endpoint = Endpoint::start(|_| ok());
    let server = Server::start(options(&endpoint.url("/sink"), "headers = { x-token = \"t\" }"));
    let mut ann = Zps::connect(&server, "ann");
    for number in 0..400 {
        ann.publish(&format!("r:{}", number % 8), "t", &json!(number));
    }
    server.until_metric("uringcast_sink_events_total", 400);
    let posted = endpoint.posted();
    let rooms = by_room(&posted);
    assert_eq!(rooms.len(), 8);
    for (room, sequences) in &rooms {
        assert_eq!(*sequences, (1..=50).collect::<Vec<u64>>(), "{room}");
    }
    let event = posted[0].json()["events"][0].clone();
    let room = posted[0].json()["room"].clone();
    assert_eq!((&event["room"], &event["type"]), (&room, &json!("t")));
    let header = |name: &str| posted[0].header(name).unwrap_or_default().to_owned();
    assert_eq!((header("x-uringcast-sink").as_str(), header("x-token").as_str()), ("test", "t"));
    let body = std::str::from_utf8(&posted[0].body).expect("a body is text");
    let signature = signature("app-secret", body);
    let signed = (header("x-pusher-key"), header("x-pusher-signature"));
    assert_eq!(signed, ("app-key".to_owned(), signature));
}

#[test]
fn only_rooms_of_the_pattern_are_posted() {
    let endpoint = Endpoint::start(|_| ok());
    let server = Server::start(options(&endpoint.url("/"), "rooms = \"orders:*\""));
    let mut ann = Zps::connect(&server, "ann");
    ann.publish("chat:1", "t", &json!(1));
    ann.publish("orders:1", "t", &json!(2));
    server.until_metric("uringcast_sink_events_total", 1);
    assert_eq!(by_room(&endpoint.posted()).keys().collect::<Vec<_>>(), ["orders:1"]);
}

/// The bad event is tried as often as the policy says, and is a dead letter then; the others get
/// through, in their order. Published again it comes as a new event.
#[test]
fn what_is_never_taken_is_a_dead_letter_of_its_room() {
    let is_well = Arc::new(AtomicBool::new(false));
    let well = Arc::clone(&is_well);
    let endpoint = Endpoint::start(move |posted| {
        let body = posted.json();
        let mut events = body["events"].as_array().into_iter().flatten();
        let has_bad = events.any(|event| event["payload"] == "bad");
        let is_taken = !has_bad || well.load(Ordering::Relaxed);
        if is_taken { ok() } else { Reply::Status(503, String::new()) }
    });
    let policy = "retry = \"fixed\"\nattempts_max = 3\ndelay_base_ms = 0\n";
    let server = Server::start(options(&endpoint.url("/"), policy));
    let mut ann = Zps::connect(&server, "ann");
    for payload in ["a", "bad", "b", "c"] {
        ann.publish("chat:1", "t", &json!(payload));
    }
    let letters = until_dead(&server, "chat:1", 1);
    server.until_metric("uringcast_sink_events_total", 3);
    let letter = &letters[0];
    assert_eq!((&letter["room"], &letter["attempts"]), (&json!("chat:1"), &json!(3)));
    assert_eq!(letter["error"], "sink test: status 503");
    assert_eq!(letter["originalEvent"]["payload"], "bad");
    assert!(letter["failedAt"].as_str().expect("a time").ends_with('Z'), "{letter}");
    let alone = |posted: &&Posted| sequences(posted) == [2];
    assert_eq!(endpoint.posted().iter().filter(alone).count(), 3);
    server.until_metric("uringcast_sink_dead_letters_total", 1);

    is_well.store(true, Ordering::Relaxed);
    let replayed = ask(&server, "POST", "/rooms/chat%3A1/dlq/replay");
    assert_eq!((&replayed[0]["payload"], &replayed[0]["sequence"]), (&json!("bad"), &json!(5)));
    server.until_metric("uringcast_sink_events_total", 4);
    assert_eq!(ask(&server, "GET", "/rooms/chat%3A1/dlq"), json!([]));
}

#[test]
fn dead_letters_can_be_forgotten() {
    let more = "attempts_max = 1\nbatch_events_max = 1\n";
    let server = Server::start(options(&Endpoint::nobody(), more));
    let mut ann = Zps::connect(&server, "ann");
    for number in 0..3 {
        ann.publish("chat:1", "t", &json!(number));
    }
    let letters = until_dead(&server, "chat:1", 3);
    let sequences: Vec<&Value> = letters.iter().map(|it| &it["originalEvent"]["payload"]).collect();
    assert_eq!(sequences, [&json!(0), &json!(1), &json!(2)]);
    assert_eq!(ask(&server, "DELETE", "/rooms/chat%3A1/dlq"), json!(3));
    server.until_metric("uringcast_log_dead_letters", 0);
}

/// A sink that is away costs nobody anything: its events wait in the log and come when it is back.
#[test]
fn a_sink_that_comes_back_is_sent_what_it_has_missed() {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port is free");
    let address = listener.local_addr().expect("the listener is bound");
    drop(listener);
    let more = "retry = \"linear\"\nattempts_max = 1000\ndelay_base_ms = 10\ndelay_max_ms = 100\n";
    let server = Server::start(options(&format!("http://{address}/"), more));
    let mut ann = Zps::connect(&server, "ann");
    ann.subscribe("chat:1");
    for number in 1..=50 {
        ann.publish("chat:1", "t", &json!(number));
        ann.expect_event("chat:1", number);
    }
    until("requests have failed", || server.metric("uringcast_sink_failures_total") >= 3.0);
    let listener = TcpListener::bind(address).expect("nobody else has taken it");
    let endpoint = Endpoint::serve(listener, |_| ok());
    server.until_metric("uringcast_sink_events_total", 50);
    let mut sequences: Vec<u64> = endpoint.posted().iter().flat_map(sequences).collect();
    assert!(sequences.is_sorted(), "{sequences:?}");
    sequences.dedup();
    assert_eq!(sequences, (1..=50).collect::<Vec<u64>>());
    server.until_metric("uringcast_sink_dead_letters_total", 0);
}

#[test]
fn a_slow_sink_with_a_buffer_gets_the_newest_and_the_rest_is_counted() {
    let is_open = Arc::new(AtomicBool::new(false));
    let open = Arc::clone(&is_open);
    let endpoint = Endpoint::start(move |_| {
        until("the sink goes on", || open.load(Ordering::Relaxed));
        ok()
    });
    let more = "flow = \"buffer\"\nbuffer_events_max = 2\nbatch_events_max = 1\n";
    let server = Server::start(options(&endpoint.url("/"), more));
    let mut ann = Zps::connect(&server, "ann");
    ann.publish("chat:1", "t", &json!(1));
    endpoint.until_posted(1);
    for number in 2..=10 {
        ann.publish("chat:1", "t", &json!(number));
    }
    server.until_metric("uringcast_sink_dropped_total", 7);
    is_open.store(true, Ordering::Relaxed);
    server.until_metric("uringcast_sink_events_total", 3);
    let sequences: Vec<u64> = endpoint.posted().iter().flat_map(sequences).collect();
    assert_eq!(sequences, [1, 9, 10]);
}

/// A directory of one test, which is gone afterwards.
struct Directory(PathBuf);

impl Directory {
    fn new() -> Self {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let count = COUNT.fetch_add(1, Ordering::Relaxed);
        let path = env::temp_dir().join(format!("uringcast-sinks-{}-{count}", std::process::id()));
        let _ = fs::remove_dir_all(&path); // Of a process that had this id before.
        fs::create_dir_all(&path).expect("the disk has room");
        Self(path)
    }
}

impl Drop for Directory {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

/// Killed and started again: dead letters are still there, what was taken does not come again, and
/// what was not comes now.
#[test]
fn dead_letters_and_the_place_of_a_sink_outlive_a_kill() {
    let directory = Directory::new();
    let endpoint = Endpoint::start(|posted| {
        let body = posted.json();
        let mut events = body["events"].as_array().into_iter().flatten();
        let is_bad = events.any(|event| event["payload"] == "bad");
        if is_bad { Reply::Status(500, String::new()) } else { ok() }
    });
    let more = format!(
        "attempts_max = 1\nbatch_events_max = 1\n\
         [log]\ndriver = \"file\"\ndir = \"{}\"\n",
        directory.0.display()
    );
    let mut server = Server::start(options(&endpoint.url("/"), &more));
    let mut ann = Zps::connect(&server, "ann");
    for payload in ["a", "bad", "b", "bad"] {
        ann.publish("chat:1", "t", &json!(payload));
    }
    let before = until_dead(&server, "chat:1", 2);
    server.until_metric("uringcast_sink_events_total", 2);
    // Records are durable in their order: this event is, so all before it are.
    ann.subscribe("chat:2");
    ann.publish("chat:2", "t", &json!("last"));
    server.until_metric("uringcast_sink_events_total", 3);
    // Of each cursor only the newest is, so nobody knows how many records there are.
    server.until_metric("uringcast_log_unsynced_bytes", 0);
    let posted = endpoint.posted().len();
    server.restart();
    assert_eq!(until_dead(&server, "chat:1", 2), before);
    let mut ann = Zps::connect(&server, "ann");
    ann.publish("chat:1", "t", &json!("c"));
    server.until_metric("uringcast_sink_events_total", 1);
    let after: Vec<Vec<u64>> = endpoint.posted()[posted..].iter().map(sequences).collect();
    assert_eq!(after, [vec![5]]);
    let replayed = ask(&server, "POST", "/rooms/chat%3A1/dlq/replay");
    assert_eq!(replayed.as_array().map(Vec::len), Some(2));
    let again = until_dead(&server, "chat:1", 2); // They are still bad.
    assert_eq!(again[0]["originalEvent"]["payload"], "bad");
    assert_eq!(ask(&server, "DELETE", "/rooms/chat%3A1/dlq"), json!(2));
    ann.subscribe("chat:1"); // Answered behind what the log thread was told before.
    server.signal(libc::SIGTERM);
    assert!(server.wait_exit().success());
    server.restart();
    assert_eq!(ask(&server, "GET", "/rooms/chat%3A1/dlq"), json!([]));
}
