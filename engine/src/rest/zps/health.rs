//! How the server is, in the words of zero-pub-sub's gateway.

use serde::Serialize;

use super::super::ready::Readiness;

/// Numbers since the process started, named as zero-pub-sub names them (spec seeds.md, S3-33).
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct ZpsMetrics {
    /// Events taken from publishers.
    pub published: u64,
    /// Events queued to a subscriber, once for each.
    pub received: u64,
    /// Acknowledgements taken from subscribers.
    pub acked: u64,
    /// Times that a subscriber was told that events it asked for are gone.
    pub gaps_detected: u64,
    /// What was refused or went wrong.
    pub errors: u64,
    /// Events read from logs for subscribers and for replays.
    pub replayed: u64,
    /// Events that were published before under the same id.
    pub duplicates_dropped: u64,
    /// Rooms with at least one subscriber now.
    pub active_rooms: u64,
    /// Subscriptions now.
    pub active_listeners: u64,
    /// Time from when an event was emitted to the outboxes of its subscribers, in milliseconds:
    /// the average of one event a turn.
    pub average_delivery_lag_ms: f64,
    /// Requests to apps' servers that were sent again.
    pub retry_count: u64,
    /// Dead letters of all rooms now.
    pub dlq_size: u64,
    /// Snapshots given to subscribers and publishers.
    pub snapshot_usage: u64,
    /// Time from a question for older events until they were on their way, in milliseconds: the
    /// average of one question a turn.
    pub replay_latency_ms: f64,
}

/// How the server is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum ZpsStatus {
    /// All is well.
    Healthy,
    /// It serves, but takes in less than it should.
    Degraded,
    /// It does not serve new clients, or its log cannot be written.
    Unhealthy,
}

/// What `GET /health` answers.
#[derive(Clone, Debug, PartialEq)]
pub struct Health {
    /// Whether new clients should come.
    pub readiness: Readiness,
    /// Whether the log cannot be written.
    pub is_log_failing: bool,
    /// What keeps the log: `memory` or `file`.
    pub provider: &'static str,
    /// Websockets and streams open now.
    pub connections: u64,
    /// Cores that serve.
    pub cores: usize,
    /// The numbers.
    pub metrics: ZpsMetrics,
}

impl Health {
    /// The word for it.
    pub const fn status(&self) -> ZpsStatus {
        match (self.readiness, self.is_log_failing) {
            (_, true) | (Readiness::Draining | Readiness::Disk, _) => ZpsStatus::Unhealthy,
            (Readiness::Memory | Readiness::Backlogged, _) => ZpsStatus::Degraded,
            (Readiness::Ready, _) => ZpsStatus::Healthy,
        }
    }

    /// The answer's body. It has the fields of the gateway's own health and those of its transport.
    pub(super) fn body(&self) -> Vec<u8> {
        #[derive(Clone, Copy, Serialize)]
        struct Details {
            cause: Option<&'static str>,
            cores: usize,
        }
        #[derive(Serialize)]
        struct Transport {
            provider: &'static str,
            status: ZpsStatus,
            details: Details,
        }
        #[derive(Serialize)]
        struct Body {
            status: ZpsStatus,
            provider: &'static str,
            details: Details,
            connections: u64,
            transport: Transport,
            metrics: ZpsMetrics,
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
        let metrics = ZpsMetrics { published: 3, ..ZpsMetrics::default() };
        let provider = "memory";
        Health { readiness, is_log_failing, provider, connections: 2, cores: 1, metrics }
    }

    #[test]
    fn the_status_is_that_of_the_worst_part() {
        for (readiness, is_log_failing, expected) in [
            (Readiness::Ready, false, ZpsStatus::Healthy),
            (Readiness::Memory, false, ZpsStatus::Degraded),
            (Readiness::Backlogged, false, ZpsStatus::Degraded),
            (Readiness::Draining, false, ZpsStatus::Unhealthy),
            (Readiness::Ready, true, ZpsStatus::Unhealthy),
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
