//! `GET /health`: how the server is, in the words of zero-pub-sub's gateway.

use bytes::Bytes;
use serde::Serialize;
use uringcast_shard::{AllCounters, Durations, Refusal};

use super::caller::app_of;
use super::shard_calls::tell_time;
use crate::admin::ready::Readiness;
use crate::endpoint::{Asked, Endpoint, READ};
use crate::{ApiConfig, ApiError, HttpAnswer, Shards};

#[derive(Debug)]
pub(crate) struct Check;

impl Endpoint for Check {
    const PATH: &'static str = "/health";
    const ALLOW: &'static str = READ;
    type Action = ();

    fn head(asked: &Asked<'_>) -> Result<Self, ApiError> {
        app_of(asked).map(|_| Self)
    }

    fn body(self, _: &ApiConfig, _: &Bytes) -> Result<(), ApiError> {
        Ok(())
    }

    async fn answer((): (), shards: &impl Shards) -> Result<HttpAnswer, ApiError> {
        tell_time(shards);
        Ok(HttpAnswer::ok(look(shards).await.body().into()))
    }
}

async fn look(shards: &impl Shards) -> Health {
    let cores = shards.ask(AllCounters).await;
    let mut metrics = Metrics::default();
    let (mut connections, mut failed_writes) = (0, 0);
    let (mut lag, mut replay) = (Durations::default(), Durations::default());
    for (_, counters) in &cores {
        metrics.published += counters.publishes;
        metrics.received += counters.deliveries;
        metrics.acked += counters.acks_received;
        metrics.gaps_detected += counters.log_truncations;
        metrics.errors += counters.refusals.sum();
        metrics.replayed += counters.log_replayed;
        metrics.duplicates_dropped += counters.log_duplicates;
        metrics.active_rooms += counters.channels;
        metrics.active_listeners += counters.subscriptions;
        metrics.dlq_size += counters.log.dead_letters;
        metrics.retry_count += counters.sinks.retries;
        metrics.snapshot_usage += counters.snapshots_given;
        lag = lag.and(counters.delivery_lag);
        replay = replay.and(counters.replay_time);
        connections += counters.connections;
        failed_writes += counters.refusals.of(Refusal::LogWrite);
    }
    metrics.average_delivery_lag_ms = lag.average_ms();
    metrics.replay_latency_ms = replay.average_ms();
    metrics.retry_count += shards.calls_retried();
    Health {
        readiness: shards.readiness(),
        is_log_failing: failed_writes > 0,
        provider: shards.config().zps.provider,
        connections,
        cores: cores.len(),
        metrics,
    }
}

/// Numbers since the process started, named as zero-pub-sub names them (spec seeds.md, S3-33).
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
struct Metrics {
    /// Events taken from publishers.
    published: u64,
    /// Events queued to a subscriber, once for each.
    received: u64,
    /// Acknowledgements taken from subscribers.
    acked: u64,
    /// Times that a subscriber was told that events it asked for are gone.
    gaps_detected: u64,
    /// What was refused or went wrong.
    errors: u64,
    /// Events read from logs for subscribers and for replays.
    replayed: u64,
    /// Events that were published before under the same id.
    duplicates_dropped: u64,
    /// Rooms with at least one subscriber now.
    active_rooms: u64,
    /// Subscriptions now.
    active_listeners: u64,
    /// Time from when an event was emitted to the outboxes of its subscribers, in milliseconds:
    /// the average of one event a turn.
    average_delivery_lag_ms: f64,
    /// Requests to apps' servers that were sent again.
    retry_count: u64,
    /// Dead letters of all rooms now.
    dlq_size: u64,
    /// Snapshots given to subscribers and publishers.
    snapshot_usage: u64,
    /// Time from a question for older events until they were on their way, in milliseconds: the
    /// average of one question a turn.
    replay_latency_ms: f64,
}

/// How the server is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
enum Status {
    /// All is well.
    Healthy,
    /// It serves, but takes in less than it should.
    Degraded,
    /// It does not serve new clients, or its log cannot be written.
    Unhealthy,
}

/// What `GET /health` answers.
#[derive(Clone, Debug, PartialEq)]
struct Health {
    /// Whether new clients should come.
    readiness: Readiness,
    /// Whether the log cannot be written.
    is_log_failing: bool,
    /// What keeps the log: `memory` or `file`.
    provider: &'static str,
    /// Websockets and streams open now.
    connections: u64,
    /// Cores that serve.
    cores: usize,
    /// The numbers.
    metrics: Metrics,
}

impl Health {
    /// The word for it.
    const fn status(&self) -> Status {
        match (self.readiness, self.is_log_failing) {
            (_, true) | (Readiness::Draining | Readiness::Disk, _) => Status::Unhealthy,
            (Readiness::Memory | Readiness::Backlogged, _) => Status::Degraded,
            (Readiness::Ready, _) => Status::Healthy,
        }
    }

    /// The answer's body. It has the fields of the gateway's own health and those of its transport.
    fn body(&self) -> Vec<u8> {
        #[derive(Clone, Copy, Serialize)]
        struct Details {
            cause: Option<&'static str>,
            cores: usize,
        }
        #[derive(Serialize)]
        struct Transport {
            provider: &'static str,
            status: Status,
            details: Details,
        }
        #[derive(Serialize)]
        struct Body {
            status: Status,
            provider: &'static str,
            details: Details,
            connections: u64,
            transport: Transport,
            metrics: Metrics,
        }
        let (status, provider) = (self.status(), self.provider);
        let details = Details { cause: self.cause(), cores: self.cores };
        let transport = Transport { provider, status, details };
        let (connections, metrics) = (self.connections, self.metrics);
        let body = Body { status, provider, details, connections, transport, metrics };
        serde_json::to_vec(&body).expect("numbers always have a JSON form")
    }

    const fn cause(&self) -> Option<&'static str> {
        match (self.is_log_failing, self.readiness) {
            (true, _) => Some("the log cannot be written"),
            (false, Readiness::Ready) => None,
            (false, Readiness::Draining) => Some("draining"),
            (false, Readiness::Memory) => Some("memory"),
            (false, Readiness::Disk) => Some("the disk does not answer"),
            (false, Readiness::Backlogged) => Some("backlogged"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn health(readiness: Readiness, is_log_failing: bool) -> Health {
        let metrics = Metrics { published: 3, ..Metrics::default() };
        let provider = "memory";
        Health { readiness, is_log_failing, provider, connections: 2, cores: 1, metrics }
    }

    #[test]
    fn the_status_is_that_of_the_worst_part() {
        for (readiness, is_log_failing, expected) in [
            (Readiness::Ready, false, Status::Healthy),
            (Readiness::Memory, false, Status::Degraded),
            (Readiness::Backlogged, false, Status::Degraded),
            (Readiness::Draining, false, Status::Unhealthy),
            (Readiness::Ready, true, Status::Unhealthy),
        ] {
            assert_eq!(health(readiness, is_log_failing).status(), expected);
        }
    }

    #[test]
    fn the_body_has_the_fields_of_gateway_and_transport_and_all_numbers() {
        let body = health(Readiness::Ready, false).body();
        let json: serde_json::Value = serde_json::from_slice(&body).unwrap();
        assert_eq!((&json["status"], &json["provider"]), (&"healthy".into(), &"memory".into()));
        assert_eq!(json["transport"]["status"], "healthy");
        assert_eq!((&json["connections"], &json["details"]["cores"]), (&2.into(), &1.into()));
        let metrics = json["metrics"].as_object().unwrap();
        let mut names: Vec<&str> = metrics.keys().map(String::as_str).collect();
        names.sort_unstable();
        let expected = "acked activeListeners activeRooms averageDeliveryLagMs dlqSize \
            duplicatesDropped errors gapsDetected published received replayLatencyMs replayed \
            retryCount snapshotUsage";
        assert_eq!(names, expected.split(' ').filter(|it| !it.is_empty()).collect::<Vec<_>>());
    }
}
