//! A server with the driver `file` is killed at random moments: nothing acknowledged is lost.
//!
//! Publishers send events to rooms of their own and are subscribed to them, so an event that comes
//! back is durable by the server's own promise. After each kill the server is started again on what
//! the last one left, sometimes with a torn group behind it, as a machine that loses its power
//! leaves one, and every room is replayed from its beginning.
//!
//! `CRASH_ROUNDS` (default 5) and `CRASH_SEED` say how often and which; the seed is printed.

mod client;
mod directory;
mod expectation;

use std::env;
use std::thread;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use uringcast_tests::{Options, Server, until};

use client::{Published, publish_until_cut, replay};
use directory::LogDirectory;
use expectation::Expectation;

/// Rounds if nobody says how many.
const ROUNDS_DEFAULT: u32 = 5;

/// Publishers, each with a room of its own.
const ROOMS: usize = 4;

/// The longest time that a server lives after its clients have begun.
const LIFE_MAX: Duration = Duration::from_millis(400);

/// Bytes that the logs may take: twice the events that each room keeps (8 MiB by default), and
/// what was written since room was last given back.
const LOG_BYTES_MAX: u32 = (2 * ROOMS as u32 * 8 + 32) * 1024 * 1024;

/// Numbers that depend on nothing but the seed.
struct Random(u64);

impl Random {
    fn below(&mut self, bound: u64) -> u64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963);
        (self.0 >> 33) % bound
    }
}

#[test]
fn nothing_acknowledged_is_lost_however_often_the_server_is_killed() {
    let number = |name: &str| env::var(name).ok().and_then(|text| text.parse::<u64>().ok());
    let rounds = number("CRASH_ROUNDS").map_or(ROUNDS_DEFAULT, |rounds| rounds as u32);
    let now = SystemTime::now().duration_since(UNIX_EPOCH).expect("the clock is after 1970");
    let seed = number("CRASH_SEED").unwrap_or_else(|| u64::from(now.subsec_nanos()));
    println!("seed {seed}, {rounds} rounds");
    let (mut random, directory) = (Random(seed), LogDirectory::new());
    let mut expectations: Vec<Expectation> = (0..ROOMS).map(|_| Expectation::default()).collect();
    let mut server = Server::start(options(&directory));
    for round in 1..=rounds {
        let published = crash(
            &mut server,
            round,
            Duration::from_micros(random.below(LIFE_MAX.as_micros() as u64)),
        );
        for (expectation, published) in expectations.iter_mut().zip(published) {
            expectation.add(published);
        }
        let torn = if random.below(2) == 0 { directory.tear(random.below(4096) as u32) } else { 0 };
        let started = Instant::now();
        server.restart();
        let took = started.elapsed();
        let cut = server.metric("uringcast_log_cut_bytes");
        assert!(cut >= f64::from(torn), "{torn} bytes were torn and {cut} were cut, seed {seed}");
        for (room, expectation) in expectations.iter().enumerate() {
            let replayed = replay(server.address(), &room_name(room), &format!("r{round}"));
            expectation.check(&replayed, &format!("room {room}, round {round}, seed {seed}"));
        }
        let bytes = server.metric("uringcast_log_segment_bytes");
        assert!(
            bytes <= f64::from(LOG_BYTES_MAX),
            "the log takes {bytes} bytes after round {round}"
        );
        println!(
            "round {round}: acknowledged {}, recovery {} ms of {} ms to start, cut {cut}, \
             log {:.0} KiB in {} segments",
            expectations.iter().map(|it| it.acknowledged_last_round).sum::<usize>(),
            server.metric("uringcast_log_recovery_milliseconds"),
            took.as_millis(),
            bytes / 1024.0,
            server.metric("uringcast_log_segments"),
        );
    }
    let acknowledged: usize = expectations.iter().map(Expectation::acknowledged).sum();
    assert!(acknowledged > 0, "no server has lived long enough to acknowledge anything");
}

/// Publish to the server and kill it once it has acknowledged something and `life` is over.
fn crash(server: &mut Server, round: u32, life: Duration) -> Vec<Published> {
    let address = server.address();
    let publishers: Vec<_> = (0..ROOMS)
        .map(|room| thread::spawn(move || publish_until_cut(address, &room_name(room), round)))
        .collect();
    until("something is durable", || server.metric("uringcast_log_records_total") > 0.0);
    thread::sleep(life); // The moment of the kill is what is tried, and nothing is waited for.
    server.end();
    publishers.into_iter().map(|it| it.join().expect("a publisher ends with its server")).collect()
}

fn room_name(room: usize) -> String {
    format!("crash:{room}")
}

fn options(directory: &LogDirectory) -> Options {
    Options::new().cores(2).config(&format!(
        "[log]\ndriver = \"file\"\ndir = \"{}\"\nsegment_bytes = 1048576\n\
         [zps]\nallow_client_publish = true\nmax_messages_per_window = 0\n",
        directory.path().display()
    ))
}
