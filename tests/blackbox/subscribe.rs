//! Subscribing to public, private and encrypted channels, and leaving them.

use serde_json::json;
use uringcast_tests::{Api, App, Client, Options, Server};

const SUCCEEDED: &str = "pusher_internal:subscription_succeeded";

/// A refused signature: Echo's error callback needs the first of two messages, hosted Pusher sends
/// the second.
fn expect_auth_error(client: &mut Client, channel: &str) {
    let error = client.expect_refusal(channel, "AuthError", 401, None);
    assert!(!error.is_empty());
}

#[test]
fn private_and_encrypted_channels_open_with_a_signature() {
    let server = Server::start(Options::new());
    let mut client = Client::connect(&server);
    for channel in ["private-room", "private-encrypted-room"] {
        client.subscribe(channel);
        Api::new(&server).publish(channel, "greeting", "hello");
        client.expect_on(channel, "greeting");
    }
}

#[test]
fn a_bad_signature_refuses_the_channel_and_nothing_else() {
    let server = Server::start(Options::new());
    let mut client = Client::connect(&server);
    client.subscribe("private-good");
    let good = client.auth("private-bad", None);
    let flipped = if good.ends_with('0') { '1' } else { '0' };
    let wrong = format!("{}{flipped}", &good[..good.len() - 1]);
    let other_key = good.replace("app-key:", "another-key:");
    let of_other_channel = client.auth("private-good", None);
    let without_colon = good.replace(':', "");
    for auth in [wrong.as_str(), &other_key, &of_other_channel, &without_colon, "app-key:", ""] {
        client.send("pusher:subscribe", &json!({"auth": auth, "channel": "private-bad"}));
        expect_auth_error(&mut client, "private-bad");
    }
    let mut api = Api::new(&server);
    api.publish("private-bad", "secret", "");
    api.publish("private-good", "greeting", "hello");
    client.expect_on("private-good", "greeting");
    server.until_refused("signature");
}

#[test]
fn a_subscription_without_auth_to_a_private_channel_is_a_bad_signature() {
    let server = Server::start(Options::new());
    let mut client = Client::connect(&server);
    for channel in ["private-room", "private-encrypted-room"] {
        client.send("pusher:subscribe", &json!({"channel": channel}));
        expect_auth_error(&mut client, channel);
    }
    client.expect_quiet();
}

#[test]
fn a_signature_made_for_another_connection_is_refused() {
    let server = Server::start(Options::new());
    let (owner, mut thief) = (Client::connect(&server), Client::connect(&server));
    let auth = owner.auth("private-room", None);
    thief.send("pusher:subscribe", &json!({"auth": auth, "channel": "private-room"}));
    expect_auth_error(&mut thief, "private-room");
}

#[test]
fn a_channel_can_be_joined_again_after_it_was_left() {
    let server = Server::start(Options::new());
    let mut client = Client::connect(&server);
    let mut api = Api::new(&server);
    for round in 0..50 {
        client.subscribe("room");
        api.publish("room", "round", &round.to_string());
        client.expect_numbers("room", "round", [round]);
        client.unsubscribe("room");
    }
    client.expect_quiet();
}

/// Some client libraries encode the `data` of protocol messages twice.
#[test]
fn the_data_of_a_subscription_may_be_a_string() {
    let server = Server::start(Options::new());
    let mut client = Client::connect(&server);
    let data = json!({"auth": client.auth("private-room", None), "channel": "private-room"});
    client.send("pusher:subscribe", &json!(data.to_string()));
    client.expect_on("private-room", SUCCEEDED);
}

#[test]
fn members_of_a_message_may_come_in_any_order_and_with_unknown_ones() {
    let server = Server::start(Options::new());
    let mut client = Client::connect(&server);
    client.send_text(
        r#" { "later" : [1, {"x": "}"}], "data" : { "more" : null, "channel" : "room" },
              "event" : "pusher:subscribe" } "#,
    );
    client.expect_on("room", SUCCEEDED);
}

#[test]
fn the_same_channel_of_two_apps_is_two_channels() {
    let (one, two) = (App::new("1", "one", "s1"), App::new("2", "two", "s2"));
    let server = Server::start(Options::new().flag("--app", "1:one:s1").flag("--app", "2:two:s2"));
    let mut first = Client::with_app(server.address(), one.clone());
    let mut second = Client::with_app(server.address(), two);
    first.subscribe("private-room");
    second.subscribe("private-room");
    Api::with_app(server.address(), one).publish("private-room", "greeting", "");
    first.expect_on("private-room", "greeting");
    second.expect_quiet();
}

#[test]
fn a_name_that_breaks_the_rules_is_refused_and_the_connection_lives() {
    let server = Server::start(Options::new());
    let mut client = Client::connect(&server);
    for channel in ["", "with space", "slash/ed", "caf\u{e9}", "new\nline", "#anything"] {
        client.ask_subscribe(channel);
        client.expect_refusal(channel, "InvalidChannel", 400, None);
    }
    client.expect_quiet();
    server.until_refused("channel_name");
}

#[test]
fn every_allowed_character_may_be_in_a_name() {
    let server = Server::start(Options::new());
    let mut client = Client::connect(&server);
    client.subscribe("-azAZ09_=@,.;");
    Api::new(&server).publish("-azAZ09_=@,.;", "greeting", "");
    client.expect_on("-azAZ09_=@,.;", "greeting");
}
