//! Compressed messages among others (RFC 7692 sections 6 and 7.2).

use super::*;
use crate::ws::deflate::Deflater;

const TEXT: &str = "compressed words, compressed words, caf\u{e9}";

/// What a compressed frame with this payload carries.
fn packed(payload: &[u8]) -> Vec<u8> {
    let mut output = Vec::new();
    let bytes = Deflater::new().frame_into(Opcode::Text, payload, &mut output);
    output.split_off(output.len() - bytes.expect("the payload becomes shorter"))
}

/// Feed `stream` in reads of `read_bytes` to a connection that agreed to compression.
fn assemble(stream: &[u8], read_bytes: usize) -> (Vec<Owned>, Result<(), AssembleError>) {
    let (mut assembler, mut inflater) = (Assembler::new(), Inflater::default());
    let mut messages = Vec::new();
    for read in stream.chunks(read_bytes) {
        let mut scratch = read.to_vec();
        let mut input = &mut scratch[..];
        loop {
            match assembler.next(&SMALL, Some(&mut inflater), &mut input) {
                Ok(Some(message)) => messages.push(message.into()),
                Ok(None) => break,
                Err(error) => return (messages, Err(error)),
            }
        }
    }
    if messages.len() > 1 {
        assert_eq!(assembler.retained_bytes(), 0, "nothing is kept between messages");
    }
    (messages, Ok(()))
}

fn check(frames: &[Vec<u8>], messages: &[Owned], end: Result<(), AssembleError>) {
    let stream = frames.concat();
    for read_bytes in [stream.len(), 1, 2, 3, 7, 64] {
        let found = assemble(&stream, read_bytes);
        assert_eq!(found, (messages.to_vec(), end), "{read_bytes} bytes at a time");
    }
}

fn check_error(frames: &[Vec<u8>], error: AssembleError, code: u16) {
    check(frames, &[], Err(error));
    assert_eq!(error.close_code(), CloseCode(code));
}

#[test]
fn compressed_and_plain_messages_may_follow_each_other() {
    let payload = packed(TEXT.as_bytes());
    check(
        &[frame(0xc1, &payload), frame(0x81, b"plain"), frame(0xc2, &payload), frame(0xc1, &[0])],
        &[
            Owned::Text(TEXT.to_owned()),
            Owned::Text("plain".to_owned()),
            Owned::Binary(TEXT.as_bytes().to_vec()),
            Owned::Text(String::new()),
        ],
        Ok(()),
    );
}

/// RSV1 is on the first fragment only, and stands for all of them.
#[test]
fn a_compressed_message_may_be_cut_anywhere_with_control_frames_between() {
    let payload = packed(TEXT.as_bytes());
    for cut in 0..payload.len() {
        let (first, second) = payload.split_at(cut);
        check(
            &[frame(0x41, first), frame(0x89, b"ping"), frame(0x00, b""), frame(0x80, second)],
            &[Owned::Ping(b"ping".to_vec()), Owned::Text(TEXT.to_owned())],
            Ok(()),
        );
    }
}

#[test]
fn rsv1_means_nothing_on_later_fragments_and_control_frames() {
    let payload = packed(TEXT.as_bytes());
    check_error(&[frame(0x41, &payload), frame(0xc0, b"")], AssembleError::ReservedBits, 1002);
    for first in [0xc8, 0xc9, 0xca] {
        check_error(&[frame(first, b"")], AssembleError::ReservedBits, 1002);
    }
    for first in [0xe1, 0xd1, 0xa1, 0x91] {
        check_error(&[frame(first, &payload)], AssembleError::ReservedBits, 1002);
    }
}

#[test]
fn rsv1_is_an_error_where_nothing_was_agreed() {
    let (_, end) = super::assemble(&frame(0xc1, &packed(TEXT.as_bytes())), 100);
    assert_eq!(end, Err(AssembleError::ReservedBits));
}

#[test]
fn a_decompressed_message_may_be_as_long_as_the_limit() {
    let longest = "x".repeat(1_000);
    let frames = [frame(0xc1, &packed(longest.as_bytes()))];
    check(&frames, &[Owned::Text(longest)], Ok(()));
    let too_long = packed(&[b'x'; 1_001]);
    check_error(&[frame(0xc1, &too_long)], AssembleError::MessageTooBig, 1009);
    let (first, second) = too_long.split_at(4);
    let fragments = [frame(0x41, first), frame(0x80, second)];
    check_error(&fragments, AssembleError::MessageTooBig, 1009);
}

/// What does not become shorter when it is compressed is limited as it comes.
#[test]
fn a_compressed_message_that_is_announced_too_long_is_refused_at_its_header() {
    check_error(&[frame(0xc1, &[0; 1_001])], AssembleError::MessageTooBig, 1009);
    let fragments = [frame(0x41, &[0; 600]), frame(0x80, &[0; 401])];
    check_error(&fragments, AssembleError::MessageTooBig, 1009);
}

#[test]
fn data_that_cannot_be_decompressed_is_refused() {
    for payload in [&b""[..], &[0xff; 20], b"plain text"] {
        check_error(&[frame(0xc1, payload)], AssembleError::Corrupt, 1007);
        check_error(&[frame(0x41, payload), frame(0x80, b"")], AssembleError::Corrupt, 1007);
    }
}

#[test]
fn decompressed_text_must_be_utf8() {
    let wrong = packed(&[0xc3, 0x28].repeat(20));
    check_error(&[frame(0xc1, &wrong)], AssembleError::InvalidUtf8, 1007);
    check(&[frame(0xc2, &wrong)], &[Owned::Binary([0xc3, 0x28].repeat(20))], Ok(()));
}
