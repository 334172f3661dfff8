//! `loadtest slow-reader`: one room, one subscriber that keeps up and one that reads too slowly.
//!
//! The room's log is filled first, so that the server's memory is as large as the log makes it.
//! What grows after that would be for the slow subscriber. When it has been slow for long enough it
//! reads as fast as it can; both must have received every event in order, once.

#![allow(clippy::cast_precision_loss, reason = "figures for people need no 53rd bit")]

pub mod order;
pub mod publisher;
pub mod reader;
pub mod report;

use std::net::SocketAddr;
use std::num::{NonZeroU32, NonZeroU64};
use std::process::ExitCode;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread::{self, ScopedJoinHandle};
use std::time::{Duration, Instant};

use anyhow::Context as _;
use clap::Args;
use socket2::SockRef;

use crate::health;
use crate::payload::Template;
use crate::plan::Via;
use crate::proc::Process;
use crate::room::Room;
use crate::server::{Kept, LogDriver, Logs};
use crate::socket::connect::{self, Session};
use crate::subject::{ServerArgs, Subject};
use order::Order;
use publisher::Publisher;
use reader::{Reader, Slow};
use report::{Asked, Report, Sample};

/// What the server says of bytes that wait to be sent.
const QUEUED: &str = "uringcast_retained_bytes";
/// What the server says of subscribers that it has sent back to the log.
const SET_BACKS: &str = "uringcast_log_set_backs_total";
/// Pause between two looks at how far the subscribers are.
const LOOK: Duration = Duration::from_millis(20);
/// What an event costs a log besides its frame, at the most.
const EVENT_OVERHEAD_BYTES: u64 = 600;

/// Arguments of `slow-reader`.
#[derive(Args, Debug)]
pub struct SlowReaderArgs {
    /// Events per second
    #[arg(long, default_value = "2000")]
    pub rate: NonZeroU64,
    /// The slow subscriber takes one event in the time that so many are published
    #[arg(long, default_value = "10")]
    pub slowness: NonZeroU32,
    /// Seconds for which it is slow
    #[arg(long, default_value = "60")]
    pub seconds: NonZeroU64,
    /// Events that a started server's room keeps, which are published before the slow phase, so
    /// that its memory is as large as it gets; by default as many as that phase publishes
    #[arg(long)]
    pub history: Option<NonZeroU32>,
    /// Size of a delivered frame with its header, in bytes
    #[arg(long, default_value_t = 400, value_parser = clap::value_parser!(u32).range(300..=10_000))]
    pub frame_bytes: u32,
    /// Receive buffer of the slow subscriber's socket, in bytes: what its kernel takes unread
    #[arg(long, default_value = "65536")]
    pub receive_buffer: NonZeroU32,
    /// What keeps the log of a started server
    #[arg(long, value_enum, default_value_t = LogDriver::Memory, conflicts_with = "url")]
    pub log_driver: LogDriver,
    /// Where a running server shows its metrics
    #[arg(long, requires = "url")]
    pub metrics: Option<SocketAddr>,
    /// Milliseconds between two readings of the server's memory
    #[arg(long, default_value = "1000")]
    pub sample_ms: NonZeroU64,
    /// Against which server
    #[command(flatten)]
    pub server: ServerArgs,
}

impl SlowReaderArgs {
    /// Events published while the subscriber is slow.
    pub fn slow_events(&self) -> u64 {
        self.rate.get() * self.seconds.get()
    }

    /// Events that the room keeps, and that are published before.
    pub fn kept_events(&self) -> u64 {
        self.history.map_or(self.slow_events(), |count| u64::from(count.get()))
    }
}

/// Run the load.
pub fn slow_reader(args: &SlowReaderArgs) -> anyhow::Result<ExitCode> {
    let kept = args.kept_events();
    let bytes_max = kept * (u64::from(args.frame_bytes) + EVENT_OVERHEAD_BYTES);
    let kept_rule = Kept { events_max: kept, bytes_max };
    let logs = Logs { driver: args.log_driver, kept: Some(kept_rule) };
    let mut subject = Subject::of_zps(&args.server, logs)?;
    let metrics = args.metrics.or_else(|| subject.metrics());
    let load = Load::connect(args, &subject)?;
    let watch = Watch { process: subject.process, metrics, every: sample_interval(args) };
    let (orders, samples) = load.run(&watch)?;
    let slow_rate = args.rate.get() as f64 / f64::from(args.slowness.get());
    let asked = Asked {
        rate: args.rate.get(),
        slow_rate,
        seconds: args.seconds.get(),
        history: kept,
        frame_bytes: args.frame_bytes,
        log_driver: args.server.url.is_none().then(|| args.log_driver.name()),
    };
    let set_backs = metrics.and_then(|address| health::metric(address, SET_BACKS));
    let report = Report::new(asked, orders, samples, set_backs);
    crate::report::publish(&report, args.server.json.as_deref())?;
    Ok(ExitCode::SUCCESS)
}

fn sample_interval(args: &SlowReaderArgs) -> Duration {
    Duration::from_millis(args.sample_ms.get())
}

/// The three connections.
struct Load {
    publisher: Publisher,
    fast: Reader,
    slow: Reader,
    /// When the slow phase begins.
    before: u64,
}

/// Who reads the server's memory.
struct Watch {
    process: Option<Process>,
    metrics: Option<SocketAddr>,
    every: Duration,
}

impl Load {
    fn connect(args: &SlowReaderArgs, subject: &Subject) -> anyhow::Result<Self> {
        let (before, scheduled) = (args.kept_events(), args.slow_events());
        let channel = format!("load:{}", subject.run().unwrap_or_default());
        let wanted = [vec![channel.clone()], vec![channel.clone()]];
        let open = |wanted: &[Vec<String>]| {
            connect::open(&subject.endpoint, &subject.dialect, wanted, |_| ())
        };
        let room = || {
            let frame_bytes = args.frame_bytes as usize;
            let room = Room::new(0, channel.clone(), Via::Messages.event(), 1, frame_bytes);
            let mut room = room.numbered(frame_bytes);
            room.published = before + scheduled; // All that will ever be.
            room
        };
        let template = || Template::new(args.frame_bytes as usize);
        let reader = |session: Session, slow| Reader {
            session,
            room: room(),
            template: template(),
            last: before + scheduled,
            slow,
        };
        let rate = args.rate.get() as f64 / f64::from(args.slowness.get());
        let slow = Slow { after: before, rate, time: Duration::from_secs(args.seconds.get()) };
        let (mut sessions, mut publishing) = (open(&wanted)?, open(&[Vec::new()])?);
        let (slow_session, fast_session) = (sessions.remove(1), sessions.remove(0));
        let buffer = args.receive_buffer.get() as usize;
        SockRef::from(&slow_session.stream).set_recv_buffer_size(buffer)?;
        let publisher = Publisher {
            session: publishing.remove(0),
            room: room(),
            template: template(),
            before,
            scheduled,
            rate: args.rate.get(),
        };
        let (fast, slow) = (reader(fast_session, None), reader(slow_session, Some(slow)));
        Ok(Self { publisher, fast, slow, before })
    }

    fn run(self, watch: &Watch) -> anyhow::Result<([Order; 2], Vec<Sample>)> {
        let Self { publisher, fast, slow, before } = self;
        let progress = [AtomicU64::new(0), AtomicU64::new(0)];
        let is_over = AtomicBool::new(false);
        thread::scope(|scope| {
            let publishing = scope.spawn(|| publisher.run(&progress));
            let fast = scope.spawn(|| fast.run(&progress[0]));
            let slow = scope.spawn(|| slow.run(&progress[1]));
            let sampling = scope.spawn(|| watch.samples(before, &progress, &is_over));
            let (published, fast, slow) = (joined(publishing), joined(fast), joined(slow));
            is_over.store(true, Ordering::Relaxed);
            let samples = joined(sampling);
            published.context("the publisher")?;
            let fast = fast.context("the fast subscriber")?;
            Ok(([fast, slow.context("the slow subscriber")?], samples))
        })
    }
}

impl Watch {
    /// Read the server's memory from when everybody has event `before` to the end.
    fn samples(&self, before: u64, progress: &[AtomicU64; 2], is_over: &AtomicBool) -> Vec<Sample> {
        let mut samples = Vec::new();
        let last = || progress.each_ref().map(|last| last.load(Ordering::Relaxed));
        while last().iter().any(|last| *last < before) && !is_over.load(Ordering::Relaxed) {
            thread::sleep(LOOK);
        }
        let started = Instant::now();
        loop {
            let is_last = is_over.load(Ordering::Relaxed);
            let [fast, slow] = last();
            let queued = self.metrics.and_then(|address| health::metric(address, QUEUED));
            samples.push(Sample {
                seconds: (started.elapsed().as_secs_f64() * 1e3).round() / 1e3,
                rss_bytes: self.process.and_then(|process| process.resident_bytes().ok()),
                queued_bytes: queued,
                fast,
                slow,
            });
            if is_last {
                return samples;
            }
            let next = Instant::now() + self.every;
            while Instant::now() < next && !is_over.load(Ordering::Relaxed) {
                thread::sleep(LOOK.min(self.every));
            }
        }
    }
}

/// What a thread came to; its panic goes on here.
fn joined<T>(thread: ScopedJoinHandle<'_, T>) -> T {
    thread.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic))
}
