//! Opening, sounding out, closing and draining, with the times of each.

use uringcast_shard::Millis;

use super::transcript::{check, check_on};

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
fn an_event_of_a_slot_that_is_used_again_is_not_for_the_newcomer() {
    let mut world = check_on(1, |_| {}, "a: open\n a> established");
    let (conn, shard) = (world.clients[0].conn, &mut world.shards[0]);
    shard.on_peer_close(conn, None);
    let output = shard.poll_output();
    assert!(matches!(output, Some(uringcast_shard::Output::Flush(it)) if it == conn));
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
