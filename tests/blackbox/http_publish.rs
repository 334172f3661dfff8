//! Publishing over HTTP: one event, many channels, batches.

use std::io::Write as _;
use std::thread;

use serde_json::{Value, json};
use uringcast_tests::{Api, Client, Http, Options, Raw, Server, Signed};

fn subscriber(server: &Server, channel: &str) -> Client {
    let mut client = Client::connect(server);
    client.subscribe(channel);
    client
}

/// Posts `body` and expects `status`; an error must name its cause.
fn check_refused(path: &str, body: &Value, status: u16) {
    let server = Server::start(Options::new());
    let mut client = subscriber(&server, "room");
    let mut api = Api::new(&server);
    let response = api.post(path, body);
    assert_eq!(response.status, status, "{body}: {}", response.body_text());
    assert!(!response.error().is_empty());
    api.publish("room", "marker", "");
    client.expect_on("room", "marker");
}

#[test]
fn success_is_an_empty_object() {
    let server = Server::start(Options::new());
    let mut api = Api::new(&server);
    let body = json!({"name": "greeting", "channel": "nobody-is-here", "data": "hello"});
    let response = api.post("/events", &body);
    assert_eq!((response.status, response.body_text().as_str()), (200, "{}"));
    assert!(response.header("content-type").unwrap().starts_with("application/json"));
}

#[test]
fn the_data_is_relayed_byte_for_byte() {
    let server = Server::start(Options::new());
    let mut client = subscriber(&server, "room");
    let mut api = Api::new(&server);
    for data in [
        r#""plain""#,
        r#""""#,
        r#""{\"some\":\"data\"}""#,
        r#""\u00e9\/\ud83d\ude00 \u0000 \b\f\n\r\t""#,
        "\"caf\u{e9} \u{1f680} \u{2028}\"",
    ] {
        let body = format!(r#"{{"name":"e","channel":"room","data":{data}}}"#);
        let response = api.send(&api.signed("POST", "/events", body));
        assert_eq!(response.status, 200, "{data}: {}", response.body_text());
        let raw = client.expect_on("room", "e").raw;
        assert!(raw.contains(&format!("\"data\":{data}")), "{data} became {raw}");
    }
}

#[test]
fn a_name_with_quotes_arrives_as_it_was() {
    let server = Server::start(Options::new());
    let mut client = subscriber(&server, "room");
    for name in ["a \"quoted\" \\ name", "caf\u{e9}", "App\\Events\\Shipped", "line\nend"] {
        Api::new(&server).publish("room", name, "x");
        client.expect_on("room", name);
    }
}

#[test]
fn one_event_may_go_to_many_channels() {
    let server = Server::start(Options::new());
    let mut clients: Vec<(String, Client)> = (0..10)
        .map(|number| format!("room-{number}"))
        .map(|channel| (channel.clone(), subscriber(&server, &channel)))
        .collect();
    let channels: Vec<&String> = clients.iter().map(|(channel, _)| channel).collect();
    let body = json!({"name": "greeting", "channels": channels, "data": "hello"});
    assert_eq!(Api::new(&server).post("/events", &body).status, 200);
    for (channel, client) in &mut clients {
        client.expect_on(channel, "greeting");
        client.expect_quiet();
    }
}

#[test]
fn a_subscriber_of_several_channels_gets_the_event_on_each() {
    let server = Server::start(Options::new());
    let mut client = subscriber(&server, "a");
    client.subscribe("b");
    let body = json!({"name": "greeting", "channels": ["a", "b"], "data": "hello"});
    assert_eq!(Api::new(&server).post("/events", &body).status, 200);
    let mut channels = [client.expect("greeting").channel, client.expect("greeting").channel];
    channels.sort();
    assert_eq!(channels, [Some("a".to_owned()), Some("b".to_owned())]);
}

#[test]
fn the_socket_that_is_excluded_gets_nothing() {
    let server = Server::start(Options::new());
    let (mut excluded, mut other) = (subscriber(&server, "room"), subscriber(&server, "room"));
    let mut api = Api::new(&server);
    let socket_id = excluded.socket_id().to_owned();
    let event =
        |name: &str| json!({"name": name, "channel": "room", "data": "x", "socket_id": socket_id});
    assert_eq!(api.post("/events", &event("single")).status, 200);
    let batch = json!({"batch": [event("in-batch"), event("in-batch")]});
    assert_eq!(api.post("/batch_events", &batch).status, 200);
    api.publish("room", "marker", "");
    other.expect_on("room", "single");
    other.expect_on("room", "in-batch");
    other.expect_on("room", "in-batch");
    other.expect_on("room", "marker");
    excluded.expect_on("room", "marker");
}

#[test]
fn excluding_a_socket_that_is_gone_changes_nothing() {
    let server = Server::start(Options::new());
    let mut client = subscriber(&server, "room");
    let body = json!({"name": "e", "channel": "room", "data": "x", "socket_id": "4000000000.1"});
    assert_eq!(Api::new(&server).post("/events", &body).status, 200);
    client.expect_on("room", "e");
}

#[test]
fn a_batch_reaches_its_channels_in_order() {
    let server = Server::start(Options::new());
    let (mut a, mut b) = (subscriber(&server, "a"), subscriber(&server, "b"));
    let items = (0..10).map(|number| (["a", "b"][number % 2], "number", number.to_string()));
    Api::new(&server).publish_batch(items);
    a.expect_numbers("a", "number", (0..10).step_by(2));
    b.expect_numbers("b", "number", (1..10).step_by(2));
}

#[test]
fn one_bad_item_stops_the_whole_batch() {
    let good = json!({"channel": "room", "name": "good", "data": "x"});
    for bad in [
        json!({"channel": "not a name", "name": "e", "data": "x"}),
        json!({"channel": "room", "data": "x"}),
        json!({"channel": "room", "name": "e", "data": "x", "socket_id": "nonsense"}),
        json!({"name": "e", "data": "x"}),
        json!(null),
    ] {
        for batch in [json!([good, good, bad]), json!([bad, good])] {
            check_refused("/batch_events", &json!({ "batch": batch }), 400);
        }
    }
}

#[test]
fn a_body_that_is_no_event_is_refused_with_400() {
    for body in [
        json!({}),
        json!([]),
        json!(null),
        json!({"name": "e", "data": "x"}),
        json!({"channel": "room", "data": "x"}),
        json!({"name": "e", "channel": "room"}),
        json!({"name": "e", "channel": "not a name", "data": "x"}),
        json!({"name": "e", "channel": "", "data": "x"}),
        json!({"name": "e", "channels": ["room", ""], "data": "x"}),
        json!({"name": "e", "channels": "room", "data": "x"}),
        json!({"name": 7, "channel": "room", "data": "x"}),
        json!({"name": "e", "channel": "room", "data": "x", "socket_id": "nonsense"}),
        json!({"name": "e", "channel": "room", "data": "x", "socket_id": "1.2\",\"a\":\"b"}),
    ] {
        check_refused("/events", &body, 400);
    }
}

#[test]
fn a_signed_body_that_is_not_json_is_refused_with_400() {
    let server = Server::start(Options::new());
    let mut api = Api::new(&server);
    for body in ["{", "garbage", "{\"name\":\"e\"} trailing", "\u{feff}{}"] {
        for path in ["/events", "/batch_events"] {
            let response = api.send(&api.signed("POST", path, body));
            assert_eq!(response.status, 400, "{body}: {}", response.body_text());
            assert!(!response.error().is_empty());
        }
    }
    let body = b"{\"name\":\"e\",\"channel\":\"room\",\"data\":\"\xff\"}".to_vec();
    assert_eq!(api.send(&api.signed("POST", "/events", body)).status, 400);
}

#[test]
fn a_body_may_come_in_chunks() {
    let server = Server::start(Options::new());
    let mut client = subscriber(&server, "room");
    let body = json!({"name": "e", "channel": "room", "data": "in chunks"}).to_string();
    let target = Signed::new(&server.app(), "POST", "/apps/app-id/events", body.clone()).target();
    let mut http = Http::connect(server.address());
    let head = format!("POST {target} HTTP/1.1\r\nHost: 127.0.0.1\r\n");
    http.send(format!("{head}Transfer-Encoding: chunked\r\n\r\n").as_bytes());
    for part in body.as_bytes().chunks(7) {
        http.send(format!("{:x}\r\n", part.len()).as_bytes());
        http.send(part);
        http.send(b"\r\n");
    }
    http.send(b"0\r\n\r\n");
    assert_eq!(http.response().status, 200);
    assert_eq!(client.expect_on("room", "e").text(), "in chunks");
}

/// PHP's curl asks before it sends a larger body and waits a second for the answer.
#[test]
fn a_client_that_asks_whether_to_continue_may() {
    let server = Server::start(Options::new());
    let body = json!({"name": "e", "channel": "room", "data": "x"}).to_string();
    let target = Signed::new(&server.app(), "POST", "/apps/app-id/events", body.clone()).target();
    let mut raw = Raw::connect(server.address());
    let length = body.len();
    let head = format!("POST {target} HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: {length}\r\n");
    raw.send(format!("{head}Expect: 100-continue\r\n\r\n").as_bytes());
    let mut interim = [0; 12];
    raw.stream().peek(&mut interim).unwrap();
    assert_eq!(&interim, b"HTTP/1.1 100");
    raw.send(body.as_bytes());
    assert_eq!(raw.response().status, 200);
}

#[test]
fn a_connection_is_kept_alive_until_the_client_wants_it_closed() {
    let server = Server::start(Options::new());
    let mut api = Api::new(&server);
    for _ in 0..50 {
        api.publish("room", "e", "x");
    }
    let request = String::from_utf8(api.signed("GET", "/channels", "").to_bytes()).unwrap();
    let request =
        request.replace("Host: 127.0.0.1\r\n", "Host: 127.0.0.1\r\nConnection: close\r\n");
    api.http().send(request.as_bytes());
    assert_eq!(api.http().response().status, 200);
    api.http().expect_end();
}

#[test]
fn pipelined_requests_are_answered_in_their_order() {
    let server = Server::start(Options::new());
    let mut api = Api::new(&server);
    let good = api.signed("GET", "/channels", "").to_bytes();
    let missing = api.signed("GET", "/nowhere", "").to_bytes();
    let requests = [good.clone(), missing.clone(), good.clone(), good, missing].concat();
    api.http().send(&requests);
    let statuses = [(); 5].map(|()| api.http().response().status);
    assert_eq!(statuses, [200, 404, 200, 200, 404]);
}

/// Far more answers than the kernel keeps for a client that takes few at a time.
#[test]
fn answers_that_are_not_read_yet_keep_their_order() {
    const ROUNDS: usize = 10_000;
    let server = Server::start(Options::new());
    let mut raw = Raw::narrow(server.address());
    let mut writer = raw.stream().try_clone().unwrap();
    let requests = thread::spawn(move || {
        let [good, missing] =
            ["/up", "/nowhere"].map(|it| format!("GET {it} HTTP/1.1\r\nHost: a\r\n\r\n"));
        writer.write_all((good + &missing).repeat(ROUNDS).as_bytes()).unwrap();
    });
    for round in 0..ROUNDS {
        let statuses = [(); 2].map(|()| raw.response().status);
        assert_eq!(statuses, [200, 404], "{round}");
    }
    requests.join().unwrap();
}

/// Its end may come with the request or after it, before or after the server looks.
#[test]
fn a_client_that_ends_after_its_request_reads_the_answer_and_the_end() {
    let server = Server::start(Options::new().config("connection.ip_burst = 1000"));
    for _ in 0..100 {
        let mut raw = Raw::connect(server.address());
        raw.send(b"GET /up HTTP/1.1\r\nHost: a\r\n\r\n");
        assert_eq!(raw.response().status, 200);
        raw.send(b"GET /up HTTP/1.1\r\nHost: a\r\n\r\n");
        raw.finish_sending();
        assert_eq!(raw.response().status, 200);
        assert_eq!(raw.rest(), b"");
    }
}

#[test]
fn a_health_check_needs_no_signature() {
    let server = Server::start(Options::new());
    let mut http = Http::connect(server.address());
    assert_eq!(http.get("/up").status, 200);
    assert_eq!(http.get("/up").status, 200);
}

#[test]
fn a_path_that_is_no_route_is_not_found() {
    let server = Server::start(Options::new());
    let mut http = Http::connect(server.address());
    for target in ["/", "/apps", "/apps/app-id", "/app", "/app/", "/favicon.ico", "/up/more"] {
        let response = http.get(target);
        assert_eq!(response.status, 404, "{target}");
        assert!(!response.error().is_empty());
    }
}

#[test]
fn a_method_that_a_route_does_not_have_is_refused() {
    let server = Server::start(Options::new());
    let mut api = Api::new(&server);
    for (method, path) in [("GET", "/events"), ("DELETE", "/channels"), ("PUT", "/batch_events")] {
        let response = api.send(&api.signed(method, path, ""));
        assert!(matches!(response.status, 404 | 405), "{method} {path}: {}", response.status);
    }
}

#[test]
fn a_batch_of_nothing_is_published_and_harms_nobody() {
    let server = Server::start(Options::new());
    let mut client = Client::connect(&server);
    client.subscribe("room");
    let mut api = Api::new(&server);
    let response = api.post("/batch_events", &json!({"batch": []}));
    assert_eq!((response.status, response.body_text().as_str()), (200, "{}"));
    api.publish("room", "marker", "");
    client.expect_on("room", "marker");
    server.until_metric("uringcast_panics_total", 0);
}
