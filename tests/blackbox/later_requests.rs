//! Websockets and streams on connections that have had other requests, as proxies with a pool of
//! warm connections ask for them: which request of its connection one is makes no difference.

use std::io::Write as _;
use std::thread;

use serde_json::{Value, json};
use uringcast_tests::{
    Api, App, Client, Frame, Metrics, Opcode, Options, Raw, Server, Stream, upgrade_request,
};

const PATH: &str = "/app/app-key?protocol=7";
const UP: &str = "GET /up HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n";

fn server(config: &str) -> Server {
    Server::start(Options::new().cores(2).config(config))
}

/// A connection that has had a request.
fn used(server: &Server) -> Raw {
    let mut raw = Raw::connect(server.address());
    raw.send(UP.as_bytes());
    assert_eq!(raw.response().status, 200);
    raw
}

/// The handshake for `path` with more `headers`, each ending its line.
fn upgrade_with(path: &str, headers: &str) -> String {
    upgrade_request(path).replace("\r\n\r\n", &format!("\r\n{headers}\r\n"))
}

fn text(message: &Value) -> Vec<u8> {
    Frame::text(&message.to_string()).to_bytes()
}

fn json_frame(raw: &mut Raw) -> Value {
    let frame = raw.frame();
    assert_eq!(frame.opcode, Opcode::TEXT, "{frame:?}");
    serde_json::from_slice(&frame.payload).expect("a message is JSON")
}

#[test]
fn a_websocket_may_be_any_request_of_its_connection() {
    let server = server("");
    for requests in [1, 2, 50] {
        let mut raw = Raw::connect(server.address());
        for _ in 0..requests {
            raw.send(UP.as_bytes());
            assert_eq!(raw.response().status, 200);
        }
        raw.do_upgrade(PATH);
        raw.expect_event("pusher:connection_established");
        raw.subscribe("room");
        Api::new(&server).publish("room", "news", "x");
        assert_eq!(raw.expect_event("news").text(), "x");
        server.until_metric("uringcast_connections", 1);
        drop(raw);
        server.until_metric("uringcast_connections", 0);
    }
}

/// A pool's connection carries a publish of one, then the websocket of another.
#[test]
fn a_connection_that_published_becomes_a_subscriber() {
    let server = server("");
    let mut bystander = Client::connect(&server);
    bystander.subscribe("room");
    let mut raw = Raw::connect(server.address());
    let body = json!({"name": "e", "channel": "room", "data": "x"}).to_string();
    raw.send(&Api::new(&server).signed("POST", "/events", body).to_bytes());
    assert_eq!(raw.response().status, 200);
    bystander.expect_on("room", "e");
    raw.do_upgrade(PATH);
    raw.expect_event("pusher:connection_established");
    raw.subscribe("room");
    Api::new(&server).publish("room", "again", "");
    bystander.expect_on("room", "again");
    raw.expect_event("again");
}

#[test]
fn a_room_client_may_be_any_request_of_its_connection() {
    let server = server("");
    for path in ["/", "/apps/app-id"] {
        let mut raw = used(&server);
        raw.do_upgrade(path);
        raw.send(&text(&json!({"type": "init", "subscriberId": "ann"})));
        let ready = json_frame(&mut raw);
        assert_eq!((&ready["type"], &ready["subscriberId"]), (&json!("ready"), &json!("ann")));
        raw.send(&text(&json!({"type": "subscribe", "room": "chat:1"})));
        assert_eq!(json_frame(&mut raw), json!({"type": "subscribed", "room": "chat:1"}));
    }
}

#[test]
fn a_stream_may_be_any_request_of_its_connection() {
    let server = server("");
    for target in ["/sse?rooms=chat%3A1", "/apps/app-id/sse?rooms=chat%3A1"] {
        let mut stream = Stream::on(used(&server), target, "");
        assert_eq!(stream.status, 200, "{}", stream.head);
        assert_eq!(stream.block().event, "ready");
        assert_eq!(stream.block().event, "subscribed");
        let event = json!({"room": "chat:1", "type": "t", "payload": 1}).to_string();
        let (bearer, length) = ("Authorization: Bearer app-secret", event.len());
        let mut raw = used(&server);
        raw.send(
            format!(
                "POST /events HTTP/1.1\r\nHost: 127.0.0.1\r\n{bearer}\r\n\
                 Content-Length: {length}\r\n\r\n{event}"
            )
            .as_bytes(),
        );
        assert_eq!(raw.response().status, 200);
        assert_eq!(stream.event().json()["event"]["payload"], json!(1));
    }
    let refused = Stream::on(used(&server), "/apps/nobody/sse?rooms=chat%3A1", "");
    assert_eq!(refused.status, 404);
    assert!(refused.head.contains("connection: close\r\n"), "{}", refused.head);
    refused.body();
}

/// What stands before the handshake is answered before it, what stands behind it is heard after it.
#[test]
fn requests_a_handshake_and_messages_may_come_in_one_write() {
    let server = server("");
    let up = UP.as_bytes();
    let missing = UP.replace("/up", "/nowhere");
    let ping = text(&json!({"event": "pusher:ping", "data": {}}));
    let upgrade = upgrade_request(PATH);
    let mut raw = Raw::connect(server.address());
    raw.send(&[up, missing.as_bytes(), up, upgrade.as_bytes(), &ping, &ping].concat());
    let statuses = [(); 4].map(|()| raw.response().status);
    assert_eq!(statuses, [200, 404, 200, 101]);
    raw.expect_event("pusher:connection_established");
    raw.expect_event("pusher:pong");
    raw.expect_event("pusher:pong");
    raw.subscribe("room");
}

/// More than is read at once for requests: what is left belongs to the websocket, in its order.
#[test]
fn much_may_stand_behind_a_handshake() {
    const SUBSCRIPTIONS: usize = 60;
    let server = server("");
    let channel = |number: usize| format!("{}-{number}", "c".repeat(150));
    let mut bytes = [UP, &upgrade_request(PATH)].concat().into_bytes();
    for number in 0..SUBSCRIPTIONS {
        let data = json!({"auth": "", "channel": channel(number), "padding": "x".repeat(2_000)});
        bytes.extend(text(&json!({"event": "pusher:subscribe", "data": data})));
    }
    let mut raw = Raw::connect(server.address());
    server.signal(libc::SIGSTOP); // So that all is there when the server looks.
    raw.send(&bytes);
    server.signal(libc::SIGCONT);
    assert_eq!([raw.response().status, raw.response().status], [200, 101]);
    raw.expect_event("pusher:connection_established");
    for _ in 0..SUBSCRIPTIONS {
        raw.expect_event("pusher_internal:subscription_succeeded");
    }
}

/// Far more answers than the kernel keeps stand before the handshake, and are read slowly.
#[test]
fn a_handshake_waits_until_all_answers_before_it_are_taken() {
    const REQUESTS: usize = 20_000;
    let server = server("");
    let mut raw = Raw::narrow(server.address());
    let mut writer = raw.stream().try_clone().unwrap();
    let requests = thread::spawn(move || {
        let bytes = [UP.repeat(REQUESTS), upgrade_request(PATH)].concat();
        writer.write_all(bytes.as_bytes()).unwrap();
    });
    for _ in 0..REQUESTS {
        assert_eq!(raw.response().status, 200);
    }
    assert_eq!(raw.response().status, 101);
    raw.expect_event("pusher:connection_established");
    requests.join().unwrap();
}

#[test]
fn a_later_handshake_may_come_byte_by_byte() {
    let server = server("");
    let mut raw = used(&server);
    for byte in upgrade_request(PATH).as_bytes() {
        raw.send(&[*byte]);
    }
    assert_eq!(raw.response().status, 101);
    raw.expect_event("pusher:connection_established");
}

#[test]
fn a_later_handshake_that_is_none_is_refused_and_the_end() {
    let server = server("");
    let key = "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n";
    let version = "Sec-WebSocket-Version: 13\r\n";
    for (fault, instead, status) in [
        (key, "", 400),
        (key, "Sec-WebSocket-Key: x\r\n", 400),
        (version, "", 426),
        (version, "Sec-WebSocket-Version: 8\r\n", 426),
        ("Connection: Upgrade\r\n", "", 400),
        ("GET ", "POST ", 405),
        (" HTTP/1.1", " HTTP/1.0", 400),
    ] {
        let request = upgrade_request(PATH).replace(fault, instead);
        let ask = |mut raw: Raw| {
            raw.send(request.as_bytes());
            let response = raw.response();
            assert_eq!(raw.rest(), b"", "{instead:?}");
            response
        };
        let later = ask(used(&server));
        assert_eq!(later.status, status, "{instead:?}: {later:?}");
        assert_eq!(later.header("connection"), Some("close"), "{later:?}");
        assert_eq!(later, ask(Raw::connect(server.address())), "the first request is told so, too");
    }
    server.until_refused("request");
    let mut raw = used(&server);
    raw.do_upgrade("/app/no-such-key?protocol=7");
    assert_eq!(raw.expect_event("pusher:error").data["code"], 4001);
    raw.expect_close(4001);
    server.until_refused("unknown_key");
}

/// Each request's head has the limits of the first one's: at the limit and one past it.
#[test]
fn a_later_head_has_the_limits_of_the_first() {
    const HEAD_BYTES_MAX: usize = 8_192;
    let server = server(&format!("[http]\nhead_bytes_max = {HEAD_BYTES_MAX}\n"));
    let padded = |request: &str, bytes: usize| {
        let padding = "x".repeat(bytes - request.len() - "A: \r\n".len());
        request.replace("\r\n\r\n", &format!("\r\nA: {padding}\r\n\r\n"))
    };
    for (request, status) in [(UP.to_owned(), 200), (upgrade_request(PATH), 101)] {
        for (excess, status) in [(0, status), (1, 431)] {
            for mut raw in [Raw::connect(server.address()), used(&server)] {
                raw.send(padded(&request, HEAD_BYTES_MAX + excess).as_bytes());
                let response = raw.response();
                assert_eq!(response.status, status, "{excess}: {response:?}");
                if status == 431 {
                    assert_eq!(response.header("connection"), Some("close"));
                    assert_eq!(raw.rest(), b"");
                }
            }
        }
    }
    let refused = |limit: &str, count: f64| {
        let counted = server.metrics().sum_where("uringcast_refusals_total", "limit", limit);
        assert!((counted - count).abs() < 0.5, "{counted} of {limit}");
    };
    refused("head_bytes", 4.0);
    for mut raw in [Raw::connect(server.address()), used(&server)] {
        raw.send(b"this is not a request\r\n\r\n");
        let response = raw.response();
        assert_eq!((response.status, response.header("connection")), (400, Some("close")));
        assert_eq!(raw.rest(), b"");
    }
    refused("request", 2.0);
}

#[test]
fn a_client_behind_a_proxy_is_counted_at_its_later_request() {
    let config = "server.trusted_proxies = [\"127.0.0.1\"]\n\
                  [connection]\nip_rate = 1\nip_burst = 2\n";
    let server = Server::start(Options::new().cores(1).config(config)); // Each core counts its own.
    let through = |client: &str, request: &str| {
        let mut raw = used(&server);
        let client = format!("X-Forwarded-For: {client}\r\n");
        raw.send(request.replace("\r\n\r\n", &format!("\r\n{client}\r\n")).as_bytes());
        raw.response().status
    };
    let upgrade = upgrade_request(PATH);
    let statuses = [(); 3].map(|()| through("198.51.100.1", &upgrade));
    assert_eq!(statuses, [101, 101, 429]);
    assert_eq!(through("198.51.100.2", &upgrade), 101);
    let stream = UP.replace("/up", "/apps/nobody/sse");
    let statuses = [(); 3].map(|()| through("198.51.100.3", &stream));
    assert_eq!(statuses, [404, 404, 429]);
    server.until_refused("ip_rate");
}

#[test]
fn a_later_websocket_counts_among_its_app_s_connections() {
    let server = server("[pusher]\nconnections_max = 1\n");
    let mut first = used(&server);
    first.do_upgrade(PATH);
    first.expect_event("pusher:connection_established");
    let mut second = used(&server);
    second.do_upgrade(PATH);
    assert_eq!(second.expect_event("pusher:error").data["code"], 4004);
    second.expect_close(4004);
    drop(first);
    server.until_metric("uringcast_connections", 0);
    let mut third = used(&server);
    third.do_upgrade(PATH);
    third.expect_event("pusher:connection_established");
}

#[test]
fn a_later_websocket_is_sent_away_while_the_server_drains() {
    let config = "[server]\ndrain_timeout_s = 60\n[connection]\nclose_timeout_s = 60\n";
    let mut server = Server::start(Options::new().config(config));
    let mut mute = Raw::pusher(server.address(), &server.app());
    let mut raw = used(&server);
    server.signal(libc::SIGTERM);
    let frame = mute.frame(); // Its close is not answered, so the server waits for it.
    assert_eq!(frame.opcode, Opcode::CLOSE);
    raw.do_upgrade(PATH);
    assert_eq!(raw.expect_event("pusher:error").data["code"], 4200);
    raw.expect_close(4200);
    mute.send_frame(&Frame::close(4200));
    assert_eq!(server.wait_exit().code(), Some(0));
}

#[test]
fn the_other_listeners_decide_by_each_request_too() {
    let server = Server::start(Options::new().echo());
    let mut raw = Raw::connect(server.echo_address());
    raw.send(UP.as_bytes());
    assert_eq!(raw.response().status, 404);
    raw.do_upgrade("/");
    raw.send_frame(&Frame::text("hello"));
    assert_eq!(raw.frame().payload, b"hello");
    let app = App::new("app-id", "app-key", "app-secret");
    drop(Raw::pusher(server.address(), &app));
    let mut raw = Raw::connect(server.metrics_address());
    for request in [upgrade_with(PATH, ""), UP.replace("/up", "/sse?rooms=chat%3A1")] {
        for is_used in [false, true] {
            let mut raw = Raw::connect(server.metrics_address());
            if is_used {
                raw.send(UP.replace("/up", "/metrics").as_bytes());
                assert_eq!(raw.response().status, 200);
            }
            raw.send(request.as_bytes());
            assert_eq!(raw.response().status, 404, "{is_used}: {request}");
        }
    }
    raw.send(UP.replace("/up", "/metrics").as_bytes());
    assert_eq!(raw.response().status, 200);
    assert!(Metrics::read(server.metrics_address()).has("uringcast_connections"));
}

#[test]
fn a_later_head_that_does_not_end_gets_408_and_one_that_has_not_begun_is_waited_for() {
    let config = "[connection]\nhandshake_timeout_s = 1\n[http]\nidle_timeout_s = 60\n";
    let server = server(config);
    let (mut idle, mut raw) = (used(&server), used(&server));
    // The body of a request that was refused before it was read is no head.
    idle.send(b"POST /nowhere HTTP/1.1\r\nHost: a\r\nContent-Length: 4\r\n\r\n");
    assert_eq!(idle.response().status, 404);
    idle.send(b"abcd");
    raw.send(b"GET /up HTTP/1.1\r\n");
    assert_eq!(raw.response().status, 408);
    assert_eq!(raw.rest(), b"");
    idle.send(UP.as_bytes());
    assert_eq!(idle.response().status, 200);
    let refused =
        server.metrics().sum_where("uringcast_refusals_total", "limit", "handshake_timeout");
    assert_eq!(refused.to_string(), "1");
}

/// A target may name scheme and host, too (RFC 9112 section 3.2.2).
#[test]
fn a_target_in_absolute_form_is_understood_on_every_request() {
    let server = server("");
    let upgrade = upgrade_request(&format!("http://127.0.0.1{PATH}"));
    for mut raw in [Raw::connect(server.address()), used(&server)] {
        raw.send(upgrade.as_bytes());
        assert_eq!(raw.response().status, 101);
        raw.expect_event("pusher:connection_established");
    }
}
