//! Budgets and keys: one account each, whichever core is asked.

use uringcast_shard::Settlement;
use uringcast_shard::id::AppIndex;
use uringcast_shard::{AgedLimits, Budget, Cost, IdempotencyKey, Kept, Once};

use super::transcript::check_on;
use super::world::{Limits, World};

fn world(limits: impl Fn(&mut Limits)) -> World {
    check_on(3, limits, "")
}

/// What the asker is told once nothing moves any more.
fn told(world: &mut World) -> Vec<String> {
    world.settle();
    world.take_seen().into_iter().map(|(_, what)| what).collect()
}

fn spend(world: &mut World, core: usize, budget: Budget, amount: u32) -> bool {
    let shard = &mut world.shards[core];
    let spend = shard.price(Cost { app: AppIndex(0), budget, amount });
    spend.map(|spend| shard.ask(spend)).is_some()
}

fn key(text: &str) -> IdempotencyKey {
    IdempotencyKey { app: AppIndex(0), text: text.into() }
}

fn reserve(world: &mut World, core: usize, text: &str, fingerprint: u64) {
    world.shards[core].ask(Once { key: key(text), fingerprint });
}

/// The first reservation of a store is number 1.
fn settle(world: &mut World, core: usize, text: &str, status: Option<u16>) {
    let kept = status.map(|status| Kept { status, body: "{}".into() });
    world.shards[core].ask(Settlement { key: key(text), serial: 1, kept });
    assert_eq!(told(world), ["settled"]);
}

#[test]
fn a_budget_is_one_however_many_cores_it_is_spent_on() {
    let mut world = world(|limits| limits.app.publish_rate = 10);
    for core in [0, 1, 2] {
        assert!(spend(&mut world, core, Budget::Publish, 3));
    }
    assert_eq!(told(&mut world).len(), 3);
    spend(&mut world, 1, Budget::Publish, 2);
    assert_eq!(told(&mut world), ["not spent, 1 left"]);
    spend(&mut world, 2, Budget::Publish, 1);
    assert_eq!(told(&mut world), ["spent, 0 left"]);
    world.wait(200);
    spend(&mut world, 0, Budget::Publish, 2);
    assert_eq!(told(&mut world), ["spent, 0 left"]);
}

#[test]
fn reading_and_publishing_have_budgets_of_their_own() {
    let mut world = world(|limits| limits.app.read_rate = 1);
    assert!(!spend(&mut world, 0, Budget::Publish, 1), "nothing is asked without a limit");
    assert!(spend(&mut world, 0, Budget::Read, 1));
    assert_eq!(told(&mut world), ["spent, 0 left"]);
}

#[test]
fn of_two_cores_with_the_same_key_one_is_the_first() {
    let mut world = world(|_| {});
    reserve(&mut world, 0, "k", 7);
    reserve(&mut world, 1, "k", 7);
    reserve(&mut world, 2, "k", 8);
    let all = told(&mut world);
    let firsts = all.iter().filter(|it| *it == "first").count();
    assert_eq!((firsts, all.len()), (1, 3), "{all:?}");
}

#[test]
fn a_key_answers_every_core_with_what_the_first_was_answered() {
    let mut world = world(|limits| limits.app.idempotency_window_s = 2);
    reserve(&mut world, 0, "k", 7);
    assert_eq!(told(&mut world), ["first"]);
    reserve(&mut world, 1, "k", 7);
    assert_eq!(told(&mut world), ["running"]);
    settle(&mut world, 0, "k", Some(202));
    reserve(&mut world, 2, "k", 7);
    assert_eq!(told(&mut world), ["done 202"]);
    reserve(&mut world, 2, "k", 8);
    assert_eq!(told(&mut world), ["other body"]);
    world.wait(2_000);
    reserve(&mut world, 1, "k", 8);
    assert_eq!(told(&mut world), ["first"]);
}

#[test]
fn a_key_whose_publish_was_refused_is_free_again() {
    let mut world = world(|_| {});
    reserve(&mut world, 0, "k", 7);
    assert_eq!(told(&mut world), ["first"]);
    settle(&mut world, 0, "k", None);
    reserve(&mut world, 1, "k", 7);
    assert_eq!(told(&mut world), ["first"]);
}

#[test]
fn a_key_that_is_forgotten_early_is_counted() {
    let mut world = check_on(
        1,
        |limits| {
            limits.shard.idempotency = AgedLimits { entries_max: 1, bytes_max: 1 << 20 };
        },
        "",
    );
    for text in ["a", "b", "a"] {
        reserve(&mut world, 0, text, 7);
        assert_eq!(told(&mut world), ["first"]);
    }
    let refusals = &world.shards[0].counters_mut().refusals;
    assert_eq!(refusals.of(uringcast_shard::Refusal::IdempotencyKeys), 2);
}
