//! A cursor against a log that is only a number: what is sent, again, given up and left out.

use super::*;
use crate::app::{Backoff, Flow};

fn sink(flow: Flow) -> Sink {
    let retry = RetryPolicy {
        backoff: Backoff::Linear,
        attempts_max: 2,
        delay_base_ms: 10,
        delay_max_ms: 1_000,
    };
    Sink { flow, retry, batch_events_max: 3, ..Sink::new("s", "http://s/") }
}

/// Send what is next of a log up to `last`; the first and the last event.
fn send(cursor: &mut SinkCursor, last: u64, sink: &Sink) -> Option<(u64, u64)> {
    let SinkRange { after, to, events_max } = cursor.range(last, sink);
    let until = to.min(after + u64::from(events_max));
    if until == after {
        cursor.rest();
        return None;
    }
    cursor.sent(after, until);
    Some((after + 1, until))
}

#[test]
fn batches_follow_each_other_until_there_is_no_more() {
    let (mut cursor, sink) = (SinkCursor::after(2), sink(Flow::Pause));
    assert!(cursor.queue() && !cursor.queue(), "it is queued once");
    for expected in [Some((3, 5)), Some((6, 8)), Some((9, 9)), None] {
        assert_eq!(send(&mut cursor, 9, &sink), expected);
        if expected.is_some() {
            assert!(!cursor.queue() && !cursor.is_idle());
            cursor.taken();
        }
    }
    assert_eq!((cursor.sequence(), cursor.is_idle()), (9, true));
    assert!(cursor.queue());
}

#[test]
fn a_batch_that_fails_is_sent_one_by_one_and_the_bad_one_given_up() {
    let (mut cursor, sink) = (SinkCursor::after(0), sink(Flow::Pause));
    cursor.queue();
    assert_eq!(send(&mut cursor, 9, &sink), Some((1, 3)));
    assert_eq!(cursor.failed(&sink.retry), AfterFailure::Retry { delay_ms: 10 });
    cursor.resume();
    assert_eq!(send(&mut cursor, 9, &sink), Some((1, 1)));
    cursor.taken();
    assert_eq!(send(&mut cursor, 9, &sink), Some((2, 2)));
    assert_eq!(cursor.failed(&sink.retry), AfterFailure::Retry { delay_ms: 10 });
    cursor.resume();
    assert!(cursor.is_retrying());
    assert_eq!(send(&mut cursor, 9, &sink), Some((2, 2)));
    let given_up = AfterFailure::GiveUp { sequence: 2, attempts: 2 };
    assert_eq!(cursor.failed(&sink.retry), given_up);
    assert!(!cursor.is_retrying());
    assert_eq!(send(&mut cursor, 9, &sink), Some((3, 3)));
    cursor.taken();
    assert_eq!(send(&mut cursor, 9, &sink), Some((4, 6)), "the next batch is whole");
}

#[test]
fn what_could_not_be_tried_counts_for_nothing() {
    let (mut cursor, sink) = (SinkCursor::after(0), sink(Flow::Pause));
    cursor.queue();
    for _ in 0..9 {
        assert_eq!(send(&mut cursor, 1, &sink), Some((1, 1)));
        cursor.not_tried();
        cursor.resume();
    }
    send(&mut cursor, 1, &sink);
    assert_eq!(cursor.failed(&sink.retry), AfterFailure::Retry { delay_ms: 10 });
}

#[test]
fn with_drop_what_comes_during_a_request_is_left_out() {
    let (mut cursor, sink) = (SinkCursor::after(0), sink(Flow::Drop));
    assert_eq!((1..=3).map(|last| cursor.appended(last, &sink)).sum::<u64>(), 0);
    assert_eq!(cursor.appended(4, &sink), 1, "one request holds three");
    cursor.queue();
    assert_eq!(send(&mut cursor, 4, &sink), Some((2, 4)));
    assert_eq!((5..=9).map(|last| cursor.appended(last, &sink)).sum::<u64>(), 5);
    cursor.failed(&sink.retry);
    cursor.resume();
    for event in 2..=4 {
        assert_eq!(send(&mut cursor, 9, &sink), Some((event, event)), "what was taken stays");
        cursor.taken();
    }
    assert_eq!(send(&mut cursor, 9, &sink), None);
    assert_eq!(cursor.appended(10, &sink), 0);
    cursor.queue();
    assert_eq!(send(&mut cursor, 10, &sink), Some((10, 10)));
}

#[test]
fn with_a_buffer_so_many_wait_and_the_oldest_beyond_are_left_out() {
    let (mut cursor, sink) = (SinkCursor::after(0), sink(Flow::Buffer { events_max: 2 }));
    cursor.appended(1, &sink);
    cursor.queue();
    assert_eq!(send(&mut cursor, 1, &sink), Some((1, 1)));
    assert_eq!((cursor.appended(3, &sink), cursor.appended(4, &sink)), (0, 1));
    cursor.taken();
    assert_eq!(send(&mut cursor, 4, &sink), Some((3, 4)));
}

#[test]
fn with_pause_nothing_is_left_out() {
    let mut cursor = SinkCursor::after(0);
    assert_eq!(cursor.appended(1_000_000, &sink(Flow::Pause)), 0);
}

#[test]
fn failures_of_an_event_that_is_gone_count_for_no_other() {
    let sink = Sink { batch_events_max: 1, ..sink(Flow::Pause) };
    let mut cursor = SinkCursor::after(0);
    cursor.queue();
    assert_eq!(send(&mut cursor, 2, &sink), Some((1, 1)));
    assert_eq!(cursor.failed(&sink.retry), AfterFailure::Retry { delay_ms: 10 });
    cursor.resume();
    cursor.sent(1, 2);
    assert_eq!(cursor.failed(&sink.retry), AfterFailure::Retry { delay_ms: 10 });
    cursor.resume();
    assert_eq!(send(&mut cursor, 2, &sink), Some((2, 2)));
    let given_up = AfterFailure::GiveUp { sequence: 2, attempts: 2 };
    assert_eq!(cursor.failed(&sink.retry), given_up);
}

/// Events that the log has let go of meanwhile are passed over, in a batch, too.
#[test]
fn what_is_gone_from_the_log_is_passed_over() {
    let (mut cursor, sink) = (SinkCursor::after(0), sink(Flow::Pause));
    cursor.queue();
    send(&mut cursor, 3, &sink);
    cursor.failed(&sink.retry);
    cursor.resume();
    cursor.skip(2);
    assert_eq!(send(&mut cursor, 9, &sink), Some((3, 3)));
    cursor.taken();
    cursor.skip(7);
    assert_eq!(send(&mut cursor, 9, &sink), Some((8, 9)));
    cursor.taken();
    assert_eq!((cursor.sequence(), send(&mut cursor, 9, &sink)), (9, None));
}
