//! Acknowledgements: how far a subscriber has come, told to the owner once a turn.
//!
//! On its own core the highest of a turn stands with the subscriber; at the turn's end each owner
//! gets one message with all that is news for it. Where logs outlive the process a client that is
//! to be told is told when its acknowledgement is durable, behind whatever else it has been
//! answered meanwhile: all of a turn wait for one group of the log thread, and none holds its
//! connection.

use std::sync::Arc;

use hashbrown::HashMap;

use super::super::message::{ChannelName, hash, owner};
use super::super::{Refusal, Shard};
use super::message::Message;
use super::sinks::SINK_PREFIX;
use super::unkept::{NotKept, Waiter, cursor_bytes};
use crate::id::{ConnId, CoreId};
use crate::log::{LogLimits, Newest};

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
    /// Whom to tell of them, by the owner who says that they are durable.
    untold: Vec<(CoreId, Untold)>,
    /// The same of earlier turns, by what the owner answers with.
    waiting: HashMap<u32, Vec<Untold>, foldhash::fast::RandomState>,
    serial: u32,
}

/// Somebody who is to be told that an acknowledgement is durable.
#[derive(Debug)]
struct Untold {
    conn: ConnId,
    channel: Box<str>,
    sequence: u64,
}

impl Untold {
    fn weight_bytes(&self) -> usize {
        size_of::<Self>() + self.channel.len()
    }
}

/// What has become of a cursor.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Moved {
    /// It is where it should be, as durable as the driver promises.
    Kept,
    /// It will be durable, or not; whoever waits is told.
    Waits,
    /// There is no room for it.
    Refused,
    /// The disk does not keep up, and it has not moved.
    Backlogged,
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

    /// The same for a client that is told, once that is as durable as the driver promises.
    pub fn ack_and_tell(
        &mut self,
        conn: ConnId,
        name: &str,
        subscriber_id: &Arc<str>,
        sequence: u64,
    ) {
        let Some((app, dialect)) = self.speaks(conn) else { return };
        if !self.config.log.is_durable {
            self.ack(conn, name, subscriber_id, sequence);
            return self.reply(conn, |frames| dialect.acked(frames, name, sequence));
        }
        let untold = Untold { conn, channel: name.into(), sequence };
        let unsynced_bytes = self.logs.unsynced_bytes + untold.weight_bytes();
        if unsynced_bytes > self.config.log.unsynced_bytes_max {
            self.refuse(Refusal::LogUnsynced);
            return self.send(conn, dialect.ack_refused(name, sequence, NotKept::Backlogged));
        }
        self.ack(conn, name, subscriber_id, sequence);
        self.logs.unsynced_bytes = unsynced_bytes;
        let owner = owner(hash(app, name, self.config.hash_seed), self.config.cores);
        self.logs.acks.untold.push((owner, untold));
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
        let Acks { followers, parted, untold, .. } = &self.logs.acks;
        if followers.is_empty() && parted.is_empty() && untold.is_empty() {
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
        let mut untold: Vec<Vec<Untold>> = (0..cores).map(|_| Vec::new()).collect();
        for (core, it) in self.logs.acks.untold.drain(..) {
            untold[usize::from(core.0)].push(it);
        }
        for (core, (updates, untold)) in updates.into_iter().zip(untold).enumerate() {
            if updates.is_empty() && untold.is_empty() {
                continue;
            }
            let serial = (!untold.is_empty()).then(|| {
                let acks = &mut self.logs.acks;
                acks.serial = acks.serial.wrapping_add(1);
                acks.waiting.insert(acks.serial, untold);
                acks.serial
            });
            let acks = Message::Acks { core: self.config.core, serial, updates };
            self.tell(CoreId(core as u8), Message::into_core(acks));
        }
    }

    /// The owner says that acknowledgements of one turn are durable, or why not: tell the clients.
    pub(super) fn on_acked(&mut self, serial: u32, outcome: Result<(), NotKept>) {
        let untold = self.logs.acks.waiting.remove(&serial);
        for it in untold.expect("an owner answers once") {
            self.logs.unsynced_bytes -= it.weight_bytes();
            let Untold { conn, channel, sequence } = it;
            let Some((_, dialect)) = self.speaks(conn) else { continue };
            match outcome {
                Ok(()) => self.reply(conn, |frames| dialect.acked(frames, &channel, sequence)),
                Err(error) => {
                    self.refuse(error.refusal());
                    self.send(conn, dialect.ack_refused(&channel, sequence, error));
                }
            }
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
    pub(super) fn on_acks(&mut self, core: CoreId, serial: Option<u32>, updates: Vec<AckUpdate>) {
        let group = serial.map(|serial| self.begin_acks(core, serial));
        for AckUpdate { channel, subscriber_id, sequence } in updates {
            let waiter = group.map(|group| self.join_acks(group));
            let moved = self.move_cursor(&channel, &subscriber_id, sequence, waiter);
            match (group, moved) {
                (None, _) | (_, Moved::Waits) => {}
                (Some(group), Moved::Kept | Moved::Refused) => self.end_ack(group, Ok(())),
                (Some(group), Moved::Backlogged) => {
                    self.end_ack(group, Err(NotKept::Backlogged));
                }
            }
        }
        if let Some(group) = group {
            self.end_ack(group, Ok(()));
        }
    }

    /// Move one cursor on, never beyond the last event. `waiter` hears when that is durable if it
    /// has to wait, and nothing otherwise.
    pub(super) fn move_cursor(
        &mut self,
        channel: &ChannelName,
        subscriber_id: &Arc<str>,
        sequence: u64,
        waiter: Option<Waiter>,
    ) -> Moved {
        // Without a log there is no event that could have been seen.
        let Some(index) = self.logs.channels.find_name(channel) else { return Moved::Kept };
        if subscriber_id.starts_with(SINK_PREFIX) {
            self.refuse(Refusal::LogCursors); // The server's own, which nobody else moves.
            return Moved::Refused;
        }
        let LogLimits { cursors_max, is_durable, .. } = self.config.log;
        let log = self.log(index);
        let sequence = sequence.min(log.history.last_sequence());
        let what = Newest::Cursor(Arc::clone(subscriber_id));
        let bytes = cursor_bytes(subscriber_id);
        let is_news = log.cursors.of(subscriber_id).is_none_or(|before| before < sequence);
        if is_news && is_durable && !self.may_wait(index, &what, bytes) {
            return Moved::Backlogged;
        }
        match self.log(index).cursors.advance(subscriber_id, sequence, cursors_max) {
            Ok(true) => self.counters.ack_updates += 1,
            Ok(false) => {
                let kept = waiter.is_none_or(|it| self.await_kept(index, &what, it).is_some());
                return if kept { Moved::Kept } else { Moved::Waits };
            }
            Err(_) => {
                self.refuse(Refusal::LogCursors);
                return Moved::Refused;
            }
        }
        if !is_durable {
            return Moved::Kept;
        }
        self.renew(index, &what, bytes, waiter);
        Moved::Waits
    }
}
