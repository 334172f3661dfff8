//! `loadtest profile`: the fixed profiles, against one server or the physical limit.

pub mod figures;
pub mod shape;

use std::io::{self, Write as _};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::{Duration, Instant};

use anyhow::Context as _;
use clap::Args;

use crate::ack::AckMode;
use crate::conduct::Conduct;
use crate::cores::Cores;
use crate::endpoint::{App, Endpoint};
use crate::latency::Latency;
use crate::layout::{PlaceArgs, Placement};
use crate::limit::{self, LimitArgs};
use crate::load::{Load, Outcome};
use crate::peer::{Peer, PeerArgs};
use crate::plan::{Pace, Plan};
use crate::proc::Process;
use crate::progress::Progress;
use crate::report;
use crate::subject::Subject;
use crate::{idle, limits};
use figures::{Case, Figures, Run};
use shape::{FRAME_BYTES, Profile, Profiles, Shape, SizeArgs};

/// Files the program needs besides its connections.
const FILES_SPARE: u64 = 64;
/// A run fails if it takes longer.
const TIME_LIMIT: Duration = Duration::from_mins(10);

/// Arguments of `profile`.
#[derive(Args, Debug)]
pub struct ProfileArgs {
    /// A1, A32, B-ws, B-batch, C, D5, L, E32, several with commas in between, or all
    pub profiles: Profiles,
    /// Whom to measure
    #[arg(long, value_enum, default_value_t = Peer::Uringcast)]
    pub peer: Peer,
    /// Address of a running server that speaks as --peer does; without it one is started
    #[arg(long)]
    pub url: Option<Endpoint>,
    /// Process of the running server, to measure its processor time and memory
    #[arg(long, requires = "url")]
    pub server_pid: Option<u32>,
    /// App to use, ID:KEY:SECRET
    #[arg(long, default_value = "app-id:app-key:app-secret")]
    pub app: App,
    /// Where it runs
    #[command(flatten)]
    pub place: PlaceArgs,
    /// How big it is
    #[command(flatten)]
    pub size: SizeArgs,
    /// What is started
    #[command(flatten)]
    pub peers: PeerArgs,
    /// Print the figures as a JSON array, or write it to FILE
    #[arg(long, value_name = "FILE", num_args = 0..=1, default_missing_value = "-")]
    pub json: Option<PathBuf>,
}

/// Measure every profile that was named; a refused one makes the exit code 1.
pub fn profile(args: &ProfileArgs) -> anyhow::Result<ExitCode> {
    // Asked for before anything is pinned.
    let allowed = Cores::allowed()?;
    if args.url.is_none() {
        args.peer.check(&args.peers)?;
    }
    let mut runs = Vec::new();
    for profile in &args.profiles.0 {
        if let Some(run) = measure(args, *profile, &allowed)? {
            runs.push(run);
        }
    }
    publish(&runs, args.json.as_deref())?;
    let is_complete = runs.iter().all(|run| run.figures.refused.is_none());
    Ok(if is_complete { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

fn publish(runs: &[Run], json: Option<&Path>) -> anyhow::Result<()> {
    for run in runs {
        if let Some(refused) = &run.figures.refused {
            writeln!(io::stderr(), "{}: no figures: {refused}", run.case.profile.name())?;
        }
    }
    report::publish_all(runs, json)
}

/// One run; nothing where `peer` has no such thing.
fn measure(args: &ProfileArgs, profile: Profile, allowed: &Cores) -> anyhow::Result<Option<Run>> {
    let shape = profile.shape(args.size);
    if !shape.applies_to(args.peer) {
        writeln!(io::stderr(), "{}: not for {}", profile.name(), args.peer.name())?;
        return Ok(None);
    }
    let layout = args.place.layout.unwrap_or(shape.layout);
    let placement = layout.place(allowed)?;
    let drain_us = args.place.drain(layout).as_micros() as u64;
    let case = Case::new(profile, &shape, args.peer, layout, drain_us);
    let figures = match (args.peer, profile) {
        (Peer::Limit, _) => of_limit(&case, &shape, &placement)?,
        (_, Profile::C) => of_idle(args, &case, &placement)?,
        (_, _) => of_load(args, &case, &shape, &placement)?,
    };
    Ok(Some(Run { case, figures }))
}

fn of_limit(case: &Case, shape: &Shape, placement: &Placement) -> anyhow::Result<Figures> {
    let frames_per_send = shape.frames_per_send.context("this profile has no physical limit")?;
    let (sockets, interval_ns) = match shape.pace {
        Pace::Window { .. } => (case.channels * case.subscribers, None),
        Pace::Interval { interval_ns } => (case.subscribers, Some(interval_ns)),
    };
    let args = LimitArgs {
        subscribers: sockets.try_into()?,
        frame_bytes: FRAME_BYTES,
        frames_per_send,
        rounds: shape.events.div_ceil(u64::from(frames_per_send)).try_into()?,
        rate: interval_ns.and_then(|ns| (1_000_000_000 / ns).try_into().ok()),
        server_cores: Some(placement.server.clone()),
        load_cores: Some(placement.load.clone()),
        drain_us: case.drain_us,
        json: None,
    };
    let measured = limit::measure(&args)?;
    let conduct = Conduct {
        layout: case.layout,
        is_open_loop: interval_ns.is_some(),
        elapsed: measured.elapsed,
        server_cpu: Some(measured.cpu),
        load_cpu: measured.load_cpu,
        events: args.rounds.get(),
        late: measured.late,
    };
    let latency = Some(Latency::ms(&measured.latency));
    Ok(Figures::of_load(measured.deliveries(&args), &conduct, latency))
}

/// Nothing runs while memory is read, so there is nothing to refuse.
fn of_idle(args: &ProfileArgs, case: &Case, placement: &Placement) -> anyhow::Result<Figures> {
    let subject = subject(args, placement)?;
    let measured = idle::measure(&subject, case.subscribers, case.channels)?;
    Ok(Figures {
        elapsed_ms: measured.connect.as_secs_f64() * 1e3,
        resident_bytes_each: measured.bytes_each(),
        peak_rss_bytes: subject.peak_rss_bytes(),
        ..Figures::default()
    })
}

fn of_load(
    args: &ProfileArgs,
    case: &Case,
    shape: &Shape,
    placement: &Placement,
) -> anyhow::Result<Figures> {
    let subject = subject(args, placement)?;
    let plan = plan(&subject, case, shape);
    limits::raise_open_files((plan.subscribers() + plan.publishers) as u64 + FILES_SPARE)?;
    let mut load = Load::connect(plan.clone(), |_| ())?;
    load.warm_up(shape.warm_up)?;
    let process = Process::new(std::process::id());
    let cores = placement.cores();
    let (watch, busy_before) = (Instant::now(), cores.busy()?);
    let before = (subject.cpu(), process.cpu()?);
    let mut progress = Progress::new(case.profile.name(), plan.settled(plan.events_per_room));
    let outcome = load.run(&mut progress);
    let after = (subject.cpu(), process.cpu()?);
    let busy = cores.busy()?.saturating_sub(busy_before);
    let whole = watch.elapsed() * cores.count() as u32;
    progress.finish();
    complete(&plan, &outcome)?;
    let conduct = Conduct {
        layout: case.layout,
        is_open_loop: matches!(plan.pace, Pace::Interval { .. }),
        elapsed: outcome.elapsed,
        server_cpu: after.0.zip(before.0).map(|(after, before)| after.saturating_sub(before)),
        load_cpu: after.1.saturating_sub(before.1),
        events: plan.events(),
        late: outcome.late,
    };
    let units = if plan.deliveries() > 0 { plan.deliveries() } else { plan.answers() };
    let figures = Figures::of_load(units, &conduct, Some(Latency::ms(&outcome.latency)));
    let figures = figures.among_others(whole, busy, &conduct);
    Ok(Figures { peak_rss_bytes: subject.peak_rss_bytes(), ..figures })
}

/// Figures of a load that lost, repeated or damaged events are none.
fn complete(plan: &Plan, outcome: &Outcome) -> anyhow::Result<()> {
    let tally = outcome.tally;
    if let Some(failure) = &outcome.failure {
        anyhow::bail!("{failure}");
    }
    anyhow::ensure!(
        plan.is_complete(&tally) && tally.is_clean(),
        "not everything arrived once: {tally:?}"
    );
    Ok(())
}

fn subject(args: &ProfileArgs, placement: &Placement) -> anyhow::Result<Subject> {
    let dialect = args.peer.dialect(&args.app);
    let subject = if let Some(url) = &args.url {
        Subject::running(url.clone(), dialect, args.server_pid)
    } else {
        let server = args.peer.start(&args.peers, &args.app, Some(&placement.server))?;
        Subject::started(server, dialect)?
    };
    // Pinned last, so that the server does not inherit the load's cores.
    placement.load.pin()?;
    Ok(subject)
}

fn plan(subject: &Subject, case: &Case, shape: &Shape) -> Plan {
    // Clients may publish only to private channels.
    let channel = |index| format!("private-load-{index}");
    Plan {
        endpoint: subject.endpoint.clone(),
        dialect: subject.dialect.clone(),
        channels: (0..shape.channels).map(channel).collect(),
        subscribers_per_room: shape.subscribers,
        events_per_room: shape.events,
        via: shape.via,
        publishers: shape.publishers.min(shape.channels as usize),
        pace: shape.pace,
        ack: AckMode::None,
        frame_bytes: FRAME_BYTES as usize,
        drain: Duration::from_micros(case.drain_us),
        time_limit: TIME_LIMIT,
    }
}
