//! Everything has a limit: what is at it passes, what is one past it is refused and counted.

use serde_json::{Value, json};
use uringcast_tests::{Api, Client, Frame, Options, Raw, Server};

fn limited(config: &str) -> Server {
    Server::start(Options::new().config(config))
}

/// Posts `body` to `path` and expects `status`; an error must name its cause.
fn check_post(server: &Server, path: &str, body: &Value, status: u16) {
    let response = Api::new(server).post(path, body);
    assert_eq!(response.status, status, "{}", response.body_text());
    if status != 200 {
        assert!(!response.error().is_empty());
    }
}

#[test]
fn a_message_may_be_as_long_as_the_limit() {
    let server = limited("[connection]\nmessage_bytes_max = 1024\n");
    let ping = |length: usize| format!("{:1$}", r#"{"event":"pusher:ping","data":{}}"#, length);
    let mut client = Client::connect(&server);
    client.send_text(&ping(1024));
    client.expect("pusher:pong");
    let mut raw = Raw::pusher(server.address(), &server.app());
    raw.send_frame(&Frame::text(&ping(1025)));
    raw.expect_close(1009);
    server.until_refused("message_bytes");
    client.expect_quiet();
}

#[test]
fn a_connection_may_have_as_many_subscriptions_as_the_limit() {
    let server = limited("[connection]\nsubscriptions_max = 3\n");
    let mut client = Client::connect(&server);
    for channel in ["a", "b", "c"] {
        client.subscribe(channel);
    }
    client.ask_subscribe("d");
    client.expect_refusal("d", "LimitReached", 403, None);
    server.until_refused("subscriptions");
    client.unsubscribe("a");
    client.subscribe("d");
    Client::connect(&server).subscribe("a");
}

#[test]
fn a_channel_name_may_be_as_long_as_the_limit() {
    let server = Server::start(Options::new());
    let (longest, too_long) = ("x".repeat(200), "x".repeat(201));
    let mut client = Client::connect(&server);
    client.subscribe(&longest);
    client.ask_subscribe(&too_long);
    client.expect("pusher:subscription_error");
    client.expect_error(None);
    server.until_refused("channel_name");
    let event = |channel: &str| json!({"name": "e", "channel": channel, "data": "x"});
    check_post(&server, "/events", &event(&too_long), 400);
    check_post(&server, "/events", &event(&longest), 200);
    client.expect_on(&longest, "e");
}

#[test]
fn an_event_name_may_be_as_long_as_the_limit() {
    let server = Server::start(Options::new());
    let mut client = Client::connect(&server);
    client.subscribe("private-room");
    let event = |name: &str| json!({"name": name, "channel": "private-room", "data": "x"});
    check_post(&server, "/events", &event(&"e".repeat(201)), 400);
    check_post(&server, "/events", &event(&"e".repeat(200)), 200);
    client.expect_on("private-room", &"e".repeat(200));
    let longest = format!("client-{}", "e".repeat(193));
    client.trigger("private-room", &longest, &json!({}));
    client.expect_quiet();
    client.trigger("private-room", &format!("{longest}e"), &json!({}));
    client.expect_error(Some(4301));
}

#[test]
fn the_data_of_an_event_may_be_as_long_as_the_limit() {
    let server = Server::start(Options::new());
    let mut client = Client::connect(&server);
    client.subscribe("room");
    let event = |bytes: usize| json!({"name": "e", "channel": "room", "data": "x".repeat(bytes)});
    check_post(&server, "/events", &event(10_241), 413);
    server.until_refused("event_data_bytes");
    check_post(&server, "/batch_events", &json!({"batch": [event(1), event(10_241)]}), 413);
    check_post(&server, "/events", &event(10_240), 200);
    assert_eq!(client.expect_on("room", "e").text().len(), 10_240);
}

#[test]
fn the_data_of_a_client_event_may_be_as_long_as_the_limit() {
    let server = Server::start(Options::new());
    let (mut one, mut two) = (Client::connect(&server), Client::connect(&server));
    one.subscribe("private-room");
    two.subscribe("private-room");
    one.trigger("private-room", "client-e", &json!("x".repeat(10_241)));
    one.expect_error(Some(4301));
    server.until_refused("event_data_bytes");
    one.trigger("private-room", "client-e", &json!("\n".repeat(10_240)));
    assert_eq!(two.expect_on("private-room", "client-e").text().len(), 10_240);
    let object = |bytes: usize| json!({"a": "x".repeat(bytes - r#"{"a":""}"#.len())});
    one.trigger("private-room", "client-e", &object(10_241));
    one.expect_error(Some(4301));
    one.trigger("private-room", "client-e", &object(10_240));
    assert_eq!(two.expect_on("private-room", "client-e").data, object(10_240));
}

#[test]
fn an_event_may_go_to_as_many_channels_as_the_limit() {
    let server = Server::start(Options::new());
    let event = |count: usize| {
        let channels: Vec<String> = (0..count).map(|number| format!("room-{number}")).collect();
        json!({"name": "e", "channels": channels, "data": "x"})
    };
    check_post(&server, "/events", &event(100), 200);
    check_post(&server, "/events", &event(101), 400);
    check_post(&server, "/events", &event(0), 400);
}

#[test]
fn a_batch_may_hold_as_many_events_as_the_limit() {
    let server = Server::start(Options::new());
    let mut client = Client::connect(&server);
    client.subscribe("room");
    let batch = |name: &str, count: usize| {
        let event = json!({"name": name, "channel": "room", "data": "x"});
        json!({"batch": vec![event; count]})
    };
    check_post(&server, "/batch_events", &batch("too-many", 11), 400);
    check_post(&server, "/batch_events", &batch("allowed", 10), 200);
    for _ in 0..10 {
        client.expect_on("room", "allowed");
    }
    client.expect_quiet();
}

#[test]
fn a_body_may_be_as_long_as_the_limit() {
    let server = limited("[http]\nbody_bytes_max = 16384\n");
    let body =
        |length: usize| format!("{:1$}", r#"{"name":"e","channel":"room","data":"x"}"#, length);
    let mut api = Api::new(&server);
    assert_eq!(api.send(&api.signed("POST", "/events", body(16_384))).status, 200);
    let response = api.send(&api.signed("POST", "/events", body(16_385)));
    assert_eq!(response.status, 413);
    assert!(!response.error().is_empty());
    server.until_refused("body_bytes");
}

#[test]
fn a_connection_that_is_kept_alive_for_nothing_is_closed() {
    let server = limited("[http]\nidle_timeout_s = 1\n");
    let mut api = Api::new(&server);
    api.publish("room", "e", "x");
    api.http().expect_end();
}

#[test]
fn a_presence_channel_may_have_as_many_users_as_the_limit() {
    let server = limited("[pusher]\npresence_members_max = 2\n");
    let [mut ann, mut bob, mut bob2, mut carl] = [(); 4].map(|()| Client::connect(&server));
    ann.subscribe_as("presence-room", "ann");
    bob.subscribe_as("presence-room", "bob");
    bob2.subscribe_as("presence-room", "bob"); // Another connection, but no other user.
    carl.ask_subscribe_as("presence-room", &json!({"user_id": "carl"}));
    carl.expect_refusal("presence-room", "LimitReached", 403, None);
    server.until_refused("presence_members");
    carl.expect_quiet();
    ann.close();
    bob.expect_on("presence-room", "pusher_internal:member_removed");
    assert_eq!(carl.subscribe_as("presence-room", "carl")["count"], 2);
}

#[test]
fn a_member_may_be_as_large_as_the_limits() {
    let server = Server::start(Options::new());
    let mut client = Client::connect(&server);
    let info = |bytes: usize| json!("x".repeat(bytes - 2)); // The quotes count.
    for (user_id, user_info) in [("u".repeat(129), info(10)), ("u".to_owned(), info(1_025))] {
        let member = json!({"user_id": user_id, "user_info": user_info});
        client.ask_subscribe_as("presence-room", &member);
        client.expect_refusal("presence-room", "InvalidMember", 400, None);
    }
    let member = json!({"user_id": "u".repeat(128), "user_info": info(1_024)});
    client.ask_subscribe_as("presence-room", &member);
    client.expect_on("presence-room", "pusher_internal:subscription_succeeded");
}
