//! The last words to a client that has not shown who it is, or whose proof is good no more.

use bytes::Bytes;
use uringcast_proto::pusher::codes::Code;
use uringcast_proto::pusher::server;

use super::{Dialect, zps};

/// What a client is told whose credential has come to its end.
const EXPIRED: &str = "Authentication token has expired";

impl Dialect {
    /// The frames to a client that did not show in time who it is, its close frame last.
    pub fn late(self) -> Vec<Bytes> {
        match self {
            Self::Pusher | Self::Echo => {
                self.unauthorized("the connection was not authorized in time")
            }
            Self::Zps => zps::late(),
            Self::Sse => unreachable!("a stream is authorized before it begins"),
        }
    }

    /// The frames to a client whose credential has come to its end, its close frame last.
    pub fn expired(self) -> Vec<Bytes> {
        match self {
            Self::Pusher | Self::Echo => self.unauthorized(EXPIRED),
            Self::Zps => zps::expired(EXPIRED),
            Self::Sse => vec![self.farewell(Code::Unauthorized, EXPIRED)],
        }
    }

    fn unauthorized(self, text: &str) -> Vec<Bytes> {
        let code = Code::Unauthorized;
        vec![server::error(Some(code.value()), text), self.farewell(code, text)]
    }
}
