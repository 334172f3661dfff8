//! What a client's message does, as the operator's own code is asked about it.

use uringcast_proto::zps::client::ClientMessage;
use uringcast_shard::middleware::Operation;

use super::{Refused, Talk};

/// Count what `message`, which came as `text`, does, and ask whether it may.
pub(super) fn judge(
    talk: &mut Talk<'_>,
    message: &ClientMessage<'_>,
    text: &[u8],
) -> Result<(), Refused> {
    let (operation, room) = match message {
        ClientMessage::Init { .. } | ClientMessage::Unsubscribe { .. } => return Ok(()),
        ClientMessage::Subscribe(options) => {
            let mut rooms = options.rooms.iter();
            return rooms.try_for_each(|room| one(talk, Operation::Subscribe, room, text));
        }
        ClientMessage::Publish(event) => (Operation::Publish, &event.room),
        ClientMessage::PublishEphemeral(event) => (Operation::EphemeralPublish, &event.room),
        ClientMessage::PresenceEnter { room, .. } => (Operation::PresenceEnter, room),
        ClientMessage::PresenceLeave { room, .. } => (Operation::PresenceLeave, room),
        ClientMessage::Ack { room, .. } => (Operation::Ack, room),
        ClientMessage::Replay(replay) => (Operation::Replay, &replay.room),
    };
    one(talk, operation, room, text)
}

fn one(talk: &mut Talk<'_>, operation: Operation, room: &str, text: &[u8]) -> Result<(), Refused> {
    let subscriber_id = Some(&*talk.me.subscriber_id);
    talk.shard.judge(operation, talk.state.app, room, subscriber_id, text).map_err(Refused::Blocked)
}
