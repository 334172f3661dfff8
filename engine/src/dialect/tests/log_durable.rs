//! Logs with a log thread: nothing is seen before it is kept.

use super::transcript::check_with;

#[test]
fn nothing_is_delivered_or_answered_before_it_is_kept() {
    check_with(
        |limits| limits.shard.log.is_durable = true,
        "
        a: follow log-on-1 live
        a> subscription_succeeded log-on-1
        http: append log-on-1 one + log-on-1 two
        http: append log-on-1 three
        b: follow log-on-1 after 0
        b> subscription_succeeded log-on-1
        disk: kept log-on-1 2
        a> event log-on-1 one 1
        a> event log-on-1 two 2
        b> event log-on-1 one 1
        b> event log-on-1 two 2
        http> appended 1, 2
        disk: kept log-on-1 3
        a> event log-on-1 three 3
        b> event log-on-1 three 3
        http> appended 3
        ",
    );
}

#[test]
fn what_is_lost_is_refused_and_its_number_is_given_again() {
    check_with(
        |limits| limits.shard.log.is_durable = true,
        "
        a: follow log-on-1 live
        a> subscription_succeeded log-on-1
        http: append log-on-1 one
        http: append log-on-1 two id x
        http: append log-on-1 three
        disk: lost log-on-1 2
        http> appended the event could not be written
        http> appended the event could not be written
        disk: kept log-on-1 1
        a> event log-on-1 one 1
        http> appended 1
        http: append log-on-1 two id x
        disk: kept log-on-1 2
        a> event log-on-1 two 2
        http> appended 2
        ",
    );
}

#[test]
fn an_id_that_waits_to_be_kept_is_known_already() {
    check_with(
        |limits| limits.shard.log.is_durable = true,
        "
        http: append log-on-1 one id x
        http: append log-on-1 one id x
        disk: kept log-on-1 1
        http> appended 1
        http> appended 1 again
        ",
    );
}

#[test]
fn more_than_may_wait_to_be_written_is_refused() {
    check_with(
        |limits| {
            limits.shard.log.is_durable = true;
            limits.shard.log.unsynced_bytes_max = 1_000;
        },
        "
        http: append log-on-1 one 500
        http: append log-on-1 two 500
        http> appended too many events wait to be written
        disk: kept log-on-1 1
        http> appended 1
        http: append log-on-1 three 500
        disk: kept log-on-1 2
        http> appended 2
        ",
    );
}
