//! What the worlds have seen together: a checker that never meets a case proves nothing about it.

use std::collections::BTreeMap;

use uringcast::shard::Refusal;

use crate::history::Heard;
use crate::world::World;

/// How often each thing has happened.
#[derive(Debug, Default)]
pub(crate) struct Coverage(BTreeMap<String, u64>);

impl Coverage {
    /// Count what happened in one world.
    pub(crate) fn add(&mut self, world: &mut World) {
        for story in &world.history.clients {
            for heard in &story.heard {
                self.count(name(heard), 1);
            }
            self.count("promise".into(), story.promises.len() as u64);
        }
        for (name, times) in &world.told.counts {
            self.count(format!("told {name}"), *times);
        }
        self.count("mailbox full".into(), world.mailbox_full);
        self.count("several events in one message".into(), world.joined);
        for shard in &mut world.shards {
            let counters = shard.counters_mut();
            let (hits, evictions) = (counters.cache_hits, counters.cache_evictions);
            let (deflated, refusals) = (counters.deflated_frames, counters.refusals.clone());
            self.count("cache hits".into(), hits);
            self.count("cache evictions".into(), evictions);
            self.count("compressed frame".into(), deflated);
            for (refusal, label) in Refusal::ALL {
                self.count(format!("refused {label}"), refusals.of(refusal));
            }
        }
    }

    /// Fail if something has never happened that must in enough worlds.
    pub(crate) fn check(&self) {
        for name in EXPECTED {
            let times = self.0.get(name).copied().unwrap_or(0);
            assert!(times >= 10, "{name} came {times} times: {self:#?}");
        }
    }

    fn count(&mut self, name: String, times: u64) {
        *self.0.entry(name).or_default() += times;
    }
}

const EXPECTED: [&str; 43] = [
    "several events in one message",
    "succeeded",
    "refused",
    "event",
    "missed",
    "counted",
    "cache hits",
    "cache evictions",
    "added",
    "removed",
    "pong",
    "ping",
    "error",
    "signed in",
    "one of a watchlist",
    "several of a watchlist",
    "close 1000",
    "close 1002",
    "close 4009",
    "close 4100",
    "close 4200",
    "close 4201",
    "promise",
    "compressed frame",
    "mailbox full",
    "refused connections",
    "refused handshake_timeout",
    "refused signin",
    "refused signin_timeout",
    "refused watchlist",
    "refused subscriptions",
    "refused client_event_rate",
    "refused outbox_bytes",
    "refused outbox_stall",
    "refused retained_bytes",
    "told channel_occupied",
    "told channel_vacated",
    "told member_added",
    "told member_removed",
    "told client_event",
    "told cache_miss",
    "told subscription_count",
    "told connection_count",
];

fn name(heard: &Heard) -> String {
    match heard {
        Heard::Established => "established".into(),
        Heard::Succeeded { .. } => "succeeded".into(),
        Heard::Refused { .. } => "refused".into(),
        Heard::Event { .. } => "event".into(),
        Heard::Missed { .. } => "missed".into(),
        Heard::Counted { .. } => "counted".into(),
        Heard::Added { .. } => "added".into(),
        Heard::Removed { .. } => "removed".into(),
        Heard::SignedIn => "signed in".into(),
        Heard::Watchlist { changes } if changes.len() > 1 => "several of a watchlist".into(),
        Heard::Watchlist { .. } => "one of a watchlist".into(),
        Heard::Pong => "pong".into(),
        Heard::Ping => "ping".into(),
        Heard::Error => "error".into(),
        Heard::Close { code } => format!("close {}", code.unwrap_or_default()),
    }
}
