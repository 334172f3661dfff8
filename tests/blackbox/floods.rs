//! Clients that send as fast as they can: nobody else waits for them, and what they are answered
//! costs bounded memory.

use std::time::{Duration, Instant};

use serde_json::json;
use uringcast_tests::{
    Api, Client, Flood, Frame, Http, Opcode, Options, Raw, Server, rss_bytes, until,
};

/// What anybody else waits for an answer in the best of several rounds, which the tests beside this
/// one do not decide; a starved core never gives any.
const PROMPT: Duration = Duration::from_secs(1);

/// What a drain may take: far less than the time after which the process exits whatever goes on.
const DRAINED: Duration = Duration::from_secs(8);

/// Bytes by which the process may grow under floods that do not read, whatever they send.
const GROWTH_MAX: u64 = 32 << 20;

/// A server of one core, which all floods share with everybody else.
fn server() -> Server {
    let config = "[server]\ndrain_window_ms = 100\n[connection]\nclose_timeout_s = 1\n";
    let options = Options::new().config(config).flag("--client-event-rate", "0");
    Server::start(options.flag("--drain-timeout", "20"))
}

/// While `floods` go on the server answers, delivers, and ends when it is told to.
fn check_everybody_is_served(mut server: Server, floods: Vec<Flood>) {
    until("the floods are heard", || server.metric("uringcast_received_bytes_total") > 1e6);
    let mut client = Client::connect(&server);
    client.subscribe("room");
    let mut best = Duration::MAX;
    for number in 0..5 {
        let start = Instant::now();
        assert_eq!(Http::connect(server.address()).get("/up").status, 200);
        Api::new(&server).publish("room", "number", &number.to_string());
        client.expect_numbers("room", "number", [number]);
        best = best.min(start.elapsed());
    }
    assert!(best < PROMPT, "answered after {best:?}");
    let start = Instant::now();
    server.signal(libc::SIGTERM);
    client.expect_close(4200);
    assert_eq!(server.wait_exit().code(), Some(0));
    // The floods never answer the close, so the exit takes what they are given for that.
    assert!(start.elapsed() < DRAINED, "drained in {:?}", start.elapsed());
    drop(floods);
}

#[test]
fn floods_of_pongs_starve_nobody() {
    let server = server();
    let pong = Frame::new(Opcode::PONG, "").to_bytes();
    let raws = [(); 2].map(|()| Raw::pusher(server.address(), &server.app()));
    let floods = raws.iter().map(|raw| Flood::hearing(raw.stream(), &pong)).collect();
    check_everybody_is_served(server, floods);
}

#[test]
fn floods_of_client_events_starve_nobody() {
    let server = server();
    let mut clients = [(); 2].map(|()| Client::connect(&server));
    for client in &mut clients {
        client.subscribe("private-room");
    }
    let event = json!({"event": "client-e", "channel": "private-room", "data": "x".repeat(100)});
    let event = Frame::text(&event.to_string()).to_bytes();
    let floods = clients.iter().map(|client| Flood::hearing(client.stream(), &event)).collect();
    check_everybody_is_served(server, floods);
}

/// Clients that send `frame` for ever and read none of the answers are closed, one and all.
fn check_bounded(frame: &Frame) {
    const FLOODS: u32 = 8;
    let config = "[connection]\noutbox_stall_s = 1\nclose_timeout_s = 1\n";
    let server = Server::start(Options::new().config(config));
    let mut healthy = Client::connect(&server);
    let before = rss_bytes(server.pid());
    let narrow = || Raw::narrow_pusher(server.address(), &server.app());
    let raws: Vec<Raw> = (0..FLOODS).map(|_| narrow()).collect();
    let frame = frame.to_bytes();
    let floods: Vec<Flood> = raws.iter().map(|raw| Flood::deaf(raw.stream(), &frame)).collect();
    let (mut peak, mut best) = (0, Duration::MAX);
    until("the floods are closed", || {
        peak = rss_bytes(server.pid()).max(peak);
        let start = Instant::now();
        healthy.expect_quiet();
        best = best.min(start.elapsed());
        server.metric("uringcast_slow_consumer_closes_total") >= f64::from(FLOODS)
    });
    server.until_metric("uringcast_connections", 1);
    drop(floods);
    assert!(best < PROMPT, "answered after {best:?}");
    let grown = peak.saturating_sub(before);
    assert!(grown < GROWTH_MAX, "{grown} bytes for {FLOODS} clients that do not read");
    healthy.expect_quiet();
}

#[test]
fn floods_of_pings_cost_bounded_memory() {
    check_bounded(&Frame::new(Opcode::PING, ""));
}

#[test]
fn floods_of_garbage_cost_bounded_memory() {
    check_bounded(&Frame::text("x"));
}
