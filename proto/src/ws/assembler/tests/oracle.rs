//! tungstenite as the client, and as a second opinion on what a server should read.

use std::io::{self, Read, Write};

use bytes::Bytes;
use tungstenite::{
    Error, Message as TheirMessage,
    protocol::{
        Role, WebSocket, WebSocketConfig,
        frame::{CloseFrame, Frame, FrameHeader},
    },
};

use super::{
    super::{AssembleError, Assembler, Limits},
    Owned,
};
use crate::ws::{Opcode, close::CloseCode, encode, random::Random};

const LIMITS: Limits = Limits { message_bytes_max: 1 << 20, fragments_max: 64 };

/// What a client does, its frames as tungstenite writes them, and the messages they mean.
#[derive(Default)]
struct Script {
    stream: Vec<u8>,
    messages: Vec<Owned>,
}

impl Script {
    fn random(random: &mut Random, messages: usize) -> Self {
        let mut script = Self::default();
        for _ in 0..messages {
            match random.up_to(3) {
                0 => script.push_control(random),
                1 => {
                    let len = random_len(random);
                    let text = random.text(len);
                    script.push_fragments(random, Opcode::Text, text.as_bytes());
                    script.messages.push(Owned::Text(text));
                }
                _ => {
                    let len = random_len(random);
                    let bytes = random.bytes(len);
                    script.push_fragments(random, Opcode::Binary, &bytes);
                    script.messages.push(Owned::Binary(bytes));
                }
            }
        }
        script
    }

    /// One message, whole or in fragments cut anywhere, with control frames between them.
    fn push_fragments(&mut self, random: &mut Random, mut opcode: Opcode, mut payload: &[u8]) {
        while random.one_in(2) {
            let (fragment, rest) = payload.split_at(random.up_to(payload.len()));
            self.push_frame(random, false, opcode, fragment);
            if random.one_in(3) {
                self.push_control(random);
            }
            (opcode, payload) = (Opcode::Continuation, rest);
        }
        self.push_frame(random, true, opcode, payload);
    }

    fn push_control(&mut self, random: &mut Random) {
        let len = random.up_to(125);
        let payload = random.bytes(len);
        if random.one_in(2) {
            self.push_frame(random, true, Opcode::Ping, &payload);
            self.messages.push(Owned::Ping(payload));
        } else {
            self.push_frame(random, true, Opcode::Pong, &payload);
            self.messages.push(Owned::Pong(payload));
        }
    }

    fn push_close(&mut self, random: &mut Random) {
        let code = CloseCode(4000 + random.up_to(999) as u16);
        let reason = random.text(100);
        let payload = [&code.0.to_be_bytes(), reason.as_bytes()].concat();
        self.push_frame(random, true, Opcode::Close, &payload);
        self.messages.push(Owned::Close(Some((code, reason))));
    }

    fn push_frame(&mut self, random: &mut Random, is_final: bool, opcode: Opcode, payload: &[u8]) {
        let mask = Some((random.next() as u32).to_be_bytes());
        let header =
            FrameHeader { is_final, opcode: opcode.into(), mask, ..FrameHeader::default() };
        let frame = Frame::from_payload(header, Bytes::copy_from_slice(payload));
        frame.format(&mut self.stream).unwrap();
    }
}

/// Lengths on both sides of each form of the header, mostly short.
fn random_len(random: &mut Random) -> usize {
    let max = [0, 10, 125, 130, 300, 5_000, 70_000][random.up_to(6)];
    random.up_to(max)
}

/// Feed `stream` to an assembler in random reads: the messages up to a close, and how it ended.
fn read_ours(
    random: &mut Random,
    stream: &[u8],
    read_bytes_max: usize,
) -> (Vec<Owned>, Result<(), AssembleError>) {
    let mut assembler = Assembler::new();
    let mut messages = Vec::new();
    let mut rest = stream;
    while !rest.is_empty() {
        let (read, later) = rest.split_at((1 + random.up_to(read_bytes_max - 1)).min(rest.len()));
        rest = later;
        let mut scratch = read.to_vec();
        let mut input = &mut scratch[..];
        loop {
            match assembler.next(&LIMITS, None, &mut input) {
                Ok(Some(message)) => messages.push(Owned::from(message)),
                Ok(None) => break,
                Err(error) => return (messages, Err(error)),
            }
            if let Some(Owned::Close(_)) = messages.last() {
                return (messages, Ok(()));
            }
        }
    }
    (messages, Ok(()))
}

/// The messages that tungstenite reads up to a close, and the error that stopped it.
fn read_theirs(stream: &[u8], role: Role) -> (Vec<Owned>, Option<Error>) {
    let config = WebSocketConfig::default()
        .max_message_size(Some(LIMITS.message_bytes_max))
        .max_frame_size(Some(LIMITS.message_bytes_max));
    let mut socket = WebSocket::from_raw_socket(Recording(stream), role, Some(config));
    let mut messages = Vec::new();
    loop {
        match socket.read() {
            Ok(message) => messages.push(from_theirs(message)),
            Err(error) => return (messages, Some(error)),
        }
        if let Some(Owned::Close(_)) = messages.last() {
            return (messages, None);
        }
    }
}

fn from_theirs(message: TheirMessage) -> Owned {
    match message {
        TheirMessage::Text(text) => Owned::Text(text.to_string()),
        TheirMessage::Binary(bytes) => Owned::Binary(bytes.to_vec()),
        TheirMessage::Ping(bytes) => Owned::Ping(bytes.to_vec()),
        TheirMessage::Pong(bytes) => Owned::Pong(bytes.to_vec()),
        TheirMessage::Close(close) => Owned::Close(
            close.map(|CloseFrame { code, reason }| (CloseCode(code.into()), reason.to_string())),
        ),
        TheirMessage::Frame(_) => unreachable!("never read"),
    }
}

/// A socket that has received everything, and whose answers go nowhere.
struct Recording<'a>(&'a [u8]);

impl Read for Recording<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.0.read(buffer)
    }
}

impl Write for Recording<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[test]
fn random_scripts_in_random_reads_give_their_messages() {
    let mut random = Random::from_environment();
    for _ in 0..300 {
        let mut script = Script::random(&mut random, 12);
        script.push_close(&mut random);
        for read_bytes_max in [1, 7, 200, 10_000, script.stream.len()] {
            let (messages, end) = read_ours(&mut random, &script.stream, read_bytes_max);
            assert_eq!(end, Ok(()));
            assert!(messages == script.messages, "reads of up to {read_bytes_max} bytes");
        }
    }
}

/// Damaged streams: whatever tungstenite refuses is refused, and what both read is the same.
#[test]
fn damaged_streams_are_judged_as_tungstenite_judges_them() {
    let mut random = Random::from_environment();
    for _ in 0..20_000 {
        let mut stream = Script::random(&mut random, 2).stream;
        if stream.len() > 1000 {
            continue;
        }
        for _ in 0..=random.up_to(2) {
            let Some(last) = stream.len().checked_sub(1) else { continue };
            // The first header is hit often, since what it says decides most.
            let place = if random.one_in(2) { last.min(1) } else { last };
            let place = random.up_to(place);
            stream[place] ^= 1 << random.up_to(7);
        }
        compare(&mut random, &stream);
    }
}

#[test]
fn random_bytes_are_judged_as_tungstenite_judges_them() {
    let mut random = Random::from_environment();
    for _ in 0..50_000 {
        let len = random.up_to(64);
        let mut stream = random.bytes(len);
        if let Some((first, rest)) = stream.split_first_mut() {
            // Else nearly all would end at a reserved bit or a missing mask.
            *first &= 0x8f;
            rest.iter_mut().take(1).for_each(|second| *second |= 0x80);
        }
        compare(&mut random, &stream);
    }
}

fn compare(random: &mut Random, stream: &[u8]) {
    let (theirs, their_error) = read_theirs(stream, Role::Server);
    for read_bytes_max in [1, 16, stream.len().max(1)] {
        let (ours, end) = read_ours(random, stream, read_bytes_max);
        let they_refused =
            matches!(their_error, Some(Error::Utf8(_) | Error::Capacity(_) | Error::Protocol(_)))
                && !matches!(
                    their_error,
                    Some(Error::Protocol(
                        tungstenite::error::ProtocolError::ResetWithoutClosingHandshake
                    ))
                );
        match end {
            Ok(()) => {
                assert!(!they_refused, "{their_error:?} was not refused: {stream:x?}");
                assert_eq!(ours, theirs, "{stream:x?}");
            }
            // tungstenite leaves these rules to its caller.
            Err(
                AssembleError::LengthNotMinimal
                | AssembleError::CloseCodeInvalid(_)
                | AssembleError::TooManyFragments,
            ) => assert!(theirs.starts_with(&ours), "{stream:x?}"),
            Err(error) => assert_eq!(ours, theirs, "{error:?}: {stream:x?}"),
        }
    }
}

/// The other direction: a tungstenite client reads what the server encodes.
#[test]
fn encoded_frames_are_read_by_tungstenite() {
    let mut random = Random::from_environment();
    for _ in 0..100 {
        let (mut from_server, mut from_client) = (Vec::new(), Vec::new());
        let mut expected = Vec::new();
        for _ in 0..10 {
            let len = random_len(&mut random);
            let (text, bytes) = (random.text(len), random.bytes(len));
            let mask = (random.next() as u32).to_be_bytes();
            let mut frame = encode::TextFrame::with_capacity(random_len(&mut random));
            frame.buffer().extend_from_slice(text.as_bytes());
            from_server.extend_from_slice(&frame.finish());
            from_server.extend_from_slice(&encode::binary(&bytes));
            from_server.extend_from_slice(&encode::ping(&bytes[..len.min(125)]));
            encode::masked_into(Opcode::Text, text.as_bytes(), mask, &mut from_client);
            encode::masked_into(Opcode::Binary, &bytes, mask, &mut from_client);
            encode::masked_into(Opcode::Ping, &bytes[..len.min(125)], mask, &mut from_client);
            let ping = bytes[..len.min(125)].to_vec();
            expected.extend([Owned::Text(text), Owned::Binary(bytes), Owned::Ping(ping)]);
        }
        from_server.extend_from_slice(&encode::close(CloseCode::GOING_AWAY, "bye"));
        encode::masked_into(Opcode::Close, b"\x03\xe9bye", [1, 2, 3, 4], &mut from_client);
        expected.push(Owned::Close(Some((CloseCode::GOING_AWAY, "bye".to_owned()))));
        assert!(read_theirs(&from_server, Role::Client).0 == expected);
        assert!(read_theirs(&from_client, Role::Server).0 == expected);
    }
}
