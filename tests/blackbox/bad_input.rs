//! Peers that are broken or hostile: each gets its answer and a counter, and nobody else notices.
//!
//! Frames that break RFC 6455 have a chapter of their own, and so have readers that do not read.

use std::io::Write as _;
use std::time::Duration;

use serde_json::json;
use uringcast_tests::{Api, Client, Http, Options, Raw, Server, rss_bytes, until, upgrade_request};

/// Starts a server whose limits are small, and lets somebody `misbehave` while a bystander has a
/// connection and a channel that must live on.
fn check(refusal: &str, misbehave: impl FnOnce(&Server)) {
    let server = Server::start(Options::new().config(
        "[connection]\nhandshake_timeout_s = 1\n\
         [http]\nhead_bytes_max = 8192\nbody_bytes_max = 65536\nrequest_timeout_s = 1\n",
    ));
    let mut bystander = Client::connect(&server);
    bystander.subscribe("room");
    misbehave(&server);
    server.until_refused(refusal);
    Api::new(&server).publish("room", "marker", "");
    bystander.expect_on("room", "marker");
    bystander.expect_quiet();
}

/// Sends each of `messages` as text; each must be answered by an error, and the connection lives.
fn check_messages(refusal: &str, messages: &[&str]) {
    check(refusal, |server| {
        let mut client = Client::connect(server);
        client.subscribe("room");
        for message in messages {
            client.send_text(message);
            let event = client.event();
            assert_eq!(event.event, "pusher:error", "{message} was answered with {}", event.raw);
            let code = &event.data["code"];
            assert!(code.is_null() || code.as_u64().is_some_and(|code| code >= 4000), "{code}");
            assert!(event.data["message"].as_str().is_some_and(|text| !text.is_empty()));
        }
        client.expect_quiet();
    });
}

#[test]
fn text_that_is_not_json_is_answered_with_an_error() {
    check_messages(
        "json",
        &["", "garbage", "{", "{\"event\":}", "{'event':'pusher:ping'}", "\u{0}"],
    );
}

#[test]
fn json_that_is_not_a_message_is_answered_with_an_error() {
    check_messages("json", &["null", "[]", "42", "\"pusher:ping\"", "{}", "{\"event\":1}"]);
}

#[test]
fn a_message_followed_by_more_is_answered_with_an_error() {
    check_messages("json", &[r#"{"event":"pusher:ping","data":{}} {}"#]);
}

#[test]
fn an_unknown_event_is_answered_with_an_error() {
    let messages = [
        r#"{"event":"pusher:unknown","data":{}}"#,
        r#"{"event":"hello","data":{}}"#,
        r#"{"event":"pusher_internal:subscription_succeeded","channel":"room","data":"{}"}"#,
    ];
    check_messages("json", &messages);
}

#[test]
fn a_message_with_bad_members_is_answered_with_an_error() {
    let messages = [
        r#"{"event":"pusher:subscribe"}"#,
        r#"{"event":"pusher:subscribe","data":{}}"#,
        r#"{"event":"pusher:subscribe","data":{"channel":7}}"#,
        r#"{"event":"pusher:subscribe","data":{"channel":null}}"#,
        r#"{"event":"pusher:subscribe","data":[]}"#,
        r#"{"event":"pusher:unsubscribe","data":{}}"#,
    ];
    check_messages("json", &messages);
}

/// A recursive parser would spend the stack.
#[test]
fn deeply_nested_json_is_answered_with_an_error() {
    let open = "[".repeat(4_000);
    let nested = format!(r#"{{"event":"pusher:subscribe","data":{open}"#);
    check_messages("json", &[&open, &nested]);
}

#[test]
fn garbage_instead_of_a_request_is_refused() {
    check("request", |server| {
        for garbage in
            [&b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03"[..], b"\r\n\r\n\x00\xff\r\n\r\n"]
        {
            let mut raw = Raw::connect(server.address());
            raw.send(garbage);
            raw.finish_sending();
            let answer = String::from_utf8_lossy(&raw.rest()).into_owned();
            assert!(answer.is_empty() || answer.starts_with("HTTP/1.1 4"), "{answer}");
        }
        let mut http = Http::connect(server.address());
        http.send(b"this is not a request\r\n\r\n");
        assert_eq!(http.response().status, 400);
        http.expect_end();
    });
}

#[test]
fn a_handshake_that_never_ends_is_cut_off_with_408() {
    check("handshake_timeout", |server| {
        let mut http = Http::connect(server.address());
        let request = upgrade_request("/app/app-key");
        http.send(&request.as_bytes()[..request.len() - 2]);
        assert_eq!(http.response().status, 408);
        http.expect_end();
    });
}

#[test]
fn a_handshake_that_trickles_is_cut_off_too() {
    check("handshake_timeout", |server| {
        let mut raw = Raw::connect(server.address());
        raw.stream().set_read_timeout(Some(Duration::from_millis(50))).unwrap();
        raw.send(b"GET /app/app-key HTTP/1.1\r\n");
        let mut answer = [0; 12];
        while raw.stream().peek(&mut answer).is_err() {
            raw.send(b"X-A: b\r\n");
        }
        assert_eq!(&answer, b"HTTP/1.1 408");
        // A peer that goes on for a moment still gets all of it.
        (0..10).for_each(|_| drop(raw.try_send(b"X-A: b\r\n")));
        assert_eq!(raw.response().status, 408);
    });
}

#[test]
fn a_connection_that_says_nothing_is_cut_off() {
    check("handshake_timeout", |server| {
        let mut raw = Raw::connect(server.address());
        let answer = String::from_utf8(raw.rest()).unwrap();
        assert!(answer.is_empty() || answer.starts_with("HTTP/1.1 408"), "{answer}");
    });
}

#[test]
fn an_oversize_head_is_refused_with_431() {
    check("head_bytes", |server| {
        let mut http = Http::connect(server.address());
        let padding = format!("X-Padding: {}\r\n\r\n", "x".repeat(10_000));
        let request = upgrade_request("/app/app-key").replace("\r\n\r\n", "\r\n");
        drop(http.try_send(format!("{request}{padding}").as_bytes()));
        assert_eq!(http.response().status, 431);
        http.expect_end();
    });
}

#[test]
fn an_endless_head_is_refused_with_431() {
    check("head_bytes", |server| {
        let mut http = Http::connect(server.address());
        http.send(b"GET / HTTP/1.1\r\n");
        while http.try_send(&[b'a'; 1_024]).is_ok() && !http.has_answer() {}
        assert_eq!(http.response().status, 431);
    });
}

/// On the first request of a connection and on later ones, whatever they ask for.
#[test]
fn a_head_that_can_be_read_in_two_ways_is_refused_on_every_route() {
    let hosts = ["", "Host: a\r\nHost: a\r\n"].map(|hosts| (hosts.to_owned(), 400));
    let coded = ("Host: a\r\nTransfer-Encoding: gzip, chunked\r\n".to_owned(), 501);
    let starts =
        ["GET /up", "GET /app/app-key", "POST /apps/app-id/events", "GET /events", "PUT /x"];
    let upgrade = "Upgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\n\
                   Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n";
    check("request", |server| {
        for (start, more) in
            starts.map(|start| (start, "")).into_iter().chain([(starts[1], upgrade)])
        {
            for (fields, status) in hosts.iter().chain([&coded]) {
                for is_first in [true, false] {
                    let mut http = Http::connect(server.address());
                    if !is_first {
                        assert_eq!(http.get("/up").status, 200);
                    }
                    http.send(format!("{start} HTTP/1.1\r\n{fields}{more}\r\n").as_bytes());
                    assert_eq!(http.response().status, *status, "{start} {fields} {is_first}");
                    http.expect_end();
                }
            }
        }
    });
}

/// The head of a correctly signed publish, up to what says how long its body is.
fn signed_head(server: &Server) -> String {
    let target = Api::new(server).signed("POST", "/events", "a body").target();
    format!("POST {target} HTTP/1.1\r\nHost: 127.0.0.1\r\n")
}

/// The head of a publish without a signature, up to what says how long its body is.
fn unsigned_head() -> String {
    "POST /apps/app-id/events HTTP/1.1\r\nHost: 127.0.0.1\r\n".to_owned()
}

/// Announces 200 MB; they must be refused with `status` before they are sent.
fn announce_too_much(head: &str, server: &Server, status: u16) {
    let mut http = Http::connect(server.address());
    http.send(format!("{head}Content-Length: 200000000\r\n\r\n").as_bytes());
    assert_eq!(http.response().status, status);
    http.expect_end();
}

#[test]
fn an_oversize_body_is_refused_with_413_before_it_is_sent() {
    check("body_bytes", |server| announce_too_much(&signed_head(server), server, 413));
}

#[test]
fn an_unsigned_oversize_body_is_refused_before_it_is_sent() {
    check("signature", |server| announce_too_much(&unsigned_head(), server, 401));
}

#[test]
fn a_client_that_sends_its_whole_oversize_body_first_reads_the_413() {
    check("body_bytes", |server| {
        let mut http = Http::connect(server.address());
        let body = vec![b'x'; 8 << 20];
        let head = signed_head(server);
        http.send(format!("{head}Content-Length: {}\r\n\r\n", body.len()).as_bytes());
        http.send(&body);
        assert_eq!(http.response().status, 413);
        http.expect_end();
    });
}

/// Sends chunks without end; they must be answered early with `status`, and then cut off.
fn send_without_end(head: &str, server: &Server, status: u16) {
    let rss_before = rss_bytes(server.pid());
    let mut http = Http::connect(server.address());
    http.send(format!("{head}Transfer-Encoding: chunked\r\n\r\n").as_bytes());
    let chunk = [b"1000\r\n", &[b'x'; 0x1000][..], b"\r\n"].concat();
    let mut sent_bytes = 0;
    while !http.has_answer() && http.try_send(&chunk).is_ok() {
        sent_bytes += chunk.len();
        assert!(sent_bytes < 16 << 20, "nobody refuses an endless body");
    }
    assert_eq!(http.response().status, status);
    until("the peer that goes on is cut off", || http.try_send(&chunk).is_err());
    let grown = rss_bytes(server.pid()).saturating_sub(rss_before);
    assert!(grown < 16 << 20, "{grown} bytes for a body that was refused");
}

#[test]
fn an_endless_chunked_body_is_cut_off_with_413() {
    check("body_bytes", |server| send_without_end(&signed_head(server), server, 413));
}

#[test]
fn an_unsigned_endless_chunked_body_is_cut_off() {
    check("signature", |server| send_without_end(&unsigned_head(), server, 401));
}

#[test]
fn a_body_that_never_ends_is_cut_off_in_time() {
    check("request_timeout", |server| {
        let mut http = Http::connect(server.address());
        let head = signed_head(server);
        http.send(format!("{head}Content-Length: 100\r\n\r\n{{").as_bytes());
        if let Ok(response) = http.try_response() {
            assert_eq!(response.status, 408);
        }
        http.expect_end();
    });
}

#[test]
fn a_body_that_is_broken_off_harms_nobody() {
    let server = Server::start(Options::new());
    let mut bystander = Client::connect(&server);
    bystander.subscribe("room");
    let api = Api::new(&server);
    let body = json!({"name": "half", "channel": "room", "data": "x"}).to_string();
    let bytes = api.signed("POST", "/events", body).to_bytes();
    for length in [bytes.len() - 1, bytes.len() - 20, 40] {
        let raw = Raw::connect(server.address());
        raw.stream().write_all(&bytes[..length]).unwrap();
        raw.finish_sending();
    }
    Api::new(&server).publish("room", "marker", "");
    bystander.expect_on("room", "marker");
}

#[test]
fn a_request_head_with_two_lengths_is_refused() {
    let server = Server::start(Options::new());
    for lengths in [
        "Content-Length: 2\r\nContent-Length: 3\r\n",
        "Content-Length: 2\r\nTransfer-Encoding: chunked\r\n",
        "Content-Length: -1\r\n",
        "Content-Length: 99999999999999999999999\r\n",
    ] {
        let mut http = Http::connect(server.address());
        let head = "POST /apps/app-id/events HTTP/1.1\r\nHost: 127.0.0.1\r\n";
        http.send(format!("{head}{lengths}\r\n{{}}").as_bytes());
        let status = http.response().status;
        assert!((400..500).contains(&status), "{lengths} got {status}");
    }
}
