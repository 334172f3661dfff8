//! Server bytes to frames, for clients that count and compare: load and tests.
//!
//! It trusts the server further than the server trusts its clients: fragments are given one by
//! one, text is not checked, and a pending frame's buffer is kept for the next.

use std::io::Cursor;

use tungstenite::protocol::frame::FrameHeader;

use super::Opcode;

/// Cuts one connection's inbound bytes into frames.
#[derive(Debug, Default)]
pub struct FrameCursor {
    /// The start of a frame that is not complete, or one that has just been given out.
    pending: Vec<u8>,
    is_spent: bool,
    may_be_compressed: bool,
}

/// One frame of a server.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Frame<'a> {
    /// Whether this is the last, or only, frame of its message.
    pub is_final: bool,
    /// Whether it begins a compressed message (RFC 7692); its bytes are then still compressed.
    pub is_compressed: bool,
    /// What kind of frame it is.
    pub opcode: Opcode,
    /// The bytes of its payload, as they came.
    pub payload: &'a [u8],
}

/// What a server must not send. The stream is unreadable after it.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
pub enum FrameError {
    /// The opcode is reserved.
    #[error("reserved opcode {0}")]
    ReservedOpcode(u8),
    /// An extension bit is set, and none was agreed.
    #[error("reserved bits are set")]
    ReservedBits,
    /// Servers do not mask (RFC 6455 section 5.1).
    #[error("a server frame is masked")]
    Masked,
    /// The frame is longer than [`FRAME_BYTES_MAX`].
    #[error("a frame of {0} bytes")]
    TooBig(u64),
}

/// Payload bytes of the longest frame that is read: more than any server under test sends.
pub const FRAME_BYTES_MAX: u64 = 256 * 1024 * 1024;

impl FrameCursor {
    /// A cursor at the start of the server's frames, behind its handshake.
    pub const fn new() -> Self {
        Self { pending: Vec::new(), is_spent: false, may_be_compressed: false }
    }

    /// A cursor at the start of the server's frames for a client that agreed to
    /// `permessage-deflate`.
    pub fn deflated() -> Self {
        Self { may_be_compressed: true, ..Self::new() }
    }

    /// The next frame, taken from the front of `input`; `Ok(None)` when all of it is consumed.
    pub fn next<'m, 'i: 'm>(
        &'m mut self,
        input: &mut &'i [u8],
    ) -> Result<Option<Frame<'m>>, FrameError> {
        if self.is_spent {
            self.pending.clear();
            self.is_spent = false;
        }
        if !self.pending.is_empty() {
            return self.next_pending(input);
        }
        if let Some(head) = Head::parse(input, self.may_be_compressed)?
            && let Some((frame, rest)) = input.split_at_checked(head.frame_bytes())
        {
            *input = rest;
            return Ok(Some(head.frame(frame)));
        }
        self.pending.extend_from_slice(input);
        *input = &[];
        Ok(None)
    }

    /// Complete the pending frame: its header first, then as many bytes as that announces.
    fn next_pending(&mut self, input: &mut &[u8]) -> Result<Option<Frame<'_>>, FrameError> {
        loop {
            let head = Head::parse(&self.pending, self.may_be_compressed)?;
            let wanted = head.as_ref().map_or(self.pending.len() + 1, Head::frame_bytes);
            if let Some(head) = head
                && wanted == self.pending.len()
            {
                self.is_spent = true;
                return Ok(Some(head.frame(&self.pending)));
            }
            if input.is_empty() {
                return Ok(None);
            }
            let (fresh, rest) = input.split_at((wanted - self.pending.len()).min(input.len()));
            self.pending.extend_from_slice(fresh);
            *input = rest;
        }
    }
}

/// A parsed header with where its payload lies.
struct Head {
    is_final: bool,
    is_compressed: bool,
    opcode: Opcode,
    header_bytes: usize,
    payload_bytes: usize,
}

impl Head {
    fn parse(bytes: &[u8], may_be_compressed: bool) -> Result<Option<Self>, FrameError> {
        let mut cursor = Cursor::new(bytes);
        let (header, payload_bytes) = match FrameHeader::parse(&mut cursor) {
            Ok(Some(parsed)) => parsed,
            Ok(None) => return Ok(None),
            // Its only error on a slice: it has read at least the first byte.
            Err(_) => return Err(FrameError::ReservedOpcode(bytes[0] & 0x0f)),
        };
        if (header.rsv1 && !may_be_compressed) || header.rsv2 || header.rsv3 {
            return Err(FrameError::ReservedBits);
        }
        if header.mask.is_some() {
            return Err(FrameError::Masked);
        }
        if payload_bytes > FRAME_BYTES_MAX {
            return Err(FrameError::TooBig(payload_bytes));
        }
        Ok(Some(Self {
            is_final: header.is_final,
            is_compressed: header.rsv1,
            opcode: Opcode::from_header(header.opcode).map_err(FrameError::ReservedOpcode)?,
            header_bytes: cursor.position() as usize,
            payload_bytes: payload_bytes as usize,
        }))
    }

    const fn frame_bytes(&self) -> usize {
        self.header_bytes + self.payload_bytes
    }

    fn frame<'f>(&self, frame: &'f [u8]) -> Frame<'f> {
        let Self { is_final, is_compressed, opcode, header_bytes, .. } = *self;
        Frame { is_final, is_compressed, opcode, payload: &frame[header_bytes..] }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ws::{close::CloseCode, encode, random::Random};

    type Owned = (bool, Opcode, Vec<u8>);

    fn frames(stream: &[u8], read_bytes: usize) -> Vec<Owned> {
        let (frames, end) = read(stream, read_bytes);
        assert_eq!(end, Ok(()));
        frames
    }

    #[test]
    fn frames_cut_anywhere_are_the_same_frames() {
        let big = vec![b'b'; 70_000];
        let mut stream = Vec::new();
        for frame in [
            encode::text(b"first"),
            encode::ping(b""),
            encode::text(&big[..300]),
            encode::binary(&big),
            encode::close(CloseCode::NORMAL, "done"),
        ] {
            stream.extend_from_slice(&frame);
        }
        let expected: Vec<Owned> = vec![
            (true, Opcode::Text, b"first".to_vec()),
            (true, Opcode::Ping, Vec::new()),
            (true, Opcode::Text, big[..300].to_vec()),
            (true, Opcode::Binary, big.clone()),
            (true, Opcode::Close, b"\x03\xe8done".to_vec()),
        ];
        for read_bytes in [1, 2, 3, 5, 64, 299, 4096, stream.len()] {
            assert_eq!(frames(&stream, read_bytes), expected, "{read_bytes} bytes at a time");
        }
    }

    /// Nothing follows that would carry it along.
    #[test]
    fn an_empty_frame_in_two_reads_is_given_at_its_last_byte() {
        assert_eq!(frames(&encode::ping(b""), 1), vec![(true, Opcode::Ping, Vec::new())]);
    }

    #[test]
    fn fragments_are_given_one_by_one() {
        let stream = [0x01, 1, b'a', 0x00, 0, 0x80, 1, b'b'];
        let expected = vec![
            (false, Opcode::Text, b"a".to_vec()),
            (false, Opcode::Continuation, Vec::new()),
            (true, Opcode::Continuation, b"b".to_vec()),
        ];
        assert_eq!(frames(&stream, 1), expected);
        assert_eq!(frames(&stream, 8), expected);
    }

    #[test]
    fn what_a_server_must_not_send_is_an_error() {
        let error = |mut bytes: &[u8]| FrameCursor::new().next(&mut bytes).unwrap_err();
        assert_eq!(error(&[0x83, 0]), FrameError::ReservedOpcode(3));
        assert_eq!(error(&[0xc1, 0]), FrameError::ReservedBits);
        assert_eq!(error(&[0x81, 0x80, 0, 0, 0, 0]), FrameError::Masked);
        assert_eq!(
            error(&[0x82, 127, 0, 0, 0, 0, 0x10, 0, 0, 1]),
            FrameError::TooBig(FRAME_BYTES_MAX + 1)
        );
    }

    /// Random bytes make the same frames and come to the same end, however they are cut.
    #[test]
    fn random_bytes_are_cut_alike_in_any_reads() {
        let mut random = Random::from_environment();
        for _ in 0..20_000 {
            let len = random.up_to(64);
            let mut stream = random.bytes(len);
            for byte in stream.iter_mut().take(2) {
                *byte &= 0x8f;
            }
            let whole = read(&stream, 64);
            for read_bytes in 1..8 {
                assert_eq!(read(&stream, read_bytes), whole, "{stream:x?}");
            }
        }
    }

    fn read(stream: &[u8], read_bytes: usize) -> (Vec<Owned>, Result<(), FrameError>) {
        let mut cursor = FrameCursor::new();
        let mut frames = Vec::new();
        for mut input in stream.chunks(read_bytes) {
            loop {
                match cursor.next(&mut input) {
                    Ok(Some(frame)) => {
                        frames.push((frame.is_final, frame.opcode, frame.payload.to_vec()));
                    }
                    Ok(None) => break,
                    Err(error) => return (frames, Err(error)),
                }
            }
            assert!(input.is_empty(), "None means that all input is consumed");
        }
        (frames, Ok(()))
    }
}
