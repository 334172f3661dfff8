//! Watchlists: who is online, who comes and who goes.

use serde_json::json;
use uringcast_tests::{Client, Options, Server};

use crate::cores::spread;

fn event(name: &str, user_ids: &[&str]) -> (String, Vec<String>) {
    (name.to_owned(), user_ids.iter().map(ToString::to_string).collect())
}

fn watcher(server: &Server, watchlist: &[&str]) -> Client {
    let mut client = Client::connect(server);
    client.signin(&json!({"id": "watcher", "watchlist": watchlist}));
    client
}

#[test]
fn a_watcher_hears_how_it_is_and_then_every_change() {
    let server = Server::start(Options::new());
    let mut bob = Client::connect(&server);
    bob.signin(&json!({"id": "bob"}));
    let mut watcher = watcher(&server, &["ann", "bob", "cat"]);
    let now = watcher.expect_watchlist();
    assert_eq!(now, [event("offline", &["ann", "cat"]), event("online", &["bob"])]);
    let mut ann = Client::connect(&server);
    ann.signin(&json!({"id": "ann"}));
    assert_eq!(watcher.expect_watchlist(), [event("online", &["ann"])]);
    bob.close();
    assert_eq!(watcher.expect_watchlist(), [event("offline", &["bob"])]);
    ann.reset();
    assert_eq!(watcher.expect_watchlist(), [event("offline", &["ann"])]);
    watcher.expect_quiet();
}

#[test]
fn watchers_on_all_cores_hear_of_users_and_not_of_connections() {
    let (server, mut clients) = spread(2);
    for (number, client) in clients.iter_mut().enumerate() {
        client.signin(&json!({"id": format!("watcher-{number}"), "watchlist": ["ann"]}));
        assert_eq!(client.expect_watchlist(), [event("offline", &["ann"])]);
    }
    let mut tabs: Vec<Client> = (0..8).map(|_| Client::connect(&server)).collect();
    for tab in &mut tabs {
        tab.signin(&json!({"id": "ann"}));
    }
    for client in &mut clients {
        assert_eq!(client.expect_watchlist(), [event("online", &["ann"])]);
    }
    tabs.into_iter().for_each(Client::close);
    for client in &mut clients {
        assert_eq!(client.expect_watchlist(), [event("offline", &["ann"])]);
        client.expect_quiet();
    }
}

#[test]
fn a_member_of_a_presence_channel_who_has_not_signed_in_is_not_online() {
    let server = Server::start(Options::new());
    let mut watcher = watcher(&server, &["ann"]);
    assert_eq!(watcher.expect_watchlist(), [event("offline", &["ann"])]);
    let mut ann = Client::connect(&server);
    ann.subscribe_as("presence-room", "ann");
    watcher.expect_quiet();
    ann.signin(&json!({"id": "ann"}));
    assert_eq!(watcher.expect_watchlist(), [event("online", &["ann"])]);
}

/// 100 users by default, as hosted Pusher has it.
#[test]
fn one_user_too_many_is_said_and_the_user_is_signed_in_all_the_same() {
    let server = Server::start(Options::new());
    let users: Vec<String> = (0..101).map(|number| format!("user-{number:03}")).collect();
    let mut client = Client::connect(&server);
    client.signin(&json!({"id": "ann", "watchlist": users}));
    let text = client.expect_error(Some(4302));
    assert!(text.contains("101 users, at most 100"), "{text}");
    client.subscribe("#server-to-user-ann");
    let mut watched = Client::connect(&server);
    watched.signin(&json!({"id": "user-000"}));
    client.expect_quiet();
    server.until_refused("watchlist");
    let mut client = Client::connect(&server);
    client.signin(&json!({"id": "bob", "watchlist": users[..100]}));
    let mut heard = 0;
    while heard < 100 {
        heard += client.expect_watchlist().iter().map(|(_, ids)| ids.len()).sum::<usize>();
    }
    assert_eq!(heard, 100);
    client.expect_quiet();
}

#[test]
fn an_app_hears_nothing_of_the_users_of_another() {
    let config = r#"
        apps = [
            { id = "app-id", key = "app-key", secret = "app-secret" },
            { id = "b", key = "key-b", secret = "secret-b" },
        ]
    "#;
    let server = Server::start(Options::new().config(config));
    let mut watcher = watcher(&server, &["ann"]);
    assert_eq!(watcher.expect_watchlist(), [event("offline", &["ann"])]);
    let other = uringcast_tests::App::new("b", "key-b", "secret-b");
    let mut ann = Client::with_app(server.address(), other);
    ann.signin(&json!({"id": "ann"}));
    watcher.expect_quiet();
}
