//! A Pusher client that does not read a channel with a log: its place is in the log, not in the
//! kernel.

use uringcast_tests::{Api, Client, Event, Options, Raw, Server};

/// Bytes of one event's data.
const DATA_BYTES: usize = 8_000;

/// What the kernel may hold of a connection whose place is in the log: what is unsent, as much
/// again for the two sockets' buffers and the kernel's account of them, and what a send adds.
const KERNEL_BYTES_MAX: usize = 512 * 1024;

fn start() -> Server {
    let rule = r#"{ pattern = "*-kept", events_max = 100000, bytes_max = 100000000 }"#;
    Server::start(Options::new().config(&format!(
        "[connection]\noutbox_bytes_soft = 65536\n\
         [[apps]]\nid = \"app-id\"\nkey = \"app-key\"\nsecret = \"app-secret\"\n\
         history = [{rule}]\n"
    )))
}

/// The number that ends an event's frame.
fn sequence(event: &Event) -> &str {
    let tail = event.raw.rsplit_once(r#","sequence":"#).expect("events of a log are numbered").1;
    tail.trim_end_matches('}')
}

/// Whatever it was subscribed to before.
#[test]
fn who_does_not_read_is_sent_back_to_the_log_before_the_kernel_holds_much() {
    let server = start();
    let mut slow = Raw::narrow_pusher(server.address(), &server.app());
    slow.subscribe("plain");
    slow.subscribe("a-kept");
    let mut fast = Client::connect(&server);
    fast.subscribe("a-kept");
    let mut api = Api::new(&server);
    let data = "x".repeat(DATA_BYTES);
    let mut published = 0;
    while server.metric("uringcast_log_set_backs_total") < 1.0 {
        let bytes = published * DATA_BYTES;
        assert!(bytes < KERNEL_BYTES_MAX, "{bytes} bytes were taken, and nobody has read any");
        api.publish("a-kept", "n", &data);
        published += 1;
        fast.expect_on("a-kept", "n");
    }
    for number in 1..=published {
        assert_eq!(sequence(&slow.expect_event("n")), number.to_string());
    }
    api.publish("plain", "m", "");
    slow.expect_event("m");
}
