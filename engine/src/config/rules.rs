//! What must hold between two keys.
//!
//! A rule is judged on the values that the layers add up to, and only when nobody set either key to
//! something unusable: one mistake is one problem.

use super::Config;

/// A relation between two keys of the table.
pub(super) struct Rule {
    /// The full name of the key that is reported.
    pub(super) key: &'static str,
    /// What must hold, as in "must `relation` `other_key`".
    pub(super) relation: &'static str,
    /// The full name of the key it is compared with.
    pub(super) other_key: &'static str,
    /// Whether it holds.
    pub(super) holds: fn(&Config) -> bool,
}

/// Every rule.
pub(super) static RULES: &[Rule] = &[
    Rule {
        key: "server.drain_window_ms",
        relation: "be shorter than",
        other_key: "server.drain_timeout_s",
        holds: |config| {
            config.server.drain_window_ms < u32::from(config.server.drain_timeout_s) * 1000
        },
    },
    Rule {
        key: "server.metrics_port",
        relation: "differ from",
        other_key: "server.port",
        holds: |config| differ(config.server.metrics_port, Some(config.server.port)),
    },
    Rule {
        key: "server.test_echo_port",
        relation: "differ from",
        other_key: "server.port",
        holds: |config| differ(config.server.test_echo_port, Some(config.server.port)),
    },
    Rule {
        key: "server.test_echo_port",
        relation: "differ from",
        other_key: "server.metrics_port",
        holds: |config| differ(config.server.test_echo_port, config.server.metrics_port),
    },
    Rule {
        key: "connection.outbox_bytes_max",
        relation: "be above",
        other_key: "connection.outbox_bytes_soft",
        holds: |config| config.connection.outbox_bytes_max > config.connection.outbox_bytes_soft,
    },
    // A client event must fit into the outboxes of those it is for.
    Rule {
        key: "connection.outbox_bytes_max",
        relation: "be above",
        other_key: "connection.message_bytes_max",
        holds: |config| config.connection.outbox_bytes_max > config.connection.message_bytes_max,
    },
    // So must a published one.
    Rule {
        key: "connection.outbox_bytes_max",
        relation: "be above",
        other_key: "pusher.event_data_bytes_max",
        holds: |config| config.connection.outbox_bytes_max > config.pusher.event_data_bytes_max,
    },
    Rule {
        key: "core.retained_bytes_max",
        relation: "not be below",
        other_key: "connection.outbox_bytes_max",
        holds: |config| config.core.retained_bytes_max >= config.connection.outbox_bytes_max,
    },
    // Otherwise the largest publish would be refused however idle the other cores are.
    Rule {
        key: "core.mailbox_bytes_max",
        relation: "not be below",
        other_key: "http.body_bytes_max",
        holds: |config| config.core.mailbox_bytes_max >= config.http.body_bytes_max,
    },
    Rule {
        key: "webhook.queue_total_bytes_max",
        relation: "not be below",
        other_key: "webhook.queue_bytes_max",
        holds: |config| config.webhook.queue_total_bytes_max >= config.webhook.queue_bytes_max,
    },
    // Otherwise a full batch would never have room.
    Rule {
        key: "webhook.queue_bytes_max",
        relation: "be above",
        other_key: "webhook.batch_bytes_max",
        holds: |config| config.webhook.queue_bytes_max > config.webhook.batch_bytes_max,
    },
    Rule {
        key: "http.body_bytes_max",
        relation: "be above",
        other_key: "pusher.event_data_bytes_max",
        holds: |config| config.http.body_bytes_max > config.pusher.event_data_bytes_max,
    },
];

/// Two listeners share no port, unless they are off or take any free one.
fn differ(port: Option<u16>, other: Option<u16>) -> bool {
    port != other || matches!(port, None | Some(0))
}
