//! One load from start to result: server, connections, measurement, report.

use std::io::{self, Write as _};
use std::num::{NonZeroU32, NonZeroU64};
use std::process::ExitCode;
use std::time::Instant;

use clap::{Args, ValueEnum};

use crate::cores::Cores;
use crate::limits;
use crate::load::{Load, Outcome};
use crate::plan::{Pace, Plan, Via};
use crate::proc::Process;
use crate::progress::Progress;
use crate::publish::http::Route;
use crate::report::{self, Report, Usage};
use crate::subject::{ServerArgs, Subject};

/// Files the program needs besides its connections.
const FILES_SPARE: u64 = 64;
/// Publishing connections of zero-pub-sub, unless another number is asked for.
const ZPS_PUBLISHERS: usize = 4;

/// How events are published.
#[derive(Args, Debug)]
pub struct PublishArgs {
    /// Way into the server
    #[arg(long, value_enum, default_value_t = ViaArg::ClientEvents)]
    pub via: ViaArg,
    /// Open loop: publish this many events per second, whatever the server does
    #[arg(long, conflicts_with_all = ["window", "burst"])]
    pub rate: Option<NonZeroU64>,
    /// Size of a delivered frame with its header, in bytes
    #[arg(long, default_value_t = 267, value_parser = clap::value_parser!(u32).range(128..=10_000))]
    pub frame_bytes: u32,
    /// Websocket connections that publish; by default 1, or 4 for zps
    #[arg(long)]
    pub publishers: Option<NonZeroU32>,
    /// HTTP connections that publish requests
    #[arg(long, default_value = "8")]
    pub connections: NonZeroU32,
    /// Longest time for the whole load, in seconds
    #[arg(long, default_value_t = 600)]
    pub timeout_s: u64,
}

impl PublishArgs {
    /// Publishing connections for `rooms` rooms: a room has one, so more would be idle.
    pub fn publishers(&self, rooms: usize) -> usize {
        let wanted = match self.via {
            ViaArg::ClientEvents => self.publishers.unwrap_or(NonZeroU32::MIN),
            ViaArg::Http | ViaArg::HttpBatch => self.connections,
        };
        rooms.min(wanted.get() as usize)
    }

    /// Connections that publish messages of zero-pub-sub into `rooms` rooms, at most one for each.
    pub fn zps_publishers(&self, rooms: usize) -> usize {
        rooms.min(self.publishers.map_or(ZPS_PUBLISHERS, |count| count.get() as usize))
    }

    /// The pace for a window and a burst that apply where no rate is given.
    pub fn pace(&self, window: NonZeroU64, burst: u64) -> Pace {
        match self.rate {
            Some(rate) => Pace::Interval { interval_ns: 1_000_000_000 / rate },
            None => Pace::Window { window: window.get(), burst: burst.clamp(1, window.get()) },
        }
    }
}

/// The ways into the server.
#[derive(Clone, Copy, Debug, Eq, PartialEq, ValueEnum)]
pub enum ViaArg {
    /// Client events on a websocket
    ClientEvents,
    /// One signed POST per event
    Http,
    /// One signed POST per ten events
    HttpBatch,
}

impl From<ViaArg> for Via {
    fn from(via: ViaArg) -> Self {
        match via {
            ViaArg::ClientEvents => Self::ClientEvents,
            ViaArg::Http => Self::Http(Route::Events),
            ViaArg::HttpBatch => Self::Http(Route::Batch),
        }
    }
}

/// Carry out the plan that `plan` makes for the server under load.
pub fn run(args: &ServerArgs, plan: impl FnOnce(&Subject) -> Plan) -> anyhow::Result<ExitCode> {
    let subject = Subject::of(args)?;
    let plan = plan(&subject);
    let (outcome, usage) = measure(&subject, &plan, None)?;
    report::publish(&Report::new(&plan, &outcome, usage), args.json.as_deref())?;
    Ok(verdict(&plan, &outcome)?)
}

/// Carry out the plan, and read what both ends used meanwhile, and others of their `cores`.
pub fn measure(
    subject: &Subject,
    plan: &Plan,
    cores: Option<&Cores>,
) -> anyhow::Result<(Outcome, Usage)> {
    limits::raise_open_files((plan.subscribers() + plan.publishers) as u64 + FILES_SPARE)?;
    let load = connected(plan)?;
    let process = Process::new(std::process::id());
    let (watch, busy_before) = (Instant::now(), cores.map(Cores::busy).transpose()?);
    let before = (subject.cpu(), process.cpu()?);
    let mut progress = Progress::new("done", plan.settled(plan.events_per_room));
    let outcome = load.run(&mut progress);
    let after = (subject.cpu(), process.cpu()?);
    let busy = cores.map(Cores::busy).transpose()?.zip(busy_before);
    let whole = watch.elapsed() * cores.map_or(1, Cores::count) as u32;
    progress.finish();
    let server_cpu = after.0.zip(before.0).map(|(after, before)| after.saturating_sub(before));
    let load_cpu = after.1.saturating_sub(before.1);
    let others = busy.zip(server_cpu).map(|((after, before), server_cpu)| {
        after.saturating_sub(before).saturating_sub(server_cpu + load_cpu)
    });
    let usage = Usage {
        server_cpu,
        server_peak_rss_bytes: subject.peak_rss_bytes(),
        load_cpu,
        others: others.map(|others| others.as_secs_f64() / whole.as_secs_f64().max(1e-9)),
    };
    Ok((outcome, usage))
}

fn connected(plan: &Plan) -> anyhow::Result<Load> {
    let start = Instant::now();
    let mut progress = Progress::new("connected", plan.subscribers() as u64);
    let load = Load::connect(plan.clone(), |done| progress.advance(done, start.elapsed()));
    progress.finish();
    Ok(load?)
}

/// Say on stderr what is wrong, if anything is.
pub fn verdict(plan: &Plan, outcome: &Outcome) -> io::Result<ExitCode> {
    let Outcome { tally, damage, failure, .. } = outcome;
    let mut out = io::stderr();
    let complete = plan.is_complete(tally);
    if complete && tally.is_clean() && failure.is_none() {
        return Ok(ExitCode::SUCCESS);
    }
    if let Some(failure) = failure {
        writeln!(out, "{failure}")?;
    }
    if let Some(damage) = damage {
        writeln!(out, "{damage}")?;
    }
    if !tally.is_clean() {
        let (gaps, duplicates, damaged) = (tally.gaps, tally.duplicates, tally.damaged);
        writeln!(out, "{gaps} gaps, {duplicates} duplicates, {damaged} damaged")?;
        let (unconfirmed, stray) = (tally.unconfirmed, tally.stray_acks);
        writeln!(
            out,
            "{unconfirmed} events without a confirmation, {stray} stray answers to acks"
        )?;
    }
    if !complete {
        let (expected, delivered) = (plan.deliveries(), tally.delivered);
        writeln!(out, "Expected {expected} deliveries, got {delivered}")?;
        writeln!(out, "Expected {} acked events, got {}", plan.acked(), tally.acked)?;
    }
    Ok(ExitCode::FAILURE)
}
