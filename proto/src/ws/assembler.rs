//! Client bytes to messages, unmasked where they lie.
//!
//! The caller reads into a scratch buffer that all connections of a core share and drains it here
//! before the next read. A frame that lies whole in the scratch becomes a message that borrows from
//! it: no copy, no allocation. Only a frame or a fragmented message that is not yet complete is
//! copied, into a buffer that grows as bytes arrive, never ahead of them on the word of a header,
//! and that is freed as soon as the message has been used.
//!
//! A compressed message is gathered as it comes and decompressed when it is whole, in the caller's
//! [`Inflater`].
//!
//! It answers nothing and closes nothing: an error says which code to close with, and after an
//! error or a close message the caller stops reading.
//!
//! Invariant: between messages an assembler is one null pointer.

#![expect(clippy::mut_mut, reason = "a cursor over input that is unmasked in place")]

mod error;
mod message;
mod partial;
#[cfg(test)]
mod tests;
mod text;

pub use self::{error::AssembleError, message::Message};

use self::partial::Partial;
use super::{Opcode, deflate::Inflater, header::Header, mask};
use crate::limits::{WS_FRAGMENTS_MAX, WS_MESSAGE_BYTES_MAX};

/// One connection's inbound state.
#[derive(Debug, Default)]
pub struct Assembler {
    partial: Option<Box<Partial>>,
}

/// What one inbound message may cost.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Limits {
    /// Payload bytes of a message, summed over its fragments. A longer one is refused when a header
    /// announces it. A compressed one may have as many as it comes and as many when it is
    /// decompressed. Default [`WS_MESSAGE_BYTES_MAX`].
    pub message_bytes_max: usize,
    /// Frames a message may be cut into. Default [`WS_FRAGMENTS_MAX`].
    pub fragments_max: u32,
}

impl Assembler {
    /// An assembler at the start of a connection, which holds no memory.
    pub const fn new() -> Self {
        Self { partial: None }
    }

    /// Whether it holds nothing, so that a new one can take its place.
    pub const fn is_empty(&self) -> bool {
        self.partial.is_none()
    }

    /// The next message, taken from the front of `input`.
    ///
    /// `Ok(None)` means that all of `input` is consumed and more is needed. Call it until then:
    /// the buffer of a message that came in pieces is freed by the call after it. The bytes of
    /// `input` are overwritten. `inflater` is there if `permessage-deflate` was agreed to; without
    /// it a compressed message is an error.
    pub fn next<'m, 'i: 'm>(
        &'m mut self,
        limits: &Limits,
        inflater: Option<&'m mut Inflater>,
        input: &mut &'i mut [u8],
    ) -> Result<Option<Message<'m>>, AssembleError> {
        if self.partial.as_ref().is_some_and(|partial| partial.is_spent()) {
            self.partial = None;
        }
        if self.partial.is_none() {
            if let Some((header, payload)) = whole_frame(limits, inflater.is_some(), input)? {
                return if header.is_compressed {
                    inflate(limits, inflater, header.opcode, payload).map(Some)
                } else {
                    Message::from_frame(header.opcode, payload).map(Some)
                };
            }
            if input.is_empty() {
                return Ok(None);
            }
        }
        self.partial.get_or_insert_default().next(limits, inflater, input)
    }

    /// Bytes of memory held for an incomplete message; 0 between messages.
    pub fn retained_bytes(&self) -> usize {
        self.partial.as_ref().map_or(0, |partial| partial.retained_bytes())
    }
}

impl Default for Limits {
    fn default() -> Self {
        Self { message_bytes_max: WS_MESSAGE_BYTES_MAX, fragments_max: WS_FRAGMENTS_MAX }
    }
}

/// The frame at the front of `input` if it is all there and a whole message; else consumes nothing.
fn whole_frame<'i>(
    limits: &Limits,
    may_be_compressed: bool,
    input: &mut &'i mut [u8],
) -> Result<Option<(Header, &'i mut [u8])>, AssembleError> {
    let Some((header, header_bytes)) = Header::parse(input, may_be_compressed)? else {
        return Ok(None);
    };
    let is_data = !header.opcode.is_control();
    if is_data && header.payload_bytes > limits.message_bytes_max as u64 {
        return Err(AssembleError::MessageTooBig);
    }
    let frame_bytes = header_bytes + header.payload_bytes as usize;
    if !header.is_final || input.len() < frame_bytes {
        return Ok(None);
    }
    let payload = &mut take_front(input, frame_bytes)[header_bytes..];
    mask::apply(payload, header.mask);
    Ok(Some((header, payload)))
}

/// The message that `payload`, all of it, is when decompressed.
fn inflate<'m>(
    limits: &Limits,
    inflater: Option<&'m mut Inflater>,
    opcode: Opcode,
    payload: &[u8],
) -> Result<Message<'m>, AssembleError> {
    let inflater = inflater.expect("a header is only compressed where that was agreed to");
    Message::from_frame(opcode, inflater.message(payload, limits.message_bytes_max)?)
}

/// Cut the first `bytes` off `input`.
fn take_front<'i>(input: &mut &'i mut [u8], bytes: usize) -> &'i mut [u8] {
    let (front, rest) = std::mem::take(input).split_at_mut(bytes);
    *input = rest;
    front
}

const _: () = assert!(size_of::<Assembler>() <= 48, "one per idle connection");
