//! A subscriber of a room that does not read: what waits for it is bounded, and it misses nothing.

use serde_json::json;
use uringcast_tests::{Options, Server, Zps};

/// Bytes of one event's payload: large, so that the kernel's buffers are full after few of them.
const PAYLOAD_BYTES: usize = 8_000;
/// Events after which the kernel's buffers are full, and then some.
const EVENTS_MAX: u64 = 4_000;
/// What waits for one connection before it is sent back to the log.
const OUTBOX_BYTES_SOFT: u32 = 65_536;
/// What may wait for all: for the slow one what one send takes, a page behind it, and its part of a
/// turn; for the fast one, the same at the most.
const QUEUED_BYTES_MAX: u32 = 2 * 4 * OUTBOX_BYTES_SOFT;

/// A server whose rooms keep every event of a test.
fn server() -> Server {
    let rule = r#"{ pattern = "chat:*", events_max = 100000, bytes_max = 100000000 }"#;
    let config = format!(
        "[connection]\noutbox_bytes_soft = {OUTBOX_BYTES_SOFT}\noutbox_bytes_max = 262144\n\
         [log]\npage_bytes_max = 32768\n\
         [zps]\nallow_client_publish = true\nmax_messages_per_window = 0\n\
         [[apps]]\nid = \"app-id\"\nkey = \"app-key\"\nsecret = \"app-secret\"\n\
         history = [{rule}]\n"
    );
    Server::start(Options::new().config(&config))
}

fn set_backs(server: &Server) -> f64 {
    server.metric("uringcast_log_set_backs_total")
}

/// Publish events of which `fast` reads each, until the other subscriber is sent back to the log
/// and `more` have been published after that; how many those are in all, and the most bytes that
/// waited to be sent at any time.
fn publish_past(server: &Server, fast: &mut Zps, more: u64) -> (u64, f64) {
    let mut publisher = Zps::connect(server, "publisher");
    let payload = json!("x".repeat(PAYLOAD_BYTES));
    let (mut published, mut queued_max, mut until) = (0, 0.0_f64, None);
    while until.is_none_or(|until| published < until) {
        assert!(published < EVENTS_MAX, "the slow one is never sent back");
        for _ in 0..10 {
            publisher.publish("chat:a", "t", &payload);
            published += 1;
            fast.expect_event("chat:a", published);
        }
        queued_max = queued_max.max(server.metric("uringcast_retained_bytes"));
        if until.is_none() && set_backs(server) >= 1.0 {
            until = Some(published + more);
        }
    }
    (published, queued_max)
}

#[test]
fn who_does_not_read_costs_bounded_memory_and_then_gets_every_event_once_in_order() {
    let server = server();
    let mut slow = Zps::connect(&server, "slow");
    slow.subscribe("chat:a");
    let mut fast = Zps::connect(&server, "fast");
    fast.subscribe("chat:a");
    let more = 500; // 4 MB, of which none may wait.
    let (published, queued_max) = publish_past(&server, &mut fast, more);
    assert!(queued_max < f64::from(QUEUED_BYTES_MAX), "{queued_max} bytes waited");
    for sequence in 1..=published {
        slow.expect_event("chat:a", sequence);
    }
    // It is live again: what is published now comes right behind.
    let mut publisher = Zps::connect(&server, "another");
    publisher.publish("chat:a", "t", &json!(1));
    for subscriber in [&mut slow, &mut fast] {
        subscriber.expect_event("chat:a", published + 1);
        subscriber.expect_quiet();
    }
    assert_eq!(server.metric("uringcast_slow_consumer_closes_total").to_string(), "0");
}
