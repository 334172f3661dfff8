//! Who agreed to compression gets it, once made for all, and the same events as everyone else.

use super::transcript::check_on;
use super::world::{Limits, World};

fn limits(limits: &mut Limits) {
    limits.app.deflate_bytes_min = 100;
}

/// Frames compressed on each core.
fn compressions(world: &mut World) -> Vec<u64> {
    world.shards.iter_mut().map(|shard| shard.counters_mut().deflated_frames).collect()
}

#[test]
fn a_frame_is_compressed_once_for_all_who_agreed_and_not_for_others() {
    let mut world = check_on(
        1,
        limits,
        "
        a: agree
        a: subscribe room
        a> subscription_succeeded room
        b: subscribe room
        b> subscription_succeeded room
        c: agree
        c: subscribe room
        c> subscription_succeeded room
        http: publish room one 500; http: publish room two 10; http: publish room three 900
        a> packed event room one
        a> event room two
        a> packed event room three
        b> event room one
        b> event room two
        b> event room three
        c> packed event room one
        c> event room two
        c> packed event room three
        http> published
        http> published
        http> published
        ",
    );
    assert_eq!(compressions(&mut world), [2]);
    let counters = world.shards[0].counters_mut();
    assert!(counters.deflate_bytes_before > 1_400, "{counters:?}");
    assert!(counters.deflate_bytes_after < 300, "{counters:?}");
    assert_eq!(counters.deliveries, 9);
}

#[test]
fn each_core_compresses_once_for_its_own() {
    let mut world = check_on(
        3,
        limits,
        "
        a: open on 0; a: agree; a: subscribe room-on-1
        a> established
        a> subscription_succeeded room-on-1
        b: open on 2; b: agree; b: subscribe room-on-1
        b> established
        b> subscription_succeeded room-on-1
        c: open on 2; c: agree; c: subscribe room-on-1
        c> established
        c> subscription_succeeded room-on-1
        d: open on 1; d: subscribe room-on-1
        d> established
        d> subscription_succeeded room-on-1
        http: publish room-on-1 one 500
        a> packed event room-on-1 one
        b> packed event room-on-1 one
        c> packed event room-on-1 one
        d> event room-on-1 one
        http> published
        ",
    );
    assert_eq!(compressions(&mut world), [1, 0, 1]);
}

#[test]
fn nothing_is_compressed_where_nobody_agreed_or_they_have_left() {
    let mut world = check_on(
        1,
        limits,
        "
        a: subscribe room
        a> subscription_succeeded room
        b: agree
        b: subscribe other
        b> subscription_succeeded other
        http: publish room one 500
        a> event room one
        http> published
        b: subscribe room; b: unsubscribe room; b: subscribe room
        b> subscription_succeeded room
        b> subscription_succeeded room
        b: unsubscribe room
        http: publish room two 500
        a> event room two
        http> published
        b: subscribe room; b: gone
        http: publish room three 500
        a> event room three
        http> published
        ",
    );
    assert_eq!(compressions(&mut world), [0]);
}

#[test]
fn a_senders_own_events_are_cut_out_of_both_forms() {
    let mut world = check_on(
        1,
        limits,
        "
        a: agree
        a: subscribe private-room
        a> subscription_succeeded private-room
        b: subscribe private-room
        b> subscription_succeeded private-room
        c: agree
        c: subscribe private-room
        c> subscription_succeeded private-room
        a: event private-room client-1; http: publish private-room two 200; \
        a: event private-room client-3 300; b: event private-room client-4 400; \
        c: event private-room client-5; http: publish private-room six 600; \
        a: event private-room client-7 700
        a> packed event private-room two
        a> packed event private-room client-4
        a> event private-room client-5
        a> packed event private-room six
        b> event private-room client-1
        b> event private-room two
        b> event private-room client-3
        b> event private-room client-5
        b> event private-room six
        b> event private-room client-7
        c> event private-room client-1
        c> packed event private-room two
        c> packed event private-room client-3
        c> packed event private-room client-4
        c> packed event private-room six
        c> packed event private-room client-7
        http> published
        http> published
        ",
    );
    assert_eq!(compressions(&mut world), [5]);
}

#[test]
fn who_alone_is_sent_something_is_sent_it_as_it_is() {
    let mut world = check_on(
        1,
        limits,
        "
        a: agree
        a: subscribe room-whose-name-alone-would-be-worth-compressing-room-whose-name-alone-would-be
        a> subscription_succeeded \
        room-whose-name-alone-would-be-worth-compressing-room-whose-name-alone-would-be
        ",
    );
    assert_eq!(compressions(&mut world), [0]);
}
