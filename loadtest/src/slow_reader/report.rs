//! What a run with a slow subscriber has shown.

use serde::Serialize;

use super::order::Order;
use crate::report::{self, Table};

/// One reading of the server's memory while the subscriber was slow or caught up.
#[derive(Clone, Copy, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Sample {
    /// Since the slow phase began.
    pub seconds: f64,
    /// Resident memory of the server, in bytes.
    pub rss_bytes: Option<u64>,
    /// Bytes of frames that wait to be sent, over all connections.
    pub queued_bytes: Option<u64>,
    /// The last event that the fast subscriber has.
    pub fast: u64,
    /// The last event that the slow subscriber has.
    pub slow: u64,
}

/// The first, the largest and the last of some readings.
#[derive(Clone, Copy, Debug, Serialize)]
pub struct Spread {
    start: u64,
    max: u64,
    end: u64,
}

impl Spread {
    fn of(samples: &[Sample], of: impl Fn(&Sample) -> Option<u64>) -> Option<Self> {
        let values: Vec<u64> = samples.iter().filter_map(of).collect();
        let max = *values.iter().max()?;
        Some(Self { start: *values.first()?, max, end: *values.last()? })
    }

    fn shown(self) -> String {
        let [start, max, end] = [self.start, self.max, self.end].map(report::mebibytes);
        format!("{start} at the start, {max} at most, {end} at the end")
    }
}

/// What the load found.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Report {
    rate_per_second: u64,
    slow_rate_per_second: f64,
    slow_seconds: u64,
    history_events: u64,
    frame_bytes: u32,
    events: u64,
    fast_received: u64,
    slow_received: u64,
    /// Events that were gone before the slow one came to them, as the server told it.
    slow_announced_lost: u64,
    /// The most events that the slow one was behind the fast one.
    slow_behind_max: u64,
    /// Times that a subscriber was sent back to the log.
    set_backs: Option<u64>,
    rss_bytes: Option<Spread>,
    queued_bytes: Option<Spread>,
    log_driver: Option<&'static str>,
    samples: Vec<Sample>,
}

/// What was asked for.
#[derive(Clone, Copy, Debug)]
pub struct Asked {
    /// Events per second.
    pub rate: u64,
    /// Events per second of the slow subscriber.
    pub slow_rate: f64,
    /// For how long it is slow.
    pub seconds: u64,
    /// Events that the room keeps.
    pub history: u64,
    /// Size of a frame.
    pub frame_bytes: u32,
    /// What keeps the log of a started server.
    pub log_driver: Option<&'static str>,
}

impl Report {
    /// Put together what is known after a run.
    pub fn new(
        asked: Asked,
        [fast, slow]: [Order; 2],
        samples: Vec<Sample>,
        set_backs: Option<u64>,
    ) -> Self {
        let behind = samples.iter().map(|sample| sample.fast.saturating_sub(sample.slow));
        Self {
            rate_per_second: asked.rate,
            slow_rate_per_second: asked.slow_rate,
            slow_seconds: asked.seconds,
            history_events: asked.history,
            frame_bytes: asked.frame_bytes,
            events: fast.last,
            fast_received: fast.received,
            slow_received: slow.received,
            slow_announced_lost: slow.announced_lost,
            slow_behind_max: behind.max().unwrap_or(0),
            set_backs,
            rss_bytes: Spread::of(&samples, |sample| sample.rss_bytes),
            queued_bytes: Spread::of(&samples, |sample| sample.queued_bytes),
            log_driver: asked.log_driver,
            samples,
        }
    }
}

impl Table for Report {
    fn rows(&self) -> Vec<(&'static str, String)> {
        let pace = format!(
            "{}/s, the slow one {}/s for {} s",
            self.rate_per_second, self.slow_rate_per_second, self.slow_seconds
        );
        let shown = [
            ("events", Some(format!("{} of {} bytes, {pace}", self.events, self.frame_bytes))),
            ("kept", Some(format!("{} events", self.history_events))),
            ("fast received", Some(format!("{} in order, each once", self.fast_received))),
            ("slow received", Some(format!("{} in order, each once", self.slow_received))),
            ("said to be gone", Some(self.slow_announced_lost.to_string())),
            ("most behind", Some(format!("{} events", self.slow_behind_max))),
            ("sent back", self.set_backs.map(|count| format!("{count} times"))),
            ("server RSS", self.rss_bytes.map(Spread::shown)),
            ("queued", self.queued_bytes.map(Spread::shown)),
            ("log driver", self.log_driver.map(str::to_owned)),
        ];
        shown.into_iter().filter_map(|(key, value)| Some((key, value?))).collect()
    }
}
