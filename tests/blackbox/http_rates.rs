//! How fast an app may publish and read.

use serde_json::{Value, json};
use uringcast_tests::{Api, App, Client, Options, Response, Server, until};

fn event() -> Value {
    json!({"name": "e", "channel": "room", "data": "x"})
}

fn number(response: &Response, header: &str) -> u32 {
    let value = response.header(header).unwrap_or_else(|| panic!("{header}: {response:?}"));
    value.parse().expect("a number")
}

/// Limits that do not fill up while a test looks: the first bucket is all there is.
const SLOW: &str = "pusher.publish_rate = 1\npusher.read_rate = 1";

#[test]
fn what_is_over_the_limit_is_refused_and_not_published() {
    let server = Server::start(Options::new().config("pusher.publish_rate = 3"));
    let mut client = Client::connect(&server);
    client.subscribe("room");
    let mut api = Api::new(&server);
    // One request, so that the bucket does not fill up on the way.
    let batch = |events: usize| json!({"batch": vec![event(); events]});
    let first = api.post("/batch_events", &batch(3));
    assert_eq!((first.status, number(&first, "x-ratelimit-limit")), (200, 3));
    assert_eq!(number(&first, "x-ratelimit-remaining"), 0);
    assert_eq!(number(&first, "x-ratelimit-reset"), 1);
    let refused = api.post("/batch_events", &batch(3));
    assert_eq!(refused.status, 429, "{}", refused.body_text());
    assert_eq!(number(&refused, "retry-after"), 1);
    assert_eq!(number(&refused, "x-ratelimit-limit"), 3);
    assert!(number(&refused, "x-ratelimit-remaining") < 3);
    assert_eq!(refused.json()["code"], 429);
    assert!(!refused.error().is_empty());
    server.until_refused("publish_rate");
    for _ in 0..3 {
        client.expect_on("room", "e");
    }
    client.expect_quiet();
    until("the bucket fills up", || api.post("/batch_events", &batch(3)).status == 200);
}

#[test]
fn an_event_counts_once_for_each_channel() {
    let server = Server::start(Options::new().config("pusher.publish_rate = 100"));
    let mut api = Api::new(&server);
    let channels: Vec<String> = (0..60).map(|number| format!("room-{number}")).collect();
    let body = json!({"name": "e", "channels": channels, "data": "x"});
    let first = api.post("/events", &body);
    assert_eq!((first.status, number(&first, "x-ratelimit-remaining")), (200, 40));
}

/// Otherwise it could never be sent at all.
#[test]
fn a_batch_beyond_a_whole_second_is_taken_and_paid_for_afterwards() {
    let server = Server::start(Options::new().config("pusher.publish_rate = 2"));
    let mut api = Api::new(&server);
    let response = api.post("/batch_events", &json!({"batch": vec![event(); 10]}));
    assert_eq!((response.status, number(&response, "x-ratelimit-reset")), (200, 5));
    let refused = api.post("/events", &event());
    assert_eq!(refused.status, 429);
    assert!(number(&refused, "retry-after") >= 4);
}

#[test]
fn reading_has_a_limit_of_its_own() {
    let server = Server::start(Options::new().config(SLOW));
    let mut api = Api::new(&server);
    let paths = ["/channels", "/channels/room", "/channels/presence-room/users", "/connections"];
    until("reading is refused", || {
        let responses = paths.map(|path| api.get(path));
        let refused = responses.iter().find(|it| it.status == 429);
        refused.is_some_and(|it| number(it, "retry-after") == 1)
    });
    server.until_refused("read_rate");
    let published = api.post("/events", &event());
    assert_eq!((published.status, number(&published, "x-ratelimit-limit")), (200, 1));
}

#[test]
fn what_is_refused_for_another_reason_costs_nothing() {
    let server = Server::start(Options::new().config(SLOW));
    let mut api = Api::new(&server);
    for _ in 0..20 {
        assert_eq!(api.post("/events", &json!({})).status, 400);
        let forged = api.signed("POST", "/events", event().to_string());
        assert_eq!(api.send(&forged.forge("auth_signature", "no")).status, 401);
    }
    assert_eq!(api.post("/events", &event()).status, 200);
}

#[test]
fn one_apps_limit_is_not_anothers() {
    let apps = Options::new().flag("--app", "1:one:s1").flag("--app", "2:two:s2");
    let server = Server::start(apps.config(SLOW));
    let mut one = Api::with_app(server.address(), App::new("1", "one", "s1"));
    let mut two = Api::with_app(server.address(), App::new("2", "two", "s2"));
    assert_eq!(one.post("/batch_events", &json!({"batch": vec![event(); 10]})).status, 200);
    assert_eq!(one.post("/events", &event()).status, 429);
    assert_eq!(two.post("/events", &event()).status, 200);
}

/// Each request comes on a connection of its own, so both cores are asked.
#[test]
fn a_limit_is_one_for_all_cores() {
    let server = Server::start(Options::new().cores(2).config("pusher.publish_rate = 10"));
    let debt = json!({"batch": vec![event(); 10]});
    let statuses = || -> Vec<u16> {
        (0..16).map(|_| Api::new(&server).post("/batch_events", &debt).status).collect()
    };
    let admitted = statuses().into_iter().filter(|status| *status == 200).count();
    // One bucket gives 10 events at once, and 10 more for each second that this took.
    let sum = server.metrics().sum("uringcast_publishes_total");
    assert!(admitted < 16 && (f64::from(admitted as u32) * 10.0 - sum).abs() < 0.5, "{admitted}");
}

#[test]
fn without_a_limit_nothing_is_said_of_it() {
    let server = Server::start(Options::new());
    let mut api = Api::new(&server);
    assert_eq!(api.post("/events", &event()).header("x-ratelimit-limit"), None);
    assert_eq!(api.get("/channels").header("x-ratelimit-limit"), None);
}
