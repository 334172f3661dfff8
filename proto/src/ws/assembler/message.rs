//! What a client said, once it is complete and checked.

use super::AssembleError;
use crate::ws::{Opcode, close::CloseCode};

/// One inbound message, borrowed from the caller's input or from the assembler.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Message<'a> {
    /// Text, checked to be UTF-8.
    Text(&'a str),
    /// Any bytes.
    Binary(&'a [u8]),
    /// Wants a pong with this payload, at most 125 bytes.
    Ping(&'a [u8]),
    /// Answers a ping, or is a sign of life. At most 125 bytes.
    Pong(&'a [u8]),
    /// Wants a close frame in answer, and nothing after it. `None` if the frame is empty.
    Close(Option<(CloseCode, &'a str)>),
}

impl<'a> Message<'a> {
    /// The message of one whole, unmasked frame outside any fragmented message, or of a control
    /// frame anywhere.
    pub(super) fn from_frame(opcode: Opcode, payload: &'a [u8]) -> Result<Self, AssembleError> {
        match opcode {
            Opcode::Text => {
                str::from_utf8(payload).map(Self::Text).map_err(|_| AssembleError::InvalidUtf8)
            }
            Opcode::Binary => Ok(Self::Binary(payload)),
            Opcode::Continuation => Err(AssembleError::ContinuationWithoutStart),
            Opcode::Ping => Ok(Self::Ping(payload)),
            Opcode::Pong => Ok(Self::Pong(payload)),
            Opcode::Close => close(payload).map(Self::Close),
        }
    }
}

fn close(payload: &[u8]) -> Result<Option<(CloseCode, &str)>, AssembleError> {
    if payload.is_empty() {
        return Ok(None);
    }
    let (code, reason) = payload.split_first_chunk().ok_or(AssembleError::CloseCodeTruncated)?;
    let code = CloseCode(u16::from_be_bytes(*code));
    if !code.is_sendable_by_peer() {
        return Err(AssembleError::CloseCodeInvalid(code));
    }
    let reason = str::from_utf8(reason).map_err(|_| AssembleError::CloseReasonInvalidUtf8)?;
    Ok(Some((code, reason)))
}
