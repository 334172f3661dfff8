//! How much work a turn is: shared runs, and few sends.

use uringcast_shard::FRAMES_PER_SEND_BOUNDS;

use super::transcript::check_on;

#[test]
fn a_turns_events_are_one_run_that_all_subscribers_share() {
    let mut world = check_on(
        1,
        |_| {},
        "
        a: subscribe room; b: subscribe room
        a> subscription_succeeded room
        b> subscription_succeeded room
        http: publish room one; http: publish room two; http: publish room three
        a> event room one
        a> event room two
        a> event room three
        b> event room one
        b> event room two
        b> event room three
        http> published
        http> published
        http> published
        ",
    );
    let counters = world.shards[0].counters_mut();
    assert_eq!((counters.publishes, counters.batches, counters.deliveries), (3, 1, 6));
}

#[test]
fn without_coalescing_each_event_is_queued_and_sent_by_itself() {
    let mut world = check_on(
        1,
        |limits| limits.shard.is_coalescing = false,
        "
        a: subscribe room
        a> subscription_succeeded room
        http: publish room one; http: publish room two; http: publish room three
        a> event room one
        a> event room two
        a> event room three
        http> published
        http> published
        http> published
        ",
    );
    let counters = world.shards[0].counters_mut();
    assert_eq!((counters.batches, counters.deliveries), (3, 3));
    assert_eq!(counters.frames_per_send[1..], [0; FRAMES_PER_SEND_BOUNDS.len()]);
}

#[test]
fn what_queues_during_a_send_leaves_in_one() {
    let mut world = check_on(
        1,
        |_| {},
        "
        a: subscribe room
        a> subscription_succeeded room
        a: stall
        http: publish room one
        http> published
        http: publish room two
        http> published
        http: publish room three
        http> published
        a: read
        a> event room one
        a> event room two
        a> event room three
        ",
    );
    // The greeting with the answer, the first event, the other two together.
    assert_eq!(world.shards[0].counters_mut().frames_per_send[..2], [1, 2]);
}

#[test]
fn a_congested_client_is_known_until_it_has_read() {
    let mut world = check_on(
        1,
        |limits| limits.shard.outbox_bytes_soft = 100,
        "
        a: subscribe room
        a> subscription_succeeded room
        a: stall
        http: publish room one 200
        http> published
        ",
    );
    let conn = world.clients[0].conn;
    assert!(!world.shards[0].may_hear(conn));
    world.take_bytes(0, usize::MAX >> 1);
    assert!(world.shards[0].may_hear(conn));
}

#[test]
fn nothing_is_retained_when_everything_is_sent() {
    let mut world = check_on(
        1,
        |_| {},
        "
        a: subscribe room
        a> subscription_succeeded room
        http: publish room one
        a> event room one
        http> published
        ",
    );
    world.shards[0].end_turn();
    assert_eq!(world.shards[0].counters().retained_bytes, 0);
}
