//! Channels with a log: sequences on the wire, and what clients may ask of a log.

use serde_json::json;
use uringcast_tests::{Api, Client, Event, Options, Server};

const SUCCEEDED: &str = "pusher_internal:subscription_succeeded";

const APPS: &str = r#"
    [connection]
    subscriptions_max = 3

    [[apps]]
    id = "app-id"
    key = "app-key"
    secret = "app-secret"
    history = [
        { pattern = "short-*", events_max = 3 },
        { pattern = "*-kept" },
    ]
"#;

fn start(cores: u8) -> Server {
    Server::start(Options::new().cores(cores).config(APPS))
}

/// The number that ends a frame.
fn sequence(event: &Event) -> u64 {
    let tail = event.raw.rsplit_once(r#","sequence":"#).map(|(_, tail)| tail);
    let digits = tail.and_then(|tail| tail.strip_suffix('}'));
    digits.and_then(|digits| digits.parse().ok()).unwrap_or_else(|| panic!("{}", event.raw))
}

/// Joins `channel` and returns the event after which it starts.
fn subscribe(client: &mut Client, channel: &str) -> u64 {
    client.ask_subscribe(channel);
    sequence(&client.expect_on(channel, SUCCEEDED))
}

/// Reads events with these sequences.
fn expect(client: &mut Client, channel: &str, sequences: impl IntoIterator<Item = u64>) {
    for wanted in sequences {
        assert_eq!(sequence(&client.expect_on(channel, "n")), wanted);
    }
}

fn expect_truncated(client: &mut Client, channel: &str, after: u64, first: u64) {
    let told = client.expect_on(channel, "uringcast:truncated").json();
    assert_eq!(told, json!({"after": after, "first": first}));
}

/// The development app, and those of `--app`, have no table to say it in.
#[test]
fn a_flag_says_which_channels_have_a_log() {
    let server = Server::start(Options::new().flag("--history", "kept-*,orders"));
    let mut client = Client::connect(&server);
    let mut api = Api::new(&server);
    for channel in ["kept-1", "orders"] {
        assert_eq!(subscribe(&mut client, channel), 0);
        api.publish(channel, "n", "1");
        expect(&mut client, channel, 1..=1);
    }
    client.subscribe("plain");
    api.publish("plain", "n", "1");
    assert!(!client.expect_on("plain", "n").raw.contains("sequence"));
}

#[test]
fn every_way_to_publish_numbers_its_events() {
    for cores in [1, 2] {
        let server = start(cores);
        let mut api = Api::new(&server);
        let (mut one, mut two) = (Client::connect(&server), Client::connect(&server));
        for client in [&mut one, &mut two] {
            assert_eq!(subscribe(client, "private-kept"), 0);
        }
        api.publish("private-kept", "n", "1");
        api.publish_batch((2..=4).map(|n| ("private-kept", "n", n.to_string())));
        let body = json!({"name": "n", "channels": ["other", "private-kept"], "data": "5"});
        assert_eq!(api.post("/events", &body).status, 200);
        one.trigger("private-kept", "client-n", &json!(6));
        two.expect_numbers("private-kept", "n", 1..=5);
        let event = two.expect_on("private-kept", "client-n");
        let text = r#"{"event":"client-n","channel":"private-kept","data":6,"sequence":6}"#;
        assert_eq!(event.raw, text);
        api.publish("private-kept", "n", "7");
        // Who sent an event has a hole there.
        expect(&mut one, "private-kept", [1, 2, 3, 4, 5, 7]);
    }
}

#[test]
fn an_excluded_socket_has_a_hole_and_the_others_do_not() {
    let server = start(2);
    let mut api = Api::new(&server);
    let (mut one, mut two) = (Client::connect(&server), Client::connect(&server));
    for client in [&mut one, &mut two] {
        subscribe(client, "a-kept");
    }
    let body = json!({"name": "n", "channel": "a-kept", "data": "", "socket_id": one.socket_id()});
    assert_eq!(api.post("/events", &body).status, 200);
    api.publish("a-kept", "n", "");
    expect(&mut one, "a-kept", [2]);
    expect(&mut two, "a-kept", [1, 2]);
}

#[test]
fn the_answer_tells_who_was_there_as_on_other_channels() {
    let server = start(2);
    let mut client = Client::connect(&server);
    subscribe(&mut client, "a-kept");
    let body = json!({
        "name": "n", "channels": ["a-kept", "other"], "data": "", "info": "subscription_count",
    });
    let response = Api::new(&server).post("/events", &body);
    let told: serde_json::Value = serde_json::from_str(&response.body_text()).expect("JSON");
    assert_eq!(told["channels"]["a-kept"]["subscription_count"], 1);
    assert_eq!(told["channels"]["other"]["subscription_count"], 0);
}

#[test]
fn a_publish_that_is_sent_again_is_numbered_once() {
    let server = start(2);
    let mut api = Api::new(&server);
    let mut client = Client::connect(&server);
    subscribe(&mut client, "a-kept");
    let body = json!({"name": "n", "channel": "a-kept", "data": ""}).to_string();
    for _ in 0..2 {
        let request = api.signed("POST", "/events", body.clone()).header("Idempotency-Key", "one");
        assert_eq!(api.send(&request).status, 200);
    }
    api.publish("a-kept", "n", "");
    expect(&mut client, "a-kept", [1, 2]);
}

#[test]
fn a_subscription_starts_where_it_was_said_before() {
    for cores in [1, 2] {
        let server = start(cores);
        let mut api = Api::new(&server);
        for n in 1..=700 {
            api.publish("a-kept", "n", &n.to_string());
        }
        let mut client = Client::connect(&server);
        client.send("uringcast:resume", &json!({"channel": "a-kept", "after": 2}));
        assert_eq!(subscribe(&mut client, "a-kept"), 2);
        expect(&mut client, "a-kept", 3..=700);
        api.publish("a-kept", "n", "");
        expect(&mut client, "a-kept", [701]);
        // It was for one subscription.
        client.unsubscribe("a-kept");
        assert_eq!(subscribe(&mut client, "a-kept"), 701);
        client.expect_quiet();
    }
}

#[test]
fn a_subscriber_goes_elsewhere_in_the_log_at_once() {
    let server = start(2);
    let mut api = Api::new(&server);
    let mut client = Client::connect(&server);
    subscribe(&mut client, "a-kept");
    api.publish_batch((1..=3).map(|n| ("a-kept", "n", n.to_string())));
    expect(&mut client, "a-kept", 1..=3);
    client.send("uringcast:resume", &json!({"channel": "a-kept", "after": 1}));
    expect(&mut client, "a-kept", 2..=3);
    api.publish("a-kept", "n", "");
    expect(&mut client, "a-kept", [4]);
    client.expect_quiet();
}

#[test]
fn events_that_are_gone_and_logs_that_began_anew_are_told() {
    let server = start(2);
    let mut api = Api::new(&server);
    for _ in 0..9 {
        api.publish("short-a", "n", "");
    }
    let mut client = Client::connect(&server);
    client.send("uringcast:resume", &json!({"channel": "short-a", "after": 2}));
    assert_eq!(subscribe(&mut client, "short-a"), 2);
    expect_truncated(&mut client, "short-a", 2, 7);
    expect(&mut client, "short-a", 7..=9);
    client.send("uringcast:resume", &json!({"channel": "short-a", "after": 50}));
    expect_truncated(&mut client, "short-a", 50, 10);
    api.publish("short-a", "n", "");
    expect(&mut client, "short-a", [10]);
}

/// Once a server without a disk has been started again, the numbers are those of other events.
#[test]
fn a_client_of_another_life_of_the_server_is_told_and_gets_all_of_this_one() {
    let mut server = start(2);
    let epoch_of = |frame: &Event| {
        let tail = frame.raw.rsplit_once(r#","epoch":"#).expect("an epoch").1;
        tail.split(',').next().and_then(|digits| digits.parse::<u64>().ok()).expect("a number")
    };
    let publish = |server: &Server, count: u32| {
        let mut api = Api::new(server);
        (0..count).for_each(|_| api.publish("a-kept", "n", ""));
    };
    publish(&server, 5);
    let mut client = Client::connect(&server);
    client.ask_subscribe("a-kept");
    let before = epoch_of(&client.expect_on("a-kept", SUCCEEDED));
    server.restart();
    publish(&server, 7);
    // Before it subscribes, and when it is subscribed.
    let mut client = Client::connect(&server);
    let resume = json!({"channel": "a-kept", "after": 5, "epoch": before});
    client.send("uringcast:resume", &resume);
    client.ask_subscribe("a-kept");
    let welcome = client.expect_on("a-kept", SUCCEEDED);
    assert_eq!(sequence(&welcome), 0);
    expect_truncated(&mut client, "a-kept", 5, 1);
    expect(&mut client, "a-kept", 1..=7);
    client.send("uringcast:resume", &resume);
    expect_truncated(&mut client, "a-kept", 5, 1);
    expect(&mut client, "a-kept", 1..=7);
    let epoch = epoch_of(&welcome);
    assert_ne!(epoch, before);
    client.send("uringcast:resume", &json!({"channel": "a-kept", "after": 6, "epoch": epoch}));
    expect(&mut client, "a-kept", [7]);
    client.expect_quiet();
}

#[test]
fn a_replay_brings_events_again_and_says_when_it_is_over() {
    let server = start(2);
    let mut api = Api::new(&server);
    let mut client = Client::connect(&server);
    subscribe(&mut client, "short-a");
    for _ in 0..5 {
        api.publish("short-a", "n", "");
    }
    expect(&mut client, "short-a", 1..=5);
    for (after, first) in [(3, 4), (1, 3), (5, 6)] {
        client.send("uringcast:replay", &json!({"channel": "short-a", "after": after}));
        if first > after + 1 {
            expect_truncated(&mut client, "short-a", after, first);
        }
        expect(&mut client, "short-a", first..=5);
        let over = client.expect_on("short-a", "uringcast:replayed").json();
        assert_eq!(over, json!({"after": after, "last": 5}));
    }
}

#[test]
fn an_ack_is_kept_under_the_id_that_the_apps_server_has_signed() {
    let server = start(2);
    let mut api = Api::new(&server);
    let mut ann = Client::connect(&server);
    ann.signin(&json!({"id": "ann"}));
    subscribe(&mut ann, "a-kept");
    api.publish_batch((1..=5).map(|n| ("a-kept", "n", n.to_string())));
    expect(&mut ann, "a-kept", 1..=5);
    ann.send("uringcast:ack", &json!({"channel": "a-kept", "sequence": 3}));
    ann.send("uringcast:ack", &json!({"channel": "a-kept", "sequence": 2}));
    ann.expect_quiet();
    let resume = |subscriber: Option<&str>| {
        let mut client = Client::connect(&server);
        if subscriber.is_none() {
            client.signin(&json!({"id": "ann"}));
        }
        let data = json!({"channel": "a-kept", "subscriber": subscriber});
        client.send("uringcast:resume", &data);
        let start = subscribe(&mut client, "a-kept");
        (client, start)
    };
    let (mut again, start) = resume(None);
    assert_eq!(start, 3);
    expect(&mut again, "a-kept", 4..=5);
    // Who only says so is somebody else, and has no cursor: it starts with what comes next.
    assert_eq!(resume(Some("ann")).1, 5);
}

#[test]
fn a_member_of_a_presence_channel_is_known_and_sees_members_while_catching_up() {
    let server = start(2);
    let mut api = Api::new(&server);
    api.publish_batch((1..=5).map(|n| ("presence-kept", "n", n.to_string())));
    let mut ann = Client::connect(&server);
    ann.subscribe_as("presence-kept", "ann");
    ann.send("uringcast:ack", &json!({"channel": "presence-kept", "sequence": 4}));
    ann.expect_quiet();
    ann.close();
    let mut ann = Client::connect(&server);
    ann.send("uringcast:resume", &json!({"channel": "presence-kept"}));
    assert_eq!(ann.subscribe_as("presence-kept", "ann")["ids"], json!(["ann"]));
    expect(&mut ann, "presence-kept", [5]);
    Client::connect(&server).subscribe_as("presence-kept", "bob");
    ann.expect_on("presence-kept", "pusher_internal:member_added");
    ann.expect_on("presence-kept", "pusher_internal:member_removed");
}

#[test]
fn a_cache_channel_with_a_log_gives_its_last_event_once() {
    let server = start(2);
    let mut api = Api::new(&server);
    api.publish_batch((1..=2).map(|n| ("cache-kept", "n", n.to_string())));
    let mut client = Client::connect(&server);
    assert_eq!(subscribe(&mut client, "cache-kept"), 1);
    expect(&mut client, "cache-kept", [2]);
    client.expect_quiet();
    let mut other = Client::connect(&server);
    other.send("uringcast:resume", &json!({"channel": "cache-kept", "after": 0}));
    assert_eq!(subscribe(&mut other, "cache-kept"), 0);
    expect(&mut other, "cache-kept", 1..=2);
    other.expect_quiet();
}

#[test]
fn what_cannot_be_done_is_answered_and_named() {
    let server = start(2);
    let mut client = Client::connect(&server);
    let mut check = |event: &str, data: serde_json::Value, words: &str| {
        client.send(event, &data);
        let text = client.expect_error(None);
        assert!(text.contains(words), "{text}");
    };
    check("uringcast:ack", json!({"channel": "other", "sequence": 1}), "\"other\" keeps no events");
    check("uringcast:ack", json!({"channel": "a-kept", "sequence": 1}), "not subscribed");
    check("uringcast:replay", json!({"channel": "a-kept", "after": 1}), "not subscribed");
    check("uringcast:replay", json!({"channel": "a-kept"}), "after");
    check("uringcast:resume", json!({"channel": "a/b"}), "channel name");
    check("uringcast:ack", json!({"sequence": 1}), "no channel");
    let long = |bytes: usize| json!({"channel": "a-kept", "subscriber": "s".repeat(bytes)});
    check("uringcast:resume", long(0), "0 bytes, 1 to 128");
    check("uringcast:resume", long(129), "129 bytes, 1 to 128");
    client.send("uringcast:resume", &long(128));
    subscribe(&mut client, "a-kept");
    client.send("uringcast:ack", &json!({"channel": "a-kept", "sequence": 1}));
    assert!(client.expect_error(None).contains("needs a subscriber"));
}

#[test]
fn as_many_channels_may_be_resumed_as_subscribed_to() {
    let server = start(1);
    let mut client = Client::connect(&server);
    for n in [1, 2, 3, 3] {
        let channel = format!("{n}-kept");
        client.send("uringcast:resume", &json!({"channel": channel, "after": 0}));
    }
    client.expect_quiet();
    client.send("uringcast:resume", &json!({"channel": "4-kept", "after": 0}));
    assert!(client.expect_error(None).contains("at most 3 channels"));
    server.until_refused("subscriptions");
}
