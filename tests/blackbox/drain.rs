//! How a server lets its clients go: spread over the window, and nobody in between is left hanging.

use std::thread;
use std::time::{Duration, Instant};

use uringcast_tests::{Client, Options, Raw, Server, upgrade_request};

/// Clients that come back at once do so over the window, and not all in one moment of it.
#[test]
fn two_hundred_clients_are_closed_over_the_window_and_do_not_herd() {
    const CLIENTS: usize = 200;
    const WINDOW: Duration = Duration::from_secs(2);
    const PARTS: u32 = 10;
    let config = "[server]\ndrain_window_ms = 2000\n";
    let mut server = Server::start(Options::new().cores(2).config(config));
    let clients: Vec<Client> = (0..CLIENTS).map(|_| Client::connect(&server)).collect();
    let start = Instant::now();
    server.signal(libc::SIGTERM);
    let told = |mut client: Client| {
        client.expect_close(4200);
        start.elapsed()
    };
    let moments: Vec<Duration> = thread::scope(|scope| {
        let threads: Vec<_> =
            clients.into_iter().map(|client| scope.spawn(move || told(client))).collect();
        threads.into_iter().map(|thread| thread.join().unwrap()).collect()
    });
    assert_eq!(server.wait_exit().code(), Some(0));
    let mut parts = [0; PARTS as usize];
    for moment in moments {
        let part = moment.as_millis() * u128::from(PARTS) / WINDOW.as_millis();
        parts[(part as usize).min(PARTS as usize - 1)] += 1;
    }
    // An even share is 20. A machine that is busy elsewhere may join two parts.
    assert!(parts.iter().all(|&count| count <= 60), "closed by tenths of the window: {parts:?}");
    assert!(parts.iter().filter(|&&count| count > 0).count() >= 7, "{parts:?}");
}

/// The listener is closed, but a connection that was accepted may still finish its handshake.
#[test]
fn a_handshake_that_ends_during_the_drain_is_told_4200() {
    let config = "[server]\ndrain_window_ms = 5000\n";
    let mut server = Server::start(Options::new().config(config));
    let _others: Vec<Client> = (0..20).map(|_| Client::connect(&server)).collect();
    let request = upgrade_request("/app/app-key?protocol=7");
    let (head, end) = request.split_at(request.len() - 2);
    let mut raw = Raw::connect(server.address());
    raw.send(head.as_bytes());
    let metrics = server.metrics_address();
    uringcast_tests::until("the server holds the connection", || {
        uringcast_tests::Metrics::read(metrics).sum("uringcast_sockets") >= 21.0
    });
    server.signal(libc::SIGTERM);
    uringcast_tests::until("the server takes no more", || {
        std::net::TcpStream::connect(server.address()).is_err()
    });
    raw.send(end.as_bytes());
    assert_eq!(raw.response().status, 101);
    let event = raw.expect_event("pusher:error");
    assert_eq!(event.data["code"], 4200, "{}", event.raw);
    raw.expect_close(4200);
    server.signal(libc::SIGTERM); // The second ends the drain at once.
    assert_eq!(server.wait_exit().code(), Some(0));
}

/// A machine that is late: the kernel has accepted clients that the server has not seen yet when it
/// is told to end. They are connected, so they are told where to go like all others.
#[test]
fn clients_that_wait_in_the_kernels_queue_are_told_4200_and_not_reset() {
    const WAITING: usize = 20;
    let mut server = Server::start(Options::new());
    let _others: Vec<Client> = (0..20).map(|_| Client::connect(&server)).collect();
    server.signal(libc::SIGSTOP);
    let request = upgrade_request("/app/app-key?protocol=7");
    let mut waiting: Vec<Raw> = (0..WAITING).map(|_| Raw::connect(server.address())).collect();
    for raw in &mut waiting {
        raw.send(request.as_bytes());
    }
    server.signal(libc::SIGTERM);
    server.signal(libc::SIGCONT);
    for raw in &mut waiting {
        assert_eq!(raw.response().status, 101);
        let event = raw.event();
        if event.event == "pusher:connection_established" {
            raw.expect_close(4200); // It was in before the signal was heard.
        } else {
            assert_eq!(event.data["code"], 4200, "{}", event.raw);
            raw.expect_close(4200);
        }
    }
    server.signal(libc::SIGTERM);
    assert_eq!(server.wait_exit().code(), Some(0));
}
