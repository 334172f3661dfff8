//! Publishes that ask who is in their channels, and questions that no channel can answer.

use serde_json::{Value, json};
use uringcast_tests::{Api, Client, Options, Server};

/// Ann twice and bob on `presence-room`, bob alone on `room`.
fn audience(server: &Server) -> Vec<Client> {
    let mut clients: Vec<Client> = (0..3).map(|_| Client::connect(server)).collect();
    for (client, user) in clients.iter_mut().zip(["ann", "ann", "bob"]) {
        client.subscribe_as("presence-room", user);
    }
    clients[2].subscribe("room");
    clients
}

fn check(api: &mut Api, path: &str, body: &Value, expected: &Value) {
    let response = api.post(path, body);
    assert_eq!((response.status, &response.json()), (200, expected), "{body}");
}

#[test]
fn a_publish_tells_what_it_asked_about_each_channel() {
    for cores in [1, 2] {
        let server = Server::start(Options::new().cores(cores));
        let _clients = audience(&server);
        let mut api = Api::new(&server);
        let channels = ["presence-room", "room", "nobody-is-here", "presence-empty", "room"];
        let event =
            |info: &str| json!({"name": "e", "data": "", "channels": channels, "info": info});
        let both = json!({"channels": {
            "presence-room": {"subscription_count": 3, "user_count": 2},
            "room": {"subscription_count": 1},
            "nobody-is-here": {"subscription_count": 0},
            "presence-empty": {"subscription_count": 0, "user_count": 0},
        }});
        check(&mut api, "/events", &event("subscription_count,user_count"), &both);
        let users = json!({"channels": {
            "presence-room": {"user_count": 2},
            "room": {},
            "nobody-is-here": {},
            "presence-empty": {"user_count": 0},
        }});
        check(&mut api, "/events", &event("user_count"), &users);
        check(&mut api, "/events", &event(""), &json!({}));
    }
}

#[test]
fn a_batch_tells_what_each_event_asked() {
    for cores in [1, 2] {
        let server = Server::start(Options::new().cores(cores));
        let _clients = audience(&server);
        let mut api = Api::new(&server);
        let event = |channel: &str| json!({"name": "e", "data": "", "channel": channel});
        let asking = |channel: &str, info: &str| {
            let mut event = event(channel);
            event["info"] = json!(info);
            event
        };
        let batch = json!({"batch": [
            asking("room", "subscription_count"),
            event("presence-room"),
            asking("presence-room", "user_count"),
            asking("room", "user_count"),
        ]});
        let expected = json!({"batch": [{"subscription_count": 1}, {}, {"user_count": 2}, {}]});
        check(&mut api, "/batch_events", &batch, &expected);
        check(&mut api, "/batch_events", &json!({"batch": [event("room")]}), &json!({}));
    }
}

#[test]
fn who_asks_for_what_no_channel_has_is_refused_and_publishes_nothing() {
    let server = Server::start(Options::new());
    let mut client = Client::connect(&server);
    client.subscribe("room");
    let mut api = Api::new(&server);
    for info in [json!("users"), json!("user_count,x"), json!("cache"), json!(1), json!(["x"])] {
        let event = json!({"name": "e", "data": "", "channel": "room", "info": info});
        assert_eq!(api.post("/events", &event).status, 400, "{info}");
        let good = json!({"name": "e", "data": "", "channel": "room"});
        let batch = json!({"batch": [good, event]});
        assert_eq!(api.post("/batch_events", &batch).status, 400, "{info}");
    }
    api.publish("room", "marker", "");
    client.expect_on("room", "marker");
}

#[test]
fn reading_what_a_channel_cannot_have_is_refused() {
    let server = Server::start(Options::new());
    let mut api = Api::new(&server);
    let mut status = |path: &str, parameters: &[(&str, &str)]| {
        let request = api.signed("GET", path, "");
        let request = parameters.iter().fold(request, |it, (name, value)| it.set(name, value));
        let response = api.send(&request);
        if response.status != 200 {
            assert!(!response.error().is_empty());
            assert_eq!(response.json()["code"], response.status);
        }
        response.status
    };
    let presence = ("filter_by_prefix", "presence-");
    assert_eq!(status("/channels", &[presence, ("info", "user_count")]), 200);
    assert_eq!(status("/channels", &[("info", "subscription_count")]), 200);
    for parameters in [
        &[("info", "user_count")][..],
        &[("info", "user_count"), ("filter_by_prefix", "pres")],
        &[("info", "user_count"), ("filter_by_prefix", "private-")],
        &[("info", "cache"), presence],
        &[("info", "occupied")],
    ] {
        assert_eq!(status("/channels", parameters), 400, "{parameters:?}");
    }
    assert_eq!(status("/channels/presence-x", &[("info", "user_count")]), 200);
    assert_eq!(status("/channels/cache-x", &[("info", "cache")]), 200);
    for (channel, info) in [
        ("room", "user_count"),
        ("private-room", "user_count"),
        ("room", "cache"),
        ("not-a-cache-room", "cache"),
        ("room", "anything"),
    ] {
        assert_eq!(status(&format!("/channels/{channel}"), &[("info", info)]), 400, "{channel}");
    }
}

/// Nobody has published to it yet.
#[test]
fn a_cache_channel_that_holds_nothing_says_so() {
    let server = Server::start(Options::new());
    let mut api = Api::new(&server);
    let request = api.signed("GET", "/channels/cache-room", "").set("info", "cache");
    assert_eq!(api.send(&request).json(), json!({"occupied": false, "cache": null}));
}

#[test]
fn a_presence_channel_without_users_has_none() {
    let server = Server::start(Options::new());
    let mut api = Api::new(&server);
    let request = api.signed("GET", "/channels/presence-empty", "").set("info", "user_count");
    assert_eq!(api.send(&request).json(), json!({"occupied": false, "user_count": 0}));
}
