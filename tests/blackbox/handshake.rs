//! From the TCP connection to `pusher:connection_established`, or to a refusal.

use uringcast_tests::{Client, Driver, Event, Frame, Http, Options, Raw, Server, upgrade_request};

#[test]
fn the_first_message_is_connection_established() {
    let server = Server::start(Options::new());
    let mut raw = Raw::upgrade(server.address(), "/app/app-key?protocol=7&client=js&version=8.6.0");
    let event = raw.expect_event("pusher:connection_established");
    let data = event.json();
    assert_eq!(data["activity_timeout"], 120);
    let (left, right) = data["socket_id"].as_str().unwrap().split_once('.').unwrap();
    assert!(left.parse::<u32>().is_ok() && right.parse::<u32>().is_ok(), "{}", event.raw);
}

#[test]
fn every_connection_has_its_own_socket_id() {
    let server = Server::start(Options::new());
    let clients: Vec<Client> = (0..20).map(|_| Client::connect(&server)).collect();
    let mut ids: Vec<&str> = clients.iter().map(Client::socket_id).collect();
    ids.sort_unstable();
    ids.dedup();
    assert_eq!(ids.len(), 20);
}

#[test]
fn the_accept_key_is_that_of_the_rfc() {
    let server = Server::start(Options::new());
    let mut raw = Raw::connect(server.address());
    raw.send(upgrade_request("/app/app-key?protocol=7").as_bytes());
    let response = raw.response();
    assert_eq!(response.status, 101);
    let accept = response.header("sec-websocket-accept");
    assert_eq!(accept, Some("s3pPLMBiTxaQ9kYGzzhZRbK+xOo=")); // RFC 6455 section 1.3.
    assert!(response.header("upgrade").unwrap().eq_ignore_ascii_case("websocket"));
    assert!(response.header("connection").unwrap().eq_ignore_ascii_case("upgrade"));
}

#[test]
fn a_browser_that_offers_compression_is_told_of_none() {
    let server = Server::start(Options::new());
    let mut raw = Raw::connect(server.address());
    let offer = "\r\nSec-WebSocket-Extensions: permessage-deflate; client_max_window_bits\r\n\r\n";
    raw.send(upgrade_request("/app/app-key?protocol=7").replace("\r\n\r\n", offer).as_bytes());
    let response = raw.response();
    assert_eq!((response.status, response.header("sec-websocket-extensions")), (101, None));
    raw.expect_event("pusher:connection_established");
}

#[test]
fn a_handshake_may_come_byte_by_byte() {
    let server = Server::start(Options::new());
    let mut raw = Raw::connect(server.address());
    for byte in upgrade_request("/app/app-key?protocol=7").as_bytes() {
        raw.send(&[*byte]);
    }
    assert_eq!(raw.response().status, 101);
    raw.expect_event("pusher:connection_established");
}

#[test]
fn a_message_may_follow_the_handshake_without_a_pause() {
    let server = Server::start(Options::new());
    let mut raw = Raw::connect(server.address());
    let mut bytes = upgrade_request("/app/app-key?protocol=7").into_bytes();
    bytes.extend(Frame::text(r#"{"event":"pusher:ping","data":{}}"#).to_bytes());
    raw.send(&bytes);
    assert_eq!(raw.response().status, 101);
    raw.expect_event("pusher:connection_established");
    raw.expect_event("pusher:pong");
}

/// A dropped handshake would make pusher-js try again for ever.
#[test]
fn a_wrong_key_is_upgraded_and_then_refused_with_4001() {
    let server = Server::start(Options::new());
    let mut client = Client::open(server.address(), "/app/wrong-key?protocol=7", server.app());
    client.expect_error(Some(4001));
    client.expect_close(4001);
    server.until_refused("unknown_key");
}

#[test]
fn a_plain_get_of_the_websocket_path_says_that_it_wants_an_upgrade() {
    let server = Server::start(Options::new());
    let mut http = Http::connect(server.address());
    let response = http.get("/app/app-key?protocol=7");
    assert_eq!(response.status, 426, "{response:?}");
    assert!(!response.error().is_empty());
}

#[test]
fn a_handshake_that_is_none_is_refused() {
    let server = Server::start(Options::new());
    let key = "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n";
    let version = "Sec-WebSocket-Version: 13\r\n";
    for (text, instead) in [(key, ""), (version, ""), (version, "Sec-WebSocket-Version: 8\r\n")] {
        let mut http = Http::connect(server.address());
        http.send(upgrade_request("/app/app-key?protocol=7").replace(text, instead).as_bytes());
        let response = http.response();
        assert!(matches!(response.status, 400 | 426), "{instead:?}: {response:?}");
    }
}

#[test]
fn the_development_app_is_replaced_by_the_apps_given() {
    let options = Options::new().flag("--app", "1:one:s1").flag("--app", "2:two:s2");
    let server = Server::start(options);
    for key in ["one", "two"] {
        let mut raw = Raw::upgrade(server.address(), &format!("/app/{key}?protocol=7"));
        raw.expect_event("pusher:connection_established");
    }
    let mut client = Client::open(server.address(), "/app/app-key?protocol=7", server.app());
    client.expect_error(Some(4001));
}

#[test]
fn messages_are_single_unmasked_text_frames() {
    let server = Server::start(Options::new());
    let mut raw = Raw::upgrade(server.address(), "/app/app-key?protocol=7");
    let frame = raw.frame();
    assert_eq!((frame.fin, frame.rsv, frame.masked), (true, 0, false));
    Event::parse(std::str::from_utf8(&frame.payload).unwrap());
}

/// What the process prints is what the machine was told: where rings are forbidden it says so.
#[test]
fn the_driver_that_is_forced_is_the_one_printed() {
    let server = Server::start(Options::new());
    if std::env::var_os("MONOIO_FORCE_LEGACY_DRIVER").is_some() {
        assert_eq!(server.driver(), Driver::Epoll);
    }
}
