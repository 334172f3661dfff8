//! One order per channel, the same for all, whatever way the events came in.

use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;

use serde_json::json;
use uringcast_tests::{Api, Client, Event, Options, Server};

const CORES: u8 = 2;

fn server() -> Server {
    Server::start(Options::new().cores(CORES).flag("--client-event-rate", "0"))
}

/// Enough subscribers of `channel` that they are on both cores.
fn subscribers(server: &Server, channel: &str) -> Vec<Client> {
    let subscriber = || {
        let mut client = Client::connect(server);
        client.subscribe(channel);
        client
    };
    (0..8).map(|_| subscriber()).collect()
}

#[test]
fn one_connection_kept_alive_keeps_its_order() {
    let server = server();
    let mut subscribers = subscribers(&server, "room");
    let mut api = Api::new(&server);
    for number in 0..300 {
        api.publish("room", "number", &number.to_string());
    }
    for client in &mut subscribers {
        client.expect_numbers("room", "number", 0..300);
    }
}

#[test]
fn pipelined_requests_keep_their_order() {
    let server = server();
    let mut subscribers = subscribers(&server, "room");
    let mut api = Api::new(&server);
    let requests: Vec<u8> = (0..300)
        .flat_map(|number| {
            let body = json!({"name": "number", "channel": "room", "data": number.to_string()});
            api.signed("POST", "/events", body.to_string()).to_bytes()
        })
        .collect();
    let mut writer = api.http().writer();
    thread::scope(|scope| {
        scope.spawn(move || writer.send(&requests));
        for _ in 0..300 {
            assert_eq!(api.http().response().status, 200);
        }
    });
    for client in &mut subscribers {
        client.expect_numbers("room", "number", 0..300);
    }
}

#[test]
fn batches_keep_their_order() {
    let server = server();
    let mut subscribers = subscribers(&server, "room");
    let mut api = Api::new(&server);
    for batch in 0..30 {
        let numbers = batch * 10..batch * 10 + 10;
        api.publish_batch(numbers.map(|number| ("room", "number", number.to_string())));
    }
    for client in &mut subscribers {
        client.expect_numbers("room", "number", 0..300);
    }
}

#[test]
fn client_events_keep_their_order() {
    let server = server();
    let mut subscribers = subscribers(&server, "private-room");
    let mut sender = subscribers.pop().unwrap();
    for number in 0..1_000 {
        sender.trigger("private-room", "client-number", &json!(number.to_string()));
    }
    for client in &mut subscribers {
        client.expect_numbers("private-room", "client-number", 0..1_000);
    }
}

/// All ways at once, from many publishers: each keeps its own order, and all subscribers agree on
/// the order of all.
#[test]
fn parallel_publishers_each_keep_their_order_and_all_subscribers_see_the_same() {
    const EVENTS: u64 = 200;
    let server = server();
    let mut subscribers = subscribers(&server, "private-room");
    let mut senders: Vec<Client> = (0..2)
        .map(|_| {
            let mut client = Client::connect(&server);
            client.subscribe("private-room");
            client
        })
        .collect();
    thread::scope(|scope| {
        for publisher in ["single-1", "single-2"] {
            let mut api = Api::new(&server);
            scope.spawn(move || {
                for number in 0..EVENTS {
                    api.publish("private-room", publisher, &number.to_string());
                }
            });
        }
        let mut api = Api::new(&server);
        scope.spawn(move || {
            for batch in 0..EVENTS / 10 {
                let numbers = batch * 10..batch * 10 + 10;
                let item = |number: u64| ("private-room", "batch", number.to_string());
                api.publish_batch(numbers.map(item));
            }
        });
        for (sender, name) in senders.iter_mut().zip(["client-1", "client-2"]) {
            scope.spawn(move || {
                for number in 0..EVENTS {
                    sender.trigger("private-room", name, &json!(number.to_string()));
                }
            });
        }
    });
    let mut seen: Vec<Vec<String>> = Vec::new();
    for client in &mut subscribers {
        let events: Vec<Event> = (0..EVENTS * 5).map(|_| client.event()).collect();
        check_each_publisher(&events);
        seen.push(events.into_iter().map(|event| event.raw).collect());
        client.expect_quiet();
    }
    assert!(seen.iter().all(|order| *order == seen[0]), "two subscribers saw two orders");
}

/// Every publisher's numbers count up from 0 without a gap.
fn check_each_publisher(events: &[Event]) {
    let mut next: HashMap<&str, u64> = HashMap::new();
    for event in events {
        let expected = next.entry(&event.event).or_default();
        assert_eq!(event.number(), *expected, "{}", event.raw);
        *expected += 1;
    }
    assert_eq!(next.len(), 5);
}

/// From `subscription_succeeded` on, nothing is missing and nothing is from before.
#[test]
fn who_joins_a_busy_channel_sees_it_without_a_gap_from_there_on() {
    let server = server();
    let mut api = Api::new(&server);
    let is_over = AtomicBool::new(false);
    thread::scope(|scope| {
        scope.spawn(|| {
            let numbers = (0..20_000_u64).take_while(|_| !is_over.load(Ordering::Relaxed));
            for number in numbers {
                api.publish("room", "number", &number.to_string());
            }
        });
        for _ in 0..20 {
            let mut client = Client::connect(&server);
            client.subscribe("room");
            let first = client.expect_on("room", "number").number();
            client.expect_numbers("room", "number", first + 1..first + 30);
        }
        is_over.store(true, Ordering::Relaxed);
    });
}

/// 200 means queued to every subscriber on this node: what a subscriber asks for afterwards is
/// answered after the event, on whatever core it is.
#[test]
fn an_event_is_queued_to_every_subscriber_before_its_publisher_gets_200() {
    let server = server();
    let mut subscribers = subscribers(&server, "room");
    let mut api = Api::new(&server);
    for number in 0..50 {
        api.publish("room", "number", &number.to_string());
        for client in &mut subscribers {
            client.send("pusher:ping", &json!({}));
        }
        for client in &mut subscribers {
            client.expect_numbers("room", "number", [number]);
            client.expect("pusher:pong");
        }
    }
}
