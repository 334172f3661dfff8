//! ZinTrust's side of the HTTP API, from outside.

use serde_json::{Value, json};
use uringcast_tests::{Client, Http, Options, Response, Server};

const CONFIG: &str = "[[apps]]\nid = \"app-id\"\nkey = \"app-key\"\nsecret = \"app-secret\"\n";

/// A server of two cores whose only app has `more` in its table.
fn start(more: &str) -> Server {
    Server::start(Options::new().cores(2).config(&format!("{CONFIG}{more}\n")))
}

fn post(server: &Server, path: &str, headers: &[(&str, &str)], body: &str) -> Response {
    let lines = headers.iter().map(|(name, value)| format!("{name}: {value}\r\n"));
    let lines = lines.collect::<Vec<_>>().concat();
    let length = body.len();
    let mut http = Http::connect(server.address());
    http.send(
        format!(
            "POST {path} HTTP/1.1\r\nHost: localhost\r\n{lines}\
             Content-Length: {length}\r\n\r\n{body}"
        )
        .as_bytes(),
    );
    http.response()
}

/// A publish as ZinTrust's core sends it: the secret in both headers.
fn publish(server: &Server, body: &Value) -> Response {
    let headers =
        [("authorization", "Bearer app-secret"), ("x-zintrust-socket-secret", "app-secret")];
    post(server, "/apps/app-id/events", &headers, &body.to_string())
}

fn check(response: &Response, status: u16, body: &str) {
    assert_eq!((response.status, response.body_text().as_str()), (status, body));
    assert_eq!(response.header("content-type"), Some("application/json; charset=utf-8"));
}

#[test]
fn deliveries_are_distinct_sockets_of_all_cores() {
    let server = start("");
    let mut clients: Vec<Client> = (0..8).map(|_| Client::connect(&server)).collect();
    for client in &mut clients[..6] {
        client.subscribe("one");
    }
    for client in &mut clients[4..] {
        client.subscribe("two");
    }
    let send = |channels: Value, socket_id: Option<&str>| {
        let body =
            json!({"channels": channels, "event": "e", "data": {"a": 1}, "socket_id": socket_id});
        publish(&server, &body)
    };
    let one = r#"{"ok":true,"channels":["one"],"event":"e","deliveries":6}"#;
    check(&send(json!(["one"]), None), 202, one);
    let both = r#"{"ok":true,"channels":["one","two"],"event":"e","deliveries":8}"#;
    check(&send(json!(["one", "two"]), None), 202, both);
    let skipped = r#"{"ok":true,"channels":["one"],"event":"e","deliveries":5}"#;
    let socket_id = clients[0].socket_id().to_owned();
    check(&send(json!(["one"]), Some(&socket_id)), 202, skipped);
    let nobody = r#"{"ok":true,"channels":["three"],"event":"e","deliveries":0}"#;
    check(&send(json!(["three"]), None), 202, nobody);
    let event = clients[1].expect_on("one", "e");
    assert_eq!(event.data, r#"{"a":1}"#);
}

#[test]
fn refusals_are_zintrusts() {
    let server = start("");
    let send = |path: &str, secret: &str, body: &str| {
        post(&server, path, &[("x-zintrust-socket-secret", secret)], body)
    };
    let unknown = r#"{"error":"Socket app id not found."}"#;
    check(&send("/apps/nobody/events", "wrong", ""), 404, unknown);
    let wrong = r#"{"error":"Socket publish secret is invalid."}"#;
    check(&send("/apps/app-id/events", "wrong", ""), 403, wrong);
    let missing = r#"{"error":"event/name and channel/channels are required."}"#;
    check(&send("/apps/app-id/events", "app-secret", "{}"), 400, missing);
    server.until_refused("signature");
    let fields = r#"{"error":"socket_id and channel_name are required."}"#;
    check(&post(&server, "/broadcasting/auth", &[], ""), 400, fields);
    let body = "socket_id=1.2&channel_name=private-a";
    check(&post(&server, "/broadcasting/auth", &[], body), 403, r#"{"message":"Forbidden"}"#);
    server.until_refused("authorization");
    assert_eq!(post(&server, "/broadcasting/other", &[], body).status, 404);
}

#[test]
fn a_policy_or_an_authorizer_that_is_not_there_lets_nothing_through() {
    // Nothing listens on the discard port of this host.
    let url = "http://127.0.0.1:9/";
    let server =
        start(&format!("publish_policy_url = \"{url}\"\nauth = \"webhook\"\nauth_url = \"{url}\""));
    let mut client = Client::connect(&server);
    client.subscribe("room");
    let refused = publish(&server, &json!({"event": "e", "channel": "room"}));
    assert_eq!(refused.status, 503, "{}", refused.body_text());
    server.until_refused("publish_policy");
    let body = "socket_id=1.2&channel_name=private-a";
    assert_eq!(post(&server, "/broadcasting/auth", &[], body).status, 503);
    server.until_refused("authorization");
    client.expect_quiet();
}

#[test]
fn a_body_for_a_signature_has_a_limit() {
    let server = start("auth = \"allow-all\"");
    let body = |bytes: usize| {
        let start = "socket_id=1.2&channel_name=private-a&channel_data=";
        format!("{start}{}", "x".repeat(bytes - start.len()))
    };
    assert_eq!(post(&server, "/broadcasting/auth", &[], &body(64 * 1024)).status, 200);
    assert_eq!(post(&server, "/broadcasting/auth", &[], &body(64 * 1024 + 1)).status, 413);
    server.until_refused("body_bytes");
}
