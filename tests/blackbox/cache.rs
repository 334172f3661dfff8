//! Cache channels: the last event for those who come later.

use serde_json::json;
use uringcast_tests::{Api, Client, Options, Server};

const MISS: &str = "pusher:cache_miss";
const SUCCEEDED: &str = "pusher_internal:subscription_succeeded";

#[test]
fn a_new_subscriber_gets_the_last_event_on_any_number_of_cores() {
    for cores in [1, 2] {
        let server = Server::start(Options::new().cores(cores));
        let mut api = Api::new(&server);
        for channel in ["cache-a", "private-cache-a", "private-encrypted-cache-a"] {
            let mut early = Client::connect(&server);
            early.subscribe(channel);
            let miss = early.expect_on(channel, MISS);
            assert_eq!(miss.raw, format!(r#"{{"event":"{MISS}","channel":"{channel}"}}"#));
            api.publish(channel, "first", "1");
            api.publish(channel, "second", "2");
            let mut late = Client::connect(&server);
            late.subscribe(channel);
            let cached = late.expect_on(channel, "second");
            early.expect_on(channel, "first");
            assert_eq!(cached.raw, early.expect_on(channel, "second").raw);
            api.publish(channel, "third", "3");
            early.expect_on(channel, "third");
            late.expect_on(channel, "third");
            early.expect_quiet();
            late.expect_quiet();
        }
    }
}

#[test]
fn the_data_comes_back_as_it_was_written() {
    let server = Server::start(Options::new());
    let mut api = Api::new(&server);
    let data = r#""{\"a\":1.0,\"b\":\"\u00e9\\/\"}""#;
    let body = format!(r#"{{"name":"n\u0065ws","channel":"cache-a","data":{data}}}"#);
    let request = api.signed("POST", "/events", body);
    assert_eq!(api.send(&request).status, 200);
    let mut client = Client::connect(&server);
    client.subscribe("cache-a");
    let raw = client.expect_on("cache-a", "news").raw;
    assert_eq!(raw, format!(r#"{{"event":"n\u0065ws","channel":"cache-a","data":{data}}}"#));
}

#[test]
fn a_batch_leaves_its_last_event() {
    let server = Server::start(Options::new().cores(2));
    let mut api = Api::new(&server);
    let items = (0..10).map(|number| ("cache-a", "number", number.to_string()));
    api.publish_batch(items);
    let mut client = Client::connect(&server);
    client.subscribe("cache-a");
    client.expect_numbers("cache-a", "number", [9]);
    client.expect_quiet();
}

#[test]
fn a_subscriber_who_may_not_join_is_told_nothing_of_the_event() {
    let server = Server::start(Options::new());
    Api::new(&server).publish("private-cache-a", "secret", "");
    let mut client = Client::connect(&server);
    client.send("pusher:subscribe", &json!({"auth": "app-key:0", "channel": "private-cache-a"}));
    client.expect_refusal("private-cache-a", "AuthError", 401, None);
    client.expect_quiet();
}

#[test]
fn an_event_lives_as_long_as_its_app_says() {
    let server = Server::start(Options::new().config("[pusher]\ncache_ttl_s = 1\n"));
    let mut api = Api::new(&server);
    api.publish("cache-a", "news", "1");
    server.until_metric("uringcast_cached_events", 0);
    let mut client = Client::connect(&server);
    client.subscribe("cache-a");
    client.expect_on("cache-a", MISS);
    api.publish("cache-a", "news", "2");
    client.expect_on("cache-a", "news");
}

#[test]
fn a_kept_event_occupies_nothing() {
    let server = Server::start(Options::new());
    let mut api = Api::new(&server);
    api.publish("cache-a", "news", "1");
    server.until_metric("uringcast_cached_events", 1);
    server.until_metric("uringcast_channels", 0);
    assert_eq!(api.get("/channels").body_text(), r#"{"channels":{}}"#);
    assert_eq!(api.get("/channels/cache-a").json()["occupied"], json!(false));
    let mut client = Client::connect(&server);
    client.subscribe("cache-a");
    client.expect_on("cache-a", "news");
    assert_eq!(api.get("/channels/cache-a").json()["occupied"], json!(true));
    client.close();
    server.until_metric("uringcast_channels", 0);
}

#[test]
fn a_full_cache_forgets_the_oldest_and_says_so() {
    let server = Server::start(Options::new().config("[core]\ncache_bytes_max = 30000\n"));
    let mut api = Api::new(&server);
    for number in 0..4 {
        api.publish(&format!("cache-{number}"), "news", &"x".repeat(9_000));
    }
    server.until_metric("uringcast_cache_evictions_total", 1);
    server.until_metric("uringcast_cached_events", 3);
    assert!(server.metrics().sum("uringcast_cached_bytes") <= 30_000.0);
    let mut client = Client::connect(&server);
    client.subscribe("cache-0");
    client.expect_on("cache-0", MISS);
    for number in 1..4 {
        client.subscribe(&format!("cache-{number}"));
        client.expect_on(&format!("cache-{number}"), "news");
    }
    server.until_metric("uringcast_cache_misses_total", 1);
    server.until_metric("uringcast_cache_hits_total", 3);
}

/// Each subscriber comes in the middle of a stream: what it gets begins with the last event from
/// before it, and goes on without a gap.
#[test]
fn a_subscriber_in_the_middle_of_a_stream_misses_nothing() {
    let server = Server::start(Options::new().cores(2));
    let mut api = Api::new(&server);
    api.publish("cache-stream", "number", "0");
    let mut clients: Vec<Client> = (0..20).map(|_| Client::connect(&server)).collect();
    for (number, client) in clients.iter_mut().enumerate() {
        client.ask_subscribe("cache-stream");
        api.publish("cache-stream", "number", &(number + 1).to_string());
    }
    for client in &mut clients {
        client.expect_on("cache-stream", SUCCEEDED);
        let first = client.expect_on("cache-stream", "number").number();
        client.expect_numbers("cache-stream", "number", first + 1..=20);
    }
}
