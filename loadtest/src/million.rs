//! `loadtest million`: the 1M-event profile, many rooms with few subscribers each.

use std::io::{self, Write as _};
use std::process::ExitCode;
use std::time::Duration;

use crate::ack::AckMode;
use crate::args::acked::Protocol;
use crate::args::{MillionArgs, ViaArg};
use crate::health;
use crate::layout::Layout;
use crate::plan::{Plan, Via};
use crate::profile::verdict::Conduct;
use crate::report;
use crate::report::acked::AckedReport;
use crate::run;
use crate::server::Logs;
use crate::subject::Subject;

/// Run the profile.
pub fn million(args: &MillionArgs) -> anyhow::Result<ExitCode> {
    match args.acked.protocol {
        Protocol::Pusher => run::run(&args.server, |subject| pusher_plan(args, subject)),
        Protocol::Zps => zps(args),
    }
}

fn pusher_plan(args: &MillionArgs, subject: &Subject) -> Plan {
    let rooms = args.rooms.get();
    Plan {
        endpoint: subject.endpoint.clone(),
        dialect: subject.dialect.clone(),
        channels: (0..rooms).map(|index| format!("private-load-{index}")).collect(),
        subscribers_per_room: args.subscribers.get(),
        events_per_room: args.events_for_each_room(),
        via: args.publish.via.into(),
        publishers: args.publish.publishers(rooms as usize),
        pace: args.publish.pace(args.window, args.burst),
        ack: AckMode::None,
        frame_bytes: args.publish.frame_bytes as usize,
        drain: args.server.drain(),
        time_limit: Duration::from_secs(args.publish.timeout_s),
    }
}

fn zps_plan(args: &MillionArgs, subject: &Subject) -> Plan {
    let run = subject.run().unwrap_or_default();
    let rooms = args.rooms.get();
    Plan {
        channels: (0..rooms).map(|index| format!("load:{run}_{index}")).collect(),
        via: Via::Messages,
        publishers: args.publish.zps_publishers(rooms as usize),
        ack: args.acked.ack,
        ..pusher_plan(args, subject)
    }
}

/// Run the profile over zero-pub-sub, with every event acknowledged; figures that are the load's
/// own are refused.
fn zps(args: &MillionArgs) -> anyhow::Result<ExitCode> {
    let is_ws = args.publish.via == ViaArg::ClientEvents;
    anyhow::ensure!(is_ws, "events of zps are published over its websocket: leave --via out");
    // Asked for before the load is pinned.
    let cores = match args.server.cores()? {
        (Some(server), Some(load)) => Some(server.and(&load)),
        (_, _) => None,
    };
    let logs = Logs { driver: args.acked.log_driver, kept: None };
    let subject = Subject::of_zps(&args.server, logs)?;
    let plan = zps_plan(args, &subject);
    let (outcome, usage) = run::measure(&subject, &plan, cores.as_ref())?;
    let layout = args.server.layout.unwrap_or(Layout::TwoCore);
    let conduct = Conduct {
        layout,
        is_open_loop: args.publish.rate.is_some(),
        elapsed: outcome.elapsed,
        server_cpu: usage.server_cpu,
        load_cpu: usage.load_cpu,
        events: plan.events(),
        late: outcome.late,
    };
    let refusal = conduct.refusal();
    let log_driver = args.server.url.is_none().then(|| args.acked.log_driver.name());
    let metrics = health::metrics(&subject.endpoint, &args.server.app.secret);
    let report = AckedReport::new(&plan, &outcome, usage, &conduct, log_driver, metrics);
    report::publish(&report, args.server.json.as_deref())?;
    let verdict = run::verdict(&plan, &outcome)?;
    if let Some(refusal) = refusal {
        writeln!(io::stderr(), "no figures: {refusal}")?;
        return Ok(ExitCode::FAILURE);
    }
    Ok(verdict)
}
