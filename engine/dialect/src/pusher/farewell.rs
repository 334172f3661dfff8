//! How a client is told that it may not connect.

use uringcast_proto::pusher::server;
use uringcast_proto::ws::close::CloseCode;
use uringcast_shard::Shard;
use uringcast_shard::id::ConnId;

use crate::Refused;

/// Tell `conn`, a websocket that is open and has been told nothing yet, why it is closed.
pub fn turn_away(shard: &mut Shard, conn: ConnId, refused: Refused) {
    let (code, text) = (refused.code().value(), refused.to_string());
    if let Some(refusal) = refused.refusal() {
        shard.refuse(refusal);
    }
    shard.send(conn, server::error(Some(code), &text));
    shard.close(conn, CloseCode(code), &text);
}
