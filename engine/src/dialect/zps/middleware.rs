//! What a client's message does, as the operator's own code is asked about it.

use uringcast_proto::zps::client::ClientMessage;

use super::{Me, Refused};
use crate::middleware::Operation;
use crate::shard::Shard;

/// Count what `message`, which came as `text`, does, and ask whether it may.
pub(super) fn judge(
    shard: &mut Shard,
    me: &Me,
    message: &ClientMessage<'_>,
    text: &[u8],
) -> Result<(), Refused> {
    let (operation, room) = match message {
        ClientMessage::Init { .. } | ClientMessage::Unsubscribe { .. } => return Ok(()),
        ClientMessage::Subscribe(wish) => {
            let mut rooms = wish.rooms.iter();
            return rooms.try_for_each(|room| one(shard, me, Operation::Subscribe, room, text));
        }
        ClientMessage::Publish(event) => (Operation::Publish, &event.room),
        ClientMessage::PublishEphemeral(event) => (Operation::EphemeralPublish, &event.room),
        ClientMessage::PresenceEnter { room, .. } => (Operation::PresenceEnter, room),
        ClientMessage::PresenceLeave { room, .. } => (Operation::PresenceLeave, room),
        ClientMessage::Ack { room, .. } => (Operation::Ack, room),
        ClientMessage::Replay(replay) => (Operation::Replay, &replay.room),
    };
    one(shard, me, operation, room, text)
}

fn one(
    shard: &mut Shard,
    me: &Me,
    operation: Operation,
    room: &str,
    text: &[u8],
) -> Result<(), Refused> {
    let Some((app, _)) = shard.speaks(me.conn) else { return Ok(()) };
    let subscriber_id = Some(&*me.subscriber_id);
    shard.judge(operation, app, room, subscriber_id, text).map_err(Refused::Blocked)
}
