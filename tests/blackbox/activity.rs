//! Pings in both directions, and what happens to a peer that has gone.

use std::time::{Duration, Instant};

use serde_json::json;
use tungstenite::Message;
use uringcast_tests::{Client, Options, Server};

/// One second of silence is too long, and so is one more.
fn impatient() -> Server {
    Server::start(
        Options::new().config("[connection]\nactivity_timeout_s = 1\npong_timeout_s = 1\n"),
    )
}

#[test]
fn a_ping_is_answered_with_a_pong() {
    let server = Server::start(Options::new());
    let mut client = Client::connect(&server);
    for message in [
        r#"{"event":"pusher:ping","data":{}}"#,
        r#"{"event":"pusher:ping","data":"{}"}"#,
        r#"{"event":"pusher:ping"}"#,
    ] {
        client.send_text(message);
        assert_eq!(client.expect("pusher:pong").data, json!({}));
    }
}

#[test]
fn a_websocket_ping_is_answered_with_its_own_payload() {
    let server = Server::start(Options::new());
    let mut client = Client::connect(&server);
    client.send_message(Message::Ping("payload".into()));
    assert_eq!(client.message(), Message::Pong("payload".into()));
}

#[test]
fn the_client_is_told_the_activity_timeout() {
    let server = Server::start(Options::new().flag("--activity-timeout", "30"));
    assert_eq!(Client::connect(&server).activity_timeout_s(), 30);
}

#[test]
fn a_silent_client_is_pinged_and_lives_as_long_as_it_answers() {
    let server = impatient();
    let mut client = Client::connect(&server);
    for _ in 0..3 {
        let start = Instant::now();
        client.expect("pusher:ping");
        assert!(start.elapsed() > Duration::from_millis(500), "pinged after {:?}", start.elapsed());
        client.send("pusher:pong", &json!({}));
    }
    client.expect_quiet();
}

#[test]
fn a_client_that_does_not_answer_is_closed_with_4201() {
    let server = impatient();
    let mut client = Client::connect(&server);
    let start = Instant::now();
    client.expect("pusher:ping");
    client.expect_close(4201);
    let elapsed = start.elapsed();
    assert!(elapsed > Duration::from_millis(1_500), "closed after {elapsed:?}");
    server.until_metric("uringcast_connections", 0);
}

/// The peer's machine is gone: it neither answers the ping nor the close.
#[test]
fn a_client_that_has_vanished_is_forgotten() {
    let server =
        Server::start(Options::new().config(
            "[connection]\nactivity_timeout_s = 1\npong_timeout_s = 1\nclose_timeout_s = 1\n",
        ));
    let mut client = Client::connect(&server);
    client.subscribe("room");
    server.until_metric("uringcast_connections", 0);
    server.until_metric("uringcast_subscriptions", 0);
    drop(client);
}

#[test]
fn a_client_that_talks_is_not_pinged() {
    let server = impatient();
    let mut client = Client::connect(&server);
    let start = Instant::now();
    while start.elapsed() < Duration::from_millis(2_500) {
        client.expect_quiet();
        // The pause between two signs of life; a ping would end it.
        let message = client.message_within(Duration::from_millis(200));
        assert_eq!(message, None);
    }
}
