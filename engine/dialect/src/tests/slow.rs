//! Clients that do not read: what they may cost, and how they are let go.

use uringcast_shard::id::AppIndex;
use uringcast_shard::{Output, Refusal, Segment};

use super::transcript::{check_on, check_with};
use super::world::{Limits, World};
use crate::Dialect;

#[test]
fn a_client_at_its_outbox_limit_keeps_everything() {
    // What `one` and `two` are as frames: 4 bytes of header, the event around 400 and 300 bytes.
    let bytes = |name: &str, data: usize| {
        4 + format!(r#"{{"event":"{name}","channel":"room","data":""}}"#).len() + data
    };
    let bytes_max = bytes("one", 400) + bytes("two", 300) + size_of::<Segment>();
    check_with(
        |limits| (limits.shard.outbox_bytes_soft, limits.shard.outbox_bytes_max) = (0, bytes_max),
        "
        a: subscribe room
        a> subscription_succeeded room
        a: stall
        http: publish room one 400
        http> published
        http: publish room two 300
        http> published
        a: read
        a> event room one
        a> event room two
        ",
    );
}

#[test]
fn the_slowest_client_goes_when_the_core_retains_too_much() {
    let world = check_on(
        1,
        |limits| limits.shard.retained_bytes_max = 1_800,
        "
        a: subscribe one
        a> subscription_succeeded one
        b: subscribe two
        b> subscription_succeeded two
        a: stall; b: stall
        http: publish one x; http: publish two x
        http> published
        http> published
        http: publish one y 300; http: publish two y 500
        http> published
        http> published
        http: publish one z 400
        http> published
        a: read
        a> event one x
        a> close 4100
        b: read
        b> event two x
        b> event two y
        ",
    );
    assert_eq!(world.shards[0].counters().refusals.of(Refusal::RetainedBytes), 1);
}

#[test]
fn the_others_hear_of_a_member_who_is_shed_in_the_same_turn() {
    let mut world = check_on(
        1,
        |limits| limits.shard.retained_bytes_max = 1_000,
        "
        a: subscribe presence-room as ann
        a> subscription_succeeded presence-room [ann]
        b: subscribe presence-room as bob
        a> member_added presence-room bob
        b> subscription_succeeded presence-room [ann bob]
        b: stall
        http: publish presence-room one
        a> event presence-room one
        http> published
        ",
    );
    let (name, ann) = (world.channel("presence-room"), world.clients[0].conn);
    let frame = uringcast_proto::ws::encode::text(&[b'x'; 1_500]);
    let shard = &mut world.shards[0];
    shard.publish(vec![uringcast_shard::Publication {
        channel: name,
        frame,
        skip: None,
        counted_as: None,
    }]);
    shard.end_turn();
    let mut heard = Vec::new();
    while let Some(output) = shard.poll_output() {
        if matches!(output, Output::Flush(conn) if conn == ann) {
            let segment = shard.take_send(ann).expect("who is to be flushed has something");
            heard.extend_from_slice(segment.as_ref());
        }
    }
    let heard = String::from_utf8_lossy(&heard);
    assert!(heard.contains("member_removed"), "it is said in the next turn: {heard}");
}

/// What waits for a room's client may be as much as its app says, whatever others may have.
#[test]
fn a_rooms_client_has_the_outbox_that_its_app_says() {
    // Whether the client is still open that has something in flight, and more behind it.
    let stays = |bytes_max: u32| {
        let mut limits = Limits::default();
        limits.app.zps.max_socket_buffered_bytes = bytes_max;
        let mut world = World::new(1, limits);
        let shard = &mut world.shards[0];
        let conn = shard.open(0).unwrap();
        shard.enter(conn, AppIndex(0), true);
        shard.upgrade(conn, Dialect::Zps);
        shard.send(conn, vec![0; 10_000].into());
        shard.take_send(conn).expect("nothing is in flight yet");
        shard.send(conn, vec![0; 60_000].into());
        shard.end_turn();
        shard.speaks(conn).is_some()
    };
    // What waits weighs a little more than its bytes.
    let limits: Vec<u32> = (69_000..71_000).collect();
    let least = limits[limits.partition_point(|&bytes_max| !stays(bytes_max))];
    assert!((70_000..70_200).contains(&least), "{least} bytes are enough");
}
