//! Shards under a simulated world: sockets that take a part or nothing, mail that is late or finds
//! a full mailbox, clients that come, talk, stall and vanish.
//!
//! Every byte that lands at a client is parsed, and [`checker`] compares what each heard with what
//! the channels' owners put in order. `log` has worlds of its own for channels with a log. `SEED=n`
//! runs one world, `SEEDS=n` that many; a failure prints the command that repeats it.

mod checker;
mod client;
mod coverage;
mod digest;
mod history;
mod log;
mod parse;
mod random;
mod scenario;
mod talk;
mod told;
mod watching;
mod world;
mod wrong;

use std::collections::BTreeSet;
use std::ops::Range;

use uringcast::shard::{AllCounters, Question, UsersOf};

use crate::checker::{Belief, check};
use crate::client::{Pace, Stage};
use crate::coverage::Coverage;
use crate::digest::Digest;
use crate::scenario::Scenario;
use crate::watching::check_statuses;
use crate::world::World;

/// Worlds in one run, unless the environment says otherwise.
const SEEDS: u64 = 1_000;

/// Things that happen in one world before it calms down.
const STEPS: usize = 1_500;

#[test]
fn every_world_keeps_the_promises() {
    let seeds = seeds(SEEDS);
    let is_enough = seeds.end - seeds.start >= SEEDS;
    let worlds = seeds.end - seeds.start;
    let (mut coverage, mut digest) = (Coverage::default(), Digest::default());
    for seed in seeds {
        let _printed = PrintedOnPanic { seed, test: "every_world_keeps_the_promises" };
        let mut world = run(seed);
        for (client, story) in world.history.clients.iter().enumerate() {
            digest.add(client, format!("{:?}", story.heard));
        }
        coverage.add(&mut world);
    }
    digest.print(worlds);
    if is_enough {
        coverage.check();
    }
}

/// The worlds to run: `count`, unless the environment says otherwise.
fn seeds(count: u64) -> Range<u64> {
    let number = |name: &str| {
        let text = std::env::var(name).ok();
        text.map(|text| text.parse::<u64>().expect("SEED and SEEDS are numbers"))
    };
    match number("SEED") {
        Some(seed) => seed..seed + 1,
        None => 0..number("SEEDS").unwrap_or(count),
    }
}

/// Says which world it was, and how to see it again, if it ends in a panic.
struct PrintedOnPanic {
    seed: u64,
    test: &'static str,
}

impl Drop for PrintedOnPanic {
    fn drop(&mut self) {
        if std::thread::panicking() {
            let Self { seed, test } = self;
            eprintln!("SEED={seed} cargo test -p uringcast-tests --test simulation -- {test}");
        }
    }
}

fn run(seed: u64) -> World {
    let mut scenario = Scenario::new(seed);
    let drained_at = seed.is_multiple_of(4).then_some(STEPS * 2 / 3);
    for step in 0..STEPS {
        scenario.step();
        if Some(step) == drained_at {
            scenario.drain();
        }
    }
    scenario.calm_down();
    // Each turn tells of the closes at the end of the turn before, and may close someone again.
    (0..4).for_each(|_| scenario.world.settle());
    check_quiet(&mut scenario);
    scenario.close_all();
    check_vacant(&mut scenario);
    scenario.world.told.check_end(&scenario.world.history.channels);
    scenario.world
}

/// Nothing moves: everything published has been heard by whoever can hear, and is answered.
fn check_quiet(scenario: &mut Scenario) {
    for (index, client) in scenario.world.clients.iter().enumerate() {
        let hears = client.stage == Stage::Talking && client.pace != Pace::Stuck;
        assert!(!hears || !client.is_waiting, "client {index} is not read from");
        let shard = &mut scenario.world.shards[usize::from(client.core.0)];
        let is_open = shard.speaks(client.conn).is_some();
        scenario.world.history.clients[index].is_complete = hears && is_open;
    }
    assert!(scenario.world.publishes.is_empty(), "a publish has not been answered");
    assert!(scenario.world.questions.is_empty(), "a question has not been answered");
    let beliefs = check(&scenario.world.history).unwrap_or_else(|violation| {
        panic!("{violation:?}");
    });
    check_rosters(scenario, &beliefs);
    check_statuses(scenario);
    if scenario.is_counting {
        check_counts(scenario, &beliefs);
    }
}

/// What clients and owners believe of presence channels is what is so.
fn check_rosters(scenario: &mut Scenario, beliefs: &[Belief]) {
    for channel in ["presence-hall", "presence-yard", "presence-cache-hall"] {
        let truth = present(scenario, channel);
        for (index, belief) in beliefs.iter().enumerate() {
            let is_complete = scenario.world.history.clients[index].is_complete;
            if let Some(members) = belief.rosters.get(channel).filter(|_| is_complete) {
                assert_eq!(*members, truth, "client {index} of {channel}");
            }
        }
        let users = answer(scenario, UsersOf(scenario.name(channel)));
        let users: BTreeSet<String> = users.iter().map(ToString::to_string).collect();
        assert_eq!(users, truth, "the owner of {channel}");
    }
}

/// Whoever is subscribed has been told how many are.
fn check_counts(scenario: &mut Scenario, beliefs: &[Belief]) {
    for (index, belief) in beliefs.iter().enumerate() {
        if !scenario.world.history.clients[index].is_complete {
            continue;
        }
        // A user's own channel is nobody else's and not counted.
        let counted = belief.counts.iter().filter(|(channel, _)| !channel.starts_with('#'));
        for (channel, count) in counted {
            let truth = subscribed(scenario, channel).len() as u32;
            assert_eq!(*count, Some(truth), "client {index} of {channel}");
        }
    }
}

/// The clients that are subscribed to `channel`, each as its core knows.
fn subscribed(scenario: &mut Scenario, channel: &str) -> Vec<usize> {
    let World { clients, shards, .. } = &mut scenario.world;
    let mut found = Vec::new();
    for (index, client) in clients.iter().enumerate() {
        if shards[usize::from(client.core.0)].subscribed(client.conn, channel).is_some() {
            found.push(index);
        }
    }
    found
}

/// The users whose connections are subscribed, each on its own core.
fn present(scenario: &mut Scenario, channel: &str) -> BTreeSet<String> {
    let mut users = BTreeSet::new();
    for index in subscribed(scenario, channel) {
        let last = scenario.world.history.clients[index].attempts[channel].last();
        users.extend(last.and_then(|attempt| attempt.user.clone()));
    }
    users
}

/// What `question` is answered once nothing moves.
fn answer<Q: Question>(scenario: &mut Scenario, question: Q) -> Q::Answer {
    let asked = scenario.world.shards[0].ask(question);
    scenario.world.questions.insert(asked.ticket);
    scenario.world.settle();
    asked.open(scenario.world.answers.pop().expect("a question is answered"))
}

/// Everyone has gone: nothing is left of them.
fn check_vacant(scenario: &mut Scenario) {
    let cores = answer(scenario, AllCounters);
    assert_eq!(cores.len(), scenario.world.shards.len());
    for (core, counters) in cores {
        let left = [counters.sockets, counters.connections, counters.subscriptions];
        let left = [left, [counters.channels, counters.retained_bytes, 0]].concat();
        assert!(left.iter().all(|&count| count == 0), "{core:?}: {left:?}");
    }
    for shard in &scenario.world.shards {
        assert!(shard.is_vacant(), "something is left: {shard:#?}");
    }
}
