//! Who may use the HTTP API: keys, signatures, times and digests.

use serde_json::json;
use uringcast_tests::{Api, App, Client, Options, Server, Signed, hex_md5};

fn event() -> String {
    json!({"name": "forbidden", "channel": "room", "data": "x"}).to_string()
}

/// Changes a correct request with `change`; it must get `status`, and publish nothing unless 200.
fn check(status: u16, change: impl FnOnce(Signed) -> Signed) {
    let server = Server::start(Options::new());
    let mut client = Client::connect(&server);
    client.subscribe("room");
    let mut api = Api::new(&server);
    let request = change(api.signed("POST", "/events", event()));
    let response = api.send(&request);
    assert_eq!(response.status, status, "{}", response.body_text());
    if status == 200 {
        client.expect_on("room", "forbidden");
    } else {
        assert!(!response.error().is_empty());
        server.until_refused("signature");
    }
    Api::new(&server).publish("room", "marker", "");
    client.expect_on("room", "marker");
}

#[test]
fn a_correct_request_is_accepted() {
    check(200, |request| request);
}

#[test]
fn a_wrong_key_is_refused() {
    check(401, |request| request.set("auth_key", "another-key"));
}

#[test]
fn a_wrong_signature_is_refused() {
    check(401, |request| request.forge("auth_signature", &"0".repeat(64)));
    check(401, |request| request.forge("auth_signature", ""));
    check(401, |request| request.forge("auth_signature", "short"));
}

#[test]
fn a_parameter_that_was_not_signed_is_refused() {
    check(401, |request| request.forge("info", "user_count"));
    check(401, |request| request.forge("auth_timestamp", "1"));
}

#[test]
fn a_request_that_lacks_a_part_of_its_signature_is_refused() {
    for name in ["auth_key", "auth_timestamp", "auth_version", "auth_signature", "body_md5"] {
        check(401, |request| request.without(name));
    }
}

#[test]
fn another_version_of_the_signature_is_refused() {
    check(401, |request| request.set("auth_version", "2.0"));
}

#[test]
fn a_body_that_is_not_the_signed_one_is_refused() {
    check(401, |request| request.forge_body(event().replace('x', "y")));
    check(401, |request| request.set("body_md5", &hex_md5(b"another body")));
}

/// Spec: within 600 s, whichever clock is ahead.
#[test]
fn a_stale_request_is_refused() {
    check(401, |request| request.seconds_from_now(-660));
    check(401, |request| request.seconds_from_now(660));
    check(401, |request| request.set("auth_timestamp", "not a number"));
    check(401, |request| request.set("auth_timestamp", "-1"));
}

#[test]
fn a_request_of_some_minutes_ago_is_accepted() {
    check(200, |request| request.seconds_from_now(-540));
    check(200, |request| request.seconds_from_now(540));
}

#[test]
fn parameters_that_need_escapes_are_signed_unescaped() {
    check(200, |request| request.set("note", "a b&c=d/\u{e9}%"));
}

/// Some libraries always send the digest.
#[test]
fn a_get_with_the_digest_of_the_empty_body_is_accepted() {
    let server = Server::start(Options::new());
    let mut api = Api::new(&server);
    let request = api.signed("GET", "/channels", "").set("body_md5", &hex_md5(b""));
    assert_eq!(api.send(&request).status, 200);
}

#[test]
fn every_route_wants_a_signature() {
    let server = Server::start(Options::new());
    let mut api = Api::new(&server);
    for (method, path, body) in [
        ("POST", "/events", "{}"),
        ("POST", "/batch_events", "{}"),
        ("GET", "/channels", ""),
        ("GET", "/channels/room", ""),
        ("GET", "/channels/presence-room/users", ""),
    ] {
        let forged = api.signed(method, path, body).forge("auth_signature", &"0".repeat(64));
        let response = api.send(&forged);
        assert_eq!(response.status, 401, "{method} {path}");
        assert!(!response.error().is_empty());
        let response = api.http().request(method, &format!("/apps/app-id{path}"), body.as_bytes());
        assert_eq!(response.status, 401, "{method} {path} without any parameters");
    }
}

#[test]
fn an_unknown_app_is_not_found() {
    let server = Server::start(Options::new());
    let app = App::new("another-id", "app-key", "app-secret");
    let response = Api::with_app(server.address(), app).get("/channels");
    assert_eq!(response.status, 404);
    assert!(!response.error().is_empty());
}

#[test]
fn the_key_of_one_app_is_no_key_to_another() {
    let server = Server::start(Options::new().flag("--app", "1:one:s1").flag("--app", "2:two:s2"));
    for (app, status) in [
        (App::new("1", "one", "s1"), 200),
        (App::new("2", "one", "s1"), 403),
        (App::new("1", "two", "s2"), 403),
        (App::new("1", "one", "s2"), 401),
    ] {
        assert_eq!(Api::with_app(server.address(), app).get("/channels").status, status);
    }
}

#[test]
fn a_refused_request_leaves_the_connection_usable() {
    let server = Server::start(Options::new());
    let mut api = Api::new(&server);
    let forged = api.signed("POST", "/events", event()).set("auth_key", "another-key");
    assert_eq!(api.send(&forged).status, 401);
    api.publish("room", "e", "x");
}
