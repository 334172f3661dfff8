//! The apps: several keys of one, and changes while clients are connected.

use serde_json::json;
use uringcast_tests::{Api, App, Client, Http, Options, Server, until};

/// The table of an app whose key and secret follow from its name.
fn table(name: &str, more: &str) -> String {
    format!("[[apps]]\nid = \"{name}\"\nkey = \"{name}-key\"\nsecret = \"{name}-secret\"\n{more}\n")
}

fn app(name: &str) -> App {
    App::new(name, &format!("{name}-key"), &format!("{name}-secret"))
}

fn start(config: &str) -> Server {
    Server::start(Options::new().cores(2).config(config))
}

fn client(server: &Server, name: &str) -> Client {
    Client::with_app(server.address(), app(name))
}

/// The status of a read by the app `name`: 404 as long as nobody knows it.
fn status(server: &Server, name: &str) -> u16 {
    Api::with_app(server.address(), app(name)).get("/channels").status
}

/// A new socket with the key of the app `name` is told that there is no such app.
fn expect_unknown(server: &Server, name: &str) {
    let path = format!("/app/{name}-key?protocol=7&client=js&version=8.6.0");
    let mut client = Client::open(server.address(), &path, app(name));
    client.expect_error(Some(4001));
    client.expect_close(4001);
}

#[test]
fn publishers_reach_an_app_by_any_of_its_ids() {
    let server = start(&table("a", "id_aliases = [\"internal\"]"));
    let alias = App::new("internal", "a-key", "a-secret");
    assert_eq!(Api::with_app(server.address(), alias).get("/channels").status, 200);
    assert_eq!(status(&server, "a"), 200);
    assert_eq!(status(&server, "local"), 404);
}

#[test]
fn all_keys_of_an_app_are_good_at_the_same_time() {
    let server = start(
        "[[apps]]\nid = \"a\"\nkeys = [{ key = \"new\", secret = \"s-new\" }, \
         { key = \"old\", secret = \"s-old\" }]\n",
    );
    let apps = [App::new("a", "new", "s-new"), App::new("a", "old", "s-old")];
    let mut clients = apps.clone().map(|app| Client::with_app(server.address(), app));
    for client in &mut clients {
        client.subscribe("private-room"); // Signed with its own key.
    }
    for (number, app) in apps.into_iter().enumerate() {
        Api::with_app(server.address(), app).publish("private-room", "n", &number.to_string());
    }
    for client in &mut clients {
        client.expect_numbers("private-room", "n", 0..2);
    }
    let mixed = App::new("a", "new", "s-old");
    assert_eq!(Api::with_app(server.address(), mixed).get("/channels").status, 401);
}

/// A reload by `ask`, and all that may happen to an app in it.
fn check_reload(ask: impl Fn(&Server, &str)) {
    let rotating = "[[apps]]\nid = \"rotated\"\nkeys = [{ key = \"rotated-key\", secret = \
                    \"rotated-secret\" }, { key = \"next\", secret = \"next-secret\" }]\n";
    let rotated = "[[apps]]\nid = \"rotated\"\nkey = \"next\"\nsecret = \"next-secret\"\n";
    let stays = table("stays", "");
    let server = start(&[&stays, &table("goes", ""), &table("sleeps", ""), rotating].concat());
    // Enough for both cores to have some of each.
    let mut staying: Vec<Client> = (0..8).map(|_| client(&server, "stays")).collect();
    let mut going: Vec<Client> = (0..8).map(|_| client(&server, "goes")).collect();
    let mut sleeping: Vec<Client> = (0..8).map(|_| client(&server, "sleeps")).collect();
    let mut rotated_out: Vec<Client> = (0..8).map(|_| client(&server, "rotated")).collect();
    for client in staying.iter_mut().chain(&mut going) {
        client.subscribe("room");
    }
    assert_eq!(status(&server, "comes"), 404);

    let more = [&stays, &table("comes", ""), &table("sleeps", "enabled = false"), rotated];
    ask(&server, &more.concat());
    // The clients that stay are published to all the while.
    let mut api = Api::with_app(server.address(), app("stays"));
    let mut published = 0;
    until("the new app is served", || {
        for _ in 0..10 {
            api.publish("room", "n", &published.to_string());
            published += 1;
        }
        status(&server, "comes") == 200
    });
    for (clients, code) in [(&mut going, 4001), (&mut sleeping, 4003)] {
        for client in clients {
            client.expect_close(code);
        }
    }
    for client in &mut staying {
        client.expect_numbers("room", "n", 0..published);
        client.expect_quiet();
    }
    for client in &mut rotated_out {
        client.expect_quiet();
    }
    for _ in 0..8 {
        client(&server, "comes").subscribe("room");
        Client::with_app(server.address(), App::new("rotated", "next", "next-secret"));
        expect_unknown(&server, "goes");
        expect_unknown(&server, "rotated");
    }
    until("the removed app is gone everywhere", || status(&server, "goes") == 404);
}

#[test]
fn sighup_reads_the_apps_again() {
    check_reload(|server, config| {
        server.rewrite_config(config);
        server.signal(libc::SIGHUP);
    });
}

#[test]
fn a_change_of_the_file_reads_the_apps_again() {
    check_reload(Server::rewrite_config);
}

#[test]
fn a_file_with_problems_changes_nothing_and_a_good_one_does_after_it() {
    let mut server = start(&table("a", ""));
    let mut connected = client(&server, "a");
    server.rewrite_config(&format!("{}prot = 1", table("b", "secrt = \"x\"")));
    server.signal(libc::SIGHUP);
    server.until_refused("reload");
    assert_eq!((status(&server, "a"), status(&server, "b")), (200, 404));
    connected.subscribe("room");
    server.rewrite_config(&format!("{}[server]\ndrain_timeout_s = 3\n", table("b", "")));
    until("the new app is served", || status(&server, "b") == 200);
    connected.expect_close(4001);
    let errors = server.said();
    for line in [
        "the apps were read again and stay as they were: 2 problems in the configuration:",
        ":5: apps.secrt is not known; did you mean apps.secret?",
        ":7: server.drain_timeout_s is 3, but stays 10 until a restart",
        "the apps were read again: 1 are served, 1 added, 0 changed, 1 removed",
    ] {
        assert!(errors.contains(line), "{line}\n{errors}");
    }
}

#[test]
fn a_changed_policy_holds_for_connections_that_are_there() {
    let server = start(&table("a", "event_data_bytes_max = 10"));
    let mut clients = [(); 2].map(|()| client(&server, "a"));
    for client in &mut clients {
        client.subscribe("private-room");
    }
    let [sender, receiver] = &mut clients;
    server.rewrite_config(&table("a", "event_data_bytes_max = 11"));
    server.signal(libc::SIGHUP);
    until("the limit is the new one", || {
        sender.trigger("private-room", "client-x", &json!("123456789")); // 11 bytes with quotes.
        sender.send("pusher:ping", &json!({}));
        let answer = sender.event().event;
        if answer == "pusher:error" {
            sender.expect("pusher:pong");
        }
        answer == "pusher:pong"
    });
    receiver.expect_on("private-room", "client-x");
    receiver.expect_quiet();
}

/// Limits that need another one to be raised first would close every subscriber.
#[test]
fn a_limit_that_does_not_fit_before_a_restart_is_not_taken_up() {
    let mut server = start(&table("a", ""));
    let large = "event_data_bytes_max = 900000\n[http]\nbody_bytes_max = 1000000\n";
    server.rewrite_config(&table("a", large));
    server.signal(libc::SIGHUP);
    server.until_refused("reload");
    let errors = server.said();
    let line = "app \"a\": http.body_bytes_max is 786432 until a restart, but must be above \
                pusher.event_data_bytes_max, which is 900000";
    assert!(errors.contains(line), "{errors}");
}

#[test]
fn the_key_stands_behind_the_socket_path_or_behind_app() {
    let server = start("[server]\nsocket_path = \"ws/\"\n");
    for path in ["/ws/app-key", "/ws/app/app-key", "/app/app-key"] {
        let path = format!("{path}?protocol=7");
        let mut client = Client::open(server.address(), &path, server.app());
        client.expect("pusher:connection_established");
    }
    let mut http = Http::connect(server.address());
    assert_eq!(http.get("/ws/app-key").status, 426);
    assert_eq!(http.get("/ws/app/app-key").status, 426);
    assert_eq!(http.get("/app/app/app-key").status, 404);
}
