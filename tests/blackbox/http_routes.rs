//! Paths, methods and what is wrong first.

use serde_json::json;
use uringcast_tests::{Api, App, Client, Http, Options, Server};

#[test]
fn the_websockets_path_has_answers_of_its_own() {
    let server = Server::start(Options::new());
    let mut http = Http::connect(server.address());
    for (target, path) in
        [("/app/app-key?protocol=7", "/app/app-key"), ("/app/app/app-key", "/app/app/app-key")]
    {
        let response = http.get(target);
        assert_eq!(response.status, 426);
        let body = json!({
            "error": "Upgrade Required",
            "message": "Open this endpoint with a WebSocket upgrade request.",
            "path": path,
        });
        assert_eq!(response.body_text(), ordered(&body, ["error", "message", "path"]));
        assert_eq!(response.header("upgrade"), Some("websocket"));
        assert_eq!(response.header("content-type"), Some("application/json"));
    }
    let unknown = http.get("/app/another-key");
    assert_eq!(unknown.status, 404);
    assert_eq!(unknown.body_text(), r#"{"error":"Socket app key not found."}"#);
    assert_eq!(http.get("/up").status, 200, "the connection is kept");
}

/// The object with its members in this order.
fn ordered(object: &serde_json::Value, names: [&str; 3]) -> String {
    let members = names.map(|name| format!("\"{name}\":{}", object[name]));
    format!("{{{}}}", members.join(","))
}

#[test]
fn what_is_wrong_first_is_what_is_told() {
    let apps = Options::new().flag("--app", "1:one:s1").flag("--app", "2:two:s2");
    let server = Server::start(apps.config("http.body_bytes_max = 65536"));
    let good = App::new("1", "one", "s1");
    let large = vec![b'x'; 65_537];
    for (app, method, path, body, status) in [
        (App::new("9", "one", "no"), "PATCH", "/nowhere", &large[..], 404),
        (App::new("9", "one", "no"), "PATCH", "/events", &large[..], 405),
        (App::new("9", "one", "no"), "POST", "/events", &large[..], 404),
        (App::new("1", "one", "no"), "POST", "/events", &large[..], 401),
        (App::new("1", "two", "s2"), "POST", "/events", &large[..], 403),
        (good.clone(), "POST", "/events", &large[..], 413),
        (good.clone(), "POST", "/events", &large[1..], 400),
        (good, "GET", "/channels/room/users", b"", 400),
    ] {
        let mut api = Api::with_app(server.address(), app);
        let request = api.signed(method, path, body);
        drop(api.http().try_send(&request.to_bytes()));
        let response = api.http().response();
        assert_eq!(response.status, status, "{method} {path}: {}", response.body_text());
        assert_eq!(response.json()["code"], status);
        assert!(!response.error().is_empty());
        assert_eq!(response.header("content-type"), Some("application/json"));
    }
}

#[test]
fn the_head_of_what_may_be_read_is_the_same() {
    let server = Server::start(Options::new());
    let mut api = Api::new(&server);
    let body = api.get("/channels").body.len();
    let request = api.signed("HEAD", "/channels", "").to_bytes();
    let head = api.http().head(&request);
    assert_eq!((head.status, head.header("content-length")), (200, Some(&*body.to_string())));
    assert_eq!(api.get("/channels").status, 200, "nothing came after the head");
}

#[test]
fn a_method_that_a_path_does_not_take_is_told_which_it_takes() {
    let server = Server::start(Options::new());
    let mut http = Http::connect(server.address());
    for (method, path, allow) in [
        ("POST", "/up", "GET, HEAD"),
        ("DELETE", "/ready", "GET, HEAD"),
        ("GET", "/apps/app-id/events", "POST"),
        ("PUT", "/apps/app-id/channels/room", "GET, HEAD"),
        ("GET", "/apps/app-id/users/u/terminate_connections", "POST"),
    ] {
        let response = http.request(method, path, b"");
        assert_eq!((response.status, response.header("allow")), (405, Some(allow)), "{path}");
    }
}

#[test]
fn the_deprecated_way_to_publish_still_works() {
    let server = Server::start(Options::new());
    let mut client = Client::connect(&server);
    client.subscribe("room");
    let mut api = Api::new(&server);
    let request = api.signed("POST", "/channels/room/events", r#"{"some":"data"}"#);
    let response = api.send(&request.set("name", "e"));
    assert_eq!((response.status, response.body_text().as_str()), (202, "{}"));
    assert_eq!(client.expect_on("room", "e").text(), r#"{"some":"data"}"#);
    let nameless = api.signed("POST", "/channels/room/events", "x");
    assert_eq!(api.send(&nameless).status, 400);
}

#[test]
fn an_app_that_is_switched_off_is_forbidden() {
    let server = Server::start(Options::new().config("pusher.enabled = false"));
    let mut api = Api::new(&server);
    let event = json!({"name": "e", "channel": "room", "data": "x"});
    assert_eq!([api.get("/channels").status, api.post("/events", &event).status], [403, 403]);
    server.until_refused("app_disabled");
}
