//! How a zps client is told of what ends any connection.

use bytes::Bytes;
use uringcast_proto::pusher::codes::Code as PusherCode;
use uringcast_proto::ws::close::CloseCode;
use uringcast_proto::ws::encode;
use uringcast_proto::zps::codes::Code;
use uringcast_proto::zps::server;

use super::State;
use crate::admission::Refused;
use crate::dialect::Session;
use crate::id::{AppIndex, ConnId};
use crate::shard::Shard;

/// The close frame that says what `code` says to a Pusher client.
///
/// Original clients come back after any code; those who look at it find what they know.
pub fn farewell(code: PusherCode, reason: &str) -> Bytes {
    match code {
        PusherCode::OverCapacity => {
            let code = Code::Backpressure;
            encode::close(CloseCode(code.value()), code.text())
        }
        PusherCode::Unauthorized | PusherCode::AppUnknown | PusherCode::TlsRequired => {
            encode::close(CloseCode(Code::Unauthorized.value()), reason)
        }
        PusherCode::AppDisabled
        | PusherCode::AppOverQuota
        | PusherCode::PathUnknown
        | PusherCode::VersionForm
        | PusherCode::ProtocolUnsupported
        | PusherCode::ProtocolMissing
        | PusherCode::Reconnect
        | PusherCode::PongMissing
        | PusherCode::Inactive
        | PusherCode::ClientEventRejected
        | PusherCode::WatchlistFull => encode::close(CloseCode::TRY_AGAIN_LATER, reason),
    }
}

/// The frames to a client of which nobody has said in time who it is.
pub fn late() -> Vec<Bytes> {
    closing(Code::InitTimeout)
}

/// The frames to a client whose token has come to its end, which `text` says.
pub fn expired(text: &str) -> Vec<Bytes> {
    [vec![server::error(text)], closing(Code::Unauthorized)].concat()
}

/// What closes a connection for this protocol's reason, which is announced if the protocol has it
/// so.
pub(super) fn closing(code: Code) -> Vec<Bytes> {
    let announced = code.is_announced().then(|| server::closing_error(code));
    let close = encode::close(CloseCode(code.value()), code.text());
    announced.into_iter().chain([close]).collect()
}

/// Tell `conn`, a websocket that is open and has been told nothing yet, why it is closed. What it
/// still says is heard by the session that is returned.
pub fn turn_away(shard: &mut Shard, conn: ConnId, refused: Refused) -> Session {
    if let Some(refusal) = refused.refusal() {
        shard.refuse(refusal);
    }
    match refused {
        Refused::Capacity | Refused::Quota => super::close(shard, conn, Code::Overloaded),
        Refused::Draining | Refused::AppDisabled => {
            shard.close(conn, CloseCode::TRY_AGAIN_LATER, &refused.to_string());
        }
        Refused::TlsRequired
        | Refused::KeyUnknown
        | Refused::PathUnknown
        | Refused::ProtocolForm
        | Refused::VersionForm
        | Refused::ProtocolUnsupported
        | Refused::ProtocolMissing
        | Refused::Origin => {
            let text = refused.to_string();
            shard.send(conn, server::coded_error(&text, Code::Unauthorized));
            shard.close(conn, CloseCode(Code::Unauthorized.value()), &text);
        }
    }
    Session::Zps(Box::new(State::new(AppIndex(0), false, 0, shard.now())))
}
