//! How a client is told that it may not connect.

use uringcast_proto::ws::close::CloseCode;
use uringcast_proto::zps::codes::Code;
use uringcast_proto::zps::server;

use crate::admission::Refused;
use crate::id::ConnId;
use crate::shard::Shard;

/// Tell `conn`, a websocket that is open and has been told nothing yet, why it is closed.
pub fn turn_away(shard: &mut Shard, conn: ConnId, refused: Refused) {
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
}
