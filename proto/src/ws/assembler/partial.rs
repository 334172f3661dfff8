//! A frame or a fragmented message of which more is to come.
//!
//! Exists only while that is so: whole frames never pass through here.
//!
//! Invariant: a message is open while its fragments arrive, a frame is open while its payload
//! arrives, and header bytes are kept only while no frame is open.

use super::{
    AssembleError, Limits, Message, inflate, take_front,
    text::{InvalidUtf8, TextBuffer},
};
use crate::{
    limits::WS_HEADER_BYTES_MAX,
    ws::{Opcode, deflate::Inflater, header::Header, mask},
};

/// Everything received of what is not complete.
#[derive(Debug, Default)]
pub(super) struct Partial {
    /// The first bytes of a frame whose header is not complete.
    header: [u8; WS_HEADER_BYTES_MAX],
    header_len: usize,
    /// The frame whose payload is arriving; its `payload_bytes` count what is still to come.
    frame: Option<Header>,
    /// The payload of that frame if it is a control frame.
    control: Vec<u8>,
    message: Option<OpenMessage>,
    /// The last message has been given out, and nothing else is in here.
    is_spent: bool,
}

#[derive(Debug)]
struct OpenMessage {
    payload: Payload,
    fragments: u32,
}

#[derive(Debug)]
enum Payload {
    Text(TextBuffer),
    Binary(Vec<u8>),
    /// As it came; what it becomes is a message of this kind.
    Compressed(Opcode, Vec<u8>),
}

impl Partial {
    /// The next message, taken from the front of `input`; see
    /// [`Assembler::next`](super::Assembler::next).
    pub(super) fn next<'m>(
        &'m mut self,
        limits: &Limits,
        inflater: Option<&'m mut Inflater>,
        input: &mut &mut [u8],
    ) -> Result<Option<Message<'m>>, AssembleError> {
        assert!(!self.is_spent, "a spent partial is dropped, not reused");
        loop {
            if self.frame.is_none() {
                let Some(header) = self.read_header(inflater.is_some(), input)? else {
                    return Ok(None);
                };
                self.open(limits, header)?;
            }
            let Some(frame) = self.read_payload(input)? else {
                return Ok(None);
            };
            if frame.opcode.is_control() {
                self.is_spent = self.message.is_none();
                return Message::from_frame(frame.opcode, &self.control).map(Some);
            }
            if frame.is_final {
                return self.finish(limits, inflater).map(Some);
            }
        }
    }

    /// Whether what was here has been given out, so that this can be freed.
    pub(super) const fn is_spent(&self) -> bool {
        self.is_spent
    }

    pub(super) fn retained_bytes(&self) -> usize {
        let message = self.message.as_ref().map_or(0, |message| message.payload.capacity());
        size_of::<Self>() + self.control.capacity() + message
    }

    /// Gather header bytes; gives the header when they are complete, else all input is consumed.
    fn read_header(
        &mut self,
        may_be_compressed: bool,
        input: &mut &mut [u8],
    ) -> Result<Option<Header>, AssembleError> {
        let kept = self.header_len;
        let fresh = input.len().min(self.header.len() - kept);
        let end = kept + fresh;
        self.header[kept..end].copy_from_slice(&input[..fresh]);
        if let Some((header, header_bytes)) = Header::parse(&self.header[..end], may_be_compressed)?
        {
            take_front(input, header_bytes - kept);
            self.header_len = 0;
            return Ok(Some(header));
        }
        take_front(input, fresh);
        assert!(input.is_empty(), "{WS_HEADER_BYTES_MAX} bytes always make a header");
        self.header_len = end;
        Ok(None)
    }

    /// Begin a frame: check its place in the message and what it announces.
    fn open(&mut self, limits: &Limits, header: Header) -> Result<(), AssembleError> {
        match header.opcode {
            Opcode::Close | Opcode::Ping | Opcode::Pong => self.control.clear(),
            opcode if header.is_compressed => {
                self.open_message(Payload::Compressed(opcode, Vec::new()))?;
            }
            Opcode::Text => self.open_message(Payload::Text(TextBuffer::default()))?,
            Opcode::Binary => self.open_message(Payload::Binary(Vec::new()))?,
            Opcode::Continuation => {}
        }
        if !header.opcode.is_control() {
            let message = self.message.as_mut().ok_or(AssembleError::ContinuationWithoutStart)?;
            message.admit(limits, header.payload_bytes)?;
        }
        self.frame = Some(header);
        Ok(())
    }

    fn open_message(&mut self, payload: Payload) -> Result<(), AssembleError> {
        if self.message.is_some() {
            return Err(AssembleError::MessageInterrupted);
        }
        self.message = Some(OpenMessage { payload, fragments: 0 });
        Ok(())
    }

    /// Take what there is of the open frame's payload; gives the frame when that completes it.
    fn read_payload(&mut self, input: &mut &mut [u8]) -> Result<Option<Header>, AssembleError> {
        let frame = self.frame.as_mut().expect("a frame is opened before its payload is read");
        let bytes = usize::try_from(frame.payload_bytes).unwrap_or(usize::MAX).min(input.len());
        let piece = take_front(input, bytes);
        mask::apply(piece, frame.mask);
        mask::advance(&mut frame.mask, bytes);
        frame.payload_bytes -= bytes as u64;
        if frame.opcode.is_control() {
            self.control.extend_from_slice(piece);
        } else {
            let message = self.message.as_mut().expect("a data frame belongs to an open message");
            message.payload.append(piece)?;
        }
        Ok(if frame.payload_bytes == 0 { self.frame.take() } else { None })
    }

    fn finish<'m>(
        &'m mut self,
        limits: &Limits,
        inflater: Option<&'m mut Inflater>,
    ) -> Result<Message<'m>, AssembleError> {
        self.is_spent = true;
        let message = self.message.as_ref().expect("a data frame belongs to an open message");
        match &message.payload {
            Payload::Text(text) => Ok(Message::Text(text.as_complete_str()?)),
            Payload::Binary(bytes) => Ok(Message::Binary(bytes)),
            Payload::Compressed(opcode, bytes) => inflate(limits, inflater, *opcode, bytes),
        }
    }
}

impl OpenMessage {
    /// Count one more frame of `payload_bytes` against the limits.
    fn admit(&mut self, limits: &Limits, payload_bytes: u64) -> Result<(), AssembleError> {
        self.fragments += 1;
        if self.fragments > limits.fragments_max {
            return Err(AssembleError::TooManyFragments);
        }
        let room = limits.message_bytes_max.saturating_sub(self.payload.len());
        if payload_bytes > room as u64 {
            return Err(AssembleError::MessageTooBig);
        }
        Ok(())
    }
}

impl Payload {
    fn append(&mut self, piece: &[u8]) -> Result<(), AssembleError> {
        match self {
            Self::Text(text) => text.append(piece)?,
            Self::Binary(bytes) | Self::Compressed(_, bytes) => bytes.extend_from_slice(piece),
        }
        Ok(())
    }

    const fn len(&self) -> usize {
        match self {
            Self::Text(text) => text.len(),
            Self::Binary(bytes) | Self::Compressed(_, bytes) => bytes.len(),
        }
    }

    const fn capacity(&self) -> usize {
        match self {
            Self::Text(text) => text.capacity(),
            Self::Binary(bytes) | Self::Compressed(_, bytes) => bytes.capacity(),
        }
    }
}

impl From<InvalidUtf8> for AssembleError {
    fn from(InvalidUtf8: InvalidUtf8) -> Self {
        Self::InvalidUtf8
    }
}
