//! Whose cursor it is where tokens say who somebody is.

use serde_json::{Value, json};
use uringcast_tests::{Http, Options, Response, Server, Zps, token};

use crate::log_file::Directory;

const SECRET: &str = "jwt-secret";

fn options(more: &str) -> Options {
    Options::new().cores(2).config(&format!(
        "[zps]\nallow_client_publish = true\njwt_secret = {SECRET:?}\n\
         app_key_opens_rooms = true\n{more}"
    ))
}

fn token_of(sub: &Value) -> String {
    let mut claims = json!({"rooms": ["*"], "exp": 4_000_000_000_u64});
    if !sub.is_null() {
        claims["sub"] = sub.clone();
    }
    token(SECRET, &claims)
}

/// A client that has a token for `sub` and calls itself `id`.
fn client(server: &Server, sub: &Value, id: &str) -> Zps {
    let mut zps = Zps::open(server, "/");
    zps.send(&json!({"type": "init", "subscriberId": id, "token": token_of(sub)}));
    zps.expect(&json!({"type": "ready", "subscriberId": id}));
    zps
}

fn ask(server: &Server, path: &str, body: &Value) -> Response {
    let (mut http, body) = (Http::connect(server.address()), body.to_string());
    let length = body.len();
    http.send(
        format!(
            "POST {path} HTTP/1.1\r\nHost: a\r\nAuthorization: Bearer app-secret\r\n\
             Content-Length: {length}\r\n\r\n{body}"
        )
        .as_bytes(),
    );
    http.response()
}

fn publish(server: &Server, room: &str, count: usize) {
    for _ in 0..count {
        let event = json!({"room": room, "type": "t", "payload": 1});
        assert_eq!(ask(server, "/events", &event).status, 200);
    }
}

/// The event after which a subscription goes on.
fn start(mut zps: Zps, room: &str) -> u64 {
    zps.subscribe(room);
    let first = zps.message();
    first["snapshot"]["lastSequence"].as_u64().unwrap_or(0)
}

#[test]
fn nobody_moves_the_cursor_of_another_user_by_taking_their_id() {
    let directory = Directory::new();
    let file = format!("[log]\ndriver = \"file\"\ndir = \"{}\"\n", directory.0.display());
    for driver in ["", &file] {
        let mut server = Server::start(options(driver));
        publish(&server, "r:1", 9);
        let (ann, eve) = (json!("ann"), json!("eve"));
        client(&server, &ann, "ann").ack("r:1", 3);
        let mut rivals = vec![client(&server, &eve, "ann"), client(&server, &Value::Null, "ann")];
        // The app's key stands for nobody, whatever it calls itself.
        for id in ["ann", "\u{1}sub:3:annann", "\u{1}id:\u{1}sub:3:annann"] {
            let mut zps = Zps::open(&server, "/apps/app-id");
            zps.send(&json!({"type": "init", "subscriberId": id, "token": "app-key"}));
            zps.expect(&json!({"type": "ready", "subscriberId": id}));
            rivals.push(zps);
        }
        // Parts that are the same when they are put together.
        rivals.push(client(&server, &json!("an"), "nann"));
        rivals.push(client(&server, &json!("3:an"), "nann"));
        for rival in &mut rivals {
            rival.ack("r:1", 9);
        }
        let body = json!({"room": "r:1", "sequence": 9, "subscriberId": "ann"});
        assert_eq!(ask(&server, "/ack", &body).status, 204);
        assert_eq!(start(client(&server, &ann, "ann"), "r:1"), 3);
        // One user may be several subscribers.
        client(&server, &ann, "tablet").ack("r:1", 5);
        if !driver.is_empty() {
            server.signal(libc::SIGTERM);
            assert!(server.wait_exit().success());
            server.restart();
        }
        assert_eq!(start(client(&server, &ann, "ann"), "r:1"), 3);
        assert_eq!(start(client(&server, &ann, "tablet"), "r:1"), 5);
        // Their own server may move it.
        let body = json!({"room": "r:1", "sequence": 7, "subscriberId": "ann", "sub": "ann"});
        assert_eq!(ask(&server, "/ack", &body).status, 204);
        assert_eq!(start(client(&server, &ann, "ann"), "r:1"), 7);
    }
}

#[test]
fn where_the_id_must_be_the_user_no_other_is_taken() {
    let server = Server::start(options("subscriber_must_match_sub = true\n"));
    publish(&server, "r:1", 4);
    let refused = |id: &str, token: &str, path: &str| {
        let mut zps = Zps::open(&server, path);
        zps.send(&json!({"type": "init", "subscriberId": id, "token": token}));
        zps.expect_error("subscriberId must be the token's sub");
        zps.expect_announced_close(4401, "Realtime authentication failed");
    };
    refused("ann", &token_of(&json!("eve")), "/");
    refused("ann", &token_of(&Value::Null), "/");
    refused("ann", "app-key", "/apps/app-id");
    let mut ann = client(&server, &json!("ann"), "ann");
    ann.ack("r:1", 2);
    // A second init cannot change it either.
    let again = json!({"type": "init", "subscriberId": "eve", "token": token_of(&json!("ann"))});
    ann.send(&again);
    ann.expect_error("subscriberId must be the token's sub");
    // Over HTTP an id is the user of the same name, and no other can be meant.
    let body = json!({"room": "r:1", "sequence": 3, "subscriberId": "ann"});
    assert_eq!(ask(&server, "/ack", &body).status, 204);
    assert_eq!(start(client(&server, &json!("ann"), "ann"), "r:1"), 3);
    let body = json!({"room": "r:1", "sequence": 3, "subscriberId": "ann", "sub": "eve"});
    assert_eq!(ask(&server, "/ack", &body).status, 400);
    // Numbers are users, too.
    assert_eq!(start(client(&server, &json!(7), "7"), "r:1"), 0);
}

#[test]
fn a_user_has_a_name_of_at_most_255_bytes() {
    let server = Server::start(options(""));
    drop(client(&server, &json!("s".repeat(255)), "id"));
    let mut zps = Zps::open(&server, "/");
    let token = token_of(&json!("s".repeat(256)));
    zps.send(&json!({"type": "init", "subscriberId": "id", "token": token}));
    zps.expect_error("Realtime message field sub must have at most 255 bytes");
    server.until_refused("zps_length");
}
