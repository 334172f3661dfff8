//! Channels with a log under whatever happens: subscribers begin anywhere, want some types, ask for
//! replays and snapshots, stall, leave and come back; events expire and are pruned; the disk is
//! late, fails, and keeps what it has synced when the process is killed.
//!
//! What must hold: a room's events have one order for all who see them; each subscriber gets every
//! event from its start on, once and in order, or is told that it is gone, and then it is; a
//! connection's answers are in the order of its messages; what is seen or acknowledged, cursors and
//! snapshots included, is durable and read again after a restart; cursors move on and never beyond
//! the end; no number is given twice in a room, though logs that hold nothing give way to others
//! and begin again.

mod client;
mod cores;
mod disk;
mod game;
mod limits;
mod truth;

use game::Game;

use crate::digest::Digest;
use crate::{PrintedOnPanic, seeds};

/// Worlds in one run, unless the environment says otherwise.
const SEEDS: u64 = 600;

/// Things that happen in one world before it comes to rest.
const STEPS: usize = 1_200;

#[test]
fn every_world_of_logs_keeps_the_promises() {
    let seeds = seeds(SEEDS);
    let is_enough = seeds.end - seeds.start >= SEEDS;
    let worlds = seeds.end - seeds.start;
    let (mut coverage, mut digest) = ([0; 17], Digest::default());
    for seed in seeds {
        let _printed = PrintedOnPanic { seed, test: "every_world_of_logs_keeps_the_promises" };
        let mut game = Game::new(seed);
        (0..STEPS).for_each(|_| game.step());
        game.finish();
        for (client, received) in game.cores.received().enumerate() {
            digest.add(client, received);
        }
        for (sum, count) in coverage.iter_mut().zip(counts(&mut game)) {
            *sum += count;
        }
    }
    digest.print(worlds);
    // What never happens is not tested.
    let is_covered = coverage.iter().all(|&count| count > SEEDS / 10);
    assert!(!is_enough || is_covered, "{coverage:?}");
}

/// How often what must not be missed has happened.
fn counts(game: &mut Game) -> [u64; 17] {
    let sum = |count: fn(&client::Counts) -> u64| -> u64 {
        game.clients.iter().map(|client| count(&client.counts)).sum()
    };
    let of_clients = [
        sum(|it| it.events),
        sum(|it| it.relayed),
        sum(|it| it.truncations),
        sum(|it| it.cursors),
        sum(|it| it.replays),
        sum(|it| it.snapshots),
        sum(|it| it.ephemerals),
        sum(|it| it.refused_acks),
        sum(|it| it.acks),
        game.durable_snapshots,
    ];
    let shards = &mut game.cores.shards;
    let set_backs = shards.iter_mut().map(|it| it.counters_mut().log_set_backs).sum();
    let expired = shards.iter_mut().map(|it| it.counters_mut().log_expired).sum();
    let drops = shards.iter_mut().map(|it| it.counters_mut().log_drops).sum();
    let of_logs =
        [set_backs, expired, drops, game.restarts, game.failures, game.refusals, game.duplicates];
    let mut counts = [0; 17];
    counts[..10].copy_from_slice(&of_clients);
    counts[10..].copy_from_slice(&of_logs);
    counts
}
