//! Channels with a log: numbers, who begins where, and what comes again.

use uringcast_shard::Refusal;
use uringcast_shard::app::HistoryRule;

use super::transcript::{check_on, check_with};

#[test]
fn small_pages_hide_nothing() {
    for (events, bytes) in [(1, 65_536), (2, 65_536), (500, 1)] {
        check_with(
            |limits| {
                limits.shard.log.page_events_max = events;
                limits.shard.log.page_bytes_max = bytes;
            },
            "
            http: append log-on-1 one + log-on-1 two + log-on-1 three
            http> appended 1, 2, 3
            a: follow log-on-1 after 0
            a> subscription_succeeded log-on-1
            a> event log-on-1 one 1
            a> event log-on-1 two 2
            a> event log-on-1 three 3
            http: append log-on-1 four
            a> event log-on-1 four 4
            http> appended 4
            ",
        );
    }
}

#[test]
fn a_subscriber_begins_after_what_it_has_acknowledged() {
    let world = check_on(
        2,
        |_| {},
        "
        http: append log-on-1 one + log-on-1 two + log-on-1 three
        http> appended 1, 2, 3
        a: follow log-on-1 cursor
        a> subscription_succeeded log-on-1
        a> event log-on-1 one 1
        a> event log-on-1 two 2
        a> event log-on-1 three 3
        a: ack log-on-1 1; a: ack log-on-1 2; a: ack log-on-1 1
        a: gone
        a: open
        a> established
        a: follow log-on-1 cursor
        a> subscription_succeeded log-on-1
        a> resumed log-on-1 2
        a> event log-on-1 three 3
        a: ack log-on-1 900
        a> error null
        a: ack log-on-1 3
        a: gone
        http: info log-on-1
        http> info 1 to 3, 1 cursor, lag 0
        ",
    );
    let sum = |of: fn(&uringcast_shard::Counters) -> u64| {
        world.shards.iter().map(|it| of(&it.counters())).sum::<u64>()
    };
    assert_eq!((sum(|it| it.acks_received), sum(|it| it.ack_updates)), (5, 2));
}

#[test]
fn what_is_gone_is_said_to_be() {
    check_with(
        |limits| {
            let rule = HistoryRule { events_max: 2, ttl_s: 1, ..HistoryRule::new("log*") };
            limits.history = vec![rule];
        },
        "
        http: append log-on-1 one + log-on-1 two + log-on-1 three
        http> appended 1, 2, 3
        a: follow log-on-1 after 0
        a> subscription_succeeded log-on-1
        a> truncated log-on-1 1 1
        a> event log-on-1 two 2
        a> event log-on-1 three 3
        time: 900
        http: append log-on-1 four
        a> event log-on-1 four 4
        http> appended 4
        time: 200
        b: follow log-on-1 after 1
        b> subscription_succeeded log-on-1
        b> truncated log-on-1 2 3
        b> event log-on-1 four 4
        time: 5000
        c: follow log-on-1 after 0
        c> subscription_succeeded log-on-1
        c> truncated log-on-1 1 4
        http: append log-on-1 five
        a> event log-on-1 five 5
        b> event log-on-1 five 5
        c> event log-on-1 five 5
        http> appended 5
        ",
    );
}

#[test]
fn as_many_channels_have_a_log_as_may_and_not_one_more() {
    let world = check_on(
        1,
        |limits| limits.shard.log.channels_max = 2,
        "
        http: append log-1 one + log-2 one
        http> appended 1, 1
        http: append log-3 one
        http> appended 2 channels have a log, which is all that may
        a: follow log-3 live
        a> subscription_error log-3 LimitReached 403
        a> error null
        ",
    );
    assert_eq!(world.shards[0].counters().refusals.of(Refusal::LogChannels), 2);
}

#[test]
fn a_log_with_nothing_in_it_makes_room_and_its_numbers_are_not_given_again() {
    check_on(
        1,
        |limits| {
            limits.shard.log.channels_max = 1;
            limits.history = vec![HistoryRule { ttl_s: 1, ..HistoryRule::new("log*") }];
        },
        "
        http: append log-1 one + log-1 two
        http> appended 1, 2
        time: 1200
        http: append log-2 one
        http> appended 3
        time: 1200
        http: append log-1 three
        http> appended 4
        ",
    );
}

#[test]
fn an_event_larger_than_its_channel_keeps_is_refused() {
    check_with(
        |limits| {
            limits.history = vec![HistoryRule { bytes_max: 1_000, ..HistoryRule::new("log*") }];
        },
        "
        http: append log-on-1 one 2000
        http> appended the event takes 2149 bytes, its channel keeps at most 1000
        a: append log-on-1 one
        ",
    );
}

#[test]
fn many_channels_are_caught_up_with_in_turn_and_not_at_once() {
    let append = |channel| format!("http: append log-{channel} one 900 + log-{channel} one 900\n");
    let mut text: String = (0..9).map(append).collect();
    let names = (0..9).map(|channel| format!("a: follow log-{channel} after 0"));
    text += &names.collect::<Vec<_>>().join("; ");
    let limit = |limits: &mut super::world::Limits| {
        (limits.shard.outbox_bytes_soft, limits.shard.outbox_bytes_max) = (2_000, 6_000);
        limits.shard.log.page_events_max = 1;
    };
    let mut world = super::transcript::world_of(2, limit, &text);
    let seen = world.take_seen();
    assert_eq!(seen.iter().filter(|(who, _)| who == "a").count(), 27, "{seen:?}");
}
