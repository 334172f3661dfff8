//! Answers that leave together: one segment, each in its place.

use bytes::Bytes;
use uringcast_shard::Output;
use uringcast_shard::id::ConnId;

use super::transcript::check_on;
use super::world::World;

/// Two clients on one core.
fn world() -> (World, [ConnId; 2]) {
    let world = check_on(1, |_| {}, "a: ping\na> pong\nb: ping\nb> pong");
    let conns = [0, 1].map(|client| world.clients[client].conn);
    (world, conns)
}

fn reply(world: &mut World, conn: ConnId, text: &'static str) {
    world.shards[0].reply(conn, |frames| {
        frames.extend_from_slice(text.as_bytes());
        1
    });
}

/// What `conn` is sent at the turn's end, and as how many frames.
fn sent(world: &mut World, conn: ConnId) -> (String, u32) {
    let shard = &mut world.shards[0];
    shard.end_turn();
    while let Some(output) = shard.poll_output() {
        assert!(matches!(output, Output::Flush(_)), "{output:?}");
    }
    let Some(segment) = shard.take_send(conn) else { return (String::new(), 0) };
    shard.landed(conn, segment.len());
    (String::from_utf8(segment.as_ref().to_vec()).unwrap(), segment.frames())
}

#[test]
fn replies_to_one_connection_keep_their_place_among_all_that_it_is_sent() {
    let (mut world, [a, b]) = world();
    reply(&mut world, a, "1");
    reply(&mut world, a, "2");
    world.shards[0].send(a, Bytes::from_static(b"3"));
    reply(&mut world, a, "4");
    reply(&mut world, b, "other");
    reply(&mut world, a, "5");
    assert_eq!(sent(&mut world, a), ("12345".to_owned(), 5));
    assert_eq!(sent(&mut world, b), ("other".to_owned(), 1));
}

#[test]
fn replies_to_a_connection_that_is_gone_go_nowhere() {
    let (mut world, [a, b]) = world();
    reply(&mut world, a, "1");
    world.shards[0].closed(a, None);
    reply(&mut world, a, "2");
    reply(&mut world, b, "other");
    assert_eq!(sent(&mut world, a).1, 0);
    assert_eq!(sent(&mut world, b), ("other".to_owned(), 1));
}

/// Whoever asks for much and reads nothing is as bounded by its outbox as with single answers.
#[test]
fn replies_count_as_what_waits() {
    let (mut world, [a, _]) = world();
    let soft = world.shards[0].config().outbox_bytes_soft;
    let mut replies = 0;
    while world.shards[0].may_hear(a) {
        reply(&mut world, a, "0123456789012345678901234567890123456789");
        replies += 1;
        assert!(replies * 40 <= soft + 8 * 1024, "{replies} replies");
    }
}
