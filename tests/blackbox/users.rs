//! Signing in, the channel of one user, and the end of a user's connections.

use serde_json::json;
use uringcast_tests::{Api, Client, Options, Server};

use crate::cores::spread;

const ROOM: &str = "presence-room";
const SUCCEEDED: &str = "pusher_internal:subscription_succeeded";

fn terminate(api: &mut Api, user_id: &str) {
    let response = api.post(&format!("/users/{user_id}/terminate_connections"), &json!({}));
    assert_eq!((response.status, response.body_text().as_str()), (200, "{}"));
}

#[test]
fn signing_in_is_answered_with_the_users_data_as_it_was_signed() {
    let server = Server::start(Options::new());
    let mut client = Client::connect(&server);
    let user_data = r#"{ "id":"12345", "user_info":{"name":"B\u00f6b"}, "more":[1] }"#;
    client.ask_signin(user_data);
    let event = client.expect("pusher:signin_success");
    assert_eq!(event.data, json!({"user_data": user_data}));
    client.expect_quiet();
}

#[test]
fn a_wrong_signature_ends_the_connection_and_no_other() {
    let server = Server::start(Options::new());
    let mut other = Client::connect(&server);
    let good = other.user_auth(r#"{"id":"1"}"#);
    for auth in [&*good, "app-key:", "other-key:00", "app-key", ""] {
        let mut client = Client::connect(&server);
        client.send("pusher:signin", &json!({"auth": auth, "user_data": r#"{"id":"1"}"#}));
        let text = client.expect_error(Some(4009));
        assert!(text.contains("auth") || text.contains("signature"), "{text}");
        client.expect_close(4009);
    }
    server.until_refused("signature");
    other.send("pusher:signin", &json!({"auth": good, "user_data": r#"{"id":"1"}"#}));
    other.expect("pusher:signin_success");
}

#[test]
fn user_data_that_nobody_can_use_is_refused_and_the_connection_lives() {
    let server = Server::start(Options::new());
    let mut client = Client::connect(&server);
    let long = |bytes| format!(r#"{{"id":"{}"}}"#, "a".repeat(bytes));
    for (user_data, words) in [
        ("", "JSON object"),
        ("[]", "JSON object"),
        ("{}", "id"),
        (r#"{"id":true}"#, "string"),
        (r#"{"id":""}"#, "not empty"),
        (&*long(129), "129 bytes, at most 128"),
        (r#"{"id":"1","watchlist":"2"}"#, "watchlist"),
        (r#"{"id":"1","watchlist":[true]}"#, "watchlist"),
    ] {
        client.ask_signin(user_data);
        let text = client.expect_error(None);
        assert!(text.contains(words), "{text}");
        client.expect_quiet();
    }
    server.until_refused("signin");
    for data in [json!({}), json!({"auth": "a"}), json!({"auth": "a", "user_data": {}})] {
        client.send("pusher:signin", &data);
        client.expect_error(None);
    }
    client.signin(&json!({"id": "a".repeat(128)}));
}

#[test]
fn a_connection_may_sign_in_twice_as_one_user_and_not_as_two() {
    let server = Server::start(Options::new());
    let mut client = Client::connect(&server);
    client.signin(&json!({"id": "ann"}));
    client.signin(&json!({"id": "ann", "user_info": 1}));
    client.ask_signin(r#"{"id":"bob"}"#);
    assert!(client.expect_error(Some(4009)).contains("another user"));
    client.subscribe("#server-to-user-ann");
}

#[test]
fn a_users_channel_is_for_the_user_only() {
    let server = Server::start(Options::new());
    let (mut ann, mut guest) = (Client::connect(&server), Client::connect(&server));
    ann.signin_as("ann");
    for client in [&mut ann, &mut guest] {
        client.ask_subscribe("#server-to-user-bob");
        let text = client.expect_refusal("#server-to-user-bob", "AuthError", 401, None);
        assert!(text.contains("own channel"), "{text}");
    }
    for name in ["#server-to-user-", "#server-to-everyone", "#"] {
        ann.ask_subscribe(name);
        ann.expect_refusal(name, "InvalidChannel", 400, None);
    }
    ann.trigger("#server-to-user-ann", "client-hi", &json!({}));
    ann.expect_error(None);
    ann.expect_quiet();
}

/// The libraries put the id into the channel's name as it is.
#[test]
fn an_id_with_characters_that_channels_do_not_have_is_reached() {
    let server = Server::start(Options::new());
    let mut client = Client::connect(&server);
    let user_id = "auth0|ann+1@example.org/\u{e9} \"x\"";
    client.signin_as(user_id);
    let channel = format!("#server-to-user-{user_id}");
    Api::new(&server).publish(&channel, "greeting", "hello");
    assert_eq!(client.expect_on(&channel, "greeting").text(), "hello");
}

#[test]
fn an_event_to_a_user_reaches_all_their_connections_on_all_cores() {
    let (server, mut clients) = spread(2);
    let mut guest = Client::connect(&server);
    guest.signin_as("guest");
    for client in &mut clients {
        client.signin_as("ann");
    }
    let mut api = Api::new(&server);
    api.publish("#server-to-user-ann", "greeting", "hello");
    for client in &mut clients {
        assert_eq!(client.expect_on("#server-to-user-ann", "greeting").text(), "hello");
        client.expect_quiet();
    }
    guest.expect_quiet();
}

#[test]
fn a_presence_member_may_come_from_signing_in() {
    let server = Server::start(Options::new());
    let mut ann = Client::connect(&server);
    let auth = ann.auth(ROOM, None);
    let without_data = json!({"auth": auth, "channel": ROOM});
    ann.send("pusher:subscribe", &without_data);
    let text = ann.expect_refusal(ROOM, "InvalidMember", 400, None);
    assert!(text.contains("signed in"), "{text}");
    ann.signin(&json!({"id": "ann", "user_info": {"name": "Ann"}}));
    ann.send("pusher:subscribe", &json!({"auth": "app-key:00", "channel": ROOM}));
    ann.expect_refusal(ROOM, "AuthError", 401, None);
    ann.send("pusher:subscribe", &without_data);
    let presence = ann.expect_on(ROOM, SUCCEEDED).json()["presence"].clone();
    assert_eq!(presence, json!({"ids": ["ann"], "hash": {"ann": {"name": "Ann"}}, "count": 1}));
    let mut bob = Client::connect(&server);
    bob.subscribe_as(ROOM, "bob");
    ann.close();
    let removed = bob.expect_on(ROOM, "pusher_internal:member_removed").json();
    assert_eq!(removed, json!({"user_id": "ann"}));
}

#[test]
fn a_terminated_user_is_closed_on_all_cores_and_nobody_else_is() {
    let (server, clients) = spread(2);
    let mut guest = Client::connect(&server);
    guest.signin(&json!({"id": "guest"}));
    let mut theirs = Vec::new();
    for (number, mut client) in clients.into_iter().enumerate() {
        if number % 2 == 0 {
            client.signin(&json!({"id": "ann"}));
        } else {
            client.ask_subscribe_as("presence-hall", &json!({"user_id": "ann"}));
            client.expect_on("presence-hall", SUCCEEDED);
        }
        theirs.push(client);
    }
    let mut api = Api::new(&server);
    terminate(&mut api, "ann");
    for client in &mut theirs {
        client.expect_error(Some(4009));
        client.expect_close(4009);
    }
    guest.expect_quiet();
    server.until_metric("uringcast_connections", 1);
    terminate(&mut api, "ann");
    let users = api.get("/channels/presence-hall/users").json();
    assert_eq!(users, json!({"users": []}));
}

#[test]
fn terminating_takes_a_user_of_the_app_and_a_good_signature() {
    let server = Server::start(Options::new());
    let mut client = Client::connect(&server);
    client.signin(&json!({"id": "ann"}));
    let mut api = Api::new(&server);
    let path = "/users/ann/terminate_connections";
    let forged = api.signed("POST", path, "{}").forge("auth_signature", "00");
    assert_eq!(api.send(&forged).status, 401);
    assert_eq!(api.get(path).status, 405);
    let long = format!("/users/{}/terminate_connections", "a".repeat(129));
    assert_eq!(api.post(&long, &json!({})).status, 400);
    terminate(&mut api, "bob");
    client.expect_quiet();
}

#[test]
fn who_is_not_authorized_in_time_is_closed_with_4009() {
    let server = Server::start(Options::new().config("[pusher]\nsignin_timeout_s = 1"));
    let mut signed_in = Client::connect(&server);
    signed_in.signin(&json!({"id": "ann"}));
    let mut subscribed = Client::connect(&server);
    subscribed.subscribe("private-room");
    let mut public = Client::connect(&server);
    public.subscribe("room");
    let text = public.expect_error(Some(4009));
    assert!(text.contains("in time"), "{text}");
    public.expect_close(4009);
    server.until_refused("signin_timeout");
    signed_in.expect_quiet();
    subscribed.expect_quiet();
}
