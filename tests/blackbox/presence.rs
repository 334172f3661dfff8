//! Presence channels: who is there, who comes and who goes.

use serde_json::{Value, json};
use uringcast_tests::{Api, Client, Options, Server};

const SUCCEEDED: &str = "pusher_internal:subscription_succeeded";
const ADDED: &str = "pusher_internal:member_added";
const REMOVED: &str = "pusher_internal:member_removed";
const ROOM: &str = "presence-room";

/// The ids in a roster, sorted; checks that its three parts agree.
fn ids(presence: &Value) -> Vec<&str> {
    let ids = presence["ids"].as_array().expect("ids is an array");
    let mut ids: Vec<&str> = ids.iter().map(|id| id.as_str().expect("an id is text")).collect();
    ids.sort_unstable();
    let hash = presence["hash"].as_object().expect("hash is an object, never an array");
    let mut keys: Vec<&str> = hash.keys().map(String::as_str).collect();
    keys.sort_unstable();
    assert_eq!(ids, keys);
    assert_eq!(presence["count"], ids.len());
    ids
}

#[test]
fn who_joins_is_told_who_is_there_and_the_others_are_told_who_joined() {
    let server = Server::start(Options::new());
    let (mut ann, mut bob) = (Client::connect(&server), Client::connect(&server));
    let presence = ann.subscribe_as(ROOM, "ann");
    assert_eq!(ids(&presence), ["ann"]);
    let presence = bob.subscribe_as(ROOM, "bob");
    assert_eq!(ids(&presence), ["ann", "bob"]);
    let added = ann.expect_on(ROOM, ADDED).json();
    assert_eq!(added, json!({"user_id": "bob", "user_info": {}}));
    ann.expect_quiet();
    bob.expect_quiet(); // The joiner is not told of itself.
}

#[test]
fn a_member_whose_connection_is_reset_is_gone_for_the_others() {
    let server = Server::start(Options::new());
    let mut ann = Client::connect(&server);
    ann.subscribe_as(ROOM, "ann");
    let mut bob = Client::connect(&server);
    bob.subscribe_as(ROOM, "bob");
    ann.expect_on(ROOM, ADDED);
    bob.reset();
    assert_eq!(ann.expect_on(ROOM, REMOVED).json()["user_id"], "bob");
}

#[test]
fn a_numeric_user_id_works() {
    let server = Server::start(Options::new());
    let (mut ann, mut ten) = (Client::connect(&server), Client::connect(&server));
    ann.subscribe_as(ROOM, "ann");
    ten.ask_subscribe_as(ROOM, &json!({"user_id": 10, "user_info": {"name": "Mr. Channels"}}));
    let presence = ten.expect_on(ROOM, SUCCEEDED).json()["presence"].clone();
    assert_eq!(ids(&presence), ["10", "ann"]);
    assert_eq!(presence["hash"]["10"], json!({"name": "Mr. Channels"}));
    let added = ann.expect_on(ROOM, ADDED).json();
    assert_eq!(added, json!({"user_id": "10", "user_info": {"name": "Mr. Channels"}}));
    ten.close();
    assert_eq!(ann.expect_on(ROOM, REMOVED).json(), json!({"user_id": "10"}));
}

#[test]
fn a_member_without_user_info_has_a_value_in_the_roster() {
    let server = Server::start(Options::new());
    let mut ann = Client::connect(&server);
    ann.ask_subscribe_as(ROOM, &json!({"user_id": "ann"}));
    let presence = ann.expect_on(ROOM, SUCCEEDED).json()["presence"].clone();
    assert_eq!(ids(&presence), ["ann"]);
}

#[test]
fn user_info_is_shown_as_it_was_signed() {
    let server = Server::start(Options::new());
    let (mut ann, mut bob) = (Client::connect(&server), Client::connect(&server));
    ann.subscribe_as(ROOM, "ann");
    let info = json!({"name": "B\u{f6}b \"the\" \\ \u{1f680}", "tags": [1, 2.5, null, {"a": []}]});
    bob.ask_subscribe_as(ROOM, &json!({"user_id": "bob", "user_info": info}));
    let presence = bob.expect_on(ROOM, SUCCEEDED).json()["presence"].clone();
    assert_eq!(presence["hash"]["bob"], info);
    assert_eq!(ann.expect_on(ROOM, ADDED).json()["user_info"], info);
}

#[test]
fn a_member_who_changes_their_data_after_it_was_signed_is_refused() {
    let server = Server::start(Options::new());
    let mut mallory = Client::connect(&server);
    let auth = mallory.auth(ROOM, Some(r#"{"user_id":"mallory"}"#));
    let data = json!({"auth": auth, "channel_data": r#"{"user_id":"admin"}"#, "channel": ROOM});
    mallory.send("pusher:subscribe", &data);
    mallory.expect_refusal(ROOM, "AuthError", 401, None);
    server.until_metric("uringcast_subscriptions", 0);
}

#[test]
fn a_presence_subscription_without_a_user_is_refused() {
    let server = Server::start(Options::new());
    let mut client = Client::connect(&server);
    for channel_data in ["{}", "[]", "\"ann\"", "{\"user_id\":null}", "{\"user_id\":\"\"}", "{"] {
        let auth = client.auth(ROOM, Some(channel_data));
        let data = json!({"auth": auth, "channel_data": channel_data, "channel": ROOM});
        client.send("pusher:subscribe", &data);
        client.expect_refusal(ROOM, "InvalidMember", 400, None);
        client.expect_quiet();
    }
}

#[test]
fn an_event_on_a_presence_channel_reaches_every_member() {
    let server = Server::start(Options::new());
    let (mut ann, mut bob) = (Client::connect(&server), Client::connect(&server));
    ann.subscribe_as(ROOM, "ann");
    bob.subscribe_as(ROOM, "bob");
    ann.expect_on(ROOM, ADDED);
    Api::new(&server).publish(ROOM, "greeting", "hello");
    for client in [&mut ann, &mut bob] {
        let event = client.expect_on(ROOM, "greeting");
        assert_eq!((event.text(), &event.user_id), ("hello", &None));
    }
}
