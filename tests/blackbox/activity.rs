//! Pings in both directions, and what happens to a peer that has gone.

use std::time::{Duration, Instant};

use serde_json::json;
use tungstenite::Message;
use uringcast_tests::{Api, Client, Frame, Opcode, Options, Raw, Server};

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

/// As the official Java and Swift clients do: `pusher:ping` is ignored, ping frames are answered.
/// Each message is told to `heard`.
fn answer_ping_frames(raw: &mut Raw, mut heard: impl FnMut()) {
    let mut pings = 0;
    while pings < 10 {
        let frame = raw.frame();
        match frame.opcode {
            Opcode::PING => {
                pings += 1;
                raw.send_frame(&Frame::new(Opcode::PONG, frame.payload));
            }
            Opcode::TEXT => heard(),
            other => panic!("{other:?} after {pings} pings: {frame:?}"),
        }
    }
}

#[test]
fn who_answers_ping_frames_only_lives_on() {
    let server = impatient();
    let mut idle = Raw::pusher(server.address(), &server.app());
    answer_ping_frames(&mut idle, || {});
    idle.subscribe("room");
}

#[test]
fn who_answers_ping_frames_only_and_is_sent_events_all_the_time_lives_on() {
    let server = impatient();
    let mut receiving = Raw::pusher(server.address(), &server.app());
    receiving.subscribe("room");
    let mut api = Api::new(&server);
    api.publish("room", "event", "");
    answer_ping_frames(&mut receiving, || api.publish("room", "event", ""));
}

#[test]
fn a_client_that_does_not_answer_is_closed_with_4201() {
    let server = impatient();
    let mut silent = Raw::pusher(server.address(), &server.app());
    let start = Instant::now();
    silent.expect_event("pusher:ping");
    assert_eq!(silent.frame().opcode, Opcode::PING);
    silent.expect_close(4201);
    let elapsed = start.elapsed();
    assert!(elapsed > Duration::from_millis(1_500), "closed after {elapsed:?}");
    server.until_metric("uringcast_connections", 0);
}

#[test]
fn a_client_that_does_not_answer_is_closed_whatever_it_is_sent() {
    let server = impatient();
    let mut silent = Raw::pusher(server.address(), &server.app());
    silent.subscribe("room");
    let mut api = Api::new(&server);
    api.publish("room", "event", "");
    loop {
        let frame = silent.frame();
        match frame.opcode {
            Opcode::CLOSE => break assert_eq!(frame.close_code(), 4201),
            _ => api.publish("room", "event", ""),
        }
    }
}

/// What is on the way, as a default nginx, cuts where nothing has come from the server for a while.
#[test]
fn a_ping_frame_ends_a_silence_towards_the_client_whatever_it_says_and_is_told() {
    let config = "[connection]\nping_interval_s = 1\n";
    let server = Server::start(Options::new().config(config));
    assert_eq!(Client::connect(&server).activity_timeout_s(), 120);
    let mut talking = Raw::pusher(server.address(), &server.app());
    let mut mute = Raw::pusher(server.address(), &server.app());
    for _ in 0..3 {
        let start = Instant::now();
        talking.send_frame(&Frame::new(Opcode::PONG, "nobody asked"));
        for raw in [&mut talking, &mut mute] {
            let frame = raw.frame();
            assert_eq!((frame.opcode, frame.payload.as_slice()), (Opcode::PING, &b""[..]));
        }
        assert!(start.elapsed() > Duration::from_millis(500), "asked after {:?}", start.elapsed());
    }
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
