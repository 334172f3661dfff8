//! Subscribing, unsubscribing, and answers that come when nobody waits for them any more.

use super::transcript::{check, check_on, check_with};
use super::world::World;
use crate::shard::{Shard, SubscribeError, Subscribed};

#[test]
fn a_subscriber_gets_events_from_the_answer_to_the_unsubscribe() {
    check(
        "
        http: publish room before
        http> published
        a: subscribe room
        a> subscription_succeeded room
        http: publish room one
        a> event room one
        http> published
        a: unsubscribe room
        http: publish room two
        http> published
        ",
    );
}

#[test]
fn every_subscriber_gets_its_own_channels_only() {
    check(
        "
        a: subscribe room
        a> subscription_succeeded room
        b: subscribe room
        b> subscription_succeeded room
        b: subscribe lobby
        b> subscription_succeeded lobby
        http: publish room one
        a> event room one
        b> event room one
        http> published
        http: publish lobby two
        b> event lobby two
        http> published
        ",
    );
}

#[test]
fn a_channel_can_be_subscribed_to_again() {
    check(
        "
        a: subscribe room
        a> subscription_succeeded room
        a: unsubscribe room
        a: subscribe room
        a> subscription_succeeded room
        http: publish room one
        a> event room one
        http> published
        ",
    );
}

#[test]
fn a_second_subscription_to_one_channel_is_refused_and_changes_nothing() {
    check(
        "
        a: subscribe room
        a> subscription_succeeded room
        a: subscribe room
        a> error null
        http: publish room one
        a> event room one
        http> published
        ",
    );
}

#[test]
fn unsubscribing_from_what_is_not_subscribed_is_nothing() {
    check("a: unsubscribe room\n a: ping\n a> pong");
}

#[test]
fn leaving_one_of_several_channels_leaves_the_others_in_place() {
    check(
        "
        a: subscribe one
        a> subscription_succeeded one
        a: subscribe two
        a> subscription_succeeded two
        a: subscribe three
        a> subscription_succeeded three
        b: subscribe three
        b> subscription_succeeded three
        c: subscribe three
        c> subscription_succeeded three
        a: unsubscribe one
        http: publish one x + two y
        a> event two y
        http> published
        http: publish three z
        a> event three z
        b> event three z
        c> event three z
        http> published
        a: unsubscribe three
        b: gone
        http: publish three z + two y
        a> event two y
        c> event three z
        http> published
        ",
    );
}

#[test]
fn a_connection_may_have_as_many_subscriptions_as_the_limit_and_not_one_more() {
    check_with(
        |limits| limits.shard.subscriptions_max = 2,
        "
        a: subscribe one
        a> subscription_succeeded one
        a: subscribe two
        a> subscription_succeeded two
        a: subscribe three
        a> subscription_error three LimitReached 403
        a> error null
        a: unsubscribe one
        a: subscribe three
        a> subscription_succeeded three
        ",
    );
}

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
fn a_late_answer_is_not_taken_for_the_one_to_a_newer_attempt() {
    check_on(
        2,
        |_| {},
        "
        a: open on 0
        a> established
        mail: hold
        a: subscribe room-on-1
        a: unsubscribe room-on-1
        a: subscribe room-on-1
        mail: pass 0 1
        mail: pass 1 0
        mail: release
        a> subscription_succeeded room-on-1
        http: channel room-on-1
        http> [room-on-1:1]
        http: publish room-on-1 one
        a> event room-on-1 one
        http> published
        ",
    );
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
fn another_connection_in_the_same_slot_does_not_get_the_late_answer() {
    check_on(
        2,
        |_| {},
        "
        a: open on 0
        a> established
        mail: hold
        a: subscribe room-on-1
        a: gone
        b: open on 0
        b> established
        b: subscribe lobby-on-0
        b> subscription_succeeded lobby-on-0
        mail: release
        http: publish room-on-1 one + lobby-on-0 two
        b> event lobby-on-0 two
        http> published
        ",
    );
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
