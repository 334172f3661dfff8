//! The head of one inbound frame, with every rule that needs no memory of earlier frames.
//!
//! The bytes are read by tungstenite's codec; the rules it leaves to its caller are here.

use std::io::Cursor;

use tungstenite::protocol::frame::{FrameHeader, coding::OpCode};

use super::{Opcode, assembler::AssembleError};
use crate::limits::WS_CONTROL_PAYLOAD_BYTES_MAX;

/// A checked header of a client's frame.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) struct Header {
    pub(super) is_final: bool,
    /// Whether this frame begins a compressed message (RFC 7692 section 6).
    pub(super) is_compressed: bool,
    pub(super) opcode: Opcode,
    pub(super) mask: [u8; 4],
    pub(super) payload_bytes: u64,
}

impl Header {
    /// The header at the front of `bytes` and its length, or `None` if more bytes are needed.
    ///
    /// `may_be_compressed` is whether `permessage-deflate` was agreed to.
    pub(super) fn parse(
        bytes: &[u8],
        may_be_compressed: bool,
    ) -> Result<Option<(Self, usize)>, AssembleError> {
        if let Some(usual) = Self::parse_usual(bytes) {
            return Ok(Some(usual));
        }
        Self::parse_any(bytes, may_be_compressed)
    }

    /// The head of a whole text message of up to 65,535 bytes, as nearly all are; `None` says
    /// nothing about any other.
    #[inline]
    fn parse_usual(bytes: &[u8]) -> Option<(Self, usize)> {
        const FINAL_TEXT: u8 = 0x81;
        const MASKED: u8 = 0x80;
        let (&[FINAL_TEXT, second], rest) = bytes.split_first_chunk()? else { return None };
        let (payload_bytes, mask, header_bytes) = match second ^ MASKED {
            short @ 0..=125 => (u64::from(short), rest.first_chunk()?, 6),
            126 => {
                let (length, rest) = rest.split_first_chunk()?;
                (u64::from(u16::from_be_bytes(*length)), rest.first_chunk()?, 8)
            }
            _ => return None, // Longer, or not masked.
        };
        let is_shortest = header_bytes == 6 || payload_bytes > 125;
        let (is_final, is_compressed, opcode, mask) = (true, false, Opcode::Text, *mask);
        let header = Self { is_final, is_compressed, opcode, mask, payload_bytes };
        is_shortest.then_some((header, header_bytes))
    }

    fn parse_any(
        bytes: &[u8],
        may_be_compressed: bool,
    ) -> Result<Option<(Self, usize)>, AssembleError> {
        let mut cursor = Cursor::new(bytes);
        let (header, payload_bytes) = match FrameHeader::parse(&mut cursor) {
            Ok(Some(parsed)) => parsed,
            Ok(None) => return Ok(None),
            // Its only error on a slice: it has read at least the first byte.
            Err(_) => return Err(AssembleError::ReservedOpcode(bytes[0] & 0x0f)),
        };
        let header_bytes = cursor.position() as usize;
        let checked = Self::check(&header, payload_bytes, header_bytes)?;
        if checked.is_compressed && !may_be_compressed {
            return Err(AssembleError::ReservedBits);
        }
        Ok(Some((checked, header_bytes)))
    }

    fn check(
        header: &FrameHeader,
        payload_bytes: u64,
        header_bytes: usize,
    ) -> Result<Self, AssembleError> {
        let opcode = opcode(header.opcode)?;
        let may_begin_message = matches!(opcode, Opcode::Text | Opcode::Binary);
        if header.rsv2 || header.rsv3 || (header.rsv1 && !may_begin_message) {
            return Err(AssembleError::ReservedBits);
        }
        let Some(mask) = header.mask else {
            return Err(AssembleError::Unmasked);
        };
        if opcode.is_control() {
            if !header.is_final {
                return Err(AssembleError::FragmentedControl);
            }
            if payload_bytes > WS_CONTROL_PAYLOAD_BYTES_MAX as u64 {
                return Err(AssembleError::ControlTooLong);
            }
        }
        if payload_bytes > i64::MAX as u64 {
            return Err(AssembleError::LengthOverflow);
        }
        if header.len(payload_bytes) != header_bytes {
            return Err(AssembleError::LengthNotMinimal);
        }
        let (is_final, is_compressed) = (header.is_final, header.rsv1);
        Ok(Self { is_final, is_compressed, opcode, mask, payload_bytes })
    }
}

fn opcode(opcode: OpCode) -> Result<Opcode, AssembleError> {
    Opcode::from_header(opcode).map_err(AssembleError::ReservedOpcode)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Every first two bytes, with lengths about every edge, cut after every byte.
    #[test]
    fn a_usual_header_is_read_as_any_other_is() {
        let mut usual = 0;
        for (first, second) in (0..=u8::MAX).flat_map(|it| (0..=u8::MAX).map(move |b| (it, b))) {
            for length in [0_u16, 1, 125, 126, 127, 255, 256, u16::MAX] {
                let [high, low] = length.to_be_bytes();
                let bytes = [first, second, high, low, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12];
                for end in 0..=bytes.len() {
                    let bytes = &bytes[..end];
                    let Some(quick) = Header::parse_usual(bytes) else { continue };
                    assert_eq!(Header::parse_any(bytes, false), Ok(Some(quick)), "{bytes:x?}");
                    assert_eq!(Header::parse_any(bytes, true), Ok(Some(quick)), "{bytes:x?}");
                    usual += 1;
                }
            }
        }
        // 126 short lengths from the 6th byte on; the long form with a length above 125 from the
        // 8th on.
        assert_eq!(usual, 126 * 8 * 11 + 5 * 9);
    }
}
