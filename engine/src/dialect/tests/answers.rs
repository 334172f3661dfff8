//! Questions and publishes: one answer each, and not before it is true.

use super::transcript::{check, check_on};
use crate::shard::Publication;

#[test]
fn a_publish_is_answered_when_every_core_has_queued_it() {
    check_on(
        3,
        |_| {},
        "
        a: open on 1
        a> established
        b: open on 2
        b> established
        a: subscribe room-on-1; b: subscribe room-on-1
        a> subscription_succeeded room-on-1
        b> subscription_succeeded room-on-1
        mail: hold
        http: publish room-on-1 one
        mail: pass 0 1
        a> event room-on-1 one
        mail: pass 1 0
        mail: pass 1 2
        b> event room-on-1 one
        mail: pass 2 0
        http> published
        ",
    );
}

#[test]
fn a_core_may_report_before_the_owner_does() {
    check_on(
        3,
        |_| {},
        "
        a: open on 2
        a> established
        a: subscribe room-on-1
        a> subscription_succeeded room-on-1
        mail: hold
        http: publish room-on-1 one
        mail: pass 0 1
        mail: pass 1 2
        a> event room-on-1 one
        mail: pass 2 0
        mail: pass 1 0
        http> published
        ",
    );
}

#[test]
fn a_batch_is_answered_once() {
    check(
        "
        a: subscribe room
        a> subscription_succeeded room
        http: publish room one + lobby two + room three
        a> event room one
        a> event room three
        http> published
        ",
    );
}

#[test]
fn the_answer_waits_for_the_turns_end_on_the_same_core_too() {
    let mut world = check_on(1, |_| {}, "a: subscribe room\n a> subscription_succeeded room");
    let channel = world.channel("room");
    let frame = uringcast_proto::ws::encode::text(b"event");
    let shard = &mut world.shards[0];
    shard.publish(vec![Publication { channel, frame, skip: None, counted_as: None }]);
    assert!(shard.poll_output().is_none(), "no outbox has the event yet");
    shard.end_turn();
    let outputs: Vec<_> = std::iter::from_fn(|| shard.poll_output()).collect();
    assert!(
        matches!(outputs[..], [crate::shard::Output::Answer(..), crate::shard::Output::Flush(_)]),
        "{outputs:?}"
    );
}

#[test]
fn channels_and_users_are_gathered_from_every_core() {
    check(
        "
        a: subscribe room; b: subscribe room; c: subscribe presence-room as ann
        a> subscription_succeeded room
        b> subscription_succeeded room
        c> subscription_succeeded presence-room [ann]
        a: subscribe presence-room as bob
        a> subscription_succeeded presence-room [ann bob]
        c> member_added presence-room bob
        http: channels
        http> [presence-room:2/2 room:2]
        http: channel room
        http> [room:2]
        http: channel lobby
        http> []
        http: users presence-room
        http> [ann bob]
        http: users lobby
        http> []
        ",
    );
}

#[test]
fn a_publish_tells_who_was_there_when_its_owner_took_it() {
    check(
        "
        a: subscribe room; b: subscribe room
        a> subscription_succeeded room
        b> subscription_succeeded room
        a: subscribe presence-room as ann; b: subscribe presence-room as ann
        a> subscription_succeeded presence-room [ann]
        b> subscription_succeeded presence-room [ann]
        http: publish room one counted 0 + lobby two counted 1 + lobby three
        a> event room one
        b> event room one
        http> [0:2 1:0]
        http: publish presence-lobby one counted 0 + presence-room two counted 1
        a> event presence-room two
        b> event presence-room two
        http> [0:0/0 1:2/1]
        ",
    );
}

#[test]
fn an_apps_connections_are_counted_until_their_sockets_are_gone() {
    check_on(
        2,
        |_| {},
        "
        a: open on 0
        a> established
        b: open on 1
        b> established
        c: connect
        http: connections
        http> connections 2
        a: gone
        http: connections
        http> connections 1
        ",
    );
}

#[test]
fn every_core_gives_its_numbers_in_the_order_of_the_cores() {
    check_on(3, |_| {}, "http: counters\n http> [0 1 2]");
}

#[test]
fn a_full_mailbox_gives_its_envelope_back_and_nothing_is_out_of_order() {
    let mut world = check_on(
        2,
        |limits| limits.shard.mailbox_bytes_max = 1_000,
        "
        a: open on 1
        a> established
        a: subscribe room-on-1
        a> subscription_succeeded room-on-1
        ",
    );
    let channel = world.channel("room-on-1");
    for text in [[b'x'; 600], [b'y'; 600]] {
        let (channel, frame) = (channel.clone(), uringcast_proto::ws::encode::text(&text));
        let shard = &mut world.shards[0];
        assert!(!shard.is_backlogged());
        shard.publish(vec![Publication { channel, frame, skip: None, counted_as: None }]);
        shard.end_turn();
        let core = crate::id::CoreId(1);
        let messages = shard.take_outgoing(core).unwrap();
        assert!(!shard.is_backlogged(), "what is taken does not wait here");
        shard.return_outgoing(core, messages);
    }
    assert!(world.shards[0].is_backlogged());
    let messages = world.shards[0].take_outgoing(crate::id::CoreId(1)).unwrap();
    assert_eq!(messages.len(), 2);
}
