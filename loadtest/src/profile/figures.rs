//! What one run of a profile found out, in JSON for programs and as rows for people.

#![allow(clippy::cast_precision_loss, reason = "figures for people need no 53rd bit")]

use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::shape::{Profile, Shape, Unit};
use crate::conduct::Conduct;
use crate::latency::Latency;
use crate::layout::Layout;
use crate::peer::Peer;
use crate::report::{self, Table};

/// Others may use this share of the cores before a run counts as disturbed.
const OTHERS_MAX: f64 = 0.05;

/// Whom and what was measured, and how.
#[derive(Clone, Copy, Debug, Deserialize, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Case {
    /// The profile.
    pub profile: Profile,
    /// Who carried it out.
    pub peer: Peer,
    /// Where server and load ran.
    pub layout: Layout,
    /// Microseconds between two looks of the load at what arrived.
    pub drain_us: u64,
    /// How many channels there are.
    pub channels: u32,
    /// Subscribers of each.
    pub subscribers: u32,
    /// Events in all.
    pub events: u64,
    /// What the figures are divided by.
    pub unit: Unit,
}

impl Case {
    /// The case of a profile of this shape.
    pub fn new(profile: Profile, shape: &Shape, peer: Peer, layout: Layout, drain_us: u64) -> Self {
        let Shape { channels, subscribers, unit, .. } = *shape;
        let events = u64::from(channels) * shape.events;
        Self { profile, peer, layout, drain_us, channels, subscribers, events, unit }
    }
}

/// The figures of one run. Where they were refused, only the utilisations and the reason are left.
#[derive(Clone, Debug, Default, Deserialize, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Figures {
    /// Time on the wall clock, in milliseconds.
    pub elapsed_ms: f64,
    /// Processor time of the server for one unit, user and system, in microseconds.
    pub cpu_us: Option<f64>,
    /// Units for one second of the server's processor time: what a busy core would do.
    pub per_cpu_second: Option<f64>,
    /// Units per second on the wall clock, where server and load have a core each.
    pub per_second: Option<f64>,
    /// Latency, where the loop is open and server and load have a core each.
    pub latency_ms: Option<Latency>,
    /// Resident memory of the server for one connection, in bytes.
    pub resident_bytes_each: Option<u64>,
    /// The most resident memory the server had, in bytes.
    pub peak_rss_bytes: Option<u64>,
    /// Share of a core that the server used.
    pub server_utilisation: Option<f64>,
    /// Share of a core that the load used.
    pub load_utilisation: Option<f64>,
    /// Share of the cores of server and load that neither of them used: other processes, and what
    /// the host took. From the ticks in `/proc/stat`, so it is coarse for runs below a second.
    pub others_utilisation: Option<f64>,
    /// Why there are no figures, if there are none.
    pub refused: Option<String>,
}

impl Figures {
    /// These figures, with what others used of cores that together had `whole` to give and were
    /// `busy` for a part of it.
    #[must_use]
    pub fn among_others(self, whole: Duration, busy: Duration, conduct: &Conduct) -> Self {
        let own = conduct.server_cpu.map(|server| server + conduct.load_cpu);
        let others = own.map(|own| busy.saturating_sub(own).as_secs_f64());
        let whole = whole.as_secs_f64().max(1e-9);
        Self { others_utilisation: others.map(|others| rounded(others / whole)), ..self }
    }

    /// Whether others used so much of the cores that the figures may be theirs.
    pub fn is_disturbed(&self) -> bool {
        self.others_utilisation.is_some_and(|share| share > OTHERS_MAX)
    }

    /// The figures of a load that delivered `units`, refused where they say nothing.
    pub fn of_load(units: u64, conduct: &Conduct, latency: Option<Latency>) -> Self {
        let units = units as f64;
        let seconds = conduct.elapsed.as_secs_f64().max(1e-9);
        let cpu_seconds = conduct.server_cpu.map(|cpu| cpu.as_secs_f64().max(1e-9));
        let refusal = conduct.refusal();
        let base = Self {
            elapsed_ms: rounded(seconds * 1e3),
            server_utilisation: conduct.server_utilisation().map(rounded),
            load_utilisation: Some(rounded(conduct.load_utilisation())),
            refused: refusal.map(|refusal| refusal.to_string()),
            ..Self::default()
        };
        if refusal.is_some() {
            return base;
        }
        let has_wall_clock = conduct.has_wall_clock();
        Self {
            cpu_us: cpu_seconds.map(|cpu| rounded(cpu * 1e6 / units)),
            per_cpu_second: cpu_seconds.map(|cpu| (units / cpu).round()),
            per_second: has_wall_clock.then(|| (units / seconds).round()),
            latency_ms: latency.filter(|_| has_wall_clock && conduct.is_open_loop),
            ..base
        }
    }
}

/// To three digits behind the point.
fn rounded(value: f64) -> f64 {
    (value * 1e3).round() / 1e3
}

/// One run: what was asked for and what was found.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
pub struct Run {
    /// What was asked for.
    #[serde(flatten)]
    pub case: Case,
    /// What was found.
    #[serde(flatten)]
    pub figures: Figures,
}

impl Table for Run {
    fn rows(&self) -> Vec<(&'static str, String)> {
        let Self { case, figures } = self;
        let unit = case.unit.name();
        let latency = |of: fn(&Latency) -> f64| figures.latency_ms.as_ref().map(of);
        let percent = |share: f64| format!("{:.0} % of a core", share * 100.0);
        let of_all = |share: f64| format!("{:.0} % of these cores", share * 100.0);
        let ms = |ms: f64| format!("{ms:.2} ms");
        let shown = [
            ("profile", Some(format!("{} against {}", case.profile.name(), case.peer.name()))),
            ("layout", Some(format!("{}, drained every {} us", case.layout.name(), case.drain_us))),
            ("CPU each", figures.cpu_us.map(|us| format!("{us:.3} us per {unit}"))),
            ("per CPU second", figures.per_cpu_second.map(|count| format!("{count:.0}"))),
            ("per second", figures.per_second.map(|count| format!("{count:.0}"))),
            ("latency p50", latency(|it| it.p50).map(ms)),
            ("latency p99", latency(|it| it.p99).map(ms)),
            ("latency max", latency(|it| it.max).map(ms)),
            ("RSS each", figures.resident_bytes_each.map(|bytes| format!("{bytes} bytes"))),
            ("server peak RSS", figures.peak_rss_bytes.map(report::mebibytes)),
            ("server CPU", figures.server_utilisation.map(percent)),
            ("load CPU", figures.load_utilisation.map(percent)),
            ("others' CPU", figures.others_utilisation.map(of_all)),
            ("refused", figures.refused.clone()),
        ];
        shown.into_iter().filter_map(|(key, value)| Some((key, value?))).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn conduct(layout: Layout, is_open_loop: bool) -> Conduct {
        Conduct {
            layout,
            is_open_loop,
            elapsed: Duration::from_secs(2),
            server_cpu: Some(Duration::from_secs(1)),
            load_cpu: Duration::from_millis(500),
            events: 500,
            late: 0,
        }
    }

    const LATENCY: Latency = Latency { p50: 1.0, p90: 2.0, p99: 3.0, p999: 4.0, max: 5.0 };

    #[test]
    fn one_core_shows_processor_time_and_no_wall_clock() {
        let figures = Figures::of_load(500_000, &conduct(Layout::OneCore, true), Some(LATENCY));
        assert_eq!(figures.cpu_us, Some(2.0));
        assert_eq!(figures.per_cpu_second, Some(500_000.0));
        assert_eq!((figures.per_second, figures.latency_ms), (None, None));
    }

    #[test]
    fn two_cores_show_rates_and_the_latency_of_an_open_loop() {
        let open = Figures::of_load(500_000, &conduct(Layout::TwoCore, true), Some(LATENCY));
        assert_eq!((open.per_second, open.latency_ms), (Some(250_000.0), Some(LATENCY)));
        let closed = Figures::of_load(500_000, &conduct(Layout::TwoCore, false), Some(LATENCY));
        assert_eq!((closed.per_second, closed.latency_ms), (Some(250_000.0), None));
    }

    #[test]
    fn a_refused_run_has_a_reason_and_no_figures() {
        let late = Conduct { late: 100, ..conduct(Layout::TwoCore, true) };
        let figures = Figures::of_load(500_000, &late, Some(LATENCY));
        assert!(figures.refused.is_some());
        assert_eq!((figures.cpu_us, figures.per_cpu_second), (None, None));
        assert_eq!((figures.per_second, figures.latency_ms), (None, None));
        assert_eq!(figures.load_utilisation, Some(0.25));
    }

    #[test]
    fn what_neither_of_the_two_used_was_used_by_others() {
        let conduct = conduct(Layout::TwoCore, true);
        let among = |busy_ms| {
            let busy = Duration::from_millis(busy_ms);
            Figures::default().among_others(Duration::from_secs(4), busy, &conduct)
        };
        // Four seconds, two on each core, of which the server used one second and the load a half.
        assert_eq!(among(1700).others_utilisation, Some(0.05));
        assert!(!among(1700).is_disturbed() && among(1710).is_disturbed());
        assert_eq!(among(1000).others_utilisation, Some(0.0));
    }

    #[test]
    fn a_server_that_is_not_known_has_no_processor_time() {
        let unknown = Conduct { server_cpu: None, ..conduct(Layout::TwoCore, true) };
        let figures = Figures::of_load(500_000, &unknown, None);
        assert_eq!((figures.cpu_us, figures.per_second), (None, Some(250_000.0)));
    }
}
