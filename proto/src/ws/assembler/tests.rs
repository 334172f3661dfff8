//! One test per rule of RFC 6455 sections 5 to 8.

mod compressed;
mod oracle;

use super::*;
use crate::ws::{Opcode, close::CloseCode, encode};

/// A message that outlives the input.
#[derive(Clone, Debug, Eq, PartialEq)]
enum Owned {
    Text(String),
    Binary(Vec<u8>),
    Ping(Vec<u8>),
    Pong(Vec<u8>),
    Close(Option<(CloseCode, String)>),
}

impl From<Message<'_>> for Owned {
    fn from(message: Message<'_>) -> Self {
        match message {
            Message::Text(text) => Self::Text(text.to_owned()),
            Message::Binary(bytes) => Self::Binary(bytes.to_vec()),
            Message::Ping(bytes) => Self::Ping(bytes.to_vec()),
            Message::Pong(bytes) => Self::Pong(bytes.to_vec()),
            Message::Close(close) => {
                Self::Close(close.map(|(code, reason)| (code, reason.to_owned())))
            }
        }
    }
}

const SMALL: Limits = Limits { message_bytes_max: 1000, fragments_max: 4 };

/// A masked client frame, with the first byte given: FIN, RSV and opcode.
fn frame(first: u8, payload: &[u8]) -> Vec<u8> {
    let mut bytes = Vec::new();
    encode::masked_into(Opcode::Text, payload, [0xa1, 0x5c, 0x03, 0xfe], &mut bytes);
    bytes[0] = first;
    bytes
}

/// Feed `stream` in reads of `read_bytes`: the messages, and how it ended.
fn assemble(stream: &[u8], read_bytes: usize) -> (Vec<Owned>, Result<(), AssembleError>) {
    let mut assembler = Assembler::new();
    let mut messages = Vec::new();
    for read in stream.chunks(read_bytes.max(1)) {
        let mut scratch = read.to_vec();
        let mut input = &mut scratch[..];
        loop {
            match assembler.next(&SMALL, None, &mut input) {
                Ok(Some(message)) => messages.push(message.into()),
                Ok(None) => break,
                Err(error) => return (messages, Err(error)),
            }
        }
        assert!(input.is_empty(), "None means that all input is consumed");
    }
    (messages, Ok(()))
}

/// However the frames are cut into reads, they give these messages and this end.
fn check(frames: &[Vec<u8>], messages: &[Owned], end: Result<(), AssembleError>) {
    let stream = frames.concat();
    for read_bytes in [stream.len(), 1, 2, 3, 7, 13, 64] {
        let (found, found_end) = assemble(&stream, read_bytes);
        assert_eq!(found, messages, "{read_bytes} bytes at a time");
        assert_eq!(found_end, end, "{read_bytes} bytes at a time");
    }
}

fn check_error(frames: &[Vec<u8>], error: AssembleError, code: u16) {
    check(frames, &[], Err(error));
    assert_eq!(error.close_code(), CloseCode(code));
}

fn text(text: &str) -> Owned {
    Owned::Text(text.to_owned())
}

#[test]
fn whole_frames_are_messages() {
    let long = "x".repeat(300);
    check(
        &[
            frame(0x81, b"Hello"),
            frame(0x81, b""),
            frame(0x82, &[0, 255]),
            frame(0x89, b"are you there"),
            frame(0x8a, b""),
            frame(0x81, long.as_bytes()),
            frame(0x88, b""),
        ],
        &[
            text("Hello"),
            text(""),
            Owned::Binary(vec![0, 255]),
            Owned::Ping(b"are you there".to_vec()),
            Owned::Pong(Vec::new()),
            text(&long),
            Owned::Close(None),
        ],
        Ok(()),
    );
}

#[test]
fn fragments_make_one_message_and_control_frames_come_between() {
    check(
        &[
            frame(0x01, b"frag"),
            frame(0x89, b"now"),
            frame(0x00, b""),
            frame(0x8a, b"and"),
            frame(0x80, b"ments"),
            frame(0x02, &[1]),
            frame(0x80, &[2]),
            frame(0x81, b"whole"),
        ],
        &[
            Owned::Ping(b"now".to_vec()),
            Owned::Pong(b"and".to_vec()),
            text("fragments"),
            Owned::Binary(vec![1, 2]),
            text("whole"),
        ],
        Ok(()),
    );
}

#[test]
fn a_character_may_be_cut_by_fragments() {
    check(&[frame(0x01, &[0xe2, 0x82]), frame(0x80, &[0xac])], &[text("\u{20ac}")], Ok(()));
}

#[test]
fn reserved_bits_are_refused() {
    for first in [0xc1, 0xa1, 0x91, 0xf1, 0xc9] {
        check_error(&[frame(first, b"x")], AssembleError::ReservedBits, 1002);
    }
}

#[test]
fn reserved_opcodes_are_refused() {
    for opcode in [3, 4, 5, 6, 7, 11, 12, 13, 14, 15] {
        check_error(&[frame(0x80 | opcode, b"x")], AssembleError::ReservedOpcode(opcode), 1002);
    }
}

#[test]
fn unmasked_frames_are_refused() {
    check_error(&[encode::text(b"x").to_vec()], AssembleError::Unmasked, 1002);
    check_error(&[encode::ping(b"").to_vec()], AssembleError::Unmasked, 1002);
}

#[test]
fn control_frames_are_whole_and_short() {
    for opcode in [8, 9, 10] {
        check_error(&[frame(opcode, b"xx")], AssembleError::FragmentedControl, 1002);
        check_error(&[frame(0x80 | opcode, &[0; 126])], AssembleError::ControlTooLong, 1002);
    }
    check(&[frame(0x89, &[0; 125])], &[Owned::Ping(vec![0; 125])], Ok(()));
}

#[test]
fn fragments_come_in_order() {
    let start = AssembleError::ContinuationWithoutStart;
    check_error(&[frame(0x80, b"x")], start, 1002);
    check_error(&[frame(0x00, b"x")], start, 1002);
    check(&[frame(0x81, b"x"), frame(0x80, b"")], &[text("x")], Err(start));
    let interrupted = AssembleError::MessageInterrupted;
    check_error(&[frame(0x01, b"x"), frame(0x81, b"y")], interrupted, 1002);
    check_error(&[frame(0x01, b"x"), frame(0x02, b"y")], interrupted, 1002);
}

#[test]
fn lengths_are_in_their_shortest_form() {
    let mask = [0; 4];
    let head = |length: &[u8]| [&[0x82][..], length, &mask].concat();
    let minimal = AssembleError::LengthNotMinimal;
    check_error(&[head(&[0xfe, 0, 125])], minimal, 1002);
    check_error(&[head(&[0xff, 0, 0, 0, 0, 0, 0, 0xff, 0xff])], minimal, 1002);
    let overflow = AssembleError::LengthOverflow;
    check_error(&[head(&[0xff, 0x80, 0, 0, 0, 0, 0, 0, 0])], overflow, 1002);
    let too_big = AssembleError::MessageTooBig;
    check_error(&[head(&[0xff, 0x7f, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff])], too_big, 1009);
}

/// The header is enough: no payload is sent here.
#[test]
fn a_message_over_the_limit_is_refused_when_announced() {
    check(&[frame(0x82, &[1; 1000])], &[Owned::Binary(vec![1; 1000])], Ok(()));
    let announced = |first, len: usize| frame(first, &vec![1; len])[..8].to_vec();
    check_error(&[announced(0x82, 1001)], AssembleError::MessageTooBig, 1009);
    check_error(&[announced(0x01, 1001)], AssembleError::MessageTooBig, 1009);
}

#[test]
fn fragments_over_the_limit_together_are_refused_when_announced() {
    let half = frame(0x02, &[1; 500]);
    let end = frame(0x80, &[1; 500]);
    check(&[half.clone(), end], &[Owned::Binary(vec![1; 1000])], Ok(()));
    let announced = frame(0x80, &[1; 501])[..8].to_vec();
    check_error(&[half, announced], AssembleError::MessageTooBig, 1009);
}

#[test]
fn empty_fragments_without_end_are_refused() {
    let more = || frame(0x00, b"");
    check(&[frame(0x01, b""), more(), more(), frame(0x80, b"")], &[text("")], Ok(()));
    let flood = [frame(0x01, b""), more(), more(), more(), more()];
    check_error(&flood, AssembleError::TooManyFragments, 1008);
}

#[test]
fn text_is_utf8() {
    for wrong in [&[0xff][..], &[0xc3], &[0xed, 0xa0, 0x80], &[0xf4, 0x90, 0x80, 0x80]] {
        check_error(&[frame(0x81, wrong)], AssembleError::InvalidUtf8, 1007);
    }
    check_error(&[frame(0x01, &[0xe2, 0x82]), frame(0x80, b"")], AssembleError::InvalidUtf8, 1007);
}

/// As Autobahn's family 6.4 wants: the last fragment, or the rest of the frame, is never sent.
#[test]
fn wrong_text_is_refused_before_the_message_ends() {
    let start = frame(0x01, &[0xce, 0xba, 0xe1, 0xbd, 0xb9]);
    check_error(&[start, frame(0x00, &[0xf4, 0x90])], AssembleError::InvalidUtf8, 1007);
    let cut = frame(0x81, &[0xce, 0xba, 0xf4, 0x90, 0x80, 0x80, b'x', b'y'])[..10].to_vec();
    check_error(&[cut], AssembleError::InvalidUtf8, 1007);
}

#[test]
fn close_frames_are_read() {
    let close = |payload: &[u8], expected| check(&[frame(0x88, payload)], &[expected], Ok(()));
    close(&[], Owned::Close(None));
    close(&[0x03, 0xe8], Owned::Close(Some((CloseCode::NORMAL, String::new()))));
    close(&[0x0f, 0xa1, b'b'], Owned::Close(Some((CloseCode(4001), "b".to_owned()))));
}

#[test]
fn wrong_close_frames_are_refused() {
    check_error(&[frame(0x88, &[3])], AssembleError::CloseCodeTruncated, 1002);
    for code in [0, 999, 1004, 1005, 1006, 1016, 2999, 5000, 65_535] {
        let error = AssembleError::CloseCodeInvalid(CloseCode(code));
        check_error(&[frame(0x88, &code.to_be_bytes())], error, 1002);
    }
    let reason = AssembleError::CloseReasonInvalidUtf8;
    check_error(&[frame(0x88, &[0x03, 0xe8, 0xff])], reason, 1007);
}

#[test]
fn a_whole_frame_is_borrowed_from_the_input() {
    let mut scratch = frame(0x81, b"borrowed");
    let range = scratch.as_ptr_range();
    let mut input = &mut scratch[..];
    let mut assembler = Assembler::new();
    let message = assembler.next(&SMALL, None, &mut input).unwrap();
    let Some(Message::Text(text)) = message else { panic!("{message:?}") };
    assert!(range.contains(&text.as_ptr()));
    assert_eq!(assembler.retained_bytes(), 0);
}

#[test]
fn the_buffer_lives_only_while_a_message_is_incomplete() {
    let mut assembler = Assembler::new();
    let mut bytes = frame(0x82, &[7; 900]);
    let (start, end) = bytes.split_at_mut(400);
    let mut input = start;
    assert_eq!(assembler.next(&SMALL, None, &mut input), Ok(None));
    assert!((400..1000).contains(&assembler.retained_bytes()), "not yet the announced length");
    let mut input = end;
    let message = assembler.next(&SMALL, None, &mut input).unwrap();
    assert_eq!(message, Some(Message::Binary(&[7; 900])));
    assert_eq!(assembler.next(&SMALL, None, &mut input), Ok(None));
    assert_eq!(assembler.retained_bytes(), 0);
}

/// 16 MiB in 64-byte reads: the buffer is reallocated a few times, not once per read.
#[test]
fn a_long_message_in_short_reads_costs_linear_time() {
    const BYTES: usize = 16 * 1024 * 1024;
    let limits = Limits { message_bytes_max: BYTES, fragments_max: 1 };
    let mut bytes = frame(0x82, &vec![5; BYTES]);
    let mut assembler = Assembler::new();
    let mut sizes = Vec::new();
    let mut delivered = 0;
    for mut input in bytes.chunks_mut(64) {
        while let Some(message) = assembler.next(&limits, None, &mut input).unwrap() {
            assert_eq!(message, Message::Binary(&vec![5; BYTES]));
            delivered += 1;
        }
        if sizes.last() != Some(&assembler.retained_bytes()) {
            sizes.push(assembler.retained_bytes());
        }
    }
    assert_eq!(delivered, 1);
    assert_eq!(sizes.pop(), Some(0));
    assert!(sizes.len() < 24, "grew {} times: {sizes:?}", sizes.len());
}
