//! Tokens that end while their connection is open: it ends with them.

use std::thread;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use serde_json::json;
use uringcast_tests::{Options, Server, Stream, Zps, token};

/// Seconds by which the clocks of two servers may differ.
const LEEWAY_S: u64 = 60;

fn start() -> Server {
    let config = "[zps]\njwt_secret = \"jwt\"\nallow_client_publish = true\n";
    Server::start(Options::new().cores(2).config(config))
}

/// A token that is good for a time between `seconds` and one less.
fn token_for(seconds: u64) -> String {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).expect("the clock is after 1970");
    let exp = now.as_secs() + seconds - LEEWAY_S;
    token("jwt", &json!({"exp": exp, "rooms": ["chat:*"]}))
}

fn init(zps: &mut Zps, token: &str) {
    zps.send(&json!({"type": "init", "subscriberId": "s", "token": token}));
    zps.expect(&json!({"type": "ready", "subscriberId": "s"}));
}

fn connect(server: &Server, token: &str) -> Zps {
    let mut zps = Zps::open(server, "/");
    init(&mut zps, token);
    zps.subscribe("chat:1");
    zps
}

fn expect_expired(zps: &mut Zps) {
    zps.expect_error("Authentication token has expired");
    zps.expect_announced_close(4401, "Realtime authentication failed");
}

#[test]
fn a_connection_ends_with_its_token() {
    let server = start();
    let (mut long, started) = (connect(&server, &token_for(3_600)), Instant::now());
    let mut short = connect(&server, &token_for(2));
    expect_expired(&mut short);
    let elapsed = started.elapsed();
    assert!(elapsed > Duration::from_millis(700), "closed after {elapsed:?}");
    server.until_metric("uringcast_connections", 1);
    server.until_refused("token_expired");
    long.publish("chat:1", "t", &json!(1));
    long.expect_event("chat:1", 1);
}

#[test]
fn a_fresh_init_in_time_keeps_the_connection_and_one_with_less_time_shortens_it() {
    let server = start();
    let mut renewed = connect(&server, &token_for(2));
    let mut shortened = connect(&server, &token_for(3_600));
    let mut control = connect(&server, &token_for(2));
    init(&mut renewed, &token_for(3_600));
    init(&mut shortened, &token_for(2));
    expect_expired(&mut control);
    expect_expired(&mut shortened);
    renewed.publish("chat:1", "t", &json!(1));
    renewed.expect_event("chat:1", 1);
}

#[test]
fn a_stream_ends_with_its_token_and_does_not_begin_again() {
    let server = start();
    let token = token_for(2);
    let header = format!("Authorization: Bearer {token}\r\n");
    let query = format!("/sse?rooms=chat%3A1&token={token}");
    let asked = [("/sse?rooms=chat%3A1", header.as_str()), (query.as_str(), "")];
    let mut streams = asked.map(|(target, lines)| Stream::open(&server, target, lines));
    for stream in &mut streams {
        assert_eq!((stream.status, stream.block().event.as_str()), (200, "ready"));
    }
    for stream in &mut streams {
        assert_eq!(stream.block().event, "subscribed");
        let last = stream.block();
        assert_eq!((&*last.event, &*last.data), ("error", "Authentication token has expired"));
        assert_eq!(stream.try_block(), None);
    }
    for (target, lines) in asked {
        assert_eq!(Stream::open(&server, target, lines).status, 401);
    }
    drop(streams);
    server.until_metric("uringcast_connections", 0);
}

/// A message is judged by the time that it is, whatever the server has slept through.
#[test]
fn a_token_ends_while_the_process_is_stopped() {
    let server = start();
    let mut watching = connect(&server, &token_for(3_600));
    let mut short = connect(&server, &token_for(2));
    server.signal(libc::SIGSTOP);
    thread::sleep(Duration::from_secs(2)); // The stop is the test.
    short.publish("chat:1", "t", &json!(1));
    server.signal(libc::SIGCONT);
    expect_expired(&mut short);
    watching.expect_quiet();
}
