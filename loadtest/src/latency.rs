//! Percentiles of the latency, as reports have them.

#![allow(clippy::cast_precision_loss, reason = "figures for people need no 53rd bit")]

use hdrhistogram::Histogram;
use serde::{Deserialize, Serialize};

/// Percentiles of the time from when an event was due to each of its deliveries.
#[derive(Clone, Copy, Debug, Deserialize, PartialEq, Serialize)]
pub struct Latency {
    /// The median.
    pub p50: f64,
    /// Nine in ten are no longer.
    pub p90: f64,
    /// 99 in 100 are no longer.
    pub p99: f64,
    /// 999 in 1,000 are no longer.
    pub p999: f64,
    /// The longest one.
    pub max: f64,
}

impl Latency {
    /// The percentiles of a histogram of nanoseconds, in microseconds to one digit.
    pub fn us(histogram: &Histogram<u64>) -> Self {
        Self::of(histogram, |ns| (ns / 100.0).round() / 10.0)
    }

    /// The percentiles of a histogram of nanoseconds, in milliseconds to three digits.
    pub fn ms(histogram: &Histogram<u64>) -> Self {
        Self::of(histogram, |ns| (ns / 1e6 * 1e3).round() / 1e3)
    }

    fn of(histogram: &Histogram<u64>, figure: impl Fn(f64) -> f64) -> Self {
        let at = |quantile| figure(histogram.value_at_quantile(quantile) as f64);
        let max = figure(histogram.max() as f64);
        Self { p50: at(0.5), p90: at(0.9), p99: at(0.99), p999: at(0.999), max }
    }
}
