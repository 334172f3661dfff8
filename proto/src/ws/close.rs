//! Why a websocket was closed: the status codes of RFC 6455 section 7.4.
//!
//! A code is a number and not an enum, because 4000 to 4999 belong to the dialects.

use std::fmt;

/// A close status code.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct CloseCode(pub u16);

impl CloseCode {
    /// The purpose of the connection is fulfilled.
    pub const NORMAL: Self = Self(1000);
    /// The endpoint goes away: a server stops, a page is left.
    pub const GOING_AWAY: Self = Self(1001);
    /// The peer broke the websocket protocol.
    pub const PROTOCOL: Self = Self(1002);
    /// The peer sent a kind of data that is not accepted here.
    pub const UNSUPPORTED: Self = Self(1003);
    /// No code was in the close frame. Never sent.
    pub const NO_STATUS: Self = Self(1005);
    /// The connection ended without a close frame. Never sent.
    pub const ABNORMAL: Self = Self(1006);
    /// The payload is not what its kind promises; in text, not UTF-8.
    pub const INVALID_PAYLOAD: Self = Self(1007);
    /// The payload is not UTF-8: the commonest case of an invalid payload.
    pub const INVALID_UTF8: Self = Self::INVALID_PAYLOAD;
    /// The message breaks a rule of this server that no other code names.
    pub const POLICY: Self = Self(1008);
    /// The message is longer than this server reads.
    pub const MESSAGE_TOO_BIG: Self = Self(1009);
    /// The server lacks an extension that the client needs.
    pub const EXTENSION_REQUIRED: Self = Self(1010);
    /// The server failed.
    pub const INTERNAL: Self = Self(1011);
    /// The server restarts (IANA registry).
    pub const SERVICE_RESTART: Self = Self(1012);
    /// The server is overloaded (IANA registry).
    pub const TRY_AGAIN_LATER: Self = Self(1013);
    /// A gateway got an invalid answer (IANA registry).
    pub const BAD_GATEWAY: Self = Self(1014);

    /// Whether a close frame may carry this code (RFC 6455 section 7.4 and the IANA registry).
    ///
    /// 1004 is undefined, 1005, 1006 and 1015 only describe an ending, 1016 to 2999 are unassigned,
    /// and below 1000 and from 5000 on there are no codes.
    pub const fn is_sendable_by_peer(self) -> bool {
        matches!(self.0, 1000..=1003 | 1007..=1014 | 3000..=4999)
    }
}

impl fmt::Display for CloseCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The codes of Autobahn's families 7.7 (valid) and 7.9 (invalid).
    #[test]
    fn a_peer_may_send_registered_and_private_codes_only() {
        for code in [1000, 1001, 1002, 1003, 1007, 1008, 1009, 1010, 1011, 1014, 3000, 3999, 4999] {
            assert!(CloseCode(code).is_sendable_by_peer(), "{code}");
        }
        for code in [0, 999, 1004, 1005, 1006, 1015, 1016, 1100, 2000, 2999, 5000, 65_535] {
            assert!(!CloseCode(code).is_sendable_by_peer(), "{code}");
        }
    }
}
