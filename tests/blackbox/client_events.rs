//! Events that clients send to each other.

use serde_json::json;
use uringcast_tests::{Api, Client, Options, Server};

/// Two subscribers of `channel`; on presence channels they are the users `one` and `two`.
fn pair(server: &Server, channel: &str) -> (Client, Client) {
    let (mut one, mut two) = (Client::connect(server), Client::connect(server));
    if channel.starts_with("presence-") {
        one.subscribe_as(channel, "one");
        two.subscribe_as(channel, "two");
        one.expect_on(channel, "pusher_internal:member_added");
    } else {
        one.subscribe(channel);
        two.subscribe(channel);
    }
    (one, two)
}

#[test]
fn a_client_event_reaches_the_others_and_not_its_sender() {
    let server = Server::start(Options::new());
    let (mut one, mut two) = pair(&server, "private-room");
    one.trigger("private-room", "client-typing", &json!({"who": "one"}));
    let event = two.expect_on("private-room", "client-typing");
    assert_eq!((event.data, event.user_id), (json!({"who": "one"}), None));
    one.expect_quiet();
}

#[test]
fn a_client_cannot_name_somebody_else_as_the_sender() {
    let server = Server::start(Options::new());
    let (mut one, mut two) = pair(&server, "presence-room");
    one.send_text(r#"{"event":"client-a","channel":"presence-room","data":"x","user_id":"admin"}"#);
    let event = two.expect_on("presence-room", "client-a");
    assert_eq!(event.user_id.as_deref(), Some("one"));
    assert!(!event.raw.contains("admin"), "{}", event.raw);
}

#[test]
fn the_data_is_relayed_as_it_was_written() {
    let server = Server::start(Options::new());
    let (mut one, mut two) = pair(&server, "private-room");
    for data in [
        r#"{"a":1.0,"b":[1e3,null,true],"c":{"d":"\u00e9\/"},"e":12345678901234567890123}"#,
        r#""{\"json\":\"in a string\"}""#,
        r#""\ud83d\ude80 \u0000""#,
        "42",
        "[]",
    ] {
        let message = format!(r#"{{"event":"client-a","channel":"private-room","data":{data}}}"#);
        one.send_text(&message);
        let raw = two.expect_on("private-room", "client-a").raw;
        assert!(raw.contains(&format!("\"data\":{data}")), "{data} became {raw}");
    }
}

#[test]
fn public_channels_take_no_client_events() {
    let server = Server::start(Options::new());
    let (mut one, mut two) = pair(&server, "room");
    one.trigger("room", "client-typing", &json!({}));
    one.expect("pusher:error");
    Api::new(&server).publish("room", "marker", "");
    two.expect_on("room", "marker");
    one.expect_on("room", "marker");
}

#[test]
fn encrypted_channels_take_no_client_events() {
    let server = Server::start(Options::new());
    for channel in ["private-encrypted-room", "private-encrypted-cache-room"] {
        let mut clients = [Client::connect(&server), Client::connect(&server)];
        for client in &mut clients {
            client.ask_subscribe(channel);
            client.expect_on(channel, "pusher_internal:subscription_succeeded");
            if channel.contains("-cache-") {
                client.expect_on(channel, "pusher:cache_miss");
            }
        }
        let [mut one, mut two] = clients;
        one.trigger(channel, "client-typing", &json!({}));
        assert!(one.expect_error(None).contains("encrypted"));
        two.expect_quiet();
    }
    server.until_refused("client_event");
}

#[test]
fn cache_channels_carry_client_events_where_their_kind_does() {
    let server = Server::start(Options::new());
    let (mut one, mut two) = (Client::connect(&server), Client::connect(&server));
    for client in [&mut one, &mut two] {
        client.subscribe("private-cache-room");
        client.expect_on("private-cache-room", "pusher:cache_miss");
    }
    one.trigger("private-cache-room", "client-typing", &json!({}));
    two.expect_on("private-cache-room", "client-typing");
    for (client, user) in [(&mut one, "one"), (&mut two, "two")] {
        client.subscribe_as("presence-cache-room", user);
        client.expect_on("presence-cache-room", "pusher:cache_miss");
    }
    one.expect_on("presence-cache-room", "pusher_internal:member_added");
    one.trigger("presence-cache-room", "client-typing", &json!({}));
    let event = two.expect_on("presence-cache-room", "client-typing");
    assert_eq!(event.user_id.as_deref(), Some("one"));
    one.subscribe("cache-room");
    one.expect_on("cache-room", "pusher:cache_miss");
    one.trigger("cache-room", "client-typing", &json!({}));
    one.expect_error(None);
}

#[test]
fn an_app_may_do_without_client_events() {
    let server = Server::start(Options::new().config("[pusher]\nclient_events = false\n"));
    let (mut one, mut two) = pair(&server, "private-room");
    one.trigger("private-room", "client-typing", &json!({}));
    assert!(one.expect_error(None).contains("switched off"));
    two.expect_quiet();
    server.until_refused("client_event");
}

#[test]
fn all_clients_together_may_send_as_many_events_as_the_limit() {
    let config = "[pusher]\nclient_event_rate = 0\nclient_event_rate_total = 2\n";
    let server = Server::start(Options::new().config(config));
    let (mut one, mut two) = pair(&server, "private-room");
    for _ in 0..10 {
        one.trigger("private-room", "client-one", &json!({}));
    }
    // Each second lets 2 through; 10 at once touch 1 second or 2.
    let mut refused = 0;
    one.send("pusher:ping", &json!({}));
    loop {
        let event = one.event();
        match event.event.as_str() {
            "pusher:pong" => break,
            _ => assert_eq!(
                (event.event.as_str(), &event.data["code"]),
                ("pusher:error", &json!(4301))
            ),
        }
        refused += 1;
    }
    assert!((6..=8).contains(&refused), "{refused}");
    for _ in 0..10 - refused {
        two.expect_on("private-room", "client-one");
    }
    two.expect_quiet();
    server.until_refused("client_event_rate_total");
}

#[test]
fn a_client_event_needs_a_subscription() {
    let server = Server::start(Options::new());
    let (mut one, mut two) = pair(&server, "private-room");
    let mut stranger = Client::connect(&server);
    stranger.trigger("private-room", "client-typing", &json!({}));
    stranger.expect("pusher:error");
    stranger.expect_quiet();
    one.trigger("private-room", "client-marker", &json!({}));
    two.expect_on("private-room", "client-marker");
}

#[test]
fn an_event_without_the_prefix_is_not_relayed() {
    let server = Server::start(Options::new());
    let (mut one, mut two) = pair(&server, "private-room");
    for name in ["typing", "pusher_internal:member_added", "pusher:error", "", "Client-a"] {
        one.trigger("private-room", name, &json!({}));
        one.expect("pusher:error");
    }
    one.trigger("private-room", "client-marker", &json!({}));
    two.expect_on("private-room", "client-marker");
}

/// 4301 must be a message: as a close code it would stop pusher-js for ever.
#[test]
fn too_many_client_events_are_refused_with_4301_and_the_connection_lives() {
    let server = Server::start(Options::new().flag("--client-event-rate", "3"));
    let (mut one, mut two) = pair(&server, "private-room");
    for number in 0..20 {
        one.trigger("private-room", "client-number", &json!(number.to_string()));
    }
    one.send("pusher:ping", &json!({}));
    let mut refused = 0;
    loop {
        let event = one.event();
        if event.event == "pusher:pong" {
            break;
        }
        assert_eq!((event.event.as_str(), &event.data["code"]), ("pusher:error", &json!(4301)));
        refused += 1;
    }
    assert!((14..=17).contains(&refused), "{refused} refused: a burst touches 1 or 2 seconds");
    Api::new(&server).publish("private-room", "marker", "");
    let mut numbers = Vec::new();
    loop {
        let event = two.event();
        if event.event == "marker" {
            break;
        }
        numbers.push(event.number());
    }
    assert_eq!(numbers.len(), 20 - refused);
    assert!(numbers.is_sorted());
    server.until_refused("client_event_rate");
}

#[test]
fn a_rate_of_0_means_no_limit() {
    let server = Server::start(Options::new().flag("--client-event-rate", "0"));
    let (mut one, mut two) = pair(&server, "private-room");
    for number in 0..2_000 {
        one.trigger("private-room", "client-number", &json!(number.to_string()));
    }
    two.expect_numbers("private-room", "client-number", 0..2_000);
    one.expect_quiet();
}

#[test]
fn both_sides_may_talk_at_once() {
    let server = Server::start(Options::new().flag("--client-event-rate", "0"));
    let (mut one, mut two) = pair(&server, "private-room");
    for number in 0..200 {
        one.trigger("private-room", "client-one", &json!(number.to_string()));
        two.trigger("private-room", "client-two", &json!(number.to_string()));
    }
    one.expect_numbers("private-room", "client-two", 0..200);
    two.expect_numbers("private-room", "client-one", 0..200);
}
