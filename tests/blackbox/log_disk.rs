//! Acks and snapshots on a disk that is full, or does not answer: what was acknowledged is there.

use std::fs;

use serde_json::{Value, json};
use uringcast_tests::{Http, Server, Stopped, Zps, skip, until};

use crate::log_file::Directory;

const SECRET: &str = "app-secret";

/// Ask zero-pub-sub's API, and do not wait for the answer.
fn begin(server: &Server, method: &str, path: &str, body: &Value) -> Http {
    let (mut http, body) = (Http::connect(server.address()), body.to_string());
    let length = body.len();
    http.send(
        format!(
            "{method} {path} HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer {SECRET}\r\n\
             Content-Type: application/json\r\nContent-Length: {length}\r\n\r\n{body}"
        )
        .as_bytes(),
    );
    http
}

fn put(server: &Server, room: &str, number: u32, bytes: usize) -> Http {
    let state = json!({"number": number, "x": "x".repeat(bytes)});
    let snapshot = json!({"state": state, "lastSequence": 1});
    begin(server, "PUT", &format!("/rooms/{room}/snapshot"), &snapshot)
}

/// The number of the snapshot that is there.
fn number(server: &Server, room: &str) -> Value {
    let mut http = begin(server, "GET", &format!("/rooms/{room}/snapshot"), &Value::Null);
    http.response().json()["state"]["number"].clone()
}

/// Take a client through an ack: whether it was told that it is kept.
fn ack(client: &mut Zps, room: &str, sequence: u64) -> bool {
    client.send(&json!({"type": "ack", "room": room, "sequence": sequence}));
    let answer = client.message();
    if answer["type"] == "ack" {
        return true;
    }
    let text = format!("{room}: acknowledgement {sequence} is not kept: it could not be written");
    assert_eq!(answer, json!({"type": "error", "message": text}));
    false
}

/// The event that a subscriber with the name begins with.
fn begins_with(server: &Server, name: &str, room: &str) -> u64 {
    let mut client = Zps::connect(server, name);
    client.subscribe(room);
    loop {
        let message = client.message();
        if message["type"] == "event" {
            return message["data"]["sequence"].as_u64().expect("a number");
        }
    }
}

#[test]
fn what_was_acknowledged_on_a_full_disk_outlives_a_kill() {
    let directory = Directory::new();
    if !directory.is_mounted("512k") {
        return skip("this process may not mount a file system");
    }
    let mut server = Server::start(directory.options());
    let mut publisher = Zps::connect(&server, "publisher");
    for number in 1..=3 {
        publisher.publish("room:1", "t", &json!(number));
    }
    let mut client = Zps::connect(&server, "ann");
    client.send(&json!({"type": "subscribe", "room": "room:1", "fromSequence": 0}));
    client.expect(&json!({"type": "subscribed", "room": "room:1"}));
    (1..=3).for_each(|sequence| _ = client.expect_event("room:1", sequence));
    assert_eq!(put(&server, "room:1", 1, 0).response().status, 200);
    assert!(ack(&mut client, "room:1", 1));
    let rest = directory.0.join("rest");
    let _ = fs::write(&rest, vec![0; 1 << 20]); // As much as there is room for.
    let (mut kept, mut last) = (1, 1);
    let refused = loop {
        let response = put(&server, "room:1", last + 1, 40_000).response();
        last += 1;
        if response.status != 200 {
            break response;
        }
        kept = last;
        assert!(last < 100, "the disk is full");
    };
    let words = "the snapshot is not kept: it could not be written";
    assert_eq!((refused.status, refused.error().as_str()), (503, words));
    let _ = fs::write(directory.0.join("more"), vec![0; 1 << 20]); // What that had left.
    let is_acked = ack(&mut client, "room:1", 2);
    assert!(server.metric("uringcast_log_unsynced_bytes") >= 40_000.0, "it is to be tried again");
    fs::remove_file(&rest).unwrap();
    let _ = fs::remove_file(directory.0.join("more"));
    server.restart();
    // What was refused may be there, having been tried again; what was answered is.
    assert!([json!(kept), json!(last)].contains(&number(&server, "room:1")));
    let first = begins_with(&server, "ann", "room:1");
    assert!(first == 3 || first == 2 && !is_acked, "{first}, {is_acked}");
}

#[test]
fn what_could_not_be_written_is_tried_again() {
    let directory = Directory::new();
    if !directory.is_mounted("512k") {
        return skip("this process may not mount a file system");
    }
    let mut server = Server::start(directory.options());
    assert_eq!(put(&server, "room:1", 1, 0).response().status, 200);
    let rest = directory.0.join("rest");
    let _ = fs::write(&rest, vec![0; 1 << 20]);
    let mut last = 1;
    while put(&server, "room:1", last + 1, 40_000).response().status == 200 {
        last += 1;
        assert!(last < 100, "the disk is full");
    }
    fs::remove_file(rest).unwrap();
    until("nothing waits", || server.metric("uringcast_log_unsynced_bytes") < 1.0);
    server.restart();
    assert_eq!(number(&server, "room:1"), json!(last + 1));
}

#[test]
fn a_disk_that_does_not_answer_is_waited_for_within_a_limit_and_said() {
    const BYTES: u32 = 400_000;
    const BYTES_MAX: u32 = 4 << 20;
    let directory = Directory::new();
    let options = directory.options().config(&format!(
        "[log]\ndriver = \"file\"\ndir = \"{}\"\ndisk_timeout_s = 1\nunsynced_bytes_max = {}\n",
        directory.0.display(),
        BYTES_MAX
    ));
    let mut server = Server::start(options.cores(1));
    let mut client = Zps::connect(&server, "ann");
    client.subscribe("room:1");
    let event = json!({"room": "room:1", "type": "t", "payload": 1});
    assert_eq!(begin(&server, "POST", "/events", &event).response().status, 200);
    client.expect_event("room:1", 1);
    let Some(stopped) = Stopped::stop(server.pid(), "log") else {
        return skip("this process may not stop a thread of another");
    };
    // Of one room the newest waits, of many as many as there may.
    let mut asked: Vec<Http> = Vec::new();
    for count in 1..=20 {
        asked.push(put(&server, "room:0", count, BYTES as usize));
        until("it is the newest", || number(&server, "room:0") == json!(count));
    }
    let (mut refused, mut taken) = (0, 0);
    for count in 1..=20 {
        let mut http = put(&server, &format!("room:{count}"), 0, BYTES as usize);
        until("the request is answered or waits", || {
            let waiting = server.metric("uringcast_log_unsynced_bytes");
            http.has_answer() || waiting >= f64::from((taken + 3) * BYTES)
        });
        if http.has_answer() {
            let response = http.response();
            let words = "the snapshot is not kept: too much waits to be written";
            assert_eq!((response.status, response.error().as_str()), (503, words));
            refused += 1;
        } else {
            asked.push(http);
            taken += 1;
        }
    }
    assert_eq!(refused, 12, "there is room for ten in all");
    let waiting = server.metric("uringcast_log_unsynced_bytes");
    assert!(waiting <= f64::from(BYTES_MAX), "{waiting} bytes wait");
    assert!(asked.iter_mut().all(|it| !it.has_answer()), "nothing is answered that may be lost");
    client.send(&json!({"type": "ack", "room": "room:1", "sequence": 1}));
    client.expect_quiet(); // It waits, and holds nothing up.
    let cause = || Http::connect(server.address()).get("/ready").json()["cause"].clone();
    until("the server is not ready", || cause() == "disk");
    assert!(server.metric("uringcast_log_silent_milliseconds") >= 1_000.0);
    drop(stopped);
    client.expect(&json!({"type": "ack", "room": "room:1", "sequence": 1}));
    assert!(asked.into_iter().all(|mut it| it.response().status == 200));
    until("the server is ready", || cause() == Value::Null);
    assert!(server.metric("uringcast_log_unsynced_bytes") < 1.0);
    server.restart();
    assert_eq!(number(&server, "room:0"), json!(20));
}
