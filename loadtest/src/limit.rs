//! `loadtest limit`: what this machine allows at best.
//!
//! Another process sends bytes that are ready to many loopback sockets, one send each per round,
//! and does nothing else: no protocol, no logic, no allocation. What that costs is what the kernel
//! takes for a delivery, and no server that sends in the same way can be cheaper. The loop is that
//! of `fanout --window 1`: a round starts when every socket has received the last one.
//!
//! This is the receiving side, whose cost is not counted; [`sender`] is the other one.

#![allow(clippy::cast_precision_loss, reason = "figures for people need no 53rd bit")]

pub mod sender;

use std::io::Write as _;
use std::num::{NonZeroU32, NonZeroU64};
use std::path::PathBuf;
use std::process::{ChildStdin, Command, ExitCode, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::Context as _;
use clap::Args;
use hdrhistogram::Histogram;
use serde::Serialize;

use crate::cores::Cores;
use crate::failure::Failure;
use crate::latency::Latency;
use crate::limits;
use crate::proc::Process;
use crate::report::{self, Table};
use crate::server::Server;
use crate::socket::connect;
use crate::socket::ring::{Event, Ring};
use crate::traffic::no_latencies;

/// Files either process needs besides its connections.
const FILES_SPARE: u64 = 64;
/// Nothing received for this long means that nothing will come.
const STALL_LIMIT: Duration = Duration::from_secs(10);

/// Arguments of `limit`.
#[derive(Args, Debug)]
pub struct LimitArgs {
    /// Sockets, each of which is sent to once in every round
    #[arg(long, default_value = "1000")]
    pub subscribers: NonZeroU32,
    /// Size of a frame, in bytes
    #[arg(long, default_value_t = 267, value_parser = clap::value_parser!(u32).range(1..=10_000))]
    pub frame_bytes: u32,
    /// Frames in each send, each of which counts as a delivery
    #[arg(long, default_value_t = 1, value_parser = clap::value_parser!(u32).range(1..=1000))]
    pub frames_per_send: u32,
    /// Rounds measured; one more comes before them
    #[arg(long, default_value = "1000")]
    pub rounds: NonZeroU64,
    /// Begin this many rounds per second, instead of each as soon as the last one is received
    #[arg(long)]
    pub rate: Option<NonZeroU64>,
    /// Cores for the sending process, such as 0 or 0,2-3
    #[arg(long)]
    pub server_cores: Option<Cores>,
    /// Cores for the receiving process
    #[arg(long)]
    pub load_cores: Option<Cores>,
    /// Take what arrived every so many microseconds instead of at once: 100 to 300 repeat best
    /// where server and load share a core
    #[arg(long, default_value_t = 0, value_parser = clap::value_parser!(u64).range(..=100_000))]
    pub drain_us: u64,
    /// Print the result as JSON, or write it to FILE
    #[arg(long, value_name = "FILE", num_args = 0..=1, default_missing_value = "-")]
    pub json: Option<PathBuf>,
}

impl LimitArgs {
    /// Size of each send, in bytes: at most ten million.
    pub fn send_bytes(&self) -> u32 {
        self.frame_bytes * self.frames_per_send
    }

    /// Time between two looks at what arrived.
    pub const fn drain(&self) -> Duration {
        Duration::from_micros(self.drain_us)
    }
}

/// What the load found.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Report {
    subscribers: u32,
    frame_bytes: u32,
    frames_per_send: u32,
    rounds: u64,
    sends: u64,
    deliveries: u64,
    elapsed_ms: f64,
    deliveries_per_second: f64,
    server_cpu_seconds: f64,
    cpu_us_per_send: f64,
    cpu_us_per_delivery: f64,
    /// From when a round was due to each receipt in it.
    latency_ms: Latency,
}

impl Report {
    fn new(args: &LimitArgs, measured: &Measured) -> Self {
        let Measured { received_bytes, elapsed, cpu, .. } = *measured;
        let latency_ms = Latency::ms(&measured.latency);
        let sends = received_bytes / u64::from(args.send_bytes());
        let deliveries = measured.deliveries(args);
        let (seconds, cpu_seconds) = (elapsed.as_secs_f64().max(1e-9), cpu.as_secs_f64());
        let cpu_us_per = |count: u64| (cpu_seconds * 1e9 / count as f64).round() / 1e3;
        Self {
            subscribers: args.subscribers.get(),
            frame_bytes: args.frame_bytes,
            frames_per_send: args.frames_per_send,
            rounds: args.rounds.get(),
            sends,
            deliveries,
            elapsed_ms: (seconds * 1e4).round() / 10.0,
            deliveries_per_second: (deliveries as f64 / seconds).round(),
            server_cpu_seconds: cpu_seconds,
            cpu_us_per_send: cpu_us_per(sends),
            cpu_us_per_delivery: cpu_us_per(deliveries),
            latency_ms,
        }
    }
}

impl Table for Report {
    fn rows(&self) -> Vec<(&'static str, String)> {
        let (frames, bytes) = (self.frames_per_send, self.frame_bytes);
        vec![
            ("rounds", format!("{} to {} sockets", self.rounds, self.subscribers)),
            ("sends", format!("{} of {frames} x {bytes} bytes", self.sends)),
            ("delivered", format!("{} in {:.0} ms", self.deliveries, self.elapsed_ms)),
            ("deliveries/s", format!("{:.0}", self.deliveries_per_second)),
            ("sender CPU", format!("{:.3} s", self.server_cpu_seconds)),
            ("CPU per send", format!("{:.3} us", self.cpu_us_per_send)),
            ("CPU per delivery", format!("{:.3} us", self.cpu_us_per_delivery)),
            ("latency p50", format!("{:.2} ms", self.latency_ms.p50)),
            ("latency p99", format!("{:.2} ms", self.latency_ms.p99)),
        ]
    }
}

/// What both sides did in all rounds together.
#[derive(Clone, Debug)]
pub struct Measured {
    /// Bytes that arrived.
    pub received_bytes: u64,
    /// From the first start to the last receipt.
    pub elapsed: Duration,
    /// Processor time of the sender.
    pub cpu: Duration,
    /// Processor time of the receiver.
    pub load_cpu: Duration,
    /// Rounds that began more than an interval after they were due, where there is a rate.
    pub late: u64,
    /// From when a round was due to each receipt in it, in nanoseconds.
    pub latency: Histogram<u64>,
}

impl Measured {
    /// Frames that arrived.
    pub fn deliveries(&self, args: &LimitArgs) -> u64 {
        self.received_bytes / u64::from(args.frame_bytes)
    }
}

/// Measure, and report it.
pub fn limit(args: &LimitArgs) -> anyhow::Result<ExitCode> {
    let measured = measure(args)?;
    report::publish(&Report::new(args, &measured), args.json.as_deref())?;
    Ok(ExitCode::SUCCESS)
}

/// Start the sender, connect to it, and measure it over all rounds.
pub fn measure(args: &LimitArgs) -> anyhow::Result<Measured> {
    limits::raise_open_files(u64::from(args.subscribers.get()) + FILES_SPARE)?;
    let mut server = Server::spawn(sender_command(args)?, args.server_cores.as_ref())?;
    // Pinned only now, so that the sender does not inherit these cores.
    if let Some(cores) = &args.load_cores {
        cores.pin()?;
    }
    let (process, this) = (Process::new(server.pid()), Process::new(std::process::id()));
    let starts = server.stdin().context("the sender has no standard input")?;
    let mut receiver = Receiver::connect(args, &server, starts)?;
    // Once this round is over, the sender has accepted every connection and set up its ring.
    receiver.round(Instant::now())?;
    receiver.latency.reset();
    let before = (receiver.received_bytes, process.cpu()?, this.cpu()?);
    let start = Instant::now();
    let late = receiver.rounds(args)?;
    Ok(Measured {
        elapsed: start.elapsed(),
        cpu: process.cpu()?.saturating_sub(before.1),
        load_cpu: this.cpu()?.saturating_sub(before.2),
        received_bytes: receiver.received_bytes - before.0,
        late,
        latency: receiver.latency,
    })
}

/// This program again, as the sender.
fn sender_command(args: &LimitArgs) -> anyhow::Result<Command> {
    let mut command = Command::new(std::env::current_exe()?);
    command.args(["limit-sender", "--subscribers", &args.subscribers.to_string()]);
    command.args(["--send-bytes", &args.send_bytes().to_string()]);
    command.stdin(Stdio::piped());
    Ok(command)
}

/// All connections, on one ring, and the pipe that starts a round.
struct Receiver {
    ring: Ring,
    starts: ChildStdin,
    /// Bytes that a round brings on all sockets together.
    round_bytes: u64,
    received_bytes: u64,
    latency: Histogram<u64>,
}

impl Receiver {
    fn connect(args: &LimitArgs, server: &Server, starts: ChildStdin) -> Result<Self, Failure> {
        let mut ring = Ring::new(args.drain()).map_err(Failure::NoRing)?;
        for index in 0..args.subscribers.get() as usize {
            ring.add(connect::dial(server.address, index)?)?;
        }
        let round_bytes = u64::from(args.subscribers.get()) * u64::from(args.send_bytes());
        Ok(Self { ring, starts, round_bytes, received_bytes: 0, latency: no_latencies() })
    }

    /// All rounds, at the rate if there is one; the number of those that began late is returned.
    fn rounds(&mut self, args: &LimitArgs) -> Result<u64, Failure> {
        let start = Instant::now();
        let mut late = 0;
        for round in 0..args.rounds.get() {
            let mut due = Instant::now();
            if let Some(rate) = args.rate {
                let interval = Duration::from_secs_f64(1.0 / rate.get() as f64);
                due = start + Duration::from_secs_f64(round as f64 / rate.get() as f64);
                late += u64::from(Instant::now() > due + interval);
                thread::sleep(due.saturating_duration_since(Instant::now()));
            }
            self.round(due)?;
        }
        Ok(late)
    }

    /// Start the round that is `due`, and wait until every socket has received its bytes.
    ///
    /// The sum is enough to know that: a round brings no socket more than its share.
    fn round(&mut self, due: Instant) -> Result<(), Failure> {
        let Self { ring, starts, round_bytes, received_bytes, latency } = self;
        let expected = *received_bytes + *round_bytes;
        starts.write_all(&[sender::START])?;
        let mut received_at = Instant::now();
        while *received_bytes < expected {
            let last = *received_bytes;
            ring.wait(STALL_LIMIT, |_, event| {
                *received_bytes += received(event)?;
                latency.saturating_record(due.elapsed().as_nanos() as u64);
                Ok::<(), Failure>(())
            })?;
            if *received_bytes > last {
                received_at = Instant::now();
            } else if received_at.elapsed() >= STALL_LIMIT {
                return Err(Failure::Stalled(STALL_LIMIT.as_secs()));
            }
        }
        assert_eq!(*received_bytes, expected, "a round brings what it should");
        Ok(())
    }
}

/// The number of bytes an event brings.
fn received(event: Event<'_>) -> Result<u64, Failure> {
    match event {
        Event::Received(bytes) => Ok(bytes.len() as u64),
        Event::Sent(_) => Ok(0),
        Event::Closed => Err(Failure::Closed("the sender ended".to_owned())),
        Event::Failed(error) => Err(error.into()),
    }
}
