//! From the figures of single runs to one table: medians, spreads and ratios.

#![allow(clippy::cast_precision_loss, reason = "figures for people need no 53rd bit")]

use serde::Serialize;

use crate::layout::Layout;
use crate::peer::Peer;
use crate::profile::figures::{Figures, Run};
use crate::profile::shape::{Profile, Unit};

/// A figure that runs are compared by.
#[derive(Clone, Copy, Debug, Eq, PartialEq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Metric {
    /// Microseconds of processor time for one unit.
    CpuUs,
    /// Units for one second of processor time: what a busy core would do.
    PerCpuSecond,
    /// Units per second on the wall clock.
    PerSecond,
    /// The median latency, in milliseconds.
    P50Ms,
    /// The latency that 1 in 100 deliveries exceeds, in milliseconds.
    P99Ms,
    /// Resident bytes for one connection.
    ResidentBytes,
}

impl Metric {
    /// All of them, in the order of a table.
    pub const ALL: [Self; 6] = [
        Self::CpuUs,
        Self::PerCpuSecond,
        Self::PerSecond,
        Self::P50Ms,
        Self::P99Ms,
        Self::ResidentBytes,
    ];

    /// What it is, of so many `unit`s.
    pub fn title(self, unit: Unit) -> String {
        let unit = unit.name();
        match self {
            Self::CpuUs => format!("CPU us per {unit}"),
            Self::PerCpuSecond => format!("{unit} per CPU second"),
            Self::PerSecond => format!("{unit} per second"),
            Self::P50Ms => "p50 ms".to_owned(),
            Self::P99Ms => "p99 ms".to_owned(),
            Self::ResidentBytes => format!("bytes per {unit}"),
        }
    }

    /// A value as people read it: more digits where it is small.
    pub fn text(self, value: f64) -> String {
        match self {
            Self::CpuUs => format!("{value:.3}"),
            Self::P50Ms | Self::P99Ms => format!("{value:.2}"),
            Self::PerCpuSecond | Self::PerSecond | Self::ResidentBytes => format!("{value:.0}"),
        }
    }

    /// Its value in one run, where the run has it.
    pub fn of(self, figures: &Figures) -> Option<f64> {
        match self {
            Self::CpuUs => figures.cpu_us,
            Self::PerCpuSecond => figures.per_cpu_second,
            Self::PerSecond => figures.per_second,
            Self::P50Ms => figures.latency_ms.map(|latency| latency.p50),
            Self::P99Ms => figures.latency_ms.map(|latency| latency.p99),
            Self::ResidentBytes => figures.resident_bytes_each.map(|bytes| bytes as f64),
        }
    }

    /// Whether the table has a row for it: what follows from another row is left out.
    const fn is_shown(self, unit: Unit) -> bool {
        match self {
            Self::PerCpuSecond => matches!(unit, Unit::Publish),
            Self::CpuUs | Self::PerSecond | Self::P50Ms | Self::P99Ms | Self::ResidentBytes => true,
        }
    }
}

/// One run in its block.
#[derive(Clone, Debug, Serialize)]
pub struct BlockRun {
    /// Which time around, from 0.
    pub block: u32,
    /// The run.
    #[serde(flatten)]
    pub run: Run,
}

/// Several values of the same thing.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Spread {
    /// The one in the middle, or between the two in the middle.
    pub median: f64,
    /// The least.
    pub min: f64,
    /// The greatest.
    pub max: f64,
    /// Between which bounds the true median lies in 95 of 100 such measurements, by the order of
    /// the values alone and so whatever the noise looks like. Of fewer than six values none can be
    /// told.
    pub interval: Option<(f64, f64)>,
}

impl Spread {
    /// The spread of some values; of none there is none.
    pub fn of(mut values: Vec<f64>) -> Option<Self> {
        values.sort_unstable_by(f64::total_cmp);
        let (min, max) = (*values.first()?, *values.last()?);
        let (low, high) = (values[(values.len() - 1) / 2], values[values.len() / 2]);
        Some(Self { median: f64::midpoint(low, high), min, max, interval: interval(&values) })
    }
}

/// The interval of a sign test: each value is below the median or above it with the same chance.
fn interval(sorted: &[f64]) -> Option<(f64, f64)> {
    let count = sorted.len();
    let mut chance = 0.5_f64.powi(i32::try_from(count).ok()?);
    let mut outside = chance;
    let mut skipped = 0;
    while 2.0 * outside <= 0.05 {
        chance *= (count - skipped) as f64 / (skipped + 1) as f64;
        outside += chance;
        skipped += 1;
    }
    (skipped > 0).then(|| (sorted[skipped - 1], sorted[count - skipped]))
}

/// One line of the table: what one server does by one metric of one profile.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Row {
    /// The profile.
    pub profile: Profile,
    /// What its figures are divided by.
    pub unit: Unit,
    /// Where server and load ran.
    pub layout: Layout,
    /// What is compared.
    pub metric: Metric,
    /// The server.
    pub peer: Peer,
    /// The values of that server.
    pub value: Spread,
    /// This server's value over the limit's.
    pub to_limit: Option<Spread>,
    /// This project's value over this server's.
    pub uringcast_to: Option<Spread>,
}

/// The table of all runs that were not refused.
pub fn rows(runs: &[BlockRun]) -> Vec<Row> {
    let mut rows = Vec::new();
    for profile in Profile::ALL {
        for metric in Metric::ALL {
            rows.extend(Peer::ALL.into_iter().filter_map(|peer| row(runs, profile, metric, peer)));
        }
    }
    rows
}

fn row(runs: &[BlockRun], profile: Profile, metric: Metric, peer: Peer) -> Option<Row> {
    let values = values(runs, profile, metric, peer);
    let case = runs.iter().find(|it| it.run.case.profile == profile)?.run.case;
    if !metric.is_shown(case.unit) {
        return None;
    }
    let of = |peer| self::values(runs, profile, metric, peer);
    Some(Row {
        profile,
        unit: case.unit,
        layout: case.layout,
        metric,
        peer,
        value: Spread::of(values.iter().map(|(_, value)| *value).collect())?,
        to_limit: ratio(&values, &of(Peer::Limit)).filter(|_| peer != Peer::Limit),
        uringcast_to: ratio(&of(Peer::Uringcast), &values).filter(|_| peer != Peer::Uringcast),
    })
}

/// A server's values, each with its block.
fn values(runs: &[BlockRun], profile: Profile, metric: Metric, peer: Peer) -> Vec<(u32, f64)> {
    let of = |it: &BlockRun| {
        let is_it = it.run.case.profile == profile && it.run.case.peer == peer;
        let value = metric.of(&it.run.figures).filter(|_| is_it)?;
        Some((it.block, value))
    };
    runs.iter().filter_map(of).collect()
}

/// One value over the other, block by block: a machine that is slow for a minute is so for both.
fn ratio(over: &[(u32, f64)], under: &[(u32, f64)]) -> Option<Spread> {
    let of = |(block, value): &(u32, f64)| {
        let (_, other) = under.iter().find(|(other, _)| other == block)?;
        (*other > 0.0).then(|| value / other)
    };
    Spread::of(over.iter().filter_map(of).collect())
}

/// The rows as text, with a line of headings.
pub fn text(rows: &[Row]) -> String {
    let headings = ["profile", "figure", "server", "median", "min", "max", "x limit", "ours / it"];
    let mut lines = vec![headings.map(str::to_owned)];
    lines.extend(rows.iter().map(cells));
    let width = |column: usize| lines.iter().map(|line| line[column].len()).max().unwrap_or(0);
    let widths: [usize; 8] = std::array::from_fn(width);
    let mut text = String::new();
    for line in &lines {
        let padded = line.iter().zip(widths).enumerate().map(|(column, (cell, width))| {
            // Words to the left, numbers to the right.
            if column < 3 { format!("{cell:width$}") } else { format!("{cell:>width$}") }
        });
        text += padded.collect::<Vec<_>>().join("  ").trim_end();
        text.push('\n');
    }
    text
}

fn cells(row: &Row) -> [String; 8] {
    let Spread { median, min, max, .. } = row.value;
    let ratio = |spread: Option<Spread>| {
        let Spread { median, interval, .. } = spread?;
        let bounds = interval.map(|(low, high)| format!(" ({low:.2} - {high:.2})"));
        Some(format!("{median:.2}{}", bounds.unwrap_or_default()))
    };
    [
        format!("{} {}", row.profile.name(), row.layout.name()),
        row.metric.title(row.unit),
        row.peer.name().to_owned(),
        row.metric.text(median),
        row.metric.text(min),
        row.metric.text(max),
        ratio(row.to_limit).unwrap_or_default(),
        ratio(row.uringcast_to).unwrap_or_default(),
    ]
}

#[cfg(test)]
mod tests;
