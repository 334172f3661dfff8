//! Subscribing, unsubscribing, and answers that come when nobody waits for them any more.

use uringcast_shard::{Shard, SubscribeError, Subscribed};

use super::transcript::check_on;
use super::world::World;

#[test]
fn who_unsubscribes_before_the_answer_never_sees_it() {
    let mut world = check_on(
        2,
        |_| {},
        "
        a: open on 0
        a> established
        mail: hold
        a: subscribe room-on-1
        a: unsubscribe room-on-1
        mail: release
        http: publish room-on-1 one
        http> published
        http: channels
        http> []
        ",
    );
    world.gone(0);
    world.settle();
    assert_nothing_is_left(&world);
}

#[test]
fn who_is_gone_before_the_answer_is_counted_out_again() {
    let world = check_on(
        2,
        |_| {},
        "
        a: open on 0
        a> established
        mail: hold
        a: subscribe presence-on-1 as ann
        a: gone
        mail: release
        http: users presence-on-1
        http> []
        ",
    );
    assert_nothing_is_left(&world);
}

#[test]
fn nobody_subscribes_while_being_closed() {
    let mut world = check_on(1, |_| {}, "a: ping\n a> pong");
    let conn = world.clients[0].conn;
    let shard = &mut world.shards[0];
    shard.on_peer_close(conn, None);
    assert_eq!(shard.subscribe(conn, "room", None), Err(SubscribeError::Closing));
    let subscribed: Option<Subscribed> = shard.subscribed(conn, "room");
    assert!(subscribed.is_none());
}

fn assert_nothing_is_left(world: &World) {
    assert!(world.shards.iter().all(Shard::is_vacant));
}
