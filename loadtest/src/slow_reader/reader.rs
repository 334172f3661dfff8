//! One subscriber on a thread of its own, which reads as fast as it is let.

#![allow(clippy::cast_precision_loss, reason = "a pace needs no 53rd bit")]

use std::io::{Read as _, Write as _};
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::Context as _;
use uringcast_proto::ws::Opcode;

use super::order::{Order, fast_forward_of};
use crate::control;
use crate::payload::Template;
use crate::room::{Reading, Room};
use crate::socket::connect::Session;
use crate::socket::outbox::Outbox;

/// Bytes of one read of a slow subscriber: a few events.
const SLOW_READ_BYTES: usize = 2 << 10;
/// Bytes of one read of a fast one.
const FAST_READ_BYTES: usize = 64 << 10;
/// Nothing arrives for this long: the load has failed.
const SILENCE_MAX: Duration = Duration::from_secs(30);

/// For how long, and how much, a subscriber is slow.
#[derive(Clone, Copy, Debug)]
pub struct Slow {
    /// It begins to be slow after this event.
    pub after: u64,
    /// Events per second.
    pub rate: f64,
    /// How long it is slow.
    pub time: Duration,
}

/// A subscriber.
#[derive(Debug)]
pub struct Reader {
    /// The connection.
    pub session: Session,
    /// The room, with all of its events published.
    pub room: Room,
    /// How its texts are read.
    pub template: Template,
    /// The last event that there will be.
    pub last: u64,
    /// When it is slow, if it ever is.
    pub slow: Option<Slow>,
}

impl Reader {
    /// Read to the end, telling others through `progress` which event was the last.
    pub fn run(mut self, progress: &AtomicU64) -> anyhow::Result<Order> {
        self.session.stream.set_read_timeout(Some(SILENCE_MAX))?;
        let mut order = Order::default();
        let mut scratch = vec![0; FAST_READ_BYTES];
        let mut slow_since = None;
        while order.last < self.last {
            let room = match self.slow {
                Some(slow) if order.last >= slow.after => {
                    let since = *slow_since.get_or_insert_with(Instant::now);
                    wait(slow, since, order.last);
                    if since.elapsed() < slow.time { SLOW_READ_BYTES } else { FAST_READ_BYTES }
                }
                Some(_) | None => FAST_READ_BYTES,
            };
            let bytes = self.session.stream.read(&mut scratch[..room]);
            let bytes = bytes.with_context(|| format!("after event {}", order.last))?;
            anyhow::ensure!(bytes > 0, "the server hung up after event {}", order.last);
            self.take(&scratch[..bytes], &mut order)?;
            progress.store(order.last, Ordering::Relaxed);
        }
        Ok(order)
    }

    fn take(&mut self, mut input: &[u8], order: &mut Order) -> anyhow::Result<()> {
        let mut answers = Outbox::default();
        while let Some(frame) = self.session.inbox.next(&mut input)? {
            if frame.opcode != Opcode::Text || !frame.is_final {
                control::on_frame(frame, &mut answers)?;
                continue;
            }
            match self.room.read(frame.payload, &self.template)? {
                Reading::Event(stamp) => order.event(stamp.sequence + 1)?,
                Reading::Damaged(damaged) => return Err(damaged.into()),
                Reading::Acked(sequence) => anyhow::bail!("nobody acknowledged {sequence}"),
                Reading::Other(message) => match fast_forward_of(frame.payload) {
                    Some(sequence) => order.fast_forward(sequence),
                    None => control::on_message(&message, &mut answers)?,
                },
            }
        }
        if answers.filling.is_empty() {
            return Ok(());
        }
        Ok(self.session.stream.write_all(&answers.filling)?)
    }
}

/// Wait until the next event may be taken, while the time of being slow lasts.
fn wait(slow: Slow, since: Instant, last: u64) {
    let taken = (last - slow.after) as f64;
    let due = Duration::from_secs_f64(taken / slow.rate).min(slow.time);
    thread::sleep(due.saturating_sub(since.elapsed()));
}
