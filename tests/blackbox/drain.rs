//! How a server lets its clients go: spread over the window, and nobody in between is left hanging.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::thread;
use std::time::{Duration, Instant};

use uringcast_tests::{Api, App, Client, Options, Raw, Server, until, upgrade_request};

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
    until("the server holds the connection", || {
        uringcast_tests::Metrics::read(metrics).sum("uringcast_sockets") >= 21.0
    });
    server.signal(libc::SIGTERM);
    until("the server takes no more", || TcpStream::connect(server.address()).is_err());
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

/// Take one webhook; its body.
fn take_post(mut stream: &TcpStream) -> String {
    let mut reader = BufReader::new(stream);
    let mut body_bytes = 0;
    loop {
        let mut line = String::new();
        reader.read_line(&mut line).expect("the server sends a whole head");
        if line.trim().is_empty() {
            break;
        }
        if let Some(length) = line.to_ascii_lowercase().strip_prefix("content-length:") {
            body_bytes = length.trim().parse().expect("a length is a number");
        }
    }
    let mut body = vec![0; body_bytes];
    reader.read_exact(&mut body).expect("the server sends a whole body");
    let answer = b"HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 0\r\n\r\n";
    stream.write_all(answer).expect("the server reads the answer");
    String::from_utf8(body).expect("a webhook is JSON")
}

/// Part of the drain's time is kept for webhooks, also for those that came with a reload: a client
/// that does not answer its close frame takes up all the rest.
#[test]
fn a_webhook_that_came_with_a_reload_is_told_of_the_last_ones_to_leave() {
    let app = |id: &str| format!("[[apps]]\nid = \"{id}\"\nkey = \"{id}\"\nsecret = \"s\"\n");
    let limits = "[server]\ndrain_timeout_s = 3\n[connection]\nclose_timeout_s = 60\n\
                  [webhook]\nbatch_ms = 0\ndebounce_ms = 60000\n";
    let first = format!("{limits}{}", app("a"));
    let server = Server::start(Options::new().config(&first));
    let endpoint = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = endpoint.local_addr().unwrap();
    let webhook = format!("[[apps.webhooks]]\nurl = \"http://{url}/\"\n");
    server.rewrite_config(&format!("{first}{webhook}{}", app("b")));
    server.signal(libc::SIGHUP);
    let late = || Api::with_app(server.address(), App::new("b", "b", "s"));
    until("the apps were read again", || late().get("/channels").status == 200);
    let mut mute = Raw::pusher(server.address(), &App::new("a", "a", "s"));
    mute.subscribe("room");
    server.signal(libc::SIGTERM);
    endpoint.set_nonblocking(true).unwrap();
    until("the endpoint is told", || {
        endpoint.accept().is_ok_and(|(post, _)| {
            post.set_nonblocking(false).unwrap();
            take_post(&post).contains("channel_vacated")
        })
    });
}

/// An endpoint that does not answer could take up the whole drain.
#[test]
fn a_second_signal_ends_the_wait_for_an_endpoint_that_does_not_answer() {
    let endpoint = TcpListener::bind("127.0.0.1:0").unwrap();
    endpoint.set_nonblocking(true).unwrap();
    let config = format!(
        "[server]\ndrain_timeout_s = 600\ndrain_window_ms = 0\n[webhook]\nbatch_ms = 10000\n\
         [[apps]]\nid = \"app-id\"\nkey = \"app-key\"\nsecret = \"app-secret\"\n\
         [[apps.webhooks]]\nurl = \"http://{}/\"\nevents = [\"channel_occupied\"]\n",
        endpoint.local_addr().unwrap()
    );
    let mut server = Server::start(Options::new().config(&config));
    Client::connect(&server).subscribe("room");
    server.signal(libc::SIGTERM);
    let mut held = None;
    until("the endpoint is told what is left", || {
        held = endpoint.accept().ok();
        held.is_some()
    });
    server.signal(libc::SIGTERM);
    assert_eq!(server.wait_exit().code(), Some(0));
}
