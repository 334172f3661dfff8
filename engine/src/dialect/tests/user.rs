//! Signing in: one user on many connections and cores, and what it opens and ends.

use super::transcript::{check, check_on, check_with};
use crate::shard::Shard;

#[test]
fn a_user_signs_in_and_has_a_channel() {
    check(
        "
        a: signin ann
        a> signin_success ann
        a: subscribe #server-to-user-ann
        a> subscription_succeeded #server-to-user-ann
        ",
    );
}

#[test]
fn a_connection_signs_in_again_as_the_same_user_and_as_no_other() {
    check(
        "
        a: signin ann; a: signin ann; a: signin bob
        a> signin_success ann
        a> signin_success ann
        a> error 4009
        a: subscribe #server-to-user-bob
        a> subscription_error #server-to-user-bob AuthError 401
        a> error 4009
        a: subscribe #server-to-user-ann
        a> subscription_succeeded #server-to-user-ann
        ",
    );
}

#[test]
fn channels_with_a_hash_are_for_nobody_else() {
    check(
        "
        a: subscribe #server-to-user-ann
        a> subscription_error #server-to-user-ann AuthError 401
        a> error 4009
        a: subscribe #server-to-user-; a: subscribe #else
        a> subscription_error #server-to-user- InvalidChannel 400
        a> error null
        a> subscription_error #else InvalidChannel 400
        a> error null
        ",
    );
}

#[test]
fn an_event_to_a_user_reaches_every_connection_of_the_user_and_no_other() {
    check(
        "
        a1: signin ann; a1: subscribe #server-to-user-ann
        a1> signin_success ann
        a1> subscription_succeeded #server-to-user-ann
        a2: signin ann; a2: subscribe #server-to-user-ann
        a2> signin_success ann
        a2> subscription_succeeded #server-to-user-ann
        b: signin bob; b: subscribe #server-to-user-bob
        b> signin_success bob
        b> subscription_succeeded #server-to-user-bob
        http: publish #server-to-user-ann hi
        a1> event #server-to-user-ann hi
        a2> event #server-to-user-ann hi
        http> published
        ",
    );
}

/// What `channel_data` says comes first: the app's server signed it for this very channel.
#[test]
fn who_signed_in_is_the_member_where_channel_data_names_none() {
    check(
        "
        a: signin ann; a: subscribe presence-room
        a> signin_success ann
        a> subscription_succeeded presence-room [ann]
        b: subscribe presence-room
        b> subscription_error presence-room InvalidMember 400
        b> error null
        b: signin bob; b: subscribe presence-room as bea
        a> member_added presence-room bea
        b> signin_success bob
        b> subscription_succeeded presence-room [ann bea]
        a: gone
        b> member_removed presence-room ann
        ",
    );
}

#[test]
fn terminating_a_user_closes_every_connection_of_the_user_and_no_other() {
    check(
        "
        a1: signin ann; a2: signin ann; a3: subscribe presence-room as ann; b: signin bob
        a1> signin_success ann
        a2> signin_success ann
        a3> subscription_succeeded presence-room [ann]
        b> signin_success bob
        http: terminate ann
        a1> error 4009
        a1> close 4009
        a2> error 4009
        a2> close 4009
        a3> error 4009
        a3> close 4009
        http> terminated 3
        http: terminate ann
        http> terminated 0
        http: users presence-room
        http> []
        ",
    );
}

#[test]
fn a_connection_that_signed_in_and_is_a_member_is_closed_once() {
    check(
        "
        a: signin ann; a: subscribe presence-room; a: subscribe presence-hall
        a> signin_success ann
        a> subscription_succeeded presence-room [ann]
        a> subscription_succeeded presence-hall [ann]
        http: terminate ann
        a> error 4009
        a> close 4009
        http> terminated 1
        ",
    );
}

#[test]
fn who_does_not_sign_in_in_time_is_closed() {
    check_with(
        |limits| limits.app.signin_timeout_s = 30,
        "
        a: open; b: open; c: open; d: open
        a> established
        b> established
        c> established
        d> established
        b: signin ann; c: subscribe private-room; d: subscribe room
        b> signin_success ann
        c> subscription_succeeded private-room
        d> subscription_succeeded room
        time: 29900
        time: 200
        a> error 4009
        a> close 4009
        d> error 4009
        d> close 4009
        time: 80000
        a> cut
        d> cut
        time: 10000
        b> ping
        b> ping frame
        c> ping
        c> ping frame
        ",
    );
}

#[test]
fn a_timeout_after_the_first_ping_is_met_too() {
    check_with(
        |limits| {
            limits.app.signin_timeout_s = 30;
            limits.shard.activity_timeout_ms = 10_000;
        },
        "
        a: open
        a> established
        time: 10100
        a> ping
        a> ping frame
        time: 19800
        time: 200
        a> error 4009
        a> close 4009
        ",
    );
}

/// Two who watch each other, one of them in a channel, too.
const FRIENDS: &str = "
    a: signin ann watching bob; a: subscribe #server-to-user-ann
    a> signin_success ann
    a> subscription_succeeded #server-to-user-ann
    a> watchlist offline [bob]
    b: signin bob watching ann
    a> watchlist online [bob]
    b> signin_success bob
    b> watchlist online [ann]
    b: subscribe presence-room
    b> subscription_succeeded presence-room [bob]
    ";

/// Every way to the end passes the same place, and nothing is left behind it.
#[test]
fn users_leave_nothing_behind_however_they_end() {
    let closed = "
        a: close 1000
        a> close 1000
        a> cut
        b> watchlist offline [ann]
        b: close
        b> close
        b> cut
        ";
    let gone = "
        a: gone
        b> watchlist offline [ann]
        b: gone
        ";
    let terminated = "
        http: terminate ann
        a> error 4009
        a> close 4009
        b> watchlist offline [ann]
        http> terminated 1
        a: gone
        b: gone
        ";
    for ending in [closed, gone, terminated] {
        for cores in 1..=3 {
            let world = check_on(cores, |_| {}, &format!("{FRIENDS}{ending}"));
            assert!(world.shards.iter().all(Shard::is_vacant), "{ending}");
        }
    }
}
