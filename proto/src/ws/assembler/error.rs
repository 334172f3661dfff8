//! What a client can get wrong.

use crate::ws::{close::CloseCode, deflate::InflateError};

/// How the client broke the websocket protocol or a limit.
///
/// The connection does not survive any of them: close it with [`close_code`](Self::close_code).
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
pub enum AssembleError {
    /// RSV1 to RSV3 are set and no extension was agreed that gives them a meaning here (RFC 6455
    /// section 5.2, RFC 7692 section 6).
    #[error("reserved bits are set")]
    ReservedBits,
    /// Opcodes 3 to 7 and 11 to 15 mean nothing yet (RFC 6455 section 5.2).
    #[error("reserved opcode {0}")]
    ReservedOpcode(u8),
    /// A client must mask every frame (RFC 6455 section 5.1).
    #[error("a client frame is not masked")]
    Unmasked,
    /// A control frame must be whole (RFC 6455 section 5.5).
    #[error("a control frame is fragmented")]
    FragmentedControl,
    /// A control frame carries at most 125 bytes (RFC 6455 section 5.5).
    #[error("a control frame is longer than 125 bytes")]
    ControlTooLong,
    /// There is no message to continue (RFC 6455 section 5.4).
    #[error("a continuation frame without a start")]
    ContinuationWithoutStart,
    /// A fragmented message must end before the next starts (RFC 6455 section 5.4).
    #[error("a new message inside a fragmented one")]
    MessageInterrupted,
    /// The shortest form of the length must be used (RFC 6455 section 5.2).
    #[error("the payload length is not in its shortest form")]
    LengthNotMinimal,
    /// The highest bit of a 64-bit length must be 0 (RFC 6455 section 5.2).
    #[error("the payload length has its highest bit set")]
    LengthOverflow,
    /// The message, or its fragments together, exceed the limit. Can happen in health.
    #[error("the message is too big")]
    MessageTooBig,
    /// The message is cut into more fragments than the limit. Expected from attackers.
    #[error("the message has too many fragments")]
    TooManyFragments,
    /// The payload is not what RFC 7692 section 7.2.2 can decompress.
    #[error("the compressed data is corrupt")]
    Corrupt,
    /// Text must be UTF-8 (RFC 6455 section 8.1).
    #[error("the text is not UTF-8")]
    InvalidUtf8,
    /// A close payload is empty or starts with a code of two bytes (RFC 6455 section 5.5.1).
    #[error("the close code is cut short")]
    CloseCodeTruncated,
    /// The code is one that no endpoint may send (RFC 6455 section 7.4).
    #[error("close code {0} may not be sent")]
    CloseCodeInvalid(CloseCode),
    /// A close reason must be UTF-8 (RFC 6455 section 5.5.1).
    #[error("the close reason is not UTF-8")]
    CloseReasonInvalidUtf8,
}

impl AssembleError {
    /// What to close the connection with.
    pub const fn close_code(self) -> CloseCode {
        match self {
            Self::ReservedBits
            | Self::ReservedOpcode(_)
            | Self::Unmasked
            | Self::FragmentedControl
            | Self::ControlTooLong
            | Self::ContinuationWithoutStart
            | Self::MessageInterrupted
            | Self::LengthNotMinimal
            | Self::LengthOverflow
            | Self::CloseCodeTruncated
            | Self::CloseCodeInvalid(_) => CloseCode::PROTOCOL,
            Self::Corrupt => CloseCode::INVALID_PAYLOAD,
            Self::InvalidUtf8 | Self::CloseReasonInvalidUtf8 => CloseCode::INVALID_UTF8,
            Self::TooManyFragments => CloseCode::POLICY,
            Self::MessageTooBig => CloseCode::MESSAGE_TOO_BIG,
        }
    }
}

impl From<InflateError> for AssembleError {
    fn from(error: InflateError) -> Self {
        match error {
            InflateError::Corrupt => Self::Corrupt,
            InflateError::TooBig => Self::MessageTooBig,
        }
    }
}
