//! The listener for conformance suites: every message comes back, through the same machinery.

use tungstenite::Message;
use uringcast_tests::{Client, Frame, Opcode, Options, Raw, Server};

/// The limit on that port alone: the conformance suites send messages of 16 MiB.
const MESSAGE_BYTES_MAX: usize = 16 << 20;

fn echo() -> (Server, Client) {
    let server = Server::start(Options::new().echo());
    let client = Client::open(server.echo_address(), "/", server.app());
    (server, client)
}

#[test]
fn text_and_binary_messages_come_back() {
    let (_server, mut client) = echo();
    for message in [
        Message::text(""),
        Message::text("caf\u{e9} \u{1f680}"),
        Message::binary(vec![]),
        Message::binary(vec![0, 255, 128]),
        Message::text("x".repeat(100_000)),
    ] {
        client.send_message(message.clone());
        assert_eq!(client.message(), message);
    }
}

#[test]
fn a_fragmented_message_comes_back_whole() {
    let server = Server::start(Options::new().echo());
    let mut raw = Raw::upgrade(server.echo_address(), "/");
    raw.send_frame(&Frame::text("one ").unfinished());
    raw.send_frame(&Frame::new(Opcode::PING, "between"));
    raw.send_frame(&Frame::new(Opcode::CONTINUATION, "two"));
    assert_eq!(raw.frame().opcode, Opcode::PONG);
    let frame = raw.frame();
    assert_eq!((frame.fin, frame.opcode, frame.payload), (true, Opcode::TEXT, b"one two".to_vec()));
}

#[test]
fn the_largest_message_comes_back_and_a_larger_one_closes_with_1009() {
    let (server, mut client) = echo();
    let largest = Message::binary(vec![7; MESSAGE_BYTES_MAX]);
    client.send_message(largest.clone());
    assert!(client.message() == largest, "16 MiB came back as something else");
    let mut raw = Raw::upgrade(server.echo_address(), "/");
    let head = Frame::new(Opcode::BINARY, "").head_bytes(MESSAGE_BYTES_MAX as u64 + 1);
    raw.send(&[head, vec![0; 4]].concat());
    raw.expect_close(1009);
}

#[test]
fn messages_sent_without_waiting_come_back_in_order() {
    let (_server, mut client) = echo();
    for number in 0..500 {
        client.send_message(Message::text(number.to_string()));
    }
    for number in 0..500 {
        assert_eq!(client.message(), Message::text(number.to_string()));
    }
}

#[test]
fn the_public_port_echoes_nothing() {
    let server = Server::start(Options::new().echo());
    let mut raw = Raw::upgrade(server.address(), "/app");
    raw.expect_event("pusher:error");
    raw.expect_close(4005);
}
