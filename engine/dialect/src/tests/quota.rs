//! An app's limit on connections, exact over cores, and the places of those turned away.

use super::transcript::{check, check_on};

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
