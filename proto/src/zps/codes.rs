//! Why the server closes a connection: each code with its one text.
//!
//! The text is the close frame's reason. Where the protocol has an `error` frame in front of the
//! close frame, that carries the same text, and the number as a string.

use crate::ws::close::CloseCode;

/// A reason to close a zps connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Code {
    /// The token of `init` was refused.
    Unauthorized,
    /// No `init` came in time.
    InitTimeout,
    /// More messages in a window than are allowed.
    RateLimit,
    /// A message is larger than is allowed.
    PayloadTooLarge,
    /// No room for another connection.
    Overloaded,
    /// The client does not take what it is sent.
    Backpressure,
    /// The server could not go on with this connection.
    SendFailed,
}

impl Code {
    /// The number in the close frame. New variants must choose: no `_` arm.
    pub const fn value(self) -> u16 {
        match self {
            Self::Unauthorized => 4401,
            Self::InitTimeout | Self::RateLimit => 4408,
            Self::PayloadTooLarge => 4409,
            Self::Overloaded | Self::Backpressure => CloseCode::TRY_AGAIN_LATER.0,
            Self::SendFailed => CloseCode::INTERNAL.0,
        }
    }

    /// The close frame's reason.
    pub const fn text(self) -> &'static str {
        match self {
            Self::Unauthorized => "Realtime authentication failed",
            Self::InitTimeout => "Realtime init timeout",
            Self::RateLimit => "Realtime rate limit exceeded",
            Self::PayloadTooLarge => "Realtime payload too large",
            Self::Overloaded => "Realtime gateway overloaded",
            Self::Backpressure => "Realtime socket backpressure limit exceeded",
            Self::SendFailed => "Realtime socket send failed",
        }
    }

    /// Whether an `error` frame with the same text comes before the close frame.
    pub const fn is_announced(self) -> bool {
        match self {
            Self::Unauthorized
            | Self::InitTimeout
            | Self::RateLimit
            | Self::PayloadTooLarge
            | Self::SendFailed => true,
            Self::Overloaded | Self::Backpressure => false,
        }
    }
}
