//! Subscription counts: what subscribers are told of their number, and how often.

use uringcast_shard::id::CoreId;

use super::world::{Limits, World};

fn counted(limits: &mut Limits) {
    limits.app.subscription_count = true;
    limits.shard.connections_max = 1_000;
}

/// A world in which `crowd` silent clients are subscribed to `room`.
fn crowd(cores: usize, crowd: usize) -> World {
    let mut limits = Limits::default();
    counted(&mut limits);
    let mut world = World::new(cores, limits);
    for client in 0..crowd {
        world.connect(&format!("c{client}"), CoreId((client % cores) as u8));
        world.upgrade(client);
        world.say(client, r#"{"event":"pusher:subscribe","data":{"channel":"room"}}"#);
    }
    world.settle();
    let _ = world.take_seen();
    world
}

fn unsubscribe(world: &mut World, client: usize) {
    world.say(client, r#"{"event":"pusher:unsubscribe","data":{"channel":"room"}}"#);
    world.settle();
}

fn subscribe(world: &mut World, client: usize) {
    world.say(client, r#"{"event":"pusher:subscribe","data":{"channel":"room"}}"#);
    world.settle();
}

/// The numbers that `who` has been told since this was last asked.
fn told(world: &mut World, who: &str) -> Vec<u32> {
    let seen = world.take_seen();
    let mine = seen.iter().filter(|(name, _)| name == who);
    let number = |what: &str| what.strip_prefix("subscription_count room ")?.parse().ok();
    mine.filter_map(|(_, what)| number(what)).collect()
}

#[test]
fn a_hundred_are_told_of_every_change() {
    for cores in 1..=3 {
        let mut world = crowd(cores, 100);
        for _ in 0..3 {
            unsubscribe(&mut world, 99);
            assert_eq!(told(&mut world, "c0"), [99]);
            subscribe(&mut world, 99);
            assert_eq!(told(&mut world, "c0"), [100]);
        }
    }
}

#[test]
fn more_than_a_hundred_are_told_every_five_seconds_and_the_last_number_always() {
    for cores in 1..=3 {
        let mut world = crowd(cores, 102);
        world.wait(5_000);
        let _ = world.take_seen();
        unsubscribe(&mut world, 101);
        assert_eq!(told(&mut world, "c0"), [101], "the time was over");
        subscribe(&mut world, 101);
        unsubscribe(&mut world, 101);
        subscribe(&mut world, 101);
        world.wait(4_900);
        assert_eq!(told(&mut world, "c0"), [0; 0], "the time is not over");
        world.wait(100);
        assert_eq!(told(&mut world, "c0"), [102]);
        world.wait(20_000);
        assert_eq!(told(&mut world, "c0"), [0; 0], "nothing has changed");
    }
}

#[test]
fn a_newcomer_of_a_large_channel_does_not_wait() {
    for cores in 1..=3 {
        let mut world = crowd(cores, 102);
        subscribe_new(&mut world);
        let seen = world.take_seen();
        let new: Vec<_> = seen.iter().filter(|(name, _)| name == "new").collect();
        let what: Vec<&str> = new.iter().map(|(_, what)| what.as_str()).collect();
        let expected =
            ["established", "subscription_succeeded room", "subscription_count room 103"];
        assert_eq!(what, expected);
        assert!(seen.iter().all(|(name, _)| name == "new"), "the others wait: {seen:?}");
        world.wait(5_000);
        assert_eq!(told(&mut world, "c0"), [103]);
    }
}

#[test]
fn a_channel_that_becomes_small_is_told_at_once_again() {
    let mut world = crowd(1, 101);
    world.wait(10_000);
    let _ = world.take_seen();
    unsubscribe(&mut world, 100);
    assert_eq!(told(&mut world, "c0"), [100]);
    unsubscribe(&mut world, 99);
    assert_eq!(told(&mut world, "c0"), [99]);
    subscribe(&mut world, 99);
    subscribe(&mut world, 100);
    assert_eq!(told(&mut world, "c0"), [100, 101], "growing over the limit is told");
    unsubscribe(&mut world, 100);
    assert_eq!(told(&mut world, "c0"), [100]);
    world.wait(10_000);
    assert_eq!(told(&mut world, "c0"), [0; 0]);
}

#[test]
fn a_large_channel_that_vanishes_while_it_waits_leaves_nothing() {
    let mut world = crowd(1, 101);
    unsubscribe(&mut world, 100);
    subscribe(&mut world, 100);
    for client in 0..101 {
        world.gone(client);
    }
    world.settle();
    world.wait(10_000);
    assert!(world.shards[0].is_vacant());
}

fn subscribe_new(world: &mut World) {
    world.connect("new", CoreId(0));
    let client = world.clients.len() - 1;
    world.upgrade(client);
    subscribe(world, client);
}
