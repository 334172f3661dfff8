//! Who is in a room, when many come and go at once.

use std::time::{Duration, Instant};

use serde_json::{Value, json};
use uringcast_tests::{Frame, Options, Raw, Server, Zps, until};

/// A room's owner stands still no longer than this for whoever comes and goes, in a debug build on
/// a busy machine.
const PATIENCE: Duration = Duration::from_secs(1);

fn enter(room: &str, user_id: &str, bytes: usize) -> Vec<u8> {
    let user = json!({"userId": user_id, "metadata": {"x": "x".repeat(bytes)}});
    let message = json!({"type": "presence_enter", "room": room, "user": user});
    Frame::text(&message.to_string()).to_bytes()
}

/// A connection that says all of `frames` in one write, behind its `init`.
fn say_at_once(server: &Server, name: &str, frames: impl Iterator<Item = Vec<u8>>) -> Raw {
    let init = json!({"type": "init", "subscriberId": name});
    let mut bytes = Frame::text(&init.to_string()).to_bytes();
    bytes.extend(frames.flatten());
    let mut raw = Raw::upgrade(server.address(), "/");
    raw.send(&bytes);
    raw
}

fn user_ids(message: &Value) -> Vec<&str> {
    let users = message["users"].as_array().expect("a roster");
    users.iter().map(|user| user["userId"].as_str().expect("a name")).collect()
}

/// Read on until the roster of `room` has as many users as that.
fn until_told(watcher: &mut Zps, room: &str, users: usize) {
    loop {
        let message = watcher.message();
        let is_roster = message["type"] == "presence" && message["room"] == room;
        if is_roster && user_ids(&message).len() == users {
            return;
        }
    }
}

/// On two cores every other room's owner is another core than the connection's, which then enters
/// one user a turn.
#[test]
fn users_who_are_entered_in_one_write_close_nobody() {
    for cores in [1, 2] {
        let server = Server::start(Options::new().cores(cores));
        for room in ["chat:1", "chat:2", "chat:3", "chat:4"] {
            let mut readers = [0, 1, 2].map(|number| {
                let mut reader = Zps::connect(&server, &format!("reader{number}"));
                reader.subscribe(room);
                reader
            });
            let users: Vec<String> = (0..99).map(|number| format!("u{number}")).collect();
            let frames = users.iter().map(|user| enter(room, user, 1_000));
            let _writer = say_at_once(&server, "writer", frames);
            // They read when all is over, and have had no more than a socket may have unsent.
            let mut last = Zps::connect(&server, "last");
            until("all are in", || {
                last.subscribe(room);
                let message = last.message();
                let is_full = message["type"] == "presence" && user_ids(&message).len() == 99;
                last.send(&json!({"type": "unsubscribe", "room": room}));
                while last.message()["type"] != "unsubscribed" {}
                is_full
            });
            for reader in &mut readers {
                until_told(reader, room, users.len()); // Or it was closed.
            }
        }
        assert!(server.metric("uringcast_slow_consumer_closes_total") < 1.0);
    }
}

#[test]
fn who_leaves_many_rooms_at_once_keeps_nobody_waiting() {
    const CONNECTIONS: usize = 48;
    const ROOMS: usize = 6;
    let server = Server::start(Options::new().config("[zps]\nmax_messages_per_window = 0\n"));
    let rooms: Vec<String> = (0..ROOMS).map(|number| format!("chat:{number}")).collect();
    let leaving: Vec<Raw> = (0..CONNECTIONS)
        .map(|number| {
            let users = (0..120).map(|user| (&rooms[user % ROOMS], format!("u{number}.{user}")));
            let frames = users.map(|(room, user)| enter(room, &user, 100));
            say_at_once(&server, &format!("c{number}"), frames)
        })
        .collect();
    let in_each = CONNECTIONS * 120 / ROOMS;
    let mut watchers: Vec<(Zps, &String)> = Vec::new();
    for room in &rooms {
        let mut watcher = Zps::connect(&server, "watcher");
        watcher.subscribe(room);
        until_told(&mut watcher, room, in_each);
        watchers.push((watcher, room));
    }
    let mut other = Zps::connect(&server, "other");
    leaving.into_iter().for_each(Raw::reset);
    let mut longest = Duration::ZERO;
    until("all are out", || {
        let asked = Instant::now();
        other.expect_quiet();
        longest = longest.max(asked.elapsed());
        server.metric("uringcast_connections") < 8.0 // The watchers and the other.
    });
    assert!(longest < PATIENCE, "a client was answered after {longest:?}");
    for (watcher, room) in &mut watchers {
        until_told(watcher, room, 0);
    }
}
