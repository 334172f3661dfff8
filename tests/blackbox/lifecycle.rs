//! How a server starts, drains, ends, and is there again.

use std::net::{SocketAddr, TcpListener, TcpStream};
use std::time::{Duration, Instant};

use uringcast_tests::{Api, Client, Http, Options, Raw, Server, until};

/// Sends `signal` to a server with clients; each must be told 4200, and the process ends well.
fn check_drain(signal: i32) {
    let mut server = Server::start(Options::new().cores(2));
    let mut clients: Vec<Client> = (0..20).map(|_| Client::connect(&server)).collect();
    for client in &mut clients {
        client.subscribe("room");
    }
    let mut idle = Http::connect(server.address());
    assert_eq!(idle.get("/up").status, 200);
    let start = Instant::now();
    server.signal(signal);
    for client in &mut clients {
        client.expect_close(4200);
    }
    let status = server.wait_exit();
    assert_eq!(status.code(), Some(0), "{status}");
    assert!(start.elapsed() < Duration::from_secs(2), "drained in {:?}", start.elapsed());
    idle.expect_end();
}

#[test]
fn sigterm_closes_every_client_with_4200_and_exits_0() {
    check_drain(libc::SIGTERM);
}

#[test]
fn sigint_closes_every_client_with_4200_and_exits_0() {
    check_drain(libc::SIGINT);
}

#[test]
fn a_server_without_clients_drains_at_once() {
    let mut server = Server::start(Options::new().cores(2));
    let start = Instant::now();
    server.signal(libc::SIGTERM);
    assert_eq!(server.wait_exit().code(), Some(0));
    assert!(start.elapsed() < Duration::from_secs(1), "drained in {:?}", start.elapsed());
}

#[test]
fn while_it_drains_a_server_takes_no_new_clients() {
    let mut server = Server::start(Options::new().config("[server]\ndrain_window_ms = 3000\n"));
    let mut clients: Vec<Client> = (0..10).map(|_| Client::connect(&server)).collect();
    server.signal(libc::SIGTERM);
    until("the listener is closed", || !accepts(server.address()));
    for client in &mut clients {
        client.expect_close(4200);
    }
    assert_eq!(server.wait_exit().code(), Some(0));
}

/// Whoever never answers the close cannot hold the process.
#[test]
fn a_client_that_stalls_delays_the_exit_for_no_longer_than_the_timeout() {
    let config = "[connection]\nclose_timeout_s = 60\n";
    let mut server = Server::start(Options::new().config(config).flag("--drain-timeout", "2"));
    let mut stalled = Raw::pusher(server.address(), &server.app());
    stalled.subscribe("room");
    let mut polite = Client::connect(&server);
    let start = Instant::now();
    server.signal(libc::SIGTERM);
    polite.expect_close(4200);
    assert_eq!(server.wait_exit().code(), Some(0));
    assert!(start.elapsed() < Duration::from_secs(4), "drained in {:?}", start.elapsed());
    assert_eq!(stalled.frame().close_code(), 4200);
}

#[test]
fn what_was_published_before_the_drain_arrives_before_the_close() {
    let mut server = Server::start(Options::new());
    let mut client = Client::connect(&server);
    client.subscribe("room");
    let mut api = Api::new(&server);
    for number in 0..200 {
        api.publish("room", "number", &number.to_string());
    }
    server.signal(libc::SIGTERM);
    client.expect_numbers("room", "number", 0..200);
    client.expect_close(4200);
    assert_eq!(server.wait_exit().code(), Some(0));
}

/// The best of several rounds: the tests beside this one must not decide it.
#[test]
fn after_a_kill_and_a_restart_it_accepts_within_100_ms() {
    let mut server = Server::start(Options::new().cores(2).port(free_port()));
    let mut best = Duration::MAX;
    for _ in 0..5 {
        let mut client = Client::connect(&server);
        client.subscribe("room");
        server.signal(libc::SIGKILL);
        server.wait_exit();
        let address = server.address();
        let start = Instant::now();
        server.restart();
        assert_eq!(server.address(), address);
        Client::connect(&server).subscribe("room");
        best = best.min(start.elapsed());
    }
    assert!(best < Duration::from_millis(100), "accepting {best:?} after the restart");
}

fn accepts(address: SocketAddr) -> bool {
    TcpStream::connect_timeout(&address, Duration::from_secs(1)).is_ok()
}

/// A port that is free now and that the kernel gives to nobody who asks for any port.
fn free_port() -> u16 {
    const BELOW_THE_EPHEMERAL_ONES: std::ops::Range<u16> = 20_000..32_000;
    let start = (std::process::id() % 12_000) as usize;
    BELOW_THE_EPHEMERAL_ONES
        .cycle()
        .skip(start)
        .take(BELOW_THE_EPHEMERAL_ONES.len())
        .find(|port| TcpListener::bind(("127.0.0.1", *port)).is_ok())
        .expect("some port is free")
}
