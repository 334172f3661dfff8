//! Connections and users of an app.

use serde_json::json;
use uringcast_tests::{Api, App, Client, Options, Server};

fn connections(api: &mut Api) -> u64 {
    let response = api.get("/connections");
    assert_eq!(response.status, 200, "{}", response.body_text());
    response.json()["connections"].as_u64().expect("a number")
}

#[test]
fn the_connections_of_an_app_are_counted_on_all_cores() {
    let apps = Options::new().cores(2).flag("--app", "1:one:s1").flag("--app", "2:two:s2");
    let server = Server::start(apps);
    let (one, two) = (App::new("1", "one", "s1"), App::new("2", "two", "s2"));
    let connect = |app: &App, count: usize| -> Vec<Client> {
        (0..count).map(|_| Client::with_app(server.address(), app.clone())).collect()
    };
    let (first, second) = (connect(&one, 5), connect(&two, 2));
    let mut api_of_one = Api::with_app(server.address(), one);
    let mut api_of_two = Api::with_app(server.address(), two);
    assert_eq!((connections(&mut api_of_one), connections(&mut api_of_two)), (5, 2));
    first.into_iter().for_each(Client::close);
    server.until_metric("uringcast_connections", 2);
    assert_eq!((connections(&mut api_of_one), connections(&mut api_of_two)), (0, 2));
    drop(second);
}

#[test]
fn terminating_a_user_who_is_not_there_is_no_error() {
    let server = Server::start(Options::new().cores(2));
    let mut api = Api::new(&server);
    let response = api.post("/users/nobody/terminate_connections", &json!({}));
    assert_eq!((response.status, response.body_text().as_str()), (200, "{}"));
    let without_body = api.signed("POST", "/users/a%2Fb/terminate_connections", "");
    assert_eq!(api.send(&without_body).status, 200);
}

#[test]
fn a_user_has_a_name_of_1_to_128_bytes() {
    let server = Server::start(Options::new());
    let mut api = Api::new(&server);
    let mut terminate =
        |user: &str| api.post(&format!("/users/{user}/terminate_connections"), &json!({})).status;
    assert_eq!(terminate(&"u".repeat(128)), 200);
    assert_eq!(terminate(&"u".repeat(129)), 400);
    assert_eq!(terminate(""), 400);
    assert_eq!(terminate("%ff"), 400);
}
