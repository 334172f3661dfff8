//! The result of a load, as a table for people and as JSON for programs.

#![allow(clippy::cast_precision_loss, reason = "figures for people need no 53rd bit")]

pub mod acked;

use std::fs;
use std::io::{self, Write as _};
use std::path::Path;
use std::time::Duration;

use serde::Serialize;

use crate::latency::Latency;
use crate::load::Outcome;
use crate::plan::{Pace, Plan};

/// A result that people can read.
pub trait Table {
    /// What is called what, in order.
    fn rows(&self) -> Vec<(&'static str, String)>;
}

/// What both ends used meanwhile.
#[derive(Clone, Copy, Debug)]
pub struct Usage {
    /// Processor time of the server, where its process is known.
    pub server_cpu: Option<Duration>,
    /// The most memory the server ever had resident, in bytes.
    pub server_peak_rss_bytes: Option<u64>,
    /// Processor time of the load.
    pub load_cpu: Duration,
    /// Share of the cores of both that neither of them used, where those are known.
    pub others: Option<f64>,
}

/// The result of a load. The first seven keys are those of the 1M-event profile.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Report {
    rooms: usize,
    subscribers_per_room: u32,
    events_per_room: u64,
    events: u64,
    delivered: u64,
    elapsed_ms: f64,
    throughput_events_per_second: Option<f64>,
    deliveries_per_second: Option<f64>,
    latency_us: Option<Latency>,
    gaps: u64,
    duplicates: u64,
    damaged: u64,
    server_cpu_seconds: Option<f64>,
    cpu_us_per_delivery: Option<f64>,
    server_peak_rss_bytes: Option<u64>,
    load_cpu_utilisation: f64,
    publish_via: &'static str,
    publishers: usize,
    window: Option<u64>,
    burst: Option<u64>,
    rate_per_second: Option<f64>,
    frame_bytes: usize,
}

impl Report {
    /// Put together what is known after a run.
    pub fn new(plan: &Plan, outcome: &Outcome, usage: Usage) -> Self {
        let delivered = outcome.tally.delivered;
        let seconds = outcome.elapsed.as_secs_f64().max(1e-9);
        let server_cpu_seconds = usage.server_cpu.map(|cpu| cpu.as_secs_f64());
        let (window, burst, rate_per_second) = match plan.pace {
            Pace::Window { window, burst } => (Some(window), Some(burst), None),
            Pace::Interval { interval_ns } => (None, None, Some(1e9 / interval_ns as f64)),
        };
        let per_second = |count: f64| (count / seconds).round();
        Self {
            rooms: plan.channels.len(),
            subscribers_per_room: plan.subscribers_per_room,
            events_per_room: plan.events_per_room,
            events: plan.events(),
            delivered,
            elapsed_ms: (seconds * 1e4).round() / 10.0,
            throughput_events_per_second: Some(per_second(
                delivered as f64 / f64::from(plan.subscribers_per_room),
            )),
            deliveries_per_second: Some(per_second(delivered as f64)),
            latency_us: Some(Latency::us(&outcome.latency)),
            gaps: outcome.tally.gaps,
            duplicates: outcome.tally.duplicates,
            damaged: outcome.tally.damaged,
            server_cpu_seconds,
            cpu_us_per_delivery: server_cpu_seconds
                .filter(|_| delivered > 0)
                .map(|cpu| (cpu * 1e9 / delivered as f64).round() / 1e3),
            server_peak_rss_bytes: usage.server_peak_rss_bytes,
            load_cpu_utilisation: (usage.load_cpu.as_secs_f64() / seconds * 1e3).round() / 1e3,
            publish_via: plan.via.name(),
            publishers: plan.publishers,
            window,
            burst,
            rate_per_second,
            frame_bytes: plan.frame_bytes,
        }
    }
}

impl Report {
    /// This report without what the wall clock says; without the processor's time, too, where
    /// nothing that was measured is the server's.
    #[must_use]
    pub fn without_rates(self, is_refused: bool) -> Self {
        Self {
            throughput_events_per_second: None,
            deliveries_per_second: None,
            latency_us: None,
            cpu_us_per_delivery: self.cpu_us_per_delivery.filter(|_| !is_refused),
            ..self
        }
    }
}

impl Table for Report {
    fn rows(&self) -> Vec<(&'static str, String)> {
        let latency = |of: fn(&Latency) -> f64| {
            self.latency_us.as_ref().map(|latency| format!("{:.1} us", of(latency)))
        };
        let rate = |rate: Option<f64>| rate.map(|rate| format!("{rate:.0}"));
        let pace = match (self.window, self.burst, self.rate_per_second) {
            (Some(window), Some(burst), _) => format!("window {window}, bursts of {burst}"),
            (_, _, rate) => format!("{:.0} events/s", rate.unwrap_or_default()),
        };
        let subscribers = self.subscribers_per_room;
        let figures = [
            ("events/s", rate(self.throughput_events_per_second)),
            ("deliveries/s", rate(self.deliveries_per_second)),
            ("latency p50", latency(|it| it.p50)),
            ("latency p90", latency(|it| it.p90)),
            ("latency p99", latency(|it| it.p99)),
            ("latency p99.9", latency(|it| it.p999)),
            ("latency max", latency(|it| it.max)),
        ];
        let mut rows = vec![
            ("load", format!("{} rooms x {subscribers} x {}", self.rooms, self.events_per_room)),
            ("published", format!("{} over {}, {pace}", self.publish_via, self.publishers)),
            ("delivered", format!("{} in {:.0} ms", self.delivered, self.elapsed_ms)),
        ];
        rows.extend(figures.into_iter().filter_map(|(key, value)| Some((key, value?))));
        rows.extend([
            ("gaps", self.gaps.to_string()),
            ("duplicates", self.duplicates.to_string()),
            ("damaged", self.damaged.to_string()),
            ("load CPU", format!("{:.0} % of a core", self.load_cpu_utilisation * 100.0)),
        ]);
        let server = [
            ("server CPU", self.server_cpu_seconds.map(|seconds| format!("{seconds:.3} s"))),
            ("CPU per delivery", self.cpu_us_per_delivery.map(|us| format!("{us:.3} us"))),
            ("server peak RSS", self.server_peak_rss_bytes.map(mebibytes)),
        ];
        rows.extend(server.into_iter().filter_map(|(key, value)| Some((key, value?))));
        rows
    }
}

/// A number of bytes, for a table.
pub fn mebibytes(bytes: u64) -> String {
    format!("{:.1} MiB", bytes as f64 / f64::from(1 << 20))
}

/// Give a result out: as JSON to a file (a table is printed too) or to stdout, else as a table.
pub fn publish(report: &(impl Serialize + Table), json: Option<&Path>) -> anyhow::Result<()> {
    give_out(serde_json::to_string_pretty(report)?, &[report.rows()], json)
}

/// Give several results out: as one JSON array to a file (tables are printed too) or to stdout,
/// else as one table below the other.
pub fn publish_all(reports: &[impl Serialize + Table], json: Option<&Path>) -> anyhow::Result<()> {
    let tables: Vec<_> = reports.iter().map(Table::rows).collect();
    give_out(serde_json::to_string_pretty(reports)?, &tables, json)
}

fn give_out(
    text: String,
    tables: &[Vec<(&'static str, String)>],
    json: Option<&Path>,
) -> anyhow::Result<()> {
    let mut out = io::stdout().lock();
    match json {
        Some(path) if path == Path::new("-") => return Ok(writeln!(out, "{text}")?),
        Some(path) => fs::write(path, text + "\n")?,
        None => {}
    }
    for (index, table) in tables.iter().enumerate() {
        write!(out, "{}", if index > 0 { "\n" } else { "" })?;
        for (key, value) in table {
            writeln!(out, "{key:18}{value}")?;
        }
    }
    Ok(())
}
