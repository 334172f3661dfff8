//! `loadtest compare`: the fixed profiles against everyone who is installed, in turns.
//!
//! Every run is a process of its own, `loadtest profile`, so that no run inherits memory, sockets
//! or a place from the one before. A block measures everyone once, one right after the other, and
//! each block begins with someone else: what the machine does for a minute happens to all.

pub mod chart;
pub mod table;

use std::io::{self, Write as _};
use std::num::NonZeroU32;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode, Stdio};

use anyhow::Context as _;
use clap::Args;
use serde::Serialize;

use crate::layout::PlaceArgs;
use crate::peer::{Peer, PeerArgs};
use crate::profile::figures::Run;
use crate::profile::shape::{Profile, Profiles, SizeArgs};
use table::{BlockRun, Row};

/// Arguments of `compare`.
#[derive(Args, Debug)]
pub struct CompareArgs {
    /// The profiles, with commas in between, or all
    #[arg(long, default_value = "all")]
    pub profiles: Profiles,
    /// Whom to measure; may be given several times; by default everyone who is installed
    #[arg(long = "peer", value_enum)]
    pub chosen: Vec<Peer>,
    /// Times that everyone is measured, one after the other
    #[arg(long, default_value = "3")]
    pub blocks: NonZeroU32,
    /// Where it runs
    #[command(flatten)]
    pub place: PlaceArgs,
    /// How big it is
    #[command(flatten)]
    pub size: SizeArgs,
    /// What is started
    #[command(flatten)]
    pub peers: PeerArgs,
    /// Write every figure of every run, and the table, to FILE
    #[arg(long, value_name = "FILE")]
    pub json: Option<PathBuf>,
    /// Draw the table as a chart into FILE
    #[arg(long, value_name = "FILE")]
    pub svg: Option<PathBuf>,
}

impl CompareArgs {
    /// Whom to measure, in the order of the table.
    pub fn peers(&self) -> Vec<Peer> {
        let wanted = |peer: &Peer| self.chosen.is_empty() || self.chosen.contains(peer);
        Peer::ALL.into_iter().filter(wanted).collect()
    }
}

/// Someone who takes no part.
#[derive(Clone, Debug, Serialize)]
struct Absent {
    peer: Peer,
    reason: String,
}

/// A run that brought no figures.
#[derive(Clone, Debug, Serialize)]
struct Failed {
    block: u32,
    profile: Profile,
    peer: Peer,
    reason: String,
}

/// Everything there is to say, as it is written to the JSON file.
#[derive(Debug, Default, Serialize)]
struct Comparison {
    blocks: u32,
    cores: usize,
    absent: Vec<Absent>,
    failed: Vec<Failed>,
    rows: Vec<Row>,
    runs: Vec<BlockRun>,
}

/// Measure everyone, and give out one table.
///
/// Who is not installed is left out and named. A run that was refused or went wrong is named too,
/// and makes the exit code 1; the others are published all the same.
pub fn compare(args: &CompareArgs) -> anyhow::Result<ExitCode> {
    let mut comparison = Comparison {
        blocks: args.blocks.get(),
        cores: std::thread::available_parallelism()?.get(),
        ..Comparison::default()
    };
    let mut peers = Vec::new();
    for peer in args.peers() {
        match peer.check(&args.peers) {
            Ok(()) => peers.push(peer),
            Err(missing) => {
                writeln!(io::stderr(), "{missing}")?;
                comparison.absent.push(Absent { peer, reason: missing.reason });
            }
        }
    }
    for profile in &args.profiles.0 {
        comparison.measure(args, *profile, &peers)?;
    }
    comparison.rows = table::rows(&comparison.runs);
    comparison.give_out(args)?;
    Ok(if comparison.failed.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

impl Comparison {
    fn measure(
        &mut self,
        args: &CompareArgs,
        profile: Profile,
        peers: &[Peer],
    ) -> anyhow::Result<()> {
        let shape = profile.shape(args.size);
        let able: Vec<_> = peers.iter().copied().filter(|peer| shape.applies_to(*peer)).collect();
        for block in 0..self.blocks {
            for index in 0..able.len() {
                let peer = able[(index + block as usize) % able.len()];
                self.run(args, profile, peer, block)?;
            }
        }
        Ok(())
    }

    fn run(
        &mut self,
        args: &CompareArgs,
        profile: Profile,
        peer: Peer,
        block: u32,
    ) -> anyhow::Result<()> {
        let outcome = run(args, profile, peer)?;
        let turn = format!("{} {} {}/{}", profile.name(), peer.name(), block + 1, self.blocks);
        match outcome {
            Ok(run) => {
                let title = table::Metric::ALL.into_iter().find_map(|metric| {
                    let value = metric.of(&run.figures)?;
                    Some(format!("{} {}", metric.text(value), metric.title(run.case.unit)))
                });
                writeln!(io::stderr(), "{turn}: {}", title.unwrap_or_default())?;
                self.runs.push(BlockRun { block, run });
            }
            Err(reason) => {
                writeln!(io::stderr(), "{turn}: {reason}")?;
                self.failed.push(Failed { block, profile, peer, reason });
            }
        }
        Ok(())
    }

    fn give_out(&self, args: &CompareArgs) -> anyhow::Result<()> {
        let mut out = io::stdout().lock();
        write!(out, "{}", table::text(&self.rows))?;
        for Absent { peer, reason } in &self.absent {
            writeln!(out, "{}: not installed: {reason}", peer.name())?;
        }
        let disturbed = self.runs.iter().filter(|it| it.run.figures.is_disturbed()).count();
        if disturbed > 0 {
            let runs = self.runs.len();
            writeln!(out, "{disturbed} of {runs} runs shared their cores with other processes")?;
        }
        for Failed { block, profile, peer, reason } in &self.failed {
            let block = block + 1;
            writeln!(out, "{} {} block {block}: {reason}", profile.name(), peer.name())?;
        }
        if let Some(path) = &args.json {
            write_file(path, &(serde_json::to_string_pretty(self)? + "\n"))?;
        }
        if let Some(path) = &args.svg {
            write_file(path, &chart::svg(&self.rows)?)?;
        }
        Ok(())
    }
}

fn write_file(path: &Path, text: &str) -> anyhow::Result<()> {
    std::fs::write(path, text).with_context(|| format!("cannot write {}", path.display()))
}

/// One run in a process of its own: its figures, or why there are none.
fn run(args: &CompareArgs, profile: Profile, peer: Peer) -> anyhow::Result<Result<Run, String>> {
    let output = command(args, profile, peer)?.stdin(Stdio::null()).output()?;
    let runs: Option<Vec<Run>> = serde_json::from_slice(&output.stdout).ok();
    Ok(match runs.and_then(|runs| runs.into_iter().next()) {
        Some(Run { figures, .. }) if figures.refused.is_some() => {
            Err(figures.refused.unwrap_or_default())
        }
        Some(run) => Ok(run),
        None => {
            let text = String::from_utf8_lossy(&output.stderr);
            Err(text.lines().last().unwrap_or("it ended without a word").to_owned())
        }
    })
}

/// `loadtest profile` with the same flags.
fn command(args: &CompareArgs, profile: Profile, peer: Peer) -> anyhow::Result<Command> {
    let mut command = Command::new(std::env::current_exe()?);
    command.args(["profile", profile.name(), "--peer", peer.name(), "--json", "-"]);
    let mut flag = |name: &str, value: Option<String>| {
        if let Some(value) = value {
            command.arg(format!("--{name}={value}"));
        }
    };
    flag("layout", args.place.layout.map(|layout| layout.name().to_owned()));
    flag("drain-us", args.place.drain_us.map(|us| us.to_string()));
    flag("subscribers", args.size.subscribers.map(|count| count.to_string()));
    flag("events", args.size.events.map(|count| count.to_string()));
    flag("rate", args.size.rate.map(|rate| rate.to_string()));
    command.arg("--peers").arg(&args.peers.peers);
    if let Some(program) = &args.peers.server {
        command.arg("--server").arg(program);
    }
    for (flag, program) in [("--before", &args.peers.before), ("--sockudo", &args.peers.sockudo)] {
        if let Some(program) = program {
            command.arg(flag).arg(program);
        }
    }
    Ok(command)
}
