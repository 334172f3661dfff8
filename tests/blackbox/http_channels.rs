//! Asking over HTTP which channels are occupied and who is in them.

use serde_json::json;
use uringcast_tests::{Api, Client, Options, Server};

/// The `channels` member of the answer to `target`'s query parameters.
fn channels(api: &mut Api, parameters: &[(&str, &str)]) -> serde_json::Value {
    let request = api.signed("GET", "/channels", "");
    let request =
        parameters.iter().fold(request, |request, (name, value)| request.set(name, value));
    let response = api.send(&request);
    assert_eq!(response.status, 200, "{}", response.body_text());
    response.json()["channels"].clone()
}

/// A PHP library reads the members of this object; an empty list would break it.
#[test]
fn without_channels_the_answer_is_an_empty_object() {
    let server = Server::start(Options::new());
    assert_eq!(channels(&mut Api::new(&server), &[]), json!({}));
}

#[test]
fn a_channel_is_there_as_long_as_it_has_a_subscriber() {
    let server = Server::start(Options::new());
    let mut api = Api::new(&server);
    let mut client = Client::connect(&server);
    client.subscribe("room");
    client.subscribe("private-room");
    assert_eq!(channels(&mut api, &[]), json!({"room": {}, "private-room": {}}));
    client.unsubscribe("room");
    client.expect_quiet();
    assert_eq!(channels(&mut api, &[]), json!({"private-room": {}}));
    client.close();
    server.until_metric("uringcast_channels", 0);
    assert_eq!(channels(&mut api, &[]), json!({}));
}

#[test]
fn channels_can_be_filtered_by_prefix() {
    let server = Server::start(Options::new());
    let mut client = Client::connect(&server);
    for channel in ["room-1", "room-2", "other", "private-room-3"] {
        client.subscribe(channel);
    }
    let found = channels(&mut Api::new(&server), &[("filter_by_prefix", "room-")]);
    assert_eq!(found, json!({"room-1": {}, "room-2": {}}));
}

/// They would tell who is online, and are nobody's channels but their users'.
#[test]
fn a_users_own_channel_is_not_listed() {
    let server = Server::start(Options::new());
    let mut client = Client::connect(&server);
    client.signin_as("ann");
    client.subscribe("room");
    let mut api = Api::new(&server);
    assert_eq!(channels(&mut api, &[]), json!({"room": {}}));
    assert_eq!(channels(&mut api, &[("filter_by_prefix", "#")]), json!({}));
}

#[test]
fn channels_tell_their_counts_when_asked() {
    let server = Server::start(Options::new());
    let (mut ann1, mut ann2, mut bob) =
        (Client::connect(&server), Client::connect(&server), Client::connect(&server));
    ann1.subscribe_as("presence-room", "ann");
    ann2.subscribe_as("presence-room", "ann");
    bob.subscribe_as("presence-room", "bob");
    bob.subscribe("room");
    let mut api = Api::new(&server);
    let parameters = [("filter_by_prefix", "presence-"), ("info", "user_count")];
    assert_eq!(channels(&mut api, &parameters), json!({"presence-room": {"user_count": 2}}));
    let all = channels(&mut api, &[("info", "subscription_count")]);
    let counts = json!({
        "presence-room": {"subscription_count": 3}, "room": {"subscription_count": 1},
    });
    assert_eq!(all, counts);
}

#[test]
fn one_channel_tells_whether_it_is_occupied() {
    let server = Server::start(Options::new());
    let mut client = Client::connect(&server);
    client.subscribe("room");
    let mut api = Api::new(&server);
    assert_eq!(api.get("/channels/room").json()["occupied"], true);
    let response = api.get("/channels/nobody-is-here");
    assert_eq!((response.status, &response.json()["occupied"]), (200, &json!(false)));
}

#[test]
fn one_channel_tells_its_counts_when_asked() {
    let server = Server::start(Options::new());
    let (mut ann1, mut ann2) = (Client::connect(&server), Client::connect(&server));
    ann1.subscribe_as("presence-room", "ann");
    ann2.subscribe_as("presence-room", "ann");
    let mut api = Api::new(&server);
    let request = api.signed("GET", "/channels/presence-room", "");
    let request = request.set("info", "user_count,subscription_count");
    let answer = api.send(&request).json();
    assert_eq!(answer, json!({"occupied": true, "user_count": 1, "subscription_count": 2}));
}

#[test]
fn the_users_of_a_presence_channel_are_listed_once_each() {
    let server = Server::start(Options::new());
    let (mut ann1, mut ann2, mut bob) =
        (Client::connect(&server), Client::connect(&server), Client::connect(&server));
    ann1.subscribe_as("presence-room", "ann");
    ann2.subscribe_as("presence-room", "ann");
    bob.subscribe_as("presence-room", "bob");
    let mut api = Api::new(&server);
    let answer = api.get("/channels/presence-room/users").json();
    let mut users = answer["users"].as_array().unwrap().clone();
    users.sort_by_key(|user| user["id"].as_str().unwrap().to_owned());
    assert_eq!(users, [json!({"id": "ann"}), json!({"id": "bob"})]);
    let answer = api.get("/channels/presence-empty/users");
    assert_eq!((answer.status, answer.json()), (200, json!({"users": []})));
}

#[test]
fn a_channel_without_users_cannot_list_them() {
    let server = Server::start(Options::new());
    let mut client = Client::connect(&server);
    client.subscribe("room");
    let response = Api::new(&server).get("/channels/room/users");
    assert_eq!(response.status, 400);
    assert!(!response.error().is_empty());
}
