//! Bytes that break RFC 6455: each gets its close code and a counter, and nobody else notices.

use uringcast_tests::{Api, Client, Frame, Opcode, Options, Raw, Server};

/// Lets a connected peer send `bytes` and expects it to be closed with `code` and counted as
/// `refusal`, while a bystander's connection and channel live on.
fn check(bytes: &[u8], code: u16, refusal: &str) {
    let server = Server::start(Options::new().config("[connection]\nmessage_bytes_max = 4096\n"));
    let mut bystander = Client::connect(&server);
    bystander.subscribe("room");
    let mut raw = Raw::pusher(server.address(), &server.app());
    raw.subscribe("room");
    raw.send(bytes);
    raw.expect_close(code);
    server.until_refused(refusal);
    Api::new(&server).publish("room", "marker", "");
    bystander.expect_on("room", "marker");
    bystander.expect_quiet();
}

fn concat(frames: &[Frame]) -> Vec<u8> {
    frames.iter().flat_map(Frame::to_bytes).collect()
}

#[test]
fn garbage_after_the_handshake_is_a_protocol_error() {
    check(&[0xff; 64], 1002, "protocol");
}

#[test]
fn an_unmasked_frame_is_a_protocol_error() {
    check(&Frame::text("{}").unmasked().to_bytes(), 1002, "protocol");
}

#[test]
fn a_reserved_bit_is_a_protocol_error() {
    for rsv in [1, 2, 4] {
        check(&Frame::text("{}").rsv(rsv).to_bytes(), 1002, "protocol");
    }
}

#[test]
fn a_reserved_opcode_is_a_protocol_error() {
    for opcode in [0x3, 0x7, 0xb, 0xf] {
        check(&Frame::new(Opcode(opcode), "").to_bytes(), 1002, "protocol");
    }
}

#[test]
fn a_fragmented_control_frame_is_a_protocol_error() {
    for opcode in [Opcode::PING, Opcode::PONG, Opcode::CLOSE] {
        check(&Frame::new(opcode, "").unfinished().to_bytes(), 1002, "protocol");
    }
}

#[test]
fn a_control_frame_of_more_than_125_bytes_is_a_protocol_error() {
    check(&Frame::new(Opcode::PING, vec![b'x'; 126]).to_bytes(), 1002, "protocol");
}

#[test]
fn a_continuation_of_nothing_is_a_protocol_error() {
    check(&Frame::new(Opcode::CONTINUATION, "x").to_bytes(), 1002, "protocol");
}

#[test]
fn a_message_inside_a_message_is_a_protocol_error() {
    check(&concat(&[Frame::text("{").unfinished(), Frame::text("}")]), 1002, "protocol");
}

#[test]
fn a_close_code_that_must_not_be_sent_is_a_protocol_error() {
    for code in [0, 999, 1004, 1005, 1006, 1015, 2999, 5000] {
        check(&Frame::close(code).to_bytes(), 1002, "protocol");
    }
}

#[test]
fn a_close_frame_of_one_byte_is_a_protocol_error() {
    check(&Frame::new(Opcode::CLOSE, [0x3]).to_bytes(), 1002, "protocol");
}

#[test]
fn text_that_is_not_utf8_closes_with_1007() {
    let bytes = b"\"\xc3\x28\"".to_vec();
    check(&Frame::new(Opcode::TEXT, bytes).to_bytes(), 1007, "utf8");
}

#[test]
fn fragments_that_are_not_utf8_together_close_with_1007() {
    let frames = [
        Frame::new(Opcode::TEXT, b"\"\xe2\x82".to_vec()).unfinished(),
        Frame::new(Opcode::CONTINUATION, b"\"".to_vec()),
    ];
    check(&concat(&frames), 1007, "utf8");
}

#[test]
fn a_close_reason_that_is_not_utf8_closes_with_1007() {
    check(&Frame::new(Opcode::CLOSE, b"\x03\xe8\xff".to_vec()).to_bytes(), 1007, "utf8");
}

#[test]
fn a_message_one_byte_over_the_limit_closes_with_1009() {
    check(&Frame::text(&"x".repeat(4097)).to_bytes(), 1009, "message_bytes");
}

#[test]
fn fragments_that_are_over_the_limit_together_close_with_1009() {
    let first = Frame::text(&"x".repeat(4000)).unfinished();
    let second = Frame::new(Opcode::CONTINUATION, "x".repeat(97));
    check(&concat(&[first, second]), 1009, "message_bytes");
}

/// The head alone decides: no memory is set aside for what it promises.
#[test]
fn a_promise_of_an_oversize_frame_closes_with_1009() {
    let head = Frame::text("").head_bytes(1 << 62);
    check(&[head, vec![0; 4]].concat(), 1009, "message_bytes");
}

#[test]
fn an_endless_message_of_small_fragments_closes_with_1009() {
    let fragment = Frame::new(Opcode::CONTINUATION, "x".repeat(100)).unfinished();
    let mut frames = vec![fragment; 60];
    frames[0].opcode = Opcode::TEXT;
    check(&concat(&frames), 1009, "message_bytes");
}

#[test]
fn what_a_correct_peer_may_do_closes_nothing() {
    let server = Server::start(Options::new());
    let mut raw = Raw::pusher(server.address(), &server.app());
    let message = r#"{"event":"pusher:ping","data":{}}"#;
    let (first, second) = message.split_at(10);
    raw.send(&concat(&[
        Frame::text(first).unfinished(),
        Frame::new(Opcode::PING, "between the fragments"),
        Frame::new(Opcode::PONG, "unasked"),
        Frame::new(Opcode::CONTINUATION, "").unfinished(),
        Frame::new(Opcode::CONTINUATION, second),
    ]));
    let pong = raw.frame();
    assert_eq!(
        (pong.opcode, pong.payload.as_slice()),
        (Opcode::PONG, &b"between the fragments"[..])
    );
    raw.expect_event("pusher:pong");
    for byte in Frame::text(message).to_bytes() {
        raw.send(&[byte]);
    }
    raw.expect_event("pusher:pong");
}

#[test]
fn a_close_is_answered_with_its_own_code() {
    let server = Server::start(Options::new());
    for code in [1000, 1001, 3000, 4999] {
        let mut raw = Raw::pusher(server.address(), &server.app());
        raw.send_frame(&Frame::close(code));
        assert_eq!(raw.frame().close_code(), code);
        assert_eq!(raw.rest(), b"");
    }
    let mut raw = Raw::pusher(server.address(), &server.app());
    raw.send_frame(&Frame::new(Opcode::CLOSE, ""));
    let answer = raw.frame();
    assert!(matches!(answer.close_code(), 1000 | 1005), "{answer:?}");
    assert_eq!(raw.rest(), b"");
}

#[test]
fn a_peer_that_ends_its_side_without_a_close_is_let_go() {
    let server = Server::start(Options::new());
    let mut raw = Raw::pusher(server.address(), &server.app());
    raw.finish_sending();
    raw.rest();
    server.until_metric("uringcast_connections", 0);
}
