//! Where zero-pub-sub clients connect, and who is let in there.

use serde_json::json;
use uringcast_tests::{Client, Options, Raw, Server, Zps, token};

const APPS: &str = "[[apps]]\nid = \"one\"\nkey = \"key-1\"\nsecret = \"s\"\n\
                    [[apps]]\nid = \"two\"\nkey = \"key-2\"\nsecret = \"s\"\n";

fn start(keys: &str) -> Server {
    let config = format!("[zps]\nallow_client_publish = true\n{keys}{APPS}");
    Server::start(Options::new().config(&config))
}

fn init(server: &Server, path: &str, token: Option<&str>) -> Zps {
    let mut zps = Zps::open(server, path);
    match token {
        Some(token) => zps.send(&json!({"type": "init", "subscriberId": "s", "token": token})),
        None => zps.send(&json!({"type": "init", "subscriberId": "s"})),
    }
    zps
}

fn connect(server: &Server, path: &str) -> Zps {
    let mut zps = init(server, path, None);
    zps.expect(&json!({"type": "ready", "subscriberId": "s"}));
    zps.subscribe("chat:1");
    zps
}

#[test]
fn the_root_is_the_first_app_or_the_one_that_is_named() {
    for (keys, same, other) in [("", "one", "two"), ("app = \"two\"\n", "two", "one")] {
        let server = start(keys);
        let mut root = connect(&server, "/?x=1");
        let mut same = connect(&server, &format!("/apps/{same}"));
        let mut other = connect(&server, &format!("/apps/{other}"));
        root.publish("chat:1", "t", &json!(1));
        root.expect_event("chat:1", 1);
        same.expect_event("chat:1", 1);
        other.expect_quiet();
    }
}

#[test]
fn an_unknown_app_is_refused_with_words() {
    let server = start("");
    let mut zps = Zps::open(&server, "/apps/three");
    zps.expect_announced_close(4401, "Application does not exist");
    server.until_refused("unknown_key");
}

#[test]
fn pusher_clients_connect_beside() {
    let server = Server::start(Options::new());
    let mut pusher = Client::connect(&server);
    pusher.subscribe("news");
    let mut zps = Zps::connect(&server, "s");
    zps.subscribe("chat:1");
    pusher.expect_quiet();
    zps.expect_quiet();
}

#[test]
fn the_protocol_can_be_switched_off() {
    let server = Server::start(Options::new().config("[zps]\nenabled = false\n"));
    let mut raw = Raw::upgrade(server.address(), "/");
    raw.expect_event("pusher:error");
}

#[test]
fn the_apps_key_lets_in_at_its_own_path() {
    let keys = "jwt_secret = \"x\"\napp_key_opens_rooms = true\n";
    let server = start(keys);
    let mut zps = init(&server, "/apps/one", Some("key-1"));
    zps.expect(&json!({"type": "ready", "subscriberId": "s"}));
    zps.subscribe("chat:1");
    for (path, token) in [("/", "key-1"), ("/apps/two", "key-1"), ("/apps/one", "s")] {
        let mut zps = init(&server, path, Some(token));
        zps.expect_error("Invalid token");
        zps.expect_announced_close(4401, "Realtime authentication failed");
    }
}

#[test]
fn a_second_init_is_another_subscriber() {
    let server = start("jwt_secret = \"x\"\n");
    let good = token("x", &json!({"exp": 4_000_000_000_u64, "rooms": ["chat:*"]}));
    let bare = token("x", &json!({"exp": 4_000_000_000_u64}));
    let mut zps = init(&server, "/", Some(&good));
    zps.expect(&json!({"type": "ready", "subscriberId": "s"}));
    zps.subscribe("chat:1");
    zps.send(&json!({"type": "init", "subscriberId": "t", "token": bare}));
    zps.expect(&json!({"type": "ready", "subscriberId": "t"}));
    zps.send(&json!({"type": "subscribe", "room": "chat:2"}));
    zps.expect_error("Access denied for room: chat:2");
}

#[test]
fn keys_that_cannot_be_read_keep_the_server_from_starting() {
    let options = Options::new().config("[zps]\njwks_file = \"/nowhere/keys.json\"\n");
    let (_, said) = Server::refused(&options);
    assert!(said.contains("zps.jwks_file") && said.contains("/nowhere/keys.json"), "{said}");
}
