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
