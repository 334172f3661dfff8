//! Clients of one channel on different cores.

use serde_json::json;
use uringcast_tests::{Api, Client, Options, Server};

/// A server of two cores, and clients until each core has at least `each`.
pub(crate) fn spread(each: u32) -> (Server, Vec<Client>) {
    let server = Server::start(Options::new().cores(2).flag("--client-event-rate", "0"));
    let mut clients = Vec::new();
    let on_core = |server: &Server, core: &str| {
        server.metrics().sum_where("uringcast_connections", "core", core)
    };
    while on_core(&server, "0") < f64::from(each) || on_core(&server, "1") < f64::from(each) {
        assert!(clients.len() < 100, "the kernel does not spread connections over the listeners");
        clients.push(Client::connect(&server));
    }
    (server, clients)
}

#[test]
fn both_cores_take_connections_and_every_subscriber_gets_the_event() {
    let (server, mut clients) = spread(2);
    let channels: Vec<String> = (0..10).map(|number| format!("room-{number}")).collect();
    for client in &mut clients {
        for channel in &channels {
            client.subscribe(channel);
        }
    }
    let mut api = Api::new(&server);
    for channel in &channels {
        api.publish(channel, "greeting", channel);
    }
    for client in &mut clients {
        let mut seen: Vec<String> =
            channels.iter().map(|_| client.expect("greeting").text().to_owned()).collect();
        seen.sort();
        assert_eq!(seen, channels);
        client.expect_quiet();
    }
}

#[test]
fn a_roster_has_the_members_of_all_cores() {
    let (_server, mut clients) = spread(2);
    let count = clients.len();
    for (number, client) in clients.iter_mut().enumerate() {
        let presence = client.subscribe_as("presence-room", &format!("user-{number}"));
        assert_eq!(presence["count"], number + 1);
    }
    for (number, client) in clients.iter_mut().enumerate() {
        for joined in number + 1..count {
            let event = client.expect_on("presence-room", "pusher_internal:member_added");
            assert_eq!(event.json()["user_id"], format!("user-{joined}"));
        }
    }
    let first = clients.remove(0);
    first.close();
    for client in &mut clients {
        let event = client.expect_on("presence-room", "pusher_internal:member_removed");
        assert_eq!(event.json()["user_id"], "user-0");
    }
}

#[test]
fn a_user_on_two_cores_is_one_member() {
    let (server, mut clients) = spread(1);
    let mut watcher = Client::connect(&server);
    watcher.subscribe_as("presence-room", "watcher");
    for client in &mut clients {
        assert_eq!(client.subscribe_as("presence-room", "ann")["count"], 2);
    }
    watcher.expect_on("presence-room", "pusher_internal:member_added");
    clients.into_iter().for_each(Client::close);
    watcher.expect_on("presence-room", "pusher_internal:member_removed");
    watcher.expect_quiet();
}

#[test]
fn client_events_cross_cores_and_skip_their_sender() {
    let (_server, mut clients) = spread(1);
    for client in &mut clients {
        client.subscribe("private-room");
    }
    for sender in 0..clients.len() {
        clients[sender].trigger("private-room", "client-from", &json!(sender.to_string()));
        for (number, client) in clients.iter_mut().enumerate() {
            if number != sender {
                client.expect_numbers("private-room", "client-from", [sender as u64]);
            }
        }
    }
    clients.iter_mut().for_each(Client::expect_quiet);
}

#[test]
fn a_socket_is_excluded_on_whatever_core_it_is() {
    let (server, mut clients) = spread(1);
    for client in &mut clients {
        client.subscribe("room");
    }
    let mut api = Api::new(&server);
    for excluded in 0..clients.len() {
        let socket_id = clients[excluded].socket_id().to_owned();
        let body = json!({
            "name": "number", "channel": "room", "data": "0", "socket_id": socket_id,
        });
        assert_eq!(api.post("/events", &body).status, 200);
        api.publish("room", "number", "1");
        for (number, client) in clients.iter_mut().enumerate() {
            client.expect_numbers("room", "number", u64::from(number == excluded)..2);
        }
    }
}

#[test]
fn the_http_api_sees_the_channels_of_all_cores() {
    let (server, mut clients) = spread(2);
    for (number, client) in clients.iter_mut().enumerate() {
        client.subscribe(&format!("room-{number}"));
        client.subscribe_as("presence-room", &format!("user-{number}"));
    }
    // Every client but the last is told of those who came later; none of it matters here.
    let mut api = Api::new(&server);
    let channels = api.get("/channels").json()["channels"].clone();
    assert_eq!(channels.as_object().unwrap().len(), clients.len() + 1);
    let request = api.signed("GET", "/channels/presence-room", "");
    let answer = api.send(&request.set("info", "user_count,subscription_count")).json();
    assert_eq!(answer["user_count"], clients.len());
    assert_eq!(answer["subscription_count"], clients.len());
    let users = api.get("/channels/presence-room/users").json()["users"].clone();
    assert_eq!(users.as_array().unwrap().len(), clients.len());
}
