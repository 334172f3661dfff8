//! Channels with a log: numbers, who begins where, and what comes again.

use super::transcript::{check, check_on, check_with};
use crate::app::HistoryRule;
use crate::shard::Refusal;

#[test]
fn events_are_numbered_by_the_owner_and_told_to_all() {
    check(
        "
        a: follow log-on-1 live
        a> subscription_succeeded log-on-1
        b: follow log-on-1 live
        b> subscription_succeeded log-on-1
        http: append log-on-1 one + log-on-1 two
        a> event log-on-1 one 1
        a> event log-on-1 two 2
        b> event log-on-1 one 1
        b> event log-on-1 two 2
        http> appended 1, 2
        a: append log-on-1 three
        a> event log-on-1 three 3
        b> event log-on-1 three 3
        ",
    );
}

#[test]
fn a_newcomer_gets_what_it_wants_of_what_was_and_then_what_comes() {
    check(
        "
        http: append log-on-1 one + log-on-1 two + log-on-1 three
        http> appended 1, 2, 3
        a: follow log-on-1 after 0; http: append log-on-1 four
        a> subscription_succeeded log-on-1
        a> event log-on-1 one 1
        a> event log-on-1 two 2
        a> event log-on-1 three 3
        a> event log-on-1 four 4
        http> appended 4
        b: follow log-on-1 after 2
        b> subscription_succeeded log-on-1
        b> event log-on-1 three 3
        b> event log-on-1 four 4
        c: follow log-on-1 after 100
        c> subscription_succeeded log-on-1
        c> truncated log-on-1 101 4
        http: append log-on-1 five
        a> event log-on-1 five 5
        b> event log-on-1 five 5
        c> event log-on-1 five 5
        http> appended 5
        ",
    );
}

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
fn the_same_id_is_the_same_event() {
    check(
        "
        a: follow log-on-1 live
        a> subscription_succeeded log-on-1
        http: append log-on-1 one id x + log-on-1 one id x + log-on-1 two id y
        a> event log-on-1 one 1
        a> event log-on-1 two 2
        http> appended 1, 1 again, 2
        http: append log-on-1 one id x
        http> appended 1 again
        a: append log-on-1 one y
        a: append log-on-1 one z
        a> event log-on-1 one 3
        ",
    );
}

#[test]
fn an_event_skips_the_connection_that_is_left_out() {
    check(
        "
        a: follow log-on-1 live
        a> subscription_succeeded log-on-1
        b: follow log-on-1 live
        b> subscription_succeeded log-on-1
        http: append log-on-1 one except a + log-on-1 two
        a> event log-on-1 two 2
        b> event log-on-1 one 1
        b> event log-on-1 two 2
        http> appended 1, 2
        ",
    );
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
    let sum = |of: fn(&crate::shard::Counters) -> u64| {
        world.shards.iter().map(|it| of(&it.counters)).sum::<u64>()
    };
    assert_eq!((sum(|it| it.acks_received), sum(|it| it.ack_updates)), (5, 2));
}

#[test]
fn an_acknowledgement_of_who_goes_at_once_is_not_lost() {
    check(
        "
        http: append log-on-1 one
        http> appended 1
        a: follow log-on-1 cursor
        a> subscription_succeeded log-on-1
        a> event log-on-1 one 1
        a: ack log-on-1 1; a: gone
        a: open
        a> established
        a: follow log-on-1 cursor
        a> subscription_succeeded log-on-1
        a> resumed log-on-1 1
        ",
    );
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
fn who_wants_some_types_gets_no_others() {
    check(
        "
        http: append log-on-1 one + log-on-1 two
        http> appended 1, 2
        a: follow log-on-1 after 0 only two,four
        a> subscription_succeeded log-on-1
        a> event log-on-1 two 2
        b: follow log-on-1 live
        b> subscription_succeeded log-on-1
        http: append log-on-1 three + log-on-1 four + log-on-1 five
        a> event log-on-1 four 4
        b> event log-on-1 three 3
        b> event log-on-1 four 4
        b> event log-on-1 five 5
        http> appended 3, 4, 5
        ",
    );
}

#[test]
fn a_wildcard_hears_every_room_of_its_scope_while_it_is_there() {
    check(
        "
        http: append chat:1 one
        http> appended 1
        a: follow chat:* after 0
        a> subscription_succeeded chat:*
        b: follow chat:1 live
        b> subscription_succeeded chat:1
        http: append chat:1 two + chat:2 three + other:1 four
        a> event chat:1 two 2
        a> event chat:2 three 1
        b> event chat:1 two 2
        http> appended 2, 1, 1
        http: ephemeral chat:1 typing
        a> event chat:1 typing
        b> event chat:1 typing
        ",
    );
}

#[test]
fn what_is_not_kept_has_no_number_and_does_not_come_again() {
    check(
        "
        a: follow log-on-1 live
        a> subscription_succeeded log-on-1
        http: ephemeral log-on-1 typing
        a> event log-on-1 typing
        http: append log-on-1 one
        a> event log-on-1 one 1
        http> appended 1
        b: follow log-on-1 after 0
        b> subscription_succeeded log-on-1
        b> event log-on-1 one 1
        ",
    );
}

#[test]
fn a_replay_gives_what_was_asked_for() {
    check(
        "
        http: append log-on-1 one + log-on-1 two + log-on-1 three
        http> appended 1, 2, 3
        a: replay log-on-1 1 all
        a> event log-on-1 two 2
        a> event log-on-1 three 3
        a> replayed log-on-1
        a: replay log-on-1 0 1
        a> event log-on-1 one 1
        a> replayed log-on-1
        a: replay log-on-1 3 all
        a> replayed log-on-1
        a: replay log-nobody 0 all
        a> replayed log-nobody
        ",
    );
}

#[test]
fn who_subscribes_again_begins_again() {
    check(
        "
        http: append log-on-1 one
        http> appended 1
        a: follow log-on-1 after 0
        a> subscription_succeeded log-on-1
        a> event log-on-1 one 1
        a: follow log-on-1 after 0
        a> subscription_succeeded log-on-1
        a> event log-on-1 one 1
        a: unsubscribe log-on-1
        http: append log-on-1 two
        http> appended 2
        ",
    );
}

#[test]
fn a_snapshot_comes_first_and_says_where_to_begin() {
    check(
        "
        http: append log-on-1 one + log-on-1 two
        http> appended 1, 2
        a: follow log-on-1 snapshot
        a> snapshot log-on-1 null
        a> subscription_succeeded log-on-1
        a> event log-on-1 one 1
        a> event log-on-1 two 2
        http: snapshot log-on-1 1 {}
        http> SnapshotSet(Ok(()))
        b: follow log-on-1 snapshot
        b> snapshot log-on-1 {\"sequence\":1,\"state\":{}}
        b> subscription_succeeded log-on-1
        b> event log-on-1 two 2
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
        a> error 4004
        ",
    );
    assert_eq!(world.shards[0].counters.refusals.of(Refusal::LogChannels), 2);
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
fn the_oldest_events_of_all_channels_go_first() {
    check_on(
        1,
        |limits| limits.shard.log.bytes_max = 900,
        "
        http: append log-1 one + log-2 one + log-1 two + log-2 two
        http> appended 1, 1, 2, 2
        a: follow log-1 after 0; a: follow log-2 after 0
        a> subscription_succeeded log-1
        a> truncated log-1 1 1
        a> event log-1 two 2
        a> subscription_succeeded log-2
        a> event log-2 one 1
        a> event log-2 two 2
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

/// Whoever has published an event does not get it back, live or from the log, for as long as it is
/// that connection; another one, of the same client, does.
#[test]
fn who_is_excluded_from_an_event_does_not_get_it_from_the_log_either() {
    check(
        "
        a: follow log-on-1 live
        a> subscription_succeeded log-on-1
        http: append log-on-1 one except a
        http> appended 1
        http: append log-on-1 two
        a> event log-on-1 two 2
        http> appended 2
        a: follow log-on-1 after 0
        a> subscription_succeeded log-on-1
        a> event log-on-1 two 2
        a: replay log-on-1 0 end
        a> event log-on-1 one 1
        a> event log-on-1 two 2
        a> replayed log-on-1
        b: follow log-on-1 after 0
        b> subscription_succeeded log-on-1
        b> event log-on-1 one 1
        b> event log-on-1 two 2
        ",
    );
}

/// Who is furthest behind comes first; who has everything, or has never said, is in no list.
#[test]
fn channels_are_named_by_how_far_their_slowest_subscriber_is_behind() {
    check_on(
        2,
        |_| {},
        "
        http: append log-on-0 one + log-on-0 two + log-on-1 three + log-on-1 four
        http> appended 1, 2, 1, 2
        http: append log-on-1 five + log-b-on-0 six + log-c-on-1 seven
        http> appended 3, 1, 1
        http: lags 3
        http> lags  of 0
        a: ack log-on-0 1; a: ack log-on-1 1; a: ack log-b-on-0 1
        b: ack log-on-1 2
        http: lags 3
        http> lags log-on-1:2 log-on-0:1 of 2
        http: lags 1
        http> lags log-on-1:2 of 2
        http: lags 0
        http> lags  of 2
        a: ack log-on-1 3
        http: lags 3
        http> lags log-on-0:1 log-on-1:1 of 2
        ",
    );
}
