//! What must hold between two keys.
//!
//! A rule is judged on the values that the layers add up to, and only when nobody set either key to
//! something unusable: one mistake is one problem.

use super::Config;
use super::apps::SourcedApp;
use super::keys::KEYS;
use super::problem::{Fault, Problem, Source};
use crate::app::App;

/// A relation between two keys of the table.
pub(super) struct Rule {
    /// The full name of the key that is reported.
    pub(super) key: &'static str,
    /// What must hold, as in "must `relation` `other_key`".
    pub(super) relation: &'static str,
    /// The full name of the key it is compared with.
    pub(super) other_key: &'static str,
    /// Whether a configuration keeps the rule.
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
    // A message must fit into the outboxes of those it is for.
    Rule {
        key: "zps.max_socket_buffered_bytes",
        relation: "be above",
        other_key: "zps.max_payload_bytes",
        holds: |config| {
            config.pusher.zps.max_socket_buffered_bytes > config.pusher.zps.max_payload_bytes
        },
    },
    // Without a key nobody has a token, and whoever is let in proves nothing.
    Rule {
        key: "zps.subscriber_must_match_sub",
        relation: "be false without zps.jwt_public_key_file, zps.jwks_file or",
        other_key: "zps.jwt_secret",
        holds: |Config { zps, .. }| {
            let has_file = zps.jwt_public_key_file.is_some() || zps.jwks_file.is_some();
            !zps.subscriber_must_match_sub || has_file || !zps.jwt_secret.is_empty()
        },
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

/// A configuration with the places its values came from, one per entry of [`KEYS`].
pub(super) struct Judged<'a> {
    pub(super) config: &'a Config,
    pub(super) sources: &'a [Source],
}

impl Judged<'_> {
    /// Every rule that the process breaks, but for those about a `doubtful` key.
    pub(super) fn breaches(&self, doubtful: &[bool]) -> Vec<Problem> {
        let rules = sound_rules(doubtful);
        rules.filter_map(|(rule, sides)| self.breach(rule, sides, self.config, &[])).collect()
    }

    /// Every rule that one of `apps` breaks by a key of its own.
    pub(super) fn app_breaches(&self, doubtful: &[bool], apps: &[SourcedApp]) -> Vec<Problem> {
        let mut problems = Vec::new();
        let mut config = without_apps(self.config);
        for SourcedApp { app, origin } in apps {
            let is_own = |sides: &[usize]| origin.own.iter().any(|(own, _)| sides.contains(own));
            config.pusher.clone_from(&app.policy);
            let rules = sound_rules(doubtful).filter(|(_, sides)| is_own(sides));
            problems.extend(
                rules.filter_map(|(rule, sides)| self.breach(rule, sides, &config, &origin.own)),
            );
        }
        problems
    }

    /// The problem with `config` if it breaks `rule`; `own` are keys that an app has of its own.
    fn breach(
        &self,
        rule: &Rule,
        sides: [usize; 2],
        config: &Config,
        own: &[(usize, Source)],
    ) -> Option<Problem> {
        if (rule.holds)(config) {
            return None;
        }
        let [left, right] = sides.map(|side| {
            let key = &KEYS[side];
            let value = key.shown(config);
            match own.iter().find(|(index, _)| *index == side) {
                Some((_, source)) => (key.path_in_app(), value, source.clone()),
                None => (key.path(), value, self.sources[side].clone()),
            }
        });
        let ((key, value, origin), (other_key, other_value, other)) = (left, right);
        let relation = rule.relation;
        let fault = Fault::Rule { key, value, relation, other_key, other_value, other };
        Some(Problem { origin, fault })
    }
}

/// A line for each rule that one of `apps` would break in a process that runs with `running`.
pub(super) fn breaches_while_running(running: &Config, apps: &[App]) -> Vec<String> {
    let mut config = without_apps(running);
    let mut lines = Vec::new();
    for app in apps {
        config.pusher.clone_from(&app.policy);
        let broken = RULES.iter().filter(|rule| !(rule.holds)(&config));
        lines.extend(broken.map(|Rule { key, relation, other_key, .. }| {
            let values = [key, other_key].map(|path| KEYS[index_of(path)].shown(&config));
            let [value, other_value] = values;
            format!(
                "app {:?}: {key} is {value} until a restart, but must {relation} {other_key}, \
                 which is {other_value}",
                app.id
            )
        }));
    }
    lines
}

/// A copy to judge apps with, one after another.
fn without_apps(config: &Config) -> Config {
    Config { apps: Vec::new(), ..config.clone() }
}

/// The rules about keys that are not `doubtful`, each with the indices of its keys.
fn sound_rules(doubtful: &[bool]) -> impl Iterator<Item = (&'static Rule, [usize; 2])> {
    let sides = |rule: &Rule| [index_of(rule.key), index_of(rule.other_key)];
    let rules = RULES.iter().map(move |rule| (rule, sides(rule)));
    rules.filter(|(_, sides)| !sides.iter().any(|side| doubtful[*side]))
}

/// The index of the key `path` in [`KEYS`].
pub(super) fn index_of(path: &str) -> usize {
    KEYS.iter().position(|key| key.path() == path).expect("rules name keys that KEYS has")
}
