//! Frames to send: the server's unmasked ones, and a client's masked ones for load and tests.
//!
//! A server frame is encoded once and shared by all its receivers, so each comes from one
//! allocation of exactly its size: a `Vec` without spare capacity becomes `Bytes` as it is. (The
//! first clone of such a `Bytes` adds its reference count, 24 bytes, for all later clones.)

use bytes::{Buf, Bytes};
use tungstenite::protocol::frame::FrameHeader;

use super::{Opcode, close::CloseCode, mask};
use crate::limits::{WS_CLOSE_REASON_BYTES_MAX, WS_CONTROL_PAYLOAD_BYTES_MAX};

/// The bit of a frame's first byte that `permessage-deflate` has given a meaning.
const RSV1: u8 = 0x40;
/// The first byte of a text frame that is a whole message.
const FINAL_TEXT: u8 = 0x81;

/// One text frame.
///
/// `payload` must be UTF-8: the caller has it from a `str` or from JSON it wrote.
pub fn text(payload: &[u8]) -> Bytes {
    debug_assert!(std::str::from_utf8(payload).is_ok(), "a text frame carries UTF-8");
    whole(Opcode::Text, payload)
}

/// One binary frame.
pub fn binary(payload: &[u8]) -> Bytes {
    whole(Opcode::Binary, payload)
}

/// A ping frame without a payload.
pub const PING: &[u8] = b"\x89\x00";

/// One ping frame.
///
/// # Panics
/// If `payload` is longer than 125 bytes.
pub fn ping(payload: &[u8]) -> Bytes {
    assert!(payload.len() <= WS_CONTROL_PAYLOAD_BYTES_MAX, "a ping carries at most 125 bytes");
    whole(Opcode::Ping, payload)
}

/// One pong frame.
///
/// # Panics
/// If `payload` is longer than 125 bytes.
pub fn pong(payload: &[u8]) -> Bytes {
    assert!(payload.len() <= WS_CONTROL_PAYLOAD_BYTES_MAX, "a pong carries at most 125 bytes");
    whole(Opcode::Pong, payload)
}

/// One close frame. A reason longer than 123 bytes is cut after its last whole character.
pub fn close(code: CloseCode, reason: &str) -> Bytes {
    debug_assert!(code.is_sendable_by_peer(), "{code} may not be sent");
    let mut end = reason.len().min(WS_CLOSE_REASON_BYTES_MAX);
    while !reason.is_char_boundary(end) {
        end -= 1;
    }
    let payload = [&code.0.to_be_bytes(), &reason.as_bytes()[..end]].concat();
    whole(Opcode::Close, &payload)
}

/// One close frame without a code: the answer to a close frame without one.
pub fn close_without_code() -> Bytes {
    whole(Opcode::Close, &[])
}

/// Append the header of an unmasked, unfragmented frame.
pub fn header_into(opcode: Opcode, payload_len: usize, output: &mut Vec<u8>) {
    write_header(opcode, None, payload_len, output);
}

/// Append one text frame, whose payload `write` appends: UTF-8 of `payload_len` bytes.
///
/// Any other number is correct as well, and slower. An empty `output` gets exactly the room that
/// such a frame needs.
#[inline]
pub fn text_into(output: &mut Vec<u8>, payload_len: usize, write: impl FnOnce(&mut Vec<u8>)) {
    let start = output.len();
    output.reserve(header_bytes(payload_len) + payload_len);
    match payload_len {
        0..=125 => output.extend_from_slice(&[FINAL_TEXT, payload_len as u8]),
        126..=65_535 => {
            let [high, low] = (payload_len as u16).to_be_bytes();
            output.extend_from_slice(&[FINAL_TEXT, 126, high, low]);
        }
        _ => header_into(Opcode::Text, payload_len, output),
    }
    let payload_start = output.len();
    write(output);
    let written = output.len() - payload_start;
    debug_assert!(std::str::from_utf8(&output[payload_start..]).is_ok());
    if written != payload_len {
        let mut header = Vec::new();
        header_into(Opcode::Text, written, &mut header);
        output.splice(start..payload_start, header);
    }
}

/// Append the header of an unmasked, unfragmented frame with a compressed payload of `payload_len`
/// bytes: RSV1 is set (RFC 7692 section 6).
pub(super) fn compressed_header_into(opcode: Opcode, payload_len: usize, output: &mut Vec<u8>) {
    let start = output.len();
    header_into(opcode, payload_len, output);
    output[start] |= RSV1;
}

/// How many bytes [`header_into`] appends: 2, 4 or 10.
pub const fn header_bytes(payload_len: usize) -> usize {
    match payload_len {
        0..=125 => 2,
        126..=65_535 => 4,
        _ => 10,
    }
}

/// What an unmasked frame carries, or `None` if `frame` is shorter than its header.
pub fn payload(frame: &[u8]) -> Option<&[u8]> {
    let header_bytes = match frame.get(1)? {
        0..=125 => 2,
        126 => 4,
        127..=255 => 10,
    };
    frame.get(header_bytes..)
}

/// Append one whole frame as a client sends it.
///
/// The caller brings the mask: this crate draws no random numbers.
pub fn masked_into(opcode: Opcode, payload: &[u8], mask: [u8; 4], output: &mut Vec<u8>) {
    output.reserve(header_bytes(payload.len()) + mask.len() + payload.len());
    write_header(opcode, Some(mask), payload.len(), output);
    let start = output.len();
    output.extend_from_slice(payload);
    mask::apply(&mut output[start..], mask);
}

/// A text frame whose payload is written piece by piece, behind room kept for the header.
///
/// When exactly the announced number of payload bytes is written the frame costs one allocation.
/// Fewer leave spare capacity, which makes `Bytes` allocate its reference count at once; more make
/// the buffer grow, which is correct and slow.
#[derive(Debug)]
pub struct TextFrame {
    buffer: Vec<u8>,
    header_room: usize,
}

impl TextFrame {
    /// An empty frame with room for `payload_len_max` bytes.
    pub fn with_capacity(payload_len_max: usize) -> Self {
        let header_room = header_bytes(payload_len_max);
        let mut buffer = Vec::with_capacity(header_room + payload_len_max);
        buffer.resize(header_room, 0);
        Self { buffer, header_room }
    }

    /// Where to append the payload. What is already in it must stay.
    pub const fn buffer(&mut self) -> &mut Vec<u8> {
        &mut self.buffer
    }

    /// Bytes of payload written so far.
    pub const fn payload_len(&self) -> usize {
        self.buffer.len() - self.header_room
    }

    /// The frame, header included.
    ///
    /// # Panics
    /// If the room for the header was cut off the buffer.
    pub fn finish(mut self) -> Bytes {
        assert!(self.buffer.len() >= self.header_room, "the payload is only ever appended to");
        debug_assert!(std::str::from_utf8(&self.buffer[self.header_room..]).is_ok());
        let payload_len = self.payload_len();
        let header_len = header_bytes(payload_len);
        if header_len > self.header_room {
            let missing = header_len - self.header_room;
            self.buffer.splice(0..0, std::iter::repeat_n(0, missing));
            self.header_room = header_len;
        }
        let start = self.header_room - header_len;
        let mut head = &mut self.buffer[start..self.header_room];
        write_header(Opcode::Text, None, payload_len, &mut head);
        let mut frame = Bytes::from(self.buffer);
        frame.advance(start);
        frame
    }
}

fn whole(opcode: Opcode, payload: &[u8]) -> Bytes {
    let mut frame = Vec::with_capacity(header_bytes(payload.len()) + payload.len());
    header_into(opcode, payload.len(), &mut frame);
    frame.extend_from_slice(payload);
    Bytes::from(frame)
}

/// Write a header to where there is room for it.
fn write_header(
    opcode: Opcode,
    mask: Option<[u8; 4]>,
    payload_len: usize,
    output: &mut impl std::io::Write,
) {
    FrameHeader { opcode: opcode.into(), mask, ..FrameHeader::default() }
        .format(payload_len as u64, output)
        .expect("memory with room takes every write");
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn header_grows_at_126_and_at_65536_bytes() {
        for (len, header) in [
            (0, vec![0x81, 0]),
            (125, vec![0x81, 125]),
            (126, vec![0x81, 126, 0, 126]),
            (65_535, vec![0x81, 126, 0xff, 0xff]),
            (65_536, vec![0x81, 127, 0, 0, 0, 0, 0, 1, 0, 0]),
        ] {
            let payload = vec![b'x'; len];
            let frame = text(&payload);
            assert_eq!(frame[..header.len()], header, "{len}");
            assert_eq!(frame[header.len()..], payload, "{len}");
            assert_eq!(header_bytes(len), header.len(), "{len}");
        }
    }

    #[test]
    fn a_written_text_frame_equals_the_encoded_one_whatever_was_announced() {
        for announced in [0, 1, 125, 126, 300, 65_535, 65_536, 70_000] {
            for written in [0, 1, 125, 126, 300, 65_535, 65_536, 70_000] {
                let payload = vec![b'y'; written];
                let mut frame = TextFrame::with_capacity(announced);
                frame.buffer().extend_from_slice(&payload);
                assert_eq!(frame.payload_len(), written);
                assert_eq!(frame.finish(), text(&payload), "{announced} announced, {written}");
            }
        }
    }

    #[test]
    fn an_appended_text_frame_equals_the_encoded_one_whatever_was_announced() {
        for announced in [0, 1, 125, 126, 300, 65_535, 65_536, 70_000] {
            for written in [0, 1, 125, 126, 300, 65_535, 65_536, 70_000] {
                let payload = vec![b'y'; written];
                let mut output = b"before".to_vec();
                text_into(&mut output, announced, |output| output.extend_from_slice(&payload));
                let frame = output.strip_prefix(b"before").unwrap();
                assert_eq!(frame, text(&payload), "{announced} announced, {written}");
            }
        }
    }

    #[test]
    fn a_frame_that_is_as_long_as_announced_has_no_spare_room() {
        for payload in [vec![], vec![b'x'; 7], vec![b'x'; 300], vec![b'x'; 70_000]] {
            let mut output = Vec::new();
            text_into(&mut output, payload.len(), |output| output.extend_from_slice(&payload));
            assert!(output.capacity() <= output.len().max(8), "{}", payload.len());
        }
    }

    #[test]
    fn control_frames_carry_their_payload() {
        assert_eq!(ping(b"")[..], *PING);
        assert_eq!(ping(b"")[..], [0x89, 0]);
        assert_eq!(pong(b"abc")[..], [0x8a, 3, b'a', b'b', b'c']);
        assert_eq!(binary(&[9])[..], [0x82, 1, 9]);
        assert_eq!(close_without_code()[..], [0x88, 0]);
        assert_eq!(close(CloseCode(4001), "no")[..], [0x88, 4, 0x0f, 0xa1, b'n', b'o']);
    }

    #[test]
    fn a_close_reason_is_cut_at_a_character() {
        assert_eq!(close(CloseCode::NORMAL, &"a".repeat(123)).len(), 2 + 125);
        assert_eq!(close(CloseCode::NORMAL, &"a".repeat(124)).len(), 2 + 125);
        // Two bytes each: 61 whole characters fit, the 62nd would end at 124.
        assert_eq!(close(CloseCode::NORMAL, &"\u{e9}".repeat(62)).len(), 2 + 2 + 122);
    }

    #[test]
    fn a_masked_frame_is_the_example_of_the_rfc() {
        let mut output = Vec::new();
        masked_into(Opcode::Text, b"Hello", [0x37, 0xfa, 0x21, 0x3d], &mut output);
        assert_eq!(
            output,
            [0x81, 0x85, 0x37, 0xfa, 0x21, 0x3d, 0x7f, 0x9f, 0x4d, 0x51, 0x58],
            "RFC 6455 section 5.7"
        );
    }
}
