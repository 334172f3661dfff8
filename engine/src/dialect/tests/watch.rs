//! Watchlists: how watched users are, first as it is and then every change, once.

use super::transcript::{check, check_on, check_with};
use crate::dialect::Dialect;
use crate::shard::NOTICES_MAX;

/// A user is online from the first connection to the last, on whatever cores they are.
#[test]
fn a_watcher_hears_of_users_and_not_of_connections() {
    check(
        "
        a: signin ann watching bob
        a> signin_success ann
        a> watchlist offline [bob]
        b1: signin bob
        a> watchlist online [bob]
        b1> signin_success bob
        b2: signin bob
        b2> signin_success bob
        b1: gone
        b3: signin bob
        b3> signin_success bob
        b2: gone
        b3: gone
        a> watchlist offline [bob]
        b4: signin bob
        a> watchlist online [bob]
        b4> signin_success bob
        ",
    );
}

#[test]
fn a_watcher_is_told_how_it_is_when_it_begins_to_watch() {
    check(
        "
        b: signin bob
        b> signin_success bob
        a: signin ann watching bob
        a> signin_success ann
        a> watchlist online [bob]
        c: signin cat watching bob
        c> signin_success cat
        c> watchlist online [bob]
        a: gone
        b: gone
        c> watchlist offline [bob]
        ",
    );
}

#[test]
fn everyone_of_the_list_is_in_one_message() {
    check_on(
        1,
        |_| {},
        "
        b: signin bob; c: signin cat
        b> signin_success bob
        c> signin_success cat
        a: signin ann watching dan bob eve cat bob ann
        a> signin_success ann
        a> watchlist online [ann bob cat] offline [dan eve]
        d: signin dan; c: gone; e: signin eve
        a> watchlist online [dan eve] offline [cat]
        d> signin_success dan
        e> signin_success eve
        ",
    );
}

#[test]
fn who_comes_and_goes_in_one_turn_is_told_in_that_order() {
    check_on(
        1,
        |_| {},
        "
        a: signin ann watching bob cat
        a> signin_success ann
        a> watchlist offline [bob cat]
        b: open; c: open
        b> established
        c> established
        b: signin bob; c: signin cat; b: gone
        a> watchlist online [bob cat] offline [bob]
        c> signin_success cat
        b: open
        b> established
        b: signin bob; b: gone; b: open; b: signin bob
        a> watchlist online [bob] offline [bob] online [bob]
        b> established
        b> signin_success bob
        ",
    );
}

#[test]
fn a_second_sign_in_does_not_watch_again() {
    check(
        "
        a: signin ann watching bob
        a> signin_success ann
        a> watchlist offline [bob]
        a: signin ann watching bob cat
        a> signin_success ann
        b: signin bob; c: signin cat
        a> watchlist online [bob]
        b> signin_success bob
        c> signin_success cat
        ",
    );
}

#[test]
fn one_user_more_than_may_be_watched_and_nobody_is() {
    let at_the_limit = "
        a: signin ann watching bob cat
        a> signin_success ann
        a> watchlist offline [bob cat]
        ";
    check_on(1, |limits| limits.app.watchlist_max = 2, at_the_limit);
    check_with(
        |limits| limits.app.watchlist_max = 2,
        "
        a: signin ann watching bob cat dan; a: subscribe #server-to-user-ann
        a> signin_success ann
        a> error 4302
        a> subscription_succeeded #server-to-user-ann
        b: signin bob
        b> signin_success bob
        ",
    );
}

/// The owner's answer stands between what was before and what comes after.
#[test]
fn a_change_on_the_way_is_told_once_and_in_its_place() {
    check_on(
        2,
        |_| {},
        "
        a: open on 0; b: open on 1
        a> established
        b> established
        mail: hold
        a: signin ann watching bob-on-1
        a> signin_success ann
        mail: pass 0 1
        b: signin bob-on-1
        b> signin_success bob-on-1
        b: gone
        mail: release
        a> watchlist offline [bob-on-1]
        a> watchlist online [bob-on-1]
        a> watchlist offline [bob-on-1]
        ",
    );
}

#[test]
fn an_answer_that_nobody_waits_for_is_not_taken_for_a_later_one() {
    check_on(
        2,
        |_| {},
        "
        a: open on 0; c: open on 0; b: open on 1
        a> established
        b> established
        c> established
        mail: hold
        a: signin ann watching bob-on-1; a: gone; c: signin cat watching bob-on-1
        c> signin_success cat
        mail: pass 0 1
        b: signin bob-on-1
        b> signin_success bob-on-1
        mail: release
        c> watchlist offline [bob-on-1]
        c> watchlist online [bob-on-1]
        ",
    );
}

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
