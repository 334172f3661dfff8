//! A reader that does not read: it never finds a hole, it costs bounded memory, and the others
//! notice nothing.

use std::thread;
use std::time::{Duration, Instant};

use uringcast_tests::{Api, Client, Event, Frame, Opcode, Options, Raw, Server, rss_bytes};

/// Bytes of one event's data: large, so that the kernel's buffers are full after few of them.
const DATA_BYTES: usize = 8_000;

/// What the kernel may hold between two sockets of this machine, and then some.
const EVENTS_MAX: u64 = 4_000;

/// A server whose outboxes are small, so that what a test waits for is their limit.
fn server(more: &str) -> Server {
    let outbox = "outbox_bytes_soft = 65536\noutbox_bytes_max = 262144\n";
    Server::start(Options::new().config(&format!("[connection]\n{outbox}{more}")))
}

/// Subscribers that read nothing more.
fn stalled_readers(server: &Server, count: usize) -> Vec<Raw> {
    let stalled = || {
        let mut raw = Raw::pusher(server.address(), &server.app());
        raw.subscribe("room");
        raw
    };
    (0..count).map(|_| stalled()).collect()
}

/// Publishes the numbers from 0 on, in batches of 10, until `done`; returns how many.
fn publish_numbers(server: &Server, mut done: impl FnMut(u64) -> bool) -> u64 {
    let mut api = Api::new(server);
    let padding = "x".repeat(DATA_BYTES);
    let mut next = 0;
    while !done(next) {
        assert!(next < EVENTS_MAX, "the limit is never reached");
        let numbers = next..next + 10;
        api.publish_batch(numbers.map(|number| ("room", "number", format!("{number} {padding}"))));
        next += 10;
    }
    next
}

/// The number in an event of [`publish_numbers`].
fn number(event: &Event) -> u64 {
    let (number, padding) = event.text().split_once(' ').expect("a number and its padding");
    assert_eq!(padding.len(), DATA_BYTES);
    number.parse().expect("a number")
}

fn slow_closes(server: &Server) -> f64 {
    server.metric("uringcast_slow_consumer_closes_total")
}

/// Reads numbers without a gap until a frame that is none; returns how many, and that frame.
fn read_numbers(raw: &mut Raw) -> (u64, Frame) {
    let mut next = 0;
    loop {
        let frame = raw.frame();
        if frame.opcode != Opcode::TEXT {
            return (next, frame);
        }
        let event = Event::parse(std::str::from_utf8(&frame.payload).expect("UTF-8"));
        assert_eq!(number(&event), next, "a hole in what a slow reader got");
        next += 1;
    }
}

#[test]
fn a_reader_that_stalls_for_too_much_finds_no_hole_and_then_4100() {
    let server = server("close_timeout_s = 30\n");
    let mut stalled = Raw::pusher(server.address(), &server.app());
    stalled.subscribe("room");
    let published = publish_numbers(&server, |_| slow_closes(&server) >= 1.0);
    let (received, last) = read_numbers(&mut stalled);
    assert_eq!(last.close_code(), 4100, "{:?}", String::from_utf8_lossy(&last.payload));
    assert!(received > 0 && received < published, "{received} of {published}");
    stalled.send_frame(&Frame::close(4100));
    assert_eq!(stalled.rest(), b"");
    server.until_refused("outbox_bytes");
    server.until_metric("uringcast_connections", 0);
}

#[test]
fn a_reader_that_stalls_for_less_than_the_limit_gets_everything() {
    let server = Server::start(Options::new());
    let mut stalled = Raw::pusher(server.address(), &server.app());
    stalled.subscribe("room");
    let published = publish_numbers(&server, |next| next == 100);
    Api::new(&server).publish("room", "marker", "");
    for expected in 0..published {
        assert_eq!(number(&stalled.expect_event("number")), expected);
    }
    stalled.expect_event("marker");
    assert!(slow_closes(&server) < 1.0);
}

#[test]
fn a_reader_that_never_reads_again_is_cut_off() {
    let server = server("close_timeout_s = 1\n");
    let mut stalled = Raw::pusher(server.address(), &server.app());
    stalled.subscribe("room");
    publish_numbers(&server, |_| slow_closes(&server) >= 1.0);
    server.until_metric("uringcast_connections", 0);
    server.until_metric("uringcast_subscriptions", 0);
    drop(stalled);
}

#[test]
fn a_reader_that_takes_nothing_for_too_long_is_closed_however_little_waits() {
    let config = "[connection]\noutbox_bytes_max = 67108864\noutbox_stall_s = 1\n\
                  close_timeout_s = 30\n";
    let server = Server::start(Options::new().config(config));
    let mut stalled = Raw::pusher(server.address(), &server.app());
    stalled.subscribe("room");
    publish_numbers(&server, |next| next == 1_500); // 12 MB: more than the kernel takes.
    server.until_metric("uringcast_slow_consumer_closes_total", 1);
    server.until_refused("outbox_stall");
    let (_, last) = read_numbers(&mut stalled);
    assert_eq!(last.close_code(), 4100);
}

#[test]
fn a_stalled_reader_costs_the_others_nothing() {
    let server = server("close_timeout_s = 1\n");
    let _stalled = stalled_readers(&server, 3);
    let mut healthy = Client::connect(&server);
    healthy.subscribe("room");
    let reader = thread::spawn(move || {
        let mut next = 0;
        loop {
            let event = healthy.event();
            if event.event == "marker" {
                return next;
            }
            assert_eq!(number(&event), next);
            next += 1;
        }
    });
    let published = publish_numbers(&server, |_| slow_closes(&server) >= 3.0);
    Api::new(&server).publish("room", "marker", "");
    assert_eq!(reader.join().unwrap(), published);
}

/// One slow reader must not make the server keep what it will never be sent.
#[test]
fn stalled_readers_cost_bounded_memory() {
    let server = server("close_timeout_s = 30\n");
    let _stalled = stalled_readers(&server, 20);
    let before = rss_bytes(server.pid());
    publish_numbers(&server, |_| slow_closes(&server) >= 20.0);
    let grown = rss_bytes(server.pid()).saturating_sub(before);
    assert!(grown < 32 << 20, "{grown} bytes for 20 readers of at most 256 KiB each");
}

/// Readers of different channels, each below its own limit, together hold too much: the slowest of
/// them are closed, and nobody finds a hole.
#[test]
fn readers_that_stall_together_share_a_limit() {
    let config = "[connection]\noutbox_bytes_soft = 65536\noutbox_bytes_max = 1048576\n\
                  close_timeout_s = 30\n[core]\nretained_bytes_max = 1048576\n";
    let server = Server::start(Options::new().config(config));
    let rooms: Vec<String> = (0..6).map(|number| format!("room-{number}")).collect();
    let mut stalled: Vec<Raw> = Vec::new();
    for room in &rooms {
        let mut raw = Raw::pusher(server.address(), &server.app());
        raw.subscribe(room);
        stalled.push(raw);
    }
    let mut api = Api::new(&server);
    let padding = "x".repeat(DATA_BYTES);
    let mut next = 0;
    while slow_closes(&server) < 1.0 {
        assert!(next < EVENTS_MAX, "the limit is never reached");
        for room in &rooms {
            let item = |number| (room.as_str(), "number", format!("{number} {padding}"));
            api.publish_batch((next..next + 10).map(item));
        }
        next += 10;
    }
    server.until_refused("retained_bytes");
    for room in &rooms {
        api.publish(room, "marker", "");
    }
    for raw in &mut stalled {
        check_stalled(raw, next);
    }
}

/// Reads numbers without a gap up to `end` and then a marker, or up to a close with 4100.
fn check_stalled(raw: &mut Raw, end: u64) {
    for expected in 0..=end {
        let frame = raw.frame();
        if frame.opcode == Opcode::CLOSE {
            return assert_eq!(frame.close_code(), 4100);
        }
        let event = Event::parse(std::str::from_utf8(&frame.payload).expect("UTF-8"));
        if expected == end {
            return assert_eq!(event.event, "marker");
        }
        assert_eq!(number(&event), expected, "a hole in what a slow reader got");
    }
}

/// The process is stopped for longer than a garbage collector or a live migration would.
#[test]
fn nothing_is_lost_when_the_process_is_stopped_and_continued() {
    let server = Server::start(Options::new());
    let mut client = Client::connect(&server);
    client.subscribe("room");
    let mut api = Api::new(&server);
    for number in 0..20 {
        api.publish("room", "number", &number.to_string());
    }
    server.signal(libc::SIGSTOP);
    let stopped = Instant::now();
    let mut writer = api.http().writer();
    for number in 20..60 {
        let body =
            serde_json::json!({"name": "number", "channel": "room", "data": number.to_string()});
        writer.send(&api.signed("POST", "/events", body.to_string()).to_bytes());
    }
    thread::sleep(Duration::from_secs(4).saturating_sub(stopped.elapsed())); // The promise's 4 s.
    server.signal(libc::SIGCONT);
    for _ in 20..60 {
        assert_eq!(api.http().response().status, 200);
    }
    client.expect_numbers("room", "number", 0..60);
    client.expect_quiet();
}
