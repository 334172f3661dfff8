//! Questions and publishes: one answer each, and not before it is true.

use uringcast_shard::Publication;

use super::transcript::check_on;

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
        matches!(
            outputs[..],
            [uringcast_shard::Output::Answer(..), uringcast_shard::Output::Flush(_)]
        ),
        "{outputs:?}"
    );
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
        let core = uringcast_shard::id::CoreId(1);
        let messages = shard.take_outgoing(core).unwrap();
        assert!(!shard.is_backlogged(), "what is taken does not wait here");
        shard.return_outgoing(core, messages);
    }
    assert!(world.shards[0].is_backlogged());
    let messages = world.shards[0].take_outgoing(uringcast_shard::id::CoreId(1)).unwrap();
    assert_eq!(messages.len(), 2);
}
