//! The publisher of a room: first as fast as all can follow, then by a schedule.

use std::io::Write as _;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use crate::clock::Clock;
use crate::payload::Template;
use crate::publish::{Context, Due, websocket};
use crate::room::Room;
use crate::socket::connect::Session;

/// Events by which the first part may be ahead of the last subscriber.
const AHEAD_MAX: u64 = 500;
/// How long anybody may take for those.
const FOLLOW_MAX: Duration = Duration::from_secs(30);
/// Pause between two looks at how far they are.
const LOOK: Duration = Duration::from_millis(1);
/// Events written at once at the most, in both parts.
const TOGETHER: u64 = 100;

/// A connection that publishes, and what it publishes.
#[derive(Debug)]
pub struct Publisher {
    /// The connection.
    pub session: Session,
    /// The room that it publishes into.
    pub room: Room,
    /// How its texts are written.
    pub template: Template,
    /// Events of the first part.
    pub before: u64,
    /// Events of the second.
    pub scheduled: u64,
    /// Events per second of the second part.
    pub rate: u64,
}

impl Publisher {
    /// Publish all; the subscribers tell through `progress` how far they are.
    pub fn run(self, progress: &[AtomicU64; 2]) -> anyhow::Result<()> {
        let Self { mut session, room, template, before, scheduled, rate } = self;
        let rooms = [room];
        let inbox = std::mem::take(&mut session.inbox);
        let mut publisher = websocket::Publisher::new(inbox, &rooms, 0, 1);
        let context = Context { rooms: &rooms, template: &template, clock: Clock::start() };
        let mut next = 0;
        let mut publish = |until: u64| {
            while next < until {
                let together = until.min(next + TOGETHER);
                for sequence in next..together {
                    publisher.push(Due { room: 0, sequence, at_ns: None }, context);
                }
                next = together;
                session.stream.write_all(&publisher.outbox.filling)?;
                publisher.outbox.filling.clear();
            }
            anyhow::Ok(())
        };
        for until in (0..before).step_by(TOGETHER as usize).skip(1).chain([before]) {
            publish(until)?;
            follow(progress, until.saturating_sub(AHEAD_MAX))?;
        }
        follow(progress, before)?;
        let started = Instant::now();
        for until in (0..scheduled).step_by((rate / 100).clamp(1, TOGETHER) as usize).skip(1) {
            let due = Duration::from_nanos(until * 1_000_000_000 / rate);
            thread::sleep(due.saturating_sub(started.elapsed()));
            publish(before + until)?;
        }
        publish(before + scheduled)
    }
}

/// Wait until every subscriber has everything up to `sequence`.
fn follow(progress: &[AtomicU64; 2], sequence: u64) -> anyhow::Result<()> {
    let deadline = Instant::now() + FOLLOW_MAX;
    while progress.iter().any(|last| last.load(Ordering::Relaxed) < sequence) {
        anyhow::ensure!(Instant::now() < deadline, "event {sequence} did not arrive");
        thread::sleep(LOOK);
    }
    Ok(())
}
