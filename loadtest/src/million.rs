//! `loadtest million`: the 1M-event profile, many rooms with few subscribers each.

use std::io::{self, Write as _};
use std::num::{NonZeroU32, NonZeroU64};
use std::process::ExitCode;
use std::time::Duration;

use clap::{Args, ValueEnum};

use crate::ack::AckMode;
use crate::conduct::Conduct;
use crate::health;
use crate::layout::Layout;
use crate::plan::{self, Plan, Via};
use crate::report;
use crate::report::acked::AckedReport;
use crate::run::{self, PublishArgs, ViaArg};
use crate::server::{LogDriver, Logs};
use crate::subject::{ServerArgs, Subject};

/// Arguments of `million`.
#[derive(Args, Debug)]
pub struct MillionArgs {
    /// Channels
    #[arg(long, env = "REALTIME_LOAD_ROOMS", default_value = "100")]
    pub rooms: NonZeroU32,
    /// Subscribers of each channel
    #[arg(long, env = "REALTIME_LOAD_SUBSCRIBERS_PER_ROOM", default_value = "1")]
    pub subscribers: NonZeroU32,
    /// Events in all, rounded up to the same number for each room; 0 leaves it to the next one
    #[arg(long, env = "REALTIME_LOAD_TARGET_EVENTS")]
    pub events: Option<u64>,
    /// Events for each room, where no total is wanted
    #[arg(long, env = "REALTIME_LOAD_EVENTS_PER_ROOM")]
    pub events_per_room: Option<NonZeroU64>,
    /// Most events of a room in flight
    #[arg(long, default_value = "64")]
    pub window: NonZeroU64,
    /// Events published at once when a room has space for them
    #[arg(long, default_value_t = 1)]
    pub burst: u64,
    /// In which protocol, and what is acknowledged
    #[command(flatten)]
    pub acked: AckedArgs,
    /// How they are published
    #[command(flatten)]
    pub publish: PublishArgs,
    /// Against which server
    #[command(flatten)]
    pub server: ServerArgs,
}

impl MillionArgs {
    /// Events for each room: from the total where there is one, a million where nothing is said.
    pub fn events_for_each_room(&self) -> u64 {
        let rooms = u64::from(self.rooms.get());
        match (self.events.filter(|target| *target > 0), self.events_per_room) {
            (Some(target), _) => plan::events_per_room(target, rooms),
            (None, Some(each)) => each.get(),
            (None, None) => plan::events_per_room(1_000_000, rooms),
        }
    }
}

/// The protocols that `million` speaks.
#[derive(Clone, Copy, Debug, Eq, PartialEq, ValueEnum)]
pub enum Protocol {
    /// Pusher Channels
    Pusher,
    /// zero-pub-sub: every event has a sequence and can be acknowledged
    Zps,
}

/// The protocol and its acks.
#[derive(Args, Clone, Copy, Debug)]
pub struct AckedArgs {
    /// What is spoken
    #[arg(long, value_enum, default_value_t = Protocol::Pusher)]
    pub protocol: Protocol,
    /// How often subscribers acknowledge, zps only: each, batch:N or none
    #[arg(long, default_value = "each")]
    pub ack: AckMode,
    /// What keeps the logs of a started server, zps only
    #[arg(long, value_enum, default_value_t = LogDriver::Memory, conflicts_with = "url")]
    pub log_driver: LogDriver,
}

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

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;
    use crate::plan::Pace;

    #[derive(Parser)]
    struct Line {
        #[command(flatten)]
        args: MillionArgs,
    }

    fn million(line: &str) -> MillionArgs {
        Line::parse_from(["million"].into_iter().chain(line.split_whitespace())).args
    }

    #[test]
    fn a_total_wins_over_events_per_room_and_a_million_is_the_default() {
        for (line, expected) in [
            ("", 10_000),
            ("--rooms 3 --events 10", 4),
            ("--events-per-room 5", 5),
            ("--events 0 --events-per-room 5", 5),
            ("--events 1000 --events-per-room 5", 10),
        ] {
            assert_eq!(million(line).events_for_each_room(), expected, "{line}");
        }
    }

    #[test]
    fn a_rate_makes_an_open_loop_and_a_burst_stays_within_the_window() {
        let pace = |line| {
            let args = million(line);
            args.publish.pace(args.window, args.burst)
        };
        assert_eq!(pace("--rate 1000"), Pace::Interval { interval_ns: 1_000_000 });
        assert_eq!(pace("--window 4 --burst 9"), Pace::Window { window: 4, burst: 4 });
        assert_eq!(pace(""), Pace::Window { window: 64, burst: 1 });
    }

    #[test]
    fn a_room_has_at_most_one_publishing_connection() {
        assert_eq!(million("").publish.publishers(100), 1);
        assert_eq!(million("--via http").publish.publishers(100), 8);
        assert_eq!(million("--via http-batch").publish.publishers(3), 3);
    }
}
