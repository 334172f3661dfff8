//! A server whose standard error fails or is stuck: it goes on, and its clients stay.

use std::net::TcpListener;

use serde_json::json;
use uringcast_tests::{Api, Client, Errors, Options, Server, Zps};

use crate::log_file::Directory;

/// A port that refuses connections; it is this test's as long as the listener lives.
fn closed_port() -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port is free");
    listener.local_addr().expect("the listener is bound").port()
}

/// Everything in one server that writes lines: reloads, webhooks, and a log that cannot be kept.
fn config(directory: &Directory) -> String {
    format!(
        "[server]\ndrain_timeout_s = 2\n[log]\ndriver = \"file\"\ndir = \"{}\"\n\
         [zps]\nallow_client_publish = true\nmax_messages_per_window = 0\n\
         [webhook]\nbatch_ms = 0\n\
         [[apps]]\nid = \"app-id\"\nkey = \"app-key\"\nsecret = \"app-secret\"\n\
         [[apps.webhooks]]\nurl = \"http://127.0.0.1:{}/\"\nevents = [\"channel_occupied\"]\n",
        directory.0.display(),
        closed_port()
    )
}

/// Makes a server say everything it can while `errors` is what becomes of it.
fn goes_on_with(errors: Errors) {
    let directory = Directory::new();
    let config = config(&directory);
    let options = Options::new().cores(2).config(&config).file_bytes_max(100_000);
    let mut server = Server::start(options.errors(errors));
    let mut client = Client::connect(&server);
    client.subscribe("news");
    let mut goes_on = |what: &str| {
        Api::new(&server).publish("news", "e", what);
        assert_eq!(client.expect("e").text(), what);
    };
    goes_on("from the start");
    server.signal(libc::SIGHUP);
    goes_on("after a reload");
    server.rewrite_config("[server]\nport = true\n");
    server.signal(libc::SIGHUP);
    server.until_refused("reload");
    goes_on("after one that cannot be used");
    server.until_at_least("uringcast_webhook_failures_total", 1.0);
    goes_on("with a webhook whose server is away");
    let mut room = Zps::connect(&server, "ann");
    room.subscribe("room:1");
    while server.metric("uringcast_log_commit_failures_total") < 1.0 {
        room.publish("room:1", "t", &json!("x".repeat(20_000)));
        room.message();
    }
    goes_on("with a log that cannot be written");
    if errors != Errors::Stuck {
        server.until_at_least("uringcast_log_lines_dropped_total", 3.0);
    }
    server.signal(libc::SIGTERM);
    client.expect_close(4200);
    assert!(server.wait_exit().success(), "it ends as it was told to");
}

#[test]
fn a_reader_of_standard_error_may_go() {
    goes_on_with(Errors::Gone);
}

#[test]
fn the_disk_below_standard_error_may_be_full() {
    goes_on_with(Errors::Full);
}

#[test]
fn nobody_need_read_standard_error() {
    goes_on_with(Errors::Stuck);
}

/// What is said last is not lost with the process.
#[test]
fn what_is_said_is_written_before_the_end() {
    let mut server = Server::start(Options::new().config("[pusher]\n"));
    server.rewrite_config("[server]\nport = true\n");
    server.signal(libc::SIGHUP);
    server.until_refused("reload");
    let errors = server.said();
    assert!(errors.contains("uringcast: error: the apps were read again and stay"), "{errors}");
    assert!(errors.ends_with('\n'), "{errors}");
}
