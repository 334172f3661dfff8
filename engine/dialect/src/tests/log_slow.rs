//! Subscribers of logs that do not read: they go back to the log and are not closed.

use uringcast_shard::app::HistoryRule;

use super::transcript::{check_on, check_with};

#[test]
fn what_waits_for_who_does_not_read_is_bounded_however_much_is_published() {
    let start = "a: follow log live\na> subscription_succeeded log\na: stall\n".to_owned();
    let append = |sequence| format!("http: append log one 400\nhttp> appended {sequence}\n");
    let text: String = std::iter::once(start).chain((1..=200).map(append)).collect();
    let limit = |limits: &mut super::world::Limits| {
        (limits.shard.outbox_bytes_soft, limits.shard.outbox_bytes_max) = (2_000, 4_000);
        limits.shard.log.page_bytes_max = 500;
    };
    let world = check_on(1, limit, &text);
    let counters = world.shards[0].counters();
    assert!(counters.retained_bytes < 3_000, "{}", counters.retained_bytes);
    assert_eq!(counters.log_set_backs, 1);
    assert_eq!(counters.slow_consumer_closes, 0);
}

/// Its answer to a ping would come after all that it has yet to read.
#[test]
fn who_reads_slowly_and_catches_up_is_alive() {
    check_on(
        1,
        |limits| {
            (limits.shard.outbox_bytes_soft, limits.shard.outbox_bytes_max) = (1_000, 2_000);
            (limits.shard.activity_timeout_ms, limits.shard.pong_timeout_ms) = (1_000, 500);
            limits.shard.log.page_bytes_max = 400;
        },
        "
        a: follow log live
        a> subscription_succeeded log
        a: stall
        http: append log one 400
        http> appended 1
        http: append log two 400
        http> appended 2
        http: append log three 400
        http> appended 3
        http: append log four 400
        http> appended 4
        time: 900
        a: read 450
        time: 900
        a: read 450
        a> event log one 1
        time: 900
        a: read
        a> event log two 2
        a> event log three 3
        a> event log four 4
        ",
    );
}

#[test]
fn without_catch_up_a_slow_subscriber_is_closed_as_any_other() {
    check_with(
        |limits| {
            (limits.shard.outbox_bytes_soft, limits.shard.outbox_bytes_max) = (500, 1_000);
            let rule = HistoryRule { catch_up: false, ..HistoryRule::new("log*") };
            limits.history = vec![rule];
        },
        "
        a: follow log-on-1 live
        a> subscription_succeeded log-on-1
        a: stall
        http: append log-on-1 one 400
        http> appended 1
        http: append log-on-1 two 400
        http> appended 2
        http: append log-on-1 three 400
        http> appended 3
        a: read
        a> event log-on-1 one 1
        a> close 4100
        ",
    );
}
