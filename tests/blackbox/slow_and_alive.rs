//! Clients for whom so much waits that their own messages wait, too: who still reads is alive, who
//! is gone is gone at once, and time in which nobody could do anything counts for nothing.

use std::thread;
use std::time::{Duration, Instant};

use uringcast_tests::{Api, Client, Event, Frame, Opcode, Options, Raw, Server};

/// Bytes of one event's data.
const DATA_BYTES: usize = 8_000;

/// What the kernel may hold between two sockets of this machine, and then some.
const EVENTS_MAX: u64 = 4_000;

/// Publishes consecutive numbers to `room`.
struct Load {
    api: Api,
    next: u64,
}

impl Load {
    fn new(server: &Server) -> Self {
        Self { api: Api::new(server), next: 0 }
    }

    /// Publishes until at least `bytes` wait on the server.
    fn fill(&mut self, server: &Server, bytes: u32) {
        let padding = "x".repeat(DATA_BYTES);
        let end = self.next + EVENTS_MAX;
        while server.metric("uringcast_retained_bytes") < f64::from(bytes) {
            assert!(self.next < end, "nothing waits any more: the subscriber was closed");
            let numbers = self.next..self.next + 10;
            let item = |number| ("room", "number", format!("{number} {padding}"));
            self.api.publish_batch(numbers.map(item));
            self.next += 10;
        }
    }
}

/// What a subscriber of a [`Load`] reads.
enum Heard {
    /// The next number.
    Number,
    /// The answer to a ping.
    Pong,
    /// What was published last.
    Marker,
}

/// A subscriber that checks that it misses nothing, and answers what it is asked.
struct Listener {
    raw: Raw,
    next: u64,
}

impl Listener {
    fn new(server: &Server) -> Self {
        let mut raw = Raw::narrow_pusher(server.address(), &server.app());
        raw.subscribe("room");
        Self { raw, next: 0 }
    }

    fn ping(&mut self) {
        self.raw.send_frame(&Frame::new(Opcode::PING, "are you there?"));
    }

    fn hear(&mut self) -> Heard {
        let frame = self.raw.frame();
        if frame.opcode == Opcode::PONG {
            return Heard::Pong;
        }
        if frame.opcode == Opcode::PING {
            self.raw.send_frame(&Frame::new(Opcode::PONG, frame.payload));
            return self.hear();
        }
        assert_eq!(frame.opcode, Opcode::TEXT, "{frame:?}");
        let event = Event::parse(std::str::from_utf8(&frame.payload).expect("UTF-8"));
        match event.event.as_str() {
            "number" => {
                let number = event.text().split_once(' ').expect("a number and its padding").0;
                assert_eq!(number, self.next.to_string(), "a hole in what was published");
                self.next += 1;
                Heard::Number
            }
            "marker" => Heard::Marker,
            "pusher:ping" => {
                self.raw.send_frame(&Frame::text(r#"{"event":"pusher:pong","data":{}}"#));
                self.hear()
            }
            other => panic!("unexpected {other}: {}", event.raw),
        }
    }

    /// Reads on to the marker; returns how many pings were answered on the way.
    fn hear_all(&mut self) -> u32 {
        let mut pongs = 0;
        loop {
            match self.hear() {
                Heard::Number => {}
                Heard::Pong => pongs += 1,
                Heard::Marker => return pongs,
            }
        }
    }
}

/// For longer than a silent client would live, so much waits that its messages are read only now
/// and then; the outbox is never empty.
#[test]
fn a_slow_reader_under_steady_load_is_answered_and_not_taken_for_dead() {
    const SOFT: u32 = 2 << 20; // More than the kernel takes at a time.
    let config = format!(
        "[connection]\nactivity_timeout_s = 1\npong_timeout_s = 1\noutbox_bytes_soft = {SOFT}\n\
         outbox_bytes_max = 16777216\n"
    );
    let server = Server::start(Options::new().config(&config));
    let mut listener = Listener::new(&server);
    let mut load = Load::new(&server);
    let (mut pings, mut pongs) = (0, 0);
    let start = Instant::now();
    while start.elapsed() < Duration::from_secs(3) {
        load.fill(&server, SOFT + SOFT / 4);
        listener.ping();
        pings += 1;
        while server.metric("uringcast_retained_bytes") > f64::from(SOFT - SOFT / 4) {
            pongs += u32::from(matches!(listener.hear(), Heard::Pong));
        }
    }
    assert!(pongs > 0, "none of {pings} pings was answered under load");
    load.api.publish("room", "marker", "");
    pongs += listener.hear_all();
    while pongs < pings {
        assert!(matches!(listener.hear(), Heard::Pong));
        pongs += 1;
    }
    assert_eq!(listener.next, load.next);
}

/// Its reader waits for its outbox and its outbox for it, so only the reset itself can tell.
#[test]
fn a_congested_client_that_resets_its_connection_is_gone_at_once() {
    let config = "[connection]\noutbox_bytes_soft = 65536\noutbox_bytes_max = 16777216\n\
                  outbox_stall_s = 60\n";
    let server = Server::start(Options::new().config(config));
    let (mut ann, mut bob) = (Client::connect(&server), Client::connect(&server));
    ann.subscribe_as("presence-room", "ann");
    bob.subscribe_as("presence-room", "bob");
    ann.expect_on("presence-room", "pusher_internal:member_added");
    bob.subscribe("room");
    Load::new(&server).fill(&server, 1 << 20);
    bob.ask_subscribe("last"); // Which is not read.
    let start = Instant::now();
    bob.reset();
    ann.expect_on("presence-room", "pusher_internal:member_removed");
    server.until_metric("uringcast_connections", 1);
    assert!(start.elapsed() < Duration::from_secs(2), "gone after {:?}", start.elapsed());
    ann.expect_quiet();
}

/// A client cannot take anything from a server that does not run, even where a second without
/// progress is too long.
#[test]
fn nobody_has_stalled_while_the_process_was_stopped() {
    const STALL: Duration = Duration::from_secs(1);
    let config = "[connection]\noutbox_bytes_max = 16777216\noutbox_stall_s = 1\n";
    let server = Server::start(Options::new().config(config));
    let mut listeners: Vec<Listener> = (0..5).map(|_| Listener::new(&server)).collect();
    let mut load = Load::new(&server);
    load.fill(&server, 1 << 20);
    server.signal(libc::SIGSTOP);
    let stopped = Instant::now();
    let mut writer = load.api.http().writer();
    let marker = r#"{"name":"marker","channel":"room","data":""}"#;
    writer.send(&load.api.signed("POST", "/events", marker).to_bytes());
    thread::sleep((STALL * 3).saturating_sub(stopped.elapsed())); // The stop is the test.
    server.signal(libc::SIGCONT);
    assert_eq!(load.api.http().response().status, 200);
    thread::scope(|scope| {
        for listener in &mut listeners {
            scope.spawn(|| {
                listener.hear_all();
                assert_eq!(listener.next, load.next);
            });
        }
    });
    server.until_metric("uringcast_slow_consumer_closes_total", 0);
}
