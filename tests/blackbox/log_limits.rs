//! What clients may take of the table of logs, and which acknowledgements count.

use serde_json::{Value, json};
use uringcast_tests::{Api, App, Client, Http, Options, Response, Server, Stream, Zps, until};

use crate::log_file::Directory;

/// Both drivers: the second keeps logs in `directory`.
fn both(directory: &Directory, config: &str) -> [Options; 2] {
    let options = |driver: &str| {
        Options::new().cores(1).config(&format!(
            "[[apps]]\nid = \"app-id\"\nkey = \"app-key\"\nsecret = \"app-secret\"\n\
             history = [{{ pattern = \"short:*\", ttl_s = 1 }}, {{ pattern = \"*-kept\" }}]\n\
             zps = {{ allow_client_publish = true }}\n[log]\n{driver}{config}"
        ))
    };
    let file = format!("driver = \"file\"\ndir = \"{}\"\n", directory.0.display());
    [options(""), options(&file)]
}

fn ask(server: &Server, method: &str, path: &str, body: &Value) -> Response {
    let (mut http, body) = (Http::connect(server.address()), body.to_string());
    let length = body.len();
    http.send(
        format!(
            "{method} {path} HTTP/1.1\r\nHost: a\r\nAuthorization: Bearer app-secret\r\n\
             Content-Length: {length}\r\n\r\n{body}"
        )
        .as_bytes(),
    );
    http.response()
}

fn publish(server: &Server, room: &str) -> Response {
    ask(server, "POST", "/events", &json!({"room": room, "type": "t", "payload": 1}))
}

/// Subscribes to rooms and acknowledges what is not there.
fn fill(server: &Server, scope: &str) {
    let mut eve = Zps::connect(server, "eve");
    for number in 0..4 {
        let room = format!("{scope}:{number}");
        eve.subscribe(&room);
        for sequence in [0, 1] {
            eve.send(&json!({"type": "ack", "room": room, "sequence": sequence}));
            eve.message();
        }
        let body = json!({"room": room, "sequence": 1, "subscriberId": "eve"});
        ask(server, "POST", "/ack", &body);
    }
    eve.close();
}

#[test]
fn who_acknowledges_nothing_takes_no_log_for_good() {
    let directory = Directory::new();
    for options in both(&directory, "channels_max = 4\n") {
        let mut server = Server::start(options);
        fill(&server, "one");
        server.until_metric("uringcast_subscriptions", 0);
        fill(&server, "two");
        server.until_metric("uringcast_subscriptions", 0);
        server.restart();
        fill(&server, "three");
        server.until_metric("uringcast_subscriptions", 0);
        assert_eq!(publish(&server, "four:1").status, 200);
    }
}

#[test]
fn a_cursor_that_is_not_used_is_forgotten_and_its_log_gives_way() {
    let directory = Directory::new();
    for options in both(&directory, "channels_max = 2\ncursor_idle_s = 1\n") {
        let mut server = Server::start(options);
        for room in ["short:1", "short:2"] {
            let mut ann = Zps::connect(&server, "ann");
            ann.subscribe(room);
            assert_eq!(publish(&server, room).status, 200);
            ann.expect_event(room, 1);
            ann.ack(room, 1);
        }
        server.until_metric("uringcast_subscriptions", 0);
        until("the first log gives way", || publish(&server, "short:3").status == 200);
        server.restart();
        until("the others do", || publish(&server, "short:4").status == 200);
        until("the others do", || publish(&server, "short:5").status == 200);
    }
}

#[test]
fn an_ack_above_the_last_event_is_refused_by_every_way() {
    let directories = [Directory::new(), Directory::new()];
    let options = [1, 2]
        .into_iter()
        .zip(&directories)
        .flat_map(|(cores, directory)| both(directory, "").map(|options| options.cores(cores)));
    for options in options {
        let server = Server::start(options);
        let mut ann = Zps::connect(&server, "ann");
        // Several, so that each core owns some; subscribed to or not.
        for number in 0..8 {
            let room = format!("r:{number}");
            if number % 2 == 0 {
                ann.subscribe(&room);
            }
            assert_eq!(publish(&server, &room).status, 200);
            if number % 2 == 0 {
                ann.expect_event(&room, 1);
            }
            let words = "no event has number 900: the last one is 1";
            ann.send(&json!({"type": "ack", "room": room, "sequence": 900}));
            ann.expect_error(&format!("{room}: {words}"));
            let body = json!({"room": room, "sequence": 900, "subscriberId": "bob"});
            let refused = ask(&server, "POST", "/ack", &body);
            assert_eq!((refused.status, refused.error().as_str()), (409, words));
            ann.ack(&room, 1);
            let body = json!({"room": room, "sequence": 1, "subscriberId": "bob"});
            assert_eq!(ask(&server, "POST", "/ack", &body).status, 204);
        }
        server.until_refused("log_ack");
        // Nothing of what was refused counts.
        let mut again = Zps::connect(&server, "ann");
        assert_eq!(publish(&server, "r:0").status, 200);
        again.send(&json!({"type": "subscribe", "room": "r:0"}));
        again.expect(&json!({"type": "subscribed", "room": "r:0"}));
        assert_eq!(again.message()["snapshot"]["lastSequence"], 1);
        again.expect_event("r:0", 2);
        let mut api = Api::new(&server);
        let mut pusher = Client::connect(&server);
        for number in 0..8 {
            let channel = format!("{number}-kept");
            pusher.ask_subscribe(&channel);
            pusher.expect_on(&channel, "pusher_internal:subscription_succeeded");
            api.publish(&channel, "n", "1");
            pusher.expect_on(&channel, "n");
            let ack =
                |sequence| json!({"channel": channel, "sequence": sequence, "subscriber": "s"});
            pusher.send("uringcast:ack", &ack(900));
            let error = pusher.expect_error(None);
            assert_eq!(error, format!("{channel}: no event has number 900: the last one is 1"));
            pusher.send("uringcast:ack", &ack(1));
            pusher.expect_quiet();
        }
    }
}

/// Logs in memory begin anew with the process: what a client has of the life before is no event of
/// this one, and acknowledging it must not hide those that come.
#[test]
fn an_ack_of_a_former_life_hides_no_event_of_this_one() {
    let mut server = Server::start(Options::new().cores(2));
    for _ in 0..5 {
        assert_eq!(publish(&server, "r:1").status, 200);
    }
    let mut ann = Zps::connect(&server, "ann");
    ann.subscribe("r:1");
    (1..=5).for_each(|sequence| _ = ann.expect_event("r:1", sequence));
    ann.ack("r:1", 5);
    server.restart();
    let mut ann = Zps::connect(&server, "ann");
    ann.ack("r:1", 5); // Of nothing, as there is no event yet.
    for _ in 0..3 {
        assert_eq!(publish(&server, "r:1").status, 200);
    }
    ann.send(&json!({"type": "ack", "room": "r:1", "sequence": 5}));
    ann.expect_error("r:1: no event has number 5: the last one is 3");
    ann.subscribe("r:1");
    (1..=3).for_each(|sequence| _ = ann.expect_event("r:1", sequence));
}

#[test]
fn one_connection_begins_so_many_logs_a_minute_and_not_one_more() {
    let directory = Directory::new();
    let [memory, _] = both(&directory, "new_rate = 3\n");
    let server = Server::start(memory);
    let words = "the connection has begun 3 logs within a minute, which is all that it may";
    let mut ann = Zps::connect(&server, "ann");
    ann.subscribe("r:1");
    ann.subscribe("r:2");
    ann.publish("r:3", "t", &json!(1)); // It is not told of what is well.
    ann.subscribe("r:1");
    for _ in 0..2 {
        ann.send(&json!({"type": "subscribe", "room": "r:4"}));
        ann.expect_error(&format!("r:4: {words}"));
    }
    ann.publish("r:4", "t", &json!(1));
    ann.expect_error(&format!("r:4: {words}"));
    ann.send(&json!({"type": "presence_enter", "room": "r:4", "user": {"userId": "u"}}));
    ann.expect_error(&format!("r:4: {words}"));
    server.until_refused("log_new_connection");
    // Others, and what is there already, are not concerned.
    Zps::connect(&server, "bob").subscribe("r:4");
    ann.subscribe("r:4");
    let (mut stream, _) = Stream::begin(&server, "/sse?rooms=s:1,s:2,s:3,s:4");
    let mut refused = stream.block();
    while refused.event != "error" {
        refused = stream.block();
    }
    assert!(refused.data.contains(&format!("s:4: {words}")), "{refused:?}");
    let mut pusher = Client::connect(&server);
    for number in 1..=3 {
        pusher.subscribe(&format!("{number}-kept"));
    }
    pusher.ask_subscribe("4-kept");
    let refused = pusher.expect_on("4-kept", "pusher:subscription_error");
    assert!(refused.raw.contains(&format!("\"error\":\"{words}\"")), "{}", refused.raw);
}

#[test]
fn one_app_begins_so_many_logs_a_minute_and_others_go_on() {
    let app = |id: &str| {
        format!(
            "[[apps]]\nid = \"{id}\"\nkey = \"k{id}\"\nsecret = \"s{id}\"\n\
             zps = {{ allow_client_publish = true }}\nhistory = [{{ pattern = \"*-kept\" }}]\n"
        )
    };
    let config = format!("{}{}[log]\nnew_rate_app = 2\n", app("a"), app("b"));
    let server = Server::start(Options::new().cores(1).config(&config));
    let client = |app: &str| {
        let mut zps = Zps::open(&server, &format!("/apps/{app}"));
        zps.send(&json!({"type": "init", "subscriberId": "s"}));
        zps.expect(&json!({"type": "ready", "subscriberId": "s"}));
        zps
    };
    let words = "the app has begun 2 logs within a minute, which is all that it may";
    client("a").subscribe("r:1");
    client("a").subscribe("r:2");
    let mut third = client("a");
    third.send(&json!({"type": "subscribe", "room": "r:3"}));
    third.expect_error(&format!("r:3: {words}"));
    client("b").subscribe("r:3");
    let post = |secret: &str, method: &str, path: &str, body: &Value| {
        let (mut http, body) = (Http::connect(server.address()), body.to_string());
        let length = body.len();
        let head = format!("{method} {path} HTTP/1.1\r\nHost: a\r\nAuthorization: Bearer {secret}");
        http.send(format!("{head}\r\nContent-Length: {length}\r\n\r\n{body}").as_bytes());
        http.response()
    };
    // The app's own server is not locked out by its clients.
    let event = json!({"room": "r:9", "type": "t", "payload": 1});
    assert_eq!(post("sa", "POST", "/events", &event).status, 200);
    let state = json!({"lastSequence": 0, "state": 1});
    assert_eq!(post("sa", "PUT", "/rooms/r%3A8/snapshot", &state).status, 200);
    server.until_refused("log_new_app");
    let mut api = Api::with_app(server.address(), App::new("a", "ka", "sa"));
    let body = json!({"name": "n", "channel": "a-kept", "data": ""});
    let taken = api.post("/events", &body);
    assert_eq!(taken.status, 200, "{}", taken.body_text());
}
