//! The server's counters and gauges, read as Prometheus reads them.

use std::fmt;
use std::net::SocketAddr;

use crate::Http;

/// One reading of all metrics.
#[derive(Clone, Debug)]
pub struct Metrics {
    text: String,
}

impl Metrics {
    /// Reads the metrics page at `address`.
    pub fn read(address: SocketAddr) -> Self {
        let response = Http::connect(address).get("/metrics");
        assert_eq!(response.status, 200, "{response:?}");
        Self { text: response.body_text() }
    }

    /// The sum of the metric `name` over all its labels.
    pub fn sum(&self, name: &str) -> f64 {
        self.samples(name).map(|(_, value)| value).sum()
    }

    /// The sum of the metric `name` where the label `label` is `wanted`.
    pub fn sum_where(&self, name: &str, label: &str, wanted: &str) -> f64 {
        let pair = format!("{label}=\"{wanted}\"");
        self.samples(name)
            .filter(|(labels, _)| labels.split(',').any(|found| found == pair))
            .map(|(_, value)| value)
            .sum()
    }

    /// Whether there is any sample of the metric `name`.
    pub fn has(&self, name: &str) -> bool {
        self.samples(name).next().is_some()
    }

    /// The page itself.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// The labels, without braces, and the value of each sample of `name`.
    fn samples<'a>(&'a self, name: &'a str) -> impl Iterator<Item = (&'a str, f64)> {
        self.text.lines().filter(|line| !line.starts_with('#')).filter_map(move |line| {
            let (series, value) = line.rsplit_once(' ')?;
            let (found, labels) = series.split_once('{').unwrap_or((series, "}"));
            let labels = labels.strip_suffix('}')?;
            (found == name).then(|| (labels, value.parse().expect("a sample has a number")))
        })
    }
}

impl fmt::Display for Metrics {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.text
            .lines()
            .filter(|line| !line.starts_with('#'))
            .try_for_each(|line| writeln!(f, "{line}"))
    }
}
