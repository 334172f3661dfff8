//! Acknowledgements: how far a subscriber has come, told to the owner once a turn.
//!
//! On its own core the highest of a turn stands with the subscriber; at the turn's end each owner
//! gets one message with all that is news for it.

use std::sync::Arc;

use super::super::message::{ChannelName, hash};
use super::super::{Output, Refusal, Shard};
use super::message::Message;
use super::sinks::SINK_PREFIX;
use crate::id::ConnId;
use crate::log::{LogRecord, RecordKind};

/// One subscriber has everything of a channel up to an event.
#[derive(Clone, Debug)]
pub(super) struct AckUpdate {
    channel: ChannelName,
    subscriber_id: Arc<str>,
    sequence: u64,
}

/// Acknowledgements of this turn.
#[derive(Debug, Default)]
pub(in super::super) struct Acks {
    /// Subscribers that have one: the channel here, and the connection's slot.
    followers: Vec<(u32, u32)>,
    /// Those of who is not subscribed, or not any more.
    parted: Vec<AckUpdate>,
}

impl Shard {
    /// `subscriber_id` has every event of channel `name` up to `sequence`.
    pub fn ack(&mut self, conn: ConnId, name: &str, subscriber_id: &Arc<str>, sequence: u64) {
        self.counters.acks_received += 1;
        let Some(app) = self.connection(conn).map(|it| it.app) else { return };
        let hash = hash(app, name, self.config.hash_seed);
        let local = self.locals.find(app, name, hash);
        let found = local.and_then(|local| {
            let log = self.locals.at(local).value.log.as_mut()?;
            Some((local, log.follower(conn.slot)?))
        });
        match found {
            Some((local, follower)) if *follower.subscriber_id == **subscriber_id => {
                if follower.acked == 0 && sequence > 0 {
                    self.logs.acks.followers.push((local, conn.slot));
                }
                follower.acked = follower.acked.max(sequence);
            }
            Some(_) | None => {
                let channel = ChannelName::new(app, name, self.config.hash_seed);
                self.ack_parted(channel, subscriber_id, sequence);
            }
        }
    }

    pub(super) fn ack_parted(
        &mut self,
        channel: ChannelName,
        subscriber_id: &Arc<str>,
        sequence: u64,
    ) {
        let parted = &mut self.logs.acks.parted;
        if let Some(last) = parted.last_mut()
            && last.channel == channel
            && last.subscriber_id == *subscriber_id
        {
            last.sequence = last.sequence.max(sequence);
            return;
        }
        let subscriber_id = Arc::clone(subscriber_id);
        parted.push(AckUpdate { channel, subscriber_id, sequence });
    }

    /// Tell the owners what this turn has acknowledged.
    pub(in super::super) fn tell_acks(&mut self) {
        if self.logs.acks.followers.is_empty() && self.logs.acks.parted.is_empty() {
            return;
        }
        let cores = self.config.cores;
        let mut updates: Vec<Vec<AckUpdate>> = vec![Vec::new(); cores];
        let mut followers = std::mem::take(&mut self.logs.acks.followers);
        for (local, slot) in followers.drain(..) {
            if let Some(update) = self.take_ack(local, slot) {
                updates[usize::from(update.channel.owner(cores).0)].push(update);
            }
        }
        self.logs.acks.followers = followers; // Empty, with its room.
        for update in self.logs.acks.parted.drain(..) {
            updates[usize::from(update.channel.owner(cores).0)].push(update);
        }
        for (core, updates) in updates.into_iter().enumerate().filter(|(_, it)| !it.is_empty()) {
            let acks = Message::into_core(Message::Acks(updates));
            self.tell(crate::id::CoreId(core as u8), acks);
        }
    }

    /// What the connection in `slot` has acknowledged in this turn, if it still follows.
    fn take_ack(&mut self, local: u32, slot: u32) -> Option<AckUpdate> {
        let entry = self.locals.find_at(local)?;
        let follower = entry.value.log.as_mut()?.follower(slot)?;
        let sequence = std::mem::take(&mut follower.acked);
        let subscriber_id = Arc::clone(&follower.subscriber_id);
        let channel = entry.name.clone();
        (sequence > 0).then_some(AckUpdate { channel, subscriber_id, sequence })
    }

    /// The owner's part: move the cursors on.
    pub(super) fn on_acks(&mut self, updates: Vec<AckUpdate>) {
        for AckUpdate { channel, subscriber_id, sequence } in updates {
            self.move_cursor(&channel, &subscriber_id, sequence);
        }
    }

    /// Move one cursor on, never beyond the last event; false if there is no room for it.
    pub(super) fn move_cursor(
        &mut self,
        channel: &ChannelName,
        subscriber_id: &Arc<str>,
        sequence: u64,
    ) -> bool {
        // Without a log there is no event that could have been seen.
        let Some(index) = self.logs.channels.find_name(channel) else { return true };
        if subscriber_id.starts_with(SINK_PREFIX) {
            self.refuse(Refusal::LogCursors); // The server's own, which nobody else moves.
            return false;
        }
        let cursors_max = self.config.log.cursors_max;
        let log = self.log(index);
        let sequence = sequence.min(log.history.last_sequence());
        match log.cursors.advance(subscriber_id, sequence, cursors_max) {
            Ok(true) => self.counters.ack_updates += 1,
            Ok(false) => return true,
            Err(_) => {
                self.refuse(Refusal::LogCursors);
                return false;
            }
        }
        if self.config.log.is_durable {
            let kind = RecordKind::Cursor { subscriber_id: Box::from(&**subscriber_id), sequence };
            self.outputs.push_back(Output::Log(LogRecord { channel: channel.clone(), kind }));
        }
        true
    }
}
