//! Opening, sounding out, closing and draining, with the times of each.

use super::transcript::{check, check_on};
use crate::shard::Millis;

#[test]
fn a_handshake_has_its_time() {
    check(
        "
        a: connect
        time: 9900
        time: 200
        a> expired
        time: 1800
        time: 100
        a> cut
        ",
    );
    check("a: connect\n time: 9900\n a: upgrade\n a> established\n time: 10000");
}

#[test]
fn a_core_takes_as_many_connections_as_the_limit_and_not_one_more() {
    check_on(
        1,
        |limits| limits.shard.connections_max = 1,
        "
        a: connect
        b: connect
        b> refused
        a: gone
        b: connect
        ",
    );
}

#[test]
fn a_silent_client_is_pinged_and_then_closed_with_4201() {
    check(
        "
        a: open
        a> established
        time: 119900
        time: 200
        a> ping
        a> ping frame
        time: 29800
        time: 300
        a> close 4201
        time: 1600
        time: 500
        a> cut
        ",
    );
}

#[test]
fn any_message_is_a_sign_of_life() {
    check(
        "
        a: open
        a> established
        time: 60000
        a: subscribe room
        a> subscription_succeeded room
        time: 119900
        time: 200
        a> ping
        a> ping frame
        time: 20000
        a: pong
        time: 119900
        time: 200
        a> ping
        a> ping frame
        ",
    );
}

#[test]
fn a_close_is_answered_with_its_code_and_the_stream_ends() {
    check(
        "
        a: open
        a> established
        a: close 4000
        a> close 4000
        a> cut
        a: gone
        b: open
        b> established
        b: close
        b> close
        b> cut
        time: 1900
        time: 300
        ",
    );
}

#[test]
fn the_stream_ends_only_when_the_close_frame_has_left() {
    check(
        "
        a: subscribe room
        a> subscription_succeeded room
        a: stall
        http: publish room one
        http> published
        a: close 1000
        http: publish room two
        http> published
        a: read
        a> event room one
        a> close 1000
        a> cut
        ",
    );
}

#[test]
fn a_drain_closes_everyone_within_its_window_and_not_all_at_once() {
    check_on(
        1,
        |_| {},
        "
        a: subscribe room; b: subscribe room; c: subscribe room; d: subscribe room
        a> subscription_succeeded room
        b> subscription_succeeded room
        c> subscription_succeeded room
        d> subscription_succeeded room
        server: drain 1000
        d> close 4200
        time: 200
        time: 100
        c> close 4200
        http: publish room last
        a> event room last
        b> event room last
        http> published
        time: 200
        b> close 4200
        time: 300
        a> close 4200
        a: close 4200; b: close 4200; c: close 4200; d: close 4200
        a> cut
        b> cut
        c> cut
        d> cut
        ",
    );
}

#[test]
fn a_drain_without_a_window_closes_everyone_at_once() {
    check(
        "
        a: open
        a> established
        b: open
        b> established
        server: drain 0
        a> close 4200
        b> close 4200
        ",
    );
}

#[test]
fn a_handshake_that_ends_during_a_drain_is_drained_too() {
    check(
        "
        a: connect
        b: open
        b> established
        server: drain 1000
        b> close 4200
        time: 1000
        a: upgrade
        a> established
        time: 100
        a> close 4200
        ",
    );
}

#[test]
fn an_event_of_a_slot_that_is_used_again_is_not_for_the_newcomer() {
    let mut world = check_on(1, |_| {}, "a: open\n a> established");
    let (conn, shard) = (world.clients[0].conn, &mut world.shards[0]);
    shard.on_peer_close(conn, None);
    assert!(
        matches!(shard.poll_output(), Some(crate::shard::Output::Flush(flushed)) if flushed == conn)
    );
    let segment = shard.take_send(conn).unwrap();
    shard.landed(conn, segment.len());
    shard.closed(conn, None);
    let newcomer = shard.open(7).unwrap();
    assert_eq!(newcomer.slot, conn.slot);
    assert!(shard.poll_output().is_none(), "who is gone needs nothing more");
}

#[test]
fn a_clock_that_steps_back_does_not_take_the_shard_with_it() {
    let mut world = check_on(1, |_| {}, "a: open\n a> established\n time: 5000");
    world.shards[0].advance(Millis(1_000));
    assert_eq!(world.shards[0].now(), Millis(5_000));
}

#[test]
fn a_pong_in_time_is_enough_however_short_the_activity_timeout() {
    super::transcript::check_with(
        |limits| limits.shard.activity_timeout_ms = 5_000,
        "
        a: open
        a> established
        time: 5100
        a> ping
        a> ping frame
        time: 1000
        a: pong
        time: 4900
        time: 200
        a> ping
        a> ping frame
        ",
    );
}
