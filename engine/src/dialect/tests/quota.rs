//! An app's limit on connections, exact over cores, and the places of those turned away.

use super::transcript::{check, check_on, check_with};
use super::world::Limits;

fn two(limits: &mut Limits) {
    limits.app.connections_max = 2;
}

#[test]
fn an_app_takes_as_many_connections_as_its_limit_and_not_one_more() {
    check_with(
        two,
        "
        a: open
        a> established
        b: open
        b> established
        http: connections
        http> connections 2
        c: open
        c> error 4004
        c> close 4004
        http: connections
        http> connections 2
        ",
    );
}

/// Whatever its way to go: the limit is for those who are there.
#[test]
fn a_place_is_free_again_once_a_connection_is_gone() {
    check_with(
        two,
        "
        a: open
        a> established
        b: open
        b> established
        a: gone
        c: open
        c> established
        b: close 1000
        b> close 1000
        b> cut
        time: 100
        d: open
        d> established
        http: connections
        http> connections 2
        c: gone; d: gone
        http: connections
        http> connections 0
        ",
    );
}

#[test]
fn who_was_refused_leaves_nothing_behind() {
    check_with(
        |limits| limits.app.connections_max = 1,
        "
        a: open
        a> established
        b: open
        b> error 4004
        b> close 4004
        b: gone
        http: connections
        http> connections 1
        a: gone
        c: open
        c> established
        ",
    );
}

/// App 0 belongs to core 0: of two that ask at the same time, the one whose question is there
/// first is let in.
#[test]
fn two_cores_that_ask_at_once_do_not_both_get_the_last_place() {
    check_on(
        3,
        |limits| limits.app.connections_max = 1,
        "
        mail: hold
        a: open on 1; b: open on 2
        mail: pass 2 0
        mail: pass 1 0
        mail: pass 0 2
        b> established
        mail: pass 0 1
        a> error 4004
        a> close 4004
        ",
    );
}

#[test]
fn who_goes_while_the_owner_is_asked_takes_no_place() {
    check_on(
        2,
        |limits| limits.app.connections_max = 1,
        "
        mail: hold
        a: open on 1
        a: gone
        mail: release
        b: open on 1
        b> established
        http: connections
        http> connections 1
        ",
    );
}

#[test]
fn where_there_is_no_limit_all_are_counted_and_nobody_waits() {
    check_on(
        2,
        |_| {},
        "
        mail: hold
        a: open on 1
        a> established
        b: open on 0
        b> established
        mail: release
        http: connections
        http> connections 2
        ",
    );
    check("a: connect\n http: connections\n http> connections 0");
}

#[test]
fn those_who_are_turned_away_have_few_places_of_their_own() {
    let mut world = check_on(1, |limits| limits.shard.connections_max = 1, "a: connect");
    let shard = &mut world.shards[0];
    assert!(shard.open(7).is_err());
    let conn = shard.open_to_turn_away(8).unwrap();
    assert!(shard.open_to_turn_away(9).is_err(), "the tests' limit is 1");
    shard.closed(conn, None);
    assert!(shard.open(10).is_err(), "their places are not for clients");
    assert!(shard.open_to_turn_away(11).is_ok());
}
