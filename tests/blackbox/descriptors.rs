//! A server that may open few files and has many clients.

use std::net::SocketAddr;

use serde_json::json;
use uringcast_tests::{Api, App, Http, Options, Raw, Server, Zps, upgrade_request};

use crate::log_file::Directory;

const FILES_MAX: u64 = 256;
const CLIENTS: usize = 400;

/// What becomes of a client that asks for a websocket.
enum Outcome {
    Welcome(Raw),
    /// Closed with 4100.
    Told,
    /// 503 in the place of a handshake.
    Refused,
}

fn outcome(mut raw: Raw) -> Outcome {
    match raw.response().status {
        503 => return Outcome::Refused,
        status => assert_eq!(status, 101),
    }
    let event = raw.event();
    if event.event == "pusher:connection_established" {
        return Outcome::Welcome(raw);
    }
    assert_eq!((event.event.as_str(), &event.data["code"]), ("pusher:error", &json!(4100)));
    raw.expect_close(4100);
    Outcome::Told
}

/// A new connection is heard once and closed after that, and hears so.
fn is_answered_once(address: SocketAddr, target: &str) {
    let mut http = Http::connect(address);
    let response = http.get(target);
    assert_eq!((response.status, response.header("connection")), (200, Some("close")));
    http.expect_end();
}

#[test]
fn beyond_its_descriptors_clients_are_told_and_everything_else_goes_on() {
    let directory = Directory::new();
    let mut server = Server::start(Options::new().cores(2).files_max(FILES_MAX).config(&format!(
        "[log]\ndriver = \"file\"\ndir = \"{}\"\nsegment_bytes = 65536\n\
             [zps]\nallow_client_publish = true\nmax_messages_per_window = 0\n",
        directory.0.display()
    )));
    let address = server.address();
    let (mut early, mut room) = (Api::new(&server), Zps::connect(&server, "ann"));
    early.publish("news", "e", "before");
    room.subscribe("room:1");
    let asking: Vec<Raw> = (0..CLIENTS)
        .map(|_| {
            let mut raw = Raw::connect(address);
            // It may have been answered and cut already.
            drop(raw.try_send(upgrade_request("/app/app-key?protocol=7").as_bytes()));
            raw
        })
        .collect();
    let (mut welcome, mut told, mut refused) = (Vec::new(), 0, 0);
    for raw in asking {
        match outcome(raw) {
            Outcome::Welcome(raw) => welcome.push(raw),
            Outcome::Told => told += 1,
            Outcome::Refused => refused += 1,
        }
    }
    let counts = (welcome.len(), told, refused);
    assert!((20..200).contains(&welcome.len()) && told > 0, "{counts:?}");
    for client in &mut welcome {
        client.subscribe("news");
    }

    server.until_refused("connections");
    assert_eq!(Http::connect(server.metrics_address()).get("/ready").status, 200);
    is_answered_once(address, "/ready");
    early.publish("news", "e", "over a connection from before");
    let mut late = Api::with_app(address, App::default());
    late.publish("news", "e", "over a new one");
    for client in &mut welcome {
        for text in ["over a connection from before", "over a new one"] {
            assert_eq!(client.expect_event("e").data, json!(text));
        }
    }
    let segments = server.metric("uringcast_log_segments");
    for number in 1..=20 {
        room.publish("room:1", "t", &json!("x".repeat(20_000)));
        room.expect_event("room:1", number);
    }
    assert!(server.metric("uringcast_log_segments") > segments + 2.0, "it began new files");
    assert!(server.metric("uringcast_log_commit_failures_total") < 1.0);

    let errors = server.said();
    let lines: Vec<&str> = errors.lines().filter(|it| it.contains("connections_max")).collect();
    assert_eq!(lines.len(), 1, "{errors}");
    assert!(lines[0].contains("instead of 100000") && lines[0].contains("256 files"), "{errors}");
}

/// Who says nothing holds a place until the handshake's time is over; others are not left waiting.
#[test]
fn silent_sockets_beyond_the_descriptors_leave_nobody_without_an_answer() {
    let server = Server::start(Options::new().cores(2).files_max(FILES_MAX));
    let _silent: Vec<Raw> = (0..CLIENTS).map(|_| Raw::connect(server.address())).collect();
    server.until_refused("connections");
    assert_eq!(Http::connect(server.metrics_address()).get("/ready").status, 200);
    for _ in 0..20 {
        assert_eq!(Http::connect(server.address()).response().status, 503);
    }
}

#[test]
fn a_server_that_could_serve_nobody_does_not_start() {
    let (code, errors) = Server::refused(&Options::new().cores(2).files_max(100));
    assert_eq!(code, Some(1));
    assert!(errors.contains("100 files") && errors.contains("LimitNOFILE"), "{errors}");
}
