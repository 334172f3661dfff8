//! After many clients came and went, everything is where it was.

use std::thread;

use uringcast_tests::{Client, Http, Options, Raw, Server, fd_count, rss_bytes, until};

const CYCLES: usize = 5_000;

/// One client that comes, joins a channel and goes, in one of the ways in which clients go.
fn cycle(server: &Server, number: usize) {
    let mut raw = Raw::pusher(server.address(), &server.app());
    raw.subscribe(&format!("room-{}", number % 100));
    match number % 3 {
        0 => raw.reset(),
        1 => drop(raw),
        _ => raw.send_frame(&uringcast_tests::Frame::close(1000)),
    }
}

fn cycles(server: &Server, count: usize) {
    const CLIENTS: usize = 4;
    thread::scope(|scope| {
        for client in 0..CLIENTS {
            scope.spawn(move || (client..count).step_by(CLIENTS).for_each(|it| cycle(server, it)));
        }
    });
    for name in ["uringcast_connections", "uringcast_subscriptions", "uringcast_channels"] {
        server.until_metric(name, 0);
    }
}

#[test]
fn five_thousand_clients_leave_nothing_behind() {
    let server = Server::start(Options::new().cores(2));
    cycles(&server, CYCLES); // What is kept for reuse is there from now on.
    let (fds, rss) = (fd_count(server.pid()), rss_bytes(server.pid()));
    cycles(&server, CYCLES);
    until("all sockets are closed", || fd_count(server.pid()) <= fds);
    let grown = rss_bytes(server.pid()).saturating_sub(rss);
    assert!(grown < 4 << 20, "{grown} bytes more after {CYCLES} clients");
    Client::connect(&server).subscribe("room");
}

#[test]
fn clients_that_never_finish_their_handshake_leave_nothing_behind() {
    let config = "[connection]\nhandshake_timeout_s = 1\n";
    let server = Server::start(Options::new().config(config));
    Http::connect(server.address()).get("/up");
    server.metrics();
    let fds = fd_count(server.pid());
    let mut silent: Vec<Raw> = (0..200).map(|_| Raw::connect(server.address())).collect();
    silent.iter_mut().step_by(2).for_each(|raw| raw.send(b"GET /app/app-key HT"));
    until("all sockets are closed", || fd_count(server.pid()) <= fds);
    Client::connect(&server).expect_quiet();
}

/// Sockets that are refused at the door are kept until their peers have read why, but few of them,
/// and not for long.
#[test]
fn refused_sockets_are_closed_though_their_peers_stay() {
    let config = "core.turned_away_max = 8\n\
                  [connection]\nip_rate = 1\nip_burst = 1\nclose_timeout_s = 1\n";
    let server = Server::start(Options::new().config(config));
    let mut client = Client::connect(&server);
    server.metrics();
    let fds = fd_count(server.pid());
    let refused: Vec<Raw> = (0..100).map(|_| Raw::connect(server.address())).collect();
    server.until_refused("ip_rate");
    until("all but a few are closed", || fd_count(server.pid()) <= fds + 8);
    until("all are closed", || fd_count(server.pid()) <= fds);
    drop(refused);
    client.expect_quiet();
}

#[test]
fn refused_subscriptions_leave_no_channels_behind() {
    let server = Server::start(Options::new());
    let mut client = Client::connect(&server);
    for number in 0..200 {
        let channel = format!("private-room-{number}");
        let data = serde_json::json!({"auth": "app-key:00", "channel": channel});
        client.send("pusher:subscribe", &data);
        client.expect_refusal(&channel, "AuthError", 401, None);
    }
    server.until_metric("uringcast_channels", 0);
    server.until_metric("uringcast_subscriptions", 0);
}

/// Requests whose bodies came in one piece with their heads, and then silence: what stays is what
/// HTTP needs for any connection.
#[test]
fn idle_connections_hold_nothing_of_the_bodies_that_they_sent() {
    const CONNECTIONS: usize = 400;
    const IDLE_BYTES_MAX: u64 = 64 << 10;
    const BODY_BYTES: usize = 200_000;
    let server = Server::start(Options::new());
    let head = format!("GET /up HTTP/1.1\r\nHost: x\r\nContent-Length: {BODY_BYTES}\r\n\r\n");
    let request = [head.into_bytes(), vec![b'x'; BODY_BYTES]].concat();
    let ask = || {
        let mut http = Http::connect(server.address());
        server.signal(libc::SIGSTOP); // So that all is there when the server looks.
        http.send(&request);
        server.signal(libc::SIGCONT);
        assert_eq!(http.response().status, 200);
        http
    };
    let mut idle: Vec<Http> = (0..20).map(|_| ask()).collect();
    let before = rss_bytes(server.pid());
    idle.extend((0..CONNECTIONS).map(|_| ask()));
    let grown = rss_bytes(server.pid()).saturating_sub(before);
    let each = grown / CONNECTIONS as u64;
    assert!(each < IDLE_BYTES_MAX, "{each} bytes for each connection that waits for nothing");
    assert_eq!(idle[0].get("/up").status, 200);
}
