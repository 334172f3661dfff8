//! How a client is told that it may not connect.

use uringcast_proto::ws::close::CloseCode;
use uringcast_proto::zps::codes::Code;
use uringcast_proto::zps::server;
use uringcast_shard::Shard;
use uringcast_shard::id::{AppIndex, ConnId};

use super::State;
use crate::{Refused, Session};

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
