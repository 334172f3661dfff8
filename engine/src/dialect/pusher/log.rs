//! What a client asks of a channel's log: events again, where to start, how far it has come.

use uringcast_proto::pusher::log::LogMessage;

use super::complain;
use crate::id::ConnId;
use crate::shard::{Refusal, Shard};

/// Why a client did not get what it asked of a channel's log. The connection lives on.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
enum LogRefused {
    #[error("channel {channel:?} keeps no events")]
    Unlogged { channel: String },
}

/// Do what `message` asks, or say why not.
pub(super) fn on_message(shard: &mut Shard, conn: ConnId, message: &LogMessage<'_>) {
    let (LogMessage::Ack { channel, .. }
    | LogMessage::Replay { channel, .. }
    | LogMessage::Resume { channel, .. }) = message;
    let refused = LogRefused::Unlogged { channel: super::shorten(channel).to_owned() };
    complain(shard, conn, None, &refused.to_string(), Refusal::Json);
}
