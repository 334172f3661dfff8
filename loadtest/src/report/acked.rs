//! The result of a load whose events were acknowledged: the seed's keys, and those of the acks.

#![allow(clippy::cast_precision_loss, reason = "figures for people need no 53rd bit")]

use serde::Serialize;
use serde_json::Value;

use super::{Report, Table, Usage};
use crate::conduct::Conduct;
use crate::load::Outcome;
use crate::plan::Plan;

/// The result. Where it is refused the figures of time are `null` and the counts stand.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct AckedReport {
    #[serde(flatten)]
    base: Report,
    ack: String,
    acked: u64,
    unconfirmed: u64,
    stray_acks: u64,
    acks_per_second: Option<f64>,
    cpu_us_per_acked_event: Option<f64>,
    server_utilisation: Option<f64>,
    /// Share of the cores of server and load that other processes used, or the host.
    others_utilisation: Option<f64>,
    layout: &'static str,
    log_driver: Option<&'static str>,
    /// The server's own counters, where it has them: 14 in the original.
    metrics: Option<Value>,
    refused: Option<String>,
}

impl AckedReport {
    /// Put together what is known after a run, except for what `conduct` refuses.
    pub fn new(
        plan: &Plan,
        outcome: &Outcome,
        usage: Usage,
        conduct: &Conduct,
        log_driver: Option<&'static str>,
        metrics: Option<Value>,
    ) -> Self {
        let tally = outcome.tally;
        let refused = conduct.refusal().map(|refusal| refusal.to_string());
        let base = Report::new(plan, outcome, usage);
        let seconds = outcome.elapsed.as_secs_f64().max(1e-9);
        // Without acks, an event is done when it is delivered.
        let done = if plan.acked() > 0 { tally.acked } else { tally.delivered };
        let cpu = usage.server_cpu.filter(|_| refused.is_none() && done > 0);
        let has_rate = refused.is_none() && conduct.has_wall_clock();
        Self {
            base: if has_rate { base } else { base.without_rates(refused.is_some()) },
            ack: plan.ack.to_string(),
            acked: tally.acked,
            unconfirmed: tally.unconfirmed,
            stray_acks: tally.stray_acks,
            acks_per_second: has_rate.then(|| (tally.acked as f64 / seconds).round()),
            cpu_us_per_acked_event: cpu
                .map(|cpu| (cpu.as_secs_f64() * 1e9 / done as f64).round() / 1e3),
            server_utilisation: conduct
                .server_utilisation()
                .map(|share| (share * 1e3).round() / 1e3),
            others_utilisation: usage.others.map(|share| (share * 1e3).round() / 1e3),
            layout: conduct.layout.name(),
            log_driver,
            metrics,
            refused,
        }
    }
}

impl Table for AckedReport {
    fn rows(&self) -> Vec<(&'static str, String)> {
        let mut rows = self.base.rows();
        let shown = [
            ("acks", Some(self.ack.clone())),
            ("acked", Some(self.acked.to_string())),
            ("acked/s", self.acks_per_second.map(|rate| format!("{rate:.0}"))),
            ("CPU per acked", self.cpu_us_per_acked_event.map(|us| format!("{us:.3} us"))),
            (
                "server busy",
                self.server_utilisation.map(|it| format!("{:.0} % of a core", it * 100.0)),
            ),
            (
                "others' CPU",
                self.others_utilisation.map(|it| format!("{:.0} % of these cores", it * 100.0)),
            ),
            ("log driver", self.log_driver.map(str::to_owned)),
            ("refused", self.refused.clone()),
        ];
        rows.extend(shown.into_iter().filter_map(|(key, value)| Some((key, value?))));
        rows
    }
}
