//! Watchlists: how watched users are, first as it is and then every change, once.

use uringcast_shard::NOTICES_MAX;

use super::transcript::check_on;
use crate::Dialect;

#[test]
fn watchers_of_one_user_share_one_message() {
    let mut world = check_on(
        1,
        |_| {},
        "
        a: signin ann watching bob
        a> signin_success ann
        a> watchlist offline [bob]
        c: signin cat watching bob
        c> signin_success cat
        c> watchlist offline [bob]
        a: stall; c: stall
        b: open
        b> established
        ",
    );
    let retained = world.shards[0].counters().retained_bytes;
    world.signin(2, "bob", &[]);
    world.settle();
    let one = world.shards[0].counters().retained_bytes - retained;
    assert!((128..512).contains(&one), "{one} bytes are retained for one message");
}

/// Who falls behind with what the watchlist says is a slow consumer like any other.
#[test]
fn a_watcher_that_does_not_read_is_closed() {
    let mut script = String::from(
        "
        a: signin ann watching bob
        a> signin_success ann
        a> watchlist offline [bob]
        b: open
        b> established
        a: stall
        ",
    );
    for _ in 0..20 {
        script += "b: signin bob\n b> signin_success bob\n b: gone\n b: open\n b> established\n";
    }
    let world = check_on(
        1,
        |limits| (limits.shard.outbox_bytes_soft, limits.shard.outbox_bytes_max) = (500, 1_000),
        &script,
    );
    assert_eq!(world.shards[0].counters().slow_consumer_closes, 1);
}

/// Nothing is told before the turn's end, unless it would be very much.
#[test]
fn a_turn_with_very_many_changes_is_told_in_parts() {
    let watcher = "
        a: signin ann watching bob
        a> signin_success ann
        a> watchlist offline [bob]
        ";
    let mut world = check_on(1, |_| {}, watcher);
    let shard = &mut world.shards[0];
    for _ in 0..NOTICES_MAX / 2 {
        assert!(!shard.has_outputs(), "there is room for more");
        let conn = shard.open(0).unwrap();
        shard.upgrade(conn, Dialect::Pusher);
        assert_eq!(shard.sign_in(conn, "bob", "{}"), Ok(true));
        shard.closed(conn, None);
    }
    assert!(shard.has_outputs());
}
