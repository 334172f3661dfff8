//! Logs behind the HTTP APIs: what a publisher is told, and what a reader finds after a crash.

use serde_json::{Value, json};
use uringcast_tests::{Api, Http, Options, Response, Server};

const SECRET: &str = "app-secret";

/// A request to zero-pub-sub's API.
fn ask(server: &Server, method: &str, path: &str, body: &Value) -> Response {
    let (mut http, body) = (Http::connect(server.address()), body.to_string());
    let length = body.len();
    http.send(
        format!(
            "{method} {path} HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer {SECRET}\r\n\
             Content-Type: application/json\r\nContent-Length: {length}\r\n\r\n{body}"
        )
        .as_bytes(),
    );
    http.response()
}

fn event(room: &str, payload: &Value) -> Value {
    json!({"room": room, "type": "t", "payload": payload})
}

/// All refusals that are counted, by their limits.
fn refusals(server: &Server, limit: &str) -> (f64, f64) {
    let (metrics, name) = (server.metrics(), "uringcast_refusals_total");
    (metrics.sum_where(name, "limit", limit), metrics.sum(name))
}

#[test]
fn an_event_that_a_log_refuses_is_counted_once() {
    let server = Server::start(Options::new().cores(2).config(
        "[[apps]]\nid = \"app-id\"\nkey = \"app-key\"\nsecret = \"app-secret\"\n\
         history = [{ pattern = \"*\", bytes_max = 65536 }]\nevent_data_bytes_max = 100000\n",
    ));
    let data = "x".repeat(65_450);
    for (count, channel) in (1..).zip(["a", "b", "c"]) {
        let body = json!({"name": "n", "channel": channel, "data": data});
        let response = Api::new(&server).post("/events", &body);
        assert_eq!(response.status, 413, "{}", response.body_text());
        let count = f64::from(count);
        assert_eq!(refusals(&server, "log_event_bytes"), (count, count));
    }
    let response = ask(&server, "POST", "/events", &event("r:1", &json!(data)));
    assert_eq!(response.status, 413, "{}", response.body_text());
    assert_eq!(refusals(&server, "log_event_bytes"), (4.0, 4.0));
}
