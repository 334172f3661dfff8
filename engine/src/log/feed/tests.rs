//! A feed against a log that is only a number: what is sent, again, given up and left out.

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
fn send(feed: &mut Feed, last: u64, sink: &Sink) -> Option<(u64, u64)> {
    let FeedRange { after, to, events_max } = feed.range(last, sink);
    let until = to.min(after + u64::from(events_max));
    if until == after {
        feed.rest();
        return None;
    }
    feed.sent(after, until);
    Some((after + 1, until))
}

#[test]
fn batches_follow_each_other_until_there_is_no_more() {
    let (mut feed, sink) = (Feed::after(2), sink(Flow::Pause));
    assert!(feed.queue() && !feed.queue(), "it is queued once");
    for expected in [Some((3, 5)), Some((6, 8)), Some((9, 9)), None] {
        assert_eq!(send(&mut feed, 9, &sink), expected);
        if expected.is_some() {
            assert!(!feed.queue() && !feed.is_idle());
            feed.taken();
        }
    }
    assert_eq!((feed.cursor(), feed.is_idle()), (9, true));
    assert!(feed.queue());
}

#[test]
fn a_batch_that_fails_is_sent_one_by_one_and_the_bad_one_given_up() {
    let (mut feed, sink) = (Feed::after(0), sink(Flow::Pause));
    feed.queue();
    assert_eq!(send(&mut feed, 9, &sink), Some((1, 3)));
    assert_eq!(feed.failed(&sink.retry), AfterFailure::Retry { delay_ms: 10 });
    feed.resume();
    assert_eq!(send(&mut feed, 9, &sink), Some((1, 1)));
    feed.taken();
    assert_eq!(send(&mut feed, 9, &sink), Some((2, 2)));
    assert_eq!(feed.failed(&sink.retry), AfterFailure::Retry { delay_ms: 10 });
    feed.resume();
    assert!(feed.is_retrying());
    assert_eq!(send(&mut feed, 9, &sink), Some((2, 2)));
    let given_up = AfterFailure::GiveUp { sequence: 2, attempts: 2 };
    assert_eq!(feed.failed(&sink.retry), given_up);
    assert!(!feed.is_retrying());
    assert_eq!(send(&mut feed, 9, &sink), Some((3, 3)));
    feed.taken();
    assert_eq!(send(&mut feed, 9, &sink), Some((4, 6)), "the next batch is whole");
}

#[test]
fn what_could_not_be_tried_counts_for_nothing() {
    let (mut feed, sink) = (Feed::after(0), sink(Flow::Pause));
    feed.queue();
    for _ in 0..9 {
        assert_eq!(send(&mut feed, 1, &sink), Some((1, 1)));
        feed.not_tried();
        feed.resume();
    }
    send(&mut feed, 1, &sink);
    assert_eq!(feed.failed(&sink.retry), AfterFailure::Retry { delay_ms: 10 });
}

#[test]
fn with_drop_what_comes_during_a_request_is_left_out() {
    let (mut feed, sink) = (Feed::after(0), sink(Flow::Drop));
    assert_eq!((1..=3).map(|last| feed.appended(last, &sink)).sum::<u64>(), 0);
    assert_eq!(feed.appended(4, &sink), 1, "one request holds three");
    feed.queue();
    assert_eq!(send(&mut feed, 4, &sink), Some((2, 4)));
    assert_eq!((5..=9).map(|last| feed.appended(last, &sink)).sum::<u64>(), 5);
    feed.failed(&sink.retry);
    feed.resume();
    for event in 2..=4 {
        assert_eq!(send(&mut feed, 9, &sink), Some((event, event)), "what was taken stays");
        feed.taken();
    }
    assert_eq!(send(&mut feed, 9, &sink), None);
    assert_eq!(feed.appended(10, &sink), 0);
    feed.queue();
    assert_eq!(send(&mut feed, 10, &sink), Some((10, 10)));
}

#[test]
fn with_a_buffer_so_many_wait_and_the_oldest_beyond_are_left_out() {
    let (mut feed, sink) = (Feed::after(0), sink(Flow::Buffer { events_max: 2 }));
    feed.appended(1, &sink);
    feed.queue();
    assert_eq!(send(&mut feed, 1, &sink), Some((1, 1)));
    assert_eq!((feed.appended(3, &sink), feed.appended(4, &sink)), (0, 1));
    feed.taken();
    assert_eq!(send(&mut feed, 4, &sink), Some((3, 4)));
}

#[test]
fn with_pause_nothing_is_left_out() {
    let mut feed = Feed::after(0);
    assert_eq!(feed.appended(1_000_000, &sink(Flow::Pause)), 0);
}

#[test]
fn failures_of_an_event_that_is_gone_count_for_no_other() {
    let sink = Sink { batch_events_max: 1, ..sink(Flow::Pause) };
    let mut feed = Feed::after(0);
    feed.queue();
    assert_eq!(send(&mut feed, 2, &sink), Some((1, 1)));
    assert_eq!(feed.failed(&sink.retry), AfterFailure::Retry { delay_ms: 10 });
    feed.resume();
    feed.sent(1, 2);
    assert_eq!(feed.failed(&sink.retry), AfterFailure::Retry { delay_ms: 10 });
    feed.resume();
    assert_eq!(send(&mut feed, 2, &sink), Some((2, 2)));
    let given_up = AfterFailure::GiveUp { sequence: 2, attempts: 2 };
    assert_eq!(feed.failed(&sink.retry), given_up);
}

/// Events that the log has let go of meanwhile are passed over, in a batch, too.
#[test]
fn what_is_gone_from_the_log_is_passed_over() {
    let (mut feed, sink) = (Feed::after(0), sink(Flow::Pause));
    feed.queue();
    send(&mut feed, 3, &sink);
    feed.failed(&sink.retry);
    feed.resume();
    feed.skip(2);
    assert_eq!(send(&mut feed, 9, &sink), Some((3, 3)));
    feed.taken();
    feed.skip(7);
    assert_eq!(send(&mut feed, 9, &sink), Some((8, 9)));
    feed.taken();
    assert_eq!((feed.cursor(), send(&mut feed, 9, &sink)), (9, None));
}
