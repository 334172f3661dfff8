//! Who is posted the events of rooms, and who is asked about them.

use super::*;
use crate::app::{Backoff, Flow, RetryPolicy, Sink};

const APP: &str = "[[apps]]\nid = \"a\"\nkey = \"k\"\nsecret = \"s\"\n";

const SINK: &str = "[[apps.sinks]]\nname = \"n\"\nurl = \"http://h/\"\n";

fn problem_count(more: &str) -> usize {
    let file = format!("{APP}{more}");
    load(&file, &[], &[]).map_or_else(|problems| problems.0.len(), |_| 0)
}

#[test]
fn sinks_are_read_with_what_they_leave_out_and_printed_as_they_are() {
    let file = format!(
        "{APP}room_auth_url = \"http://h/rooms\"\n{SINK}[[apps.sinks]]\nname = \"m\"\n\
         url = \"https://h/m\"\nrooms = \"chat:*\"\nheaders = {{ x-token = \"t\" }}\n\
         retry = \"linear\"\nattempts_max = 3\ndelay_base_ms = 7\ndelay_max_ms = 8\n\
         flow = \"buffer\"\nbuffer_events_max = 9\nbatch_events_max = 10\n"
    );
    let loaded = load(&file, &[], &[]).unwrap();
    let app = &loaded.config.apps[0];
    let second = Sink {
        rooms: "chat:*".to_owned(),
        headers: vec![("x-token".to_owned(), "t".into())],
        retry: RetryPolicy {
            backoff: Backoff::Linear,
            attempts_max: 3,
            delay_base_ms: 7,
            delay_max_ms: 8,
        },
        flow: Flow::Buffer { events_max: 9 },
        batch_events_max: 10,
        ..Sink::new("m", "https://h/m")
    };
    assert_eq!((&*app.sinks[0], &*app.sinks[1]), (&Sink::new("n", "http://h/"), &second));
    assert_eq!(app.room_auth_url.as_deref(), Some("http://h/rooms"));
}

#[test]
fn sinks_hold_at_their_limits_and_not_one_past_them() {
    let of = |part: &str| problem_count(&format!("{SINK}{part}"));
    for (good, bad) in [
        ("attempts_max = 1", "attempts_max = 0"),
        ("attempts_max = 1000", "attempts_max = 1001"),
        ("delay_base_ms = 0", "delay_base_ms = -1"),
        ("delay_max_ms = 86_400_000", "delay_max_ms = 86_400_001"),
        ("batch_events_max = 10_000", "batch_events_max = 10_001"),
        ("retry = \"fixed\"", "retry = \"square\""),
        ("flow = \"drop\"", "flow = \"wait\""),
        ("flow = \"buffer\"\nbuffer_events_max = 1", "flow = \"buffer\"\nbuffer_events_max = 0"),
        ("flow = \"buffer\"", "flow = \"pause\"\nbuffer_events_max = 1"),
        ("rooms = \"chat:*\"", "rooms = \"chat *\""),
        ("headers = { a = \"b\" }", "headers = { x-uringcast-sink = \"b\" }"),
    ] {
        assert_eq!([of(good), of(bad)], [0, 1], "{good}, {bad}");
    }
    assert_eq!(problem_count("[[apps.sinks]]\nname = \"n\"\n"), 1, "a sink needs its URL");
    assert_eq!(problem_count("[[apps.sinks]]\nurl = \"http://h/\"\n"), 1, "and its name");
    assert_eq!(problem_count(&SINK.repeat(2)), 1, "of its own");
    let sinks = |count| {
        let tables = (0..count).map(|it| SINK.replace("\"n\"", &format!("\"n{it}\"")));
        problem_count(&tables.collect::<String>())
    };
    assert_eq!([sinks(20), sinks(21)], [0, 1]);
    assert_eq!(problem_count("room_auth_url = \"ftp://h/\"\n"), 1);
}

#[test]
fn a_webhook_has_a_policy_only_if_it_says_so() {
    let webhook = "[[apps.webhooks]]\nurl = \"http://h/\"\n";
    let retry = |more: &str| {
        let file = format!("{APP}{webhook}{more}");
        load(&file, &[], &[]).unwrap().config.apps[0].webhooks[0].retry
    };
    assert_eq!(retry(""), None);
    assert_eq!(retry("retry = \"exponential\""), Some(RetryPolicy::default()));
    let expected = RetryPolicy { delay_max_ms: 7, ..RetryPolicy::default() };
    assert_eq!(retry("delay_max_ms = 7"), Some(expected));
    assert_eq!(problem_count(&format!("{webhook}attempts_max = 0")), 1);
}

#[test]
fn what_is_printed_is_read_again_as_the_same() {
    let file = format!("{APP}{SINK}flow = \"buffer\"\nretry = \"fixed\"\n");
    let printed = |file: &str| load(file, &[], &[]).unwrap().to_string();
    let first = printed(&file);
    assert!(first.contains("buffer_events_max = 1000\n"), "{first}");
    let tables = &first[first.find("[[apps.sinks]]").unwrap()..];
    assert_eq!(problem_count(tables), 0, "{tables}");
}
