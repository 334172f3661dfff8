//! Publishes that are sent more than once and must go out once.

use std::thread;

use serde_json::{Value, json};
use uringcast_tests::{Api, Client, Options, Response, Server, Signed};

fn event(data: &str) -> Value {
    json!({"name": "e", "channel": "room", "data": data})
}

fn keyed(api: &Api, key: &str, body: &Value) -> Signed {
    api.signed("POST", "/events", body.to_string()).header("Idempotency-Key", key)
}

fn subscriber(server: &Server) -> Client {
    let mut client = Client::connect(server);
    client.subscribe("room");
    client
}

/// The event came `times` times, and nothing else did.
fn expect_times(api: &mut Api, client: &mut Client, times: usize) {
    api.publish("room", "marker", "");
    for _ in 0..times {
        client.expect_on("room", "e");
    }
    client.expect_on("room", "marker");
}

fn is_replayed(response: &Response) -> bool {
    response.header("idempotency-replayed") == Some("true")
}

#[test]
fn a_repeat_is_answered_and_not_published() {
    for header in ["Idempotency-Key", "X-Idempotency-Key"] {
        let server = Server::start(Options::new());
        let mut client = subscriber(&server);
        let mut api = Api::new(&server);
        for is_repeat in [false, true, true] {
            let request = api.signed("POST", "/events", event("x").to_string()).header(header, "k");
            let response = api.send(&request);
            assert_eq!((response.status, response.body_text().as_str()), (200, "{}"));
            assert_eq!(is_replayed(&response), is_repeat);
        }
        expect_times(&mut api, &mut client, 1);
    }
}

#[test]
fn the_key_may_be_in_the_body() {
    let server = Server::start(Options::new());
    let mut client = subscriber(&server);
    let mut api = Api::new(&server);
    let single = json!({"name": "e", "channel": "room", "data": "x", "id": "a"});
    let batch = json!({"batch": [event("x")], "id": "b"});
    for (path, body) in [("/events", &single), ("/batch_events", &batch)] {
        assert!(!is_replayed(&api.post(path, body)));
        assert!(is_replayed(&api.post(path, body)));
    }
    expect_times(&mut api, &mut client, 2);
}

/// The answer is the first one's, though one more client is there by then.
#[test]
fn a_repeat_is_told_what_the_first_was_told() {
    let server = Server::start(Options::new());
    let _first = subscriber(&server);
    let mut api = Api::new(&server);
    let body = json!({
        "name": "e", "channel": "room", "data": "x", "id": "k", "info": "subscription_count",
    });
    let expected = json!({"channels": {"room": {"subscription_count": 1}}});
    assert_eq!(api.post("/events", &body).json(), expected);
    let _second = subscriber(&server);
    let repeated = api.post("/events", &body);
    assert_eq!((is_replayed(&repeated), repeated.json()), (true, expected));
}

#[test]
fn another_body_under_the_same_key_is_refused() {
    let server = Server::start(Options::new());
    let mut client = subscriber(&server);
    let mut api = Api::new(&server);
    assert_eq!(api.send(&keyed(&api, "k", &event("x"))).status, 200);
    let refused = api.send(&keyed(&api, "k", &event("y")));
    assert_eq!(refused.status, 422);
    assert_eq!(refused.error(), "this idempotency key was used for another body");
    let batch = json!({"batch": [event("x")], "id": "k"});
    assert_eq!(api.post("/batch_events", &batch).status, 422);
    server.until_refused("idempotency");
    expect_times(&mut api, &mut client, 1);
}

#[test]
fn a_key_of_128_bytes_is_taken_and_a_longer_or_another_one_is_not() {
    let server = Server::start(Options::new());
    let mut api = Api::new(&server);
    let (long, longer) = ("k".repeat(128), "k".repeat(129));
    let mut status = |key: &str| api.send(&keyed(&api, key, &event("x"))).status;
    assert_eq!(
        [status(&long), status(&longer), status(""), status("k\u{e9}")],
        [200, 400, 400, 400]
    );
    let with_id = |id: Value| json!({"name": "e", "channel": "room", "data": "x", "id": id});
    assert_eq!(api.post("/events", &with_id(json!(longer))).status, 400);
    assert_eq!(api.post("/events", &with_id(json!(7))).status, 400);
    assert_eq!(api.post("/events", &with_id(json!(""))).status, 400);
    let differs = keyed(&api, "one", &with_id(json!("another")));
    assert_eq!(api.send(&differs).status, 400);
}

#[test]
fn a_refused_publish_leaves_its_key_free() {
    let server = Server::start(Options::new().config("pusher.publish_rate = 2"));
    let mut client = subscriber(&server);
    let mut api = Api::new(&server);
    let good = json!({"batch": [event("x"), event("x")], "id": "k"});
    let bad = json!({"batch": [event("x"), {"name": "e"}], "id": "k"});
    assert_eq!(api.post("/batch_events", &bad).status, 400);
    assert_eq!(api.post("/batch_events", &json!({"batch": [event("x"), event("x")]})).status, 200);
    let mut refusals = 0;
    let published = loop {
        let response = api.post("/batch_events", &good);
        if response.status == 200 {
            break response;
        }
        assert_eq!(response.status, 429, "{}", response.body_text());
        refusals += 1;
    };
    assert!(refusals > 0 && !is_replayed(&published));
    assert!(is_replayed(&api.post("/batch_events", &good)), "a repeat costs nothing");
    for _ in 0..4 {
        client.expect_on("room", "e");
    }
    client.expect_quiet();
}

#[test]
fn after_the_window_a_key_is_new() {
    let server = Server::start(Options::new().config("pusher.idempotency_window_s = 1"));
    let mut client = subscriber(&server);
    let mut api = Api::new(&server);
    assert!(!is_replayed(&api.send(&keyed(&api, "k", &event("x")))));
    let mut repeats = 0;
    while is_replayed(&api.send(&keyed(&api, "k", &event("x")))) {
        repeats += 1;
    }
    assert!(repeats > 0);
    expect_times(&mut api, &mut client, 2);
}

#[test]
fn without_a_window_every_publish_goes_out() {
    let server = Server::start(Options::new().config("pusher.idempotency_window_s = 0"));
    let mut client = subscriber(&server);
    let mut api = Api::new(&server);
    for _ in 0..2 {
        assert!(!is_replayed(&api.send(&keyed(&api, "k", &event("x")))));
    }
    expect_times(&mut api, &mut client, 2);
}

#[test]
fn the_same_key_on_all_cores_at_once_publishes_once() {
    let server = Server::start(Options::new().cores(2));
    let mut client = subscriber(&server);
    let keys = 20;
    // New connections, so that the kernel spreads them over the cores.
    let race = |key: &str| -> Vec<Response> {
        thread::scope(|scope| {
            let send = || {
                let mut api = Api::new(&server);
                api.send(&keyed(&api, key, &event(key)))
            };
            let threads: Vec<_> = (0..8).map(|_| scope.spawn(send)).collect();
            threads.into_iter().map(|thread| thread.join().expect("the server answers")).collect()
        })
    };
    for number in 0..keys {
        let responses = race(&number.to_string());
        let first = responses.iter().filter(|it| it.status == 200 && !is_replayed(it)).count();
        assert_eq!(first, 1, "{responses:?}");
        assert!(responses.iter().all(|it| [200, 409].contains(&it.status)), "{responses:?}");
    }
    expect_times(&mut Api::new(&server), &mut client, keys);
}

#[test]
fn the_oldest_key_is_forgotten_when_there_are_too_many() {
    let server = Server::start(Options::new().config("core.idempotency_keys_max = 2"));
    let mut api = Api::new(&server);
    let mut send = |key: &str| is_replayed(&api.send(&keyed(&api, key, &event("x"))));
    assert_eq!([send("a"), send("b"), send("a"), send("b")], [false, false, true, true]);
    assert_eq!([send("c"), send("b"), send("a")], [false, true, false]);
    server.until_refused("idempotency_keys");
}
