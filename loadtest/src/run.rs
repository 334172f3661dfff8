//! One load from start to result: server, connections, measurement, report.

use std::io::{self, Write as _};
use std::process::ExitCode;
use std::time::Instant;

use crate::args::ServerArgs;
use crate::cores::Cores;
use crate::limits;
use crate::load::{Load, Outcome};
use crate::plan::Plan;
use crate::proc::Process;
use crate::progress::Progress;
use crate::report::{self, Report, Usage};
use crate::subject::Subject;

/// Files the program needs besides its connections.
const FILES_SPARE: u64 = 64;

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
