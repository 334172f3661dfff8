//! Websocket frames byte by byte, also such as no client library would send.
//!
//! Written from RFC 6455 section 5.2 and independent of the server's own code.

use std::io::{self, Read};

/// The four bits that say what a frame is (RFC 6455 section 11.8).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Opcode(pub u8);

impl Opcode {
    /// A further part of a message.
    pub const CONTINUATION: Self = Self(0x0);
    /// A text message or its first part.
    pub const TEXT: Self = Self(0x1);
    /// A binary message or its first part.
    pub const BINARY: Self = Self(0x2);
    /// The end of the connection.
    pub const CLOSE: Self = Self(0x8);
    /// A question whether the other side is there.
    pub const PING: Self = Self(0x9);
    /// The answer to a ping.
    pub const PONG: Self = Self(0xa);
}

/// One frame, as it is written or as it was read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Frame {
    /// Whether it is the last of its message.
    pub fin: bool,
    /// The three reserved bits, 0 to 7.
    pub rsv: u8,
    /// What kind of frame it is.
    pub opcode: Opcode,
    /// Whether the payload is masked on the wire; it never is in `payload`.
    pub masked: bool,
    /// The content, unmasked.
    pub payload: Vec<u8>,
}

impl Frame {
    /// A masked frame that is a whole message.
    pub fn new(opcode: Opcode, payload: impl Into<Vec<u8>>) -> Self {
        Self { fin: true, rsv: 0, opcode, masked: true, payload: payload.into() }
    }

    /// A masked text message.
    pub fn text(text: &str) -> Self {
        Self::new(Opcode::TEXT, text)
    }

    /// A close frame with `code` and no reason.
    pub fn close(code: u16) -> Self {
        Self::new(Opcode::CLOSE, code.to_be_bytes())
    }

    /// This frame, but not the last of its message.
    #[must_use]
    pub fn unfinished(mut self) -> Self {
        self.fin = false;
        self
    }

    /// This frame with other reserved bits.
    #[must_use]
    pub fn rsv(mut self, rsv: u8) -> Self {
        self.rsv = rsv;
        self
    }

    /// This frame without its mask.
    #[must_use]
    pub fn unmasked(mut self) -> Self {
        self.masked = false;
        self
    }

    /// The bytes on the wire.
    pub fn to_bytes(&self) -> Vec<u8> {
        const MASK: [u8; 4] = [0x37, 0xfa, 0x21, 0x3d]; // The one of RFC 6455 section 5.7.
        let mut bytes = self.head_bytes(self.payload.len() as u64);
        if self.masked {
            bytes.extend(MASK);
            bytes.extend(
                self.payload.iter().zip(MASK.iter().cycle()).map(|(byte, mask)| byte ^ mask),
            );
        } else {
            bytes.extend(&self.payload);
        }
        bytes
    }

    /// The head on the wire, up to the mask, if the payload were `length` bytes long.
    pub fn head_bytes(&self, length: u64) -> Vec<u8> {
        let first = u8::from(self.fin) << 7 | self.rsv << 4 | self.opcode.0;
        let mask_bit = u8::from(self.masked) << 7;
        let mut bytes = vec![first];
        if length < 0x7e {
            bytes.push(mask_bit | length as u8);
        } else if let Ok(length) = u16::try_from(length) {
            bytes.push(mask_bit | 0x7e);
            bytes.extend(length.to_be_bytes());
        } else {
            bytes.push(mask_bit | 0x7f);
            bytes.extend(length.to_be_bytes());
        }
        bytes
    }

    /// Reads one frame as a server sends it: unmasked.
    pub fn read(source: &mut impl Read) -> io::Result<Self> {
        let mut head = [0; 2];
        source.read_exact(&mut head)?;
        assert_eq!(head[1] & 0x80, 0, "a server must not mask its frames");
        let length = match head[1] {
            0x7e => {
                let mut length = [0; 2];
                source.read_exact(&mut length)?;
                u64::from(u16::from_be_bytes(length))
            }
            0x7f => {
                let mut length = [0; 8];
                source.read_exact(&mut length)?;
                u64::from_be_bytes(length)
            }
            short => u64::from(short),
        };
        let mut payload = vec![0; usize::try_from(length).expect("a frame fits in memory")];
        source.read_exact(&mut payload)?;
        Ok(Self {
            fin: head[0] & 0x80 != 0,
            rsv: head[0] >> 4 & 0x7,
            opcode: Opcode(head[0] & 0xf),
            masked: false,
            payload,
        })
    }

    /// The code of a close frame; 1005 (RFC 6455 section 7.1.5) if it has none.
    pub fn close_code(&self) -> u16 {
        assert_eq!(self.opcode, Opcode::CLOSE, "{self:?}");
        self.payload.first_chunk().map_or(1005, |code| u16::from_be_bytes(*code))
    }
}
