//! Who may connect: each refusal as a client sees it, at its limit and one past it.
//!
//! A refused websocket is upgraded, told why by `pusher:error`, and closed with the same code.

use std::sync::Barrier;
use std::thread;

use uringcast_tests::{Client, Http, Options, Raw, Server, until, upgrade_request};

/// The tests come from here.
const PROXIES: &str = "server.trusted_proxies = [\"127.0.0.0/8\", \"10.0.0.0/8\"]\n";

const DISBELIEVED: &str = "uringcast_forwarded_disbelieved_total";

const PATH: &str = "/app/app-key?protocol=7&client=js&version=8.6.0";

fn server(config: &str) -> Server {
    Server::start(Options::new().config(config))
}

/// Sends a handshake for `path` with more `headers`, each ending its line.
fn ask(server: &Server, path: &str, headers: &str) -> Raw {
    let mut raw = Raw::connect(server.address());
    let request = upgrade_request(path).replace("\r\n\r\n", &format!("\r\n{headers}\r\n"));
    raw.send(request.as_bytes());
    raw
}

fn upgrade(server: &Server, path: &str, headers: &str) -> Raw {
    let mut raw = ask(server, path, headers);
    let response = raw.response();
    assert_eq!(response.status, 101, "{response:?}");
    raw
}

fn check_admitted(server: &Server, path: &str, headers: &str) -> Raw {
    let mut raw = upgrade(server, path, headers);
    raw.expect_event("pusher:connection_established");
    raw
}

/// What follows the upgrade is an error with `code`, a close with `code`, and the end.
fn expect_turned_away(raw: &mut Raw, code: u16) {
    let event = raw.expect_event("pusher:error");
    assert_eq!(event.data["code"], code, "{}", event.raw);
    assert!(event.data["message"].as_str().is_some_and(|text| !text.is_empty()), "{}", event.raw);
    raw.expect_close(code);
}

fn check_turned_away(server: &Server, path: &str, headers: &str, code: u16) {
    expect_turned_away(&mut upgrade(server, path, headers), code);
}

#[test]
fn each_fault_of_the_url_has_its_code() {
    let server = Server::start(Options::new());
    for (path, code) in [
        ("/app/no-such-key?protocol=7", 4001),
        ("/nothing?protocol=7", 4005),
        ("/app/?protocol=7", 4005),
        ("/nowhere/app-key?protocol=7", 4005),
        ("/apps/app-id/events", 4005),
        ("/app/app-key?protocol=seven", 4006),
        ("/app/app-key?protocol=7&version=latest", 4006),
        ("/app/app-key?protocol=4", 4007),
        ("/app/app-key?protocol=8", 4007),
        ("/app/app-key", 4008),
        ("/app/app-key?protocol=", 4008),
        ("/app/app-key?client=js&version=8.6.0", 4008),
    ] {
        check_turned_away(&server, path, "", code);
    }
    for limit in ["unknown_key", "route", "protocol_version"] {
        server.until_refused(limit);
    }
    check_admitted(&server, PATH, "");
    server.until_metric("uringcast_connections", 0);
}

#[test]
fn the_supported_protocols_are_served_with_and_without_a_prefix() {
    let server = Server::start(Options::new());
    for protocol in 5..=7 {
        check_admitted(&server, &format!("/app/app-key?protocol={protocol}"), "");
        check_admitted(&server, &format!("/app/app/app-key?protocol={protocol}&version=1.2"), "");
    }
}

#[test]
fn a_client_without_a_protocol_is_served_where_none_is_required() {
    let server = server("[connection]\nprotocol_required = false\n");
    check_admitted(&server, "/app/app-key", "");
    check_turned_away(&server, "/app/app-key?protocol=4", "", 4007);
}

#[test]
fn nobody_connects_to_an_app_that_is_switched_off() {
    let server = server("[pusher]\nenabled = false\n");
    check_turned_away(&server, PATH, "", 4003);
    server.until_refused("app_disabled");
}

#[test]
fn an_app_that_forces_tls_takes_what_a_trusted_proxy_says_came_over_it() {
    let server = server(&format!("{PROXIES}[pusher]\nforce_tls = true\n"));
    check_admitted(&server, PATH, "X-Forwarded-Proto: https\r\n");
    check_turned_away(&server, PATH, "X-Forwarded-Proto: http\r\n", 4000);
    check_turned_away(&server, PATH, "", 4000);
    server.until_refused("tls");
}

/// Nobody is believed who is not named: who connects from a private address may be a container's
/// proxy, which passes on whatever strangers say.
#[test]
fn what_a_stranger_says_of_its_client_is_not_believed_but_counted_and_said_once() {
    for proxies in
        ["", "server.trusted_proxies = \"\"\n", "server.trusted_proxies = \"192.0.2.0/24\"\n"]
    {
        let config = format!("{proxies}[pusher]\nforce_tls = true\n");
        let mut server = Server::start(Options::new().cores(1).config(&config));
        check_turned_away(&server, PATH, "", 4000);
        server.until_metric(DISBELIEVED, 0);
        check_turned_away(&server, PATH, "X-Forwarded-Proto: https\r\n", 4000);
        check_turned_away(&server, PATH, "X-Forwarded-For: 198.51.100.1\r\n", 4000);
        let mut http = Http::connect(server.address());
        let from = [("X-Forwarded-For", "198.51.100.1")];
        assert_eq!(http.request_with("GET", "/sse?rooms=a%3A1", &from).status, 403);
        server.until_metric(DISBELIEVED, 3);
        let said = server.said();
        assert_eq!(said.matches("server.trusted_proxies").count(), 1, "{said}");
        assert!(said.contains("127.0.0.1"), "{said}");
    }
}

#[test]
fn a_stranger_has_one_rate_whatever_it_says_of_its_clients() {
    let server = server("[connection]\nip_rate = 1\nip_burst = 2\n");
    let through = |client: &str| ask(&server, PATH, &format!("X-Forwarded-For: {client}\r\n"));
    let statuses = ["198.51.100.1", "198.51.100.2", "198.51.100.3"]
        .map(|client| through(client).response().status);
    assert_eq!(statuses, [101, 101, 429]);
}

#[test]
fn nothing_is_said_of_proxies_that_are_trusted() {
    let mut server = server(PROXIES);
    check_admitted(&server, PATH, "X-Forwarded-For: 198.51.100.1\r\n");
    server.until_metric(DISBELIEVED, 0);
    assert_eq!(server.said().matches("server.trusted_proxies").count(), 0);
}

#[test]
fn an_app_takes_as_many_connections_as_its_limit_whichever_core_they_are_on() {
    let options = Options::new().cores(2).config("[pusher]\nconnections_max = 6\n");
    let server = Server::start(options);
    let mut clients: Vec<Client> = (0..6).map(|_| Client::connect(&server)).collect();
    check_turned_away(&server, PATH, "", 4004);
    server.until_refused("app_connections");
    clients.iter_mut().for_each(Client::expect_quiet);
    let leave: [fn(Client); 3] = [Client::close, Client::reset, drop];
    for leave in leave {
        leave(clients.pop().unwrap());
        until("a place is free again", || {
            let mut raw = upgrade(&server, PATH, "");
            raw.event().event == "pusher:connection_established"
        });
    }
}

/// Everyone asks at the same moment: those who are in are as many as there are places.
#[test]
fn a_stampede_does_not_get_past_the_limit() {
    const PLACES: usize = 7;
    const CLIENTS: usize = 32;
    let config = format!("[pusher]\nconnections_max = {PLACES}\n");
    let server = Server::start(Options::new().cores(2).config(&config));
    let start = Barrier::new(CLIENTS);
    let connect = || {
        start.wait();
        let mut raw = upgrade(&server, PATH, "");
        let name = raw.event().event;
        (raw, name)
    };
    let outcomes: Vec<(Raw, String)> = thread::scope(|scope| {
        let threads: Vec<_> = (0..CLIENTS).map(|_| scope.spawn(connect)).collect();
        threads.into_iter().map(|thread| thread.join().unwrap()).collect()
    });
    let count = |name| outcomes.iter().filter(|(_, found)| found == name).count();
    assert_eq!(count("pusher:connection_established"), PLACES);
    assert_eq!(count("pusher:error"), CLIENTS - PLACES);
}

#[test]
fn a_message_that_follows_the_handshake_waits_for_the_owner_of_the_app() {
    let options = Options::new().cores(2).config("[pusher]\nconnections_max = 100\n");
    let server = Server::start(options);
    for _ in 0..8 {
        let mut raw = Raw::connect(server.address());
        let ping = uringcast_tests::Frame::text(r#"{"event":"pusher:ping","data":{}}"#);
        raw.send(&[upgrade_request(PATH).into_bytes(), ping.to_bytes()].concat());
        assert_eq!(raw.response().status, 101);
        raw.expect_event("pusher:connection_established");
        raw.expect_event("pusher:pong");
    }
}

#[test]
fn beyond_the_core_limit_a_websocket_is_closed_with_4100_and_a_request_is_answered_once() {
    let server = server("[core]\nconnections_max = 2\n");
    let mut clients: Vec<Client> = (0..2).map(|_| Client::connect(&server)).collect();
    check_turned_away(&server, PATH, "", 4100);
    check_turned_away(&server, "/nowhere", "", 4100);
    let mut http = Http::connect(server.address());
    let response = http.get("/up");
    assert_eq!((response.status, response.header("connection")), (200, Some("close")));
    http.expect_end();
    server.until_refused("connections");
    clients.iter_mut().for_each(Client::expect_quiet);
    clients.pop().unwrap().close();
    until("a place is free again", || {
        let mut raw = upgrade(&server, PATH, "");
        raw.event().event == "pusher:connection_established"
    });
}

/// Those who are told why take places, too, and there are few.
#[test]
fn beyond_the_places_for_those_who_are_told_why_the_answer_is_503() {
    let server = server("[core]\nconnections_max = 1\nturned_away_max = 2\n");
    let _client = Client::connect(&server);
    let silent = [(); 2].map(|()| Raw::connect(server.address()));
    for _ in 0..20 {
        let mut raw = ask(&server, PATH, "");
        assert_eq!(raw.response().status, 503);
        assert_eq!(raw.rest(), b"");
    }
    drop(silent);
    until("a place is free again", || ask(&server, PATH, "").response().status == 101);
}

#[test]
fn a_server_may_tell_nobody_why() {
    let server = server("[core]\nconnections_max = 1\nturned_away_max = 0\n");
    let mut client = Client::connect(&server);
    let mut refused = Raw::connect(server.address());
    let answer = String::from_utf8_lossy(&refused.rest()).into_owned();
    assert!(answer.is_empty() || answer.starts_with("HTTP/1.1 503"), "{answer}");
    client.expect_quiet();
}

#[test]
fn an_app_with_origins_takes_their_pages_and_programs_and_each_app_has_its_own() {
    let config = r#"
        [[apps]]
        id = "app-id"
        key = "app-key"
        secret = "app-secret"
        origins = ["example.com", "*.example.org", "https://secure.test", "localhost:3000"]

        [[apps]]
        id = "open"
        key = "open"
        secret = "open"
    "#;
    let server = server(config);
    let origin = |origin: &str| format!("Origin: {origin}\r\n");
    for page in [
        "https://example.com",
        "http://example.com:8080",
        "https://a.b.example.org",
        "https://secure.test",
        "http://localhost:3000",
    ] {
        check_admitted(&server, PATH, &origin(page));
    }
    check_admitted(&server, PATH, "");
    for page in [
        "https://www.example.com",
        "https://example.com.evil.test",
        "https://example.org",
        "http://secure.test",
        "http://localhost:3001",
        "null",
    ] {
        check_turned_away(&server, PATH, &origin(page), 4009);
    }
    server.until_refused("origin");
    check_admitted(&server, "/app/open?protocol=7", &origin("https://evil.test"));
}

/// One address may connect three times at once and then once a second.
const RATE: &str = "ip_rate = 1\nip_burst = 3\n";

#[test]
fn an_address_may_connect_as_often_as_its_burst_and_then_at_its_rate() {
    let server = server(&format!("[connection]\n{RATE}"));
    let _clients = [(); 3].map(|()| Client::connect(&server));
    let mut http = Http::connect(server.address());
    let response = http.response(); // Nothing was asked: the address is enough.
    assert_eq!(response.status, 429);
    assert_eq!(response.header("retry-after"), Some("1"));
    http.expect_end();
    server.until_refused("ip_rate");
    until("the rate allows another", || ask(&server, PATH, "").response().status == 101);
}

/// The answer gets through however much the refused one has sent already.
#[test]
fn an_answer_to_a_refused_address_is_not_lost_to_a_reset() {
    let config = "[connection]\nip_rate = 1\nip_burst = 1\n";
    let server = server(config);
    let _client = Client::connect(&server);
    for _ in 0..20 {
        let mut raw = Raw::connect(server.address());
        drop(raw.try_send(upgrade_request(PATH).as_bytes()));
        if raw.response().status == 429 {
            drop(raw.try_send(&[b'x'; 10_000]));
            assert_eq!(raw.rest(), b"");
        }
    }
    server.until_refused("ip_rate");
}

#[test]
fn behind_a_trusted_proxy_each_client_has_its_own_rate() {
    let server = server(&format!("{PROXIES}[connection]\n{RATE}"));
    let through = |client: &str| {
        let hops = format!("X-Forwarded-For: 192.0.2.99, {client}, 10.0.0.7\r\n");
        ask(&server, PATH, &hops).response()
    };
    for client in ["198.51.100.1", "198.51.100.2:5001", "2001:db8::1"] {
        assert!((0..3).all(|_| through(client).status == 101), "{client}");
    }
    for client in ["198.51.100.1", "198.51.100.2", "[2001:db8::2]:443"] {
        let response = through(client);
        assert_eq!((response.status, response.header("retry-after")), (429, Some("1")));
    }
    let mut http = Http::connect(server.address());
    assert!((0..10).all(|_| http.get("/up").status == 200), "requests have limits of their own");
}

#[test]
fn a_rate_of_zero_is_no_limit() {
    let server = server("[connection]\nip_rate = 0\nip_burst = 1\n");
    let mut clients: Vec<Client> = (0..30).map(|_| Client::connect(&server)).collect();
    clients.iter_mut().for_each(Client::expect_quiet);
}
