//! Acknowledgements: how far a subscriber has come, told to the owner once a turn.
//!
//! On its own core the highest of a turn stands with the subscriber; at the turn's end each owner
//! gets one message with all that is news for it. That is for events which this core has seen.
//! Whether there is any other event the owner alone knows: it is asked at once, as over HTTP.
//!
//! Where logs outlive the process a client is told when its acknowledgement is durable, behind
//! whatever else it has been answered meanwhile: all of a turn wait for one group of the log
//! thread, and none holds its connection. Logs in memory answer in the order of the messages: the
//! connection waits while the owner is asked. What was seen is answered there without asking, but
//! for a first cursor on the owner's own core, which may find no room.
//!
//! Invariant: no cursor is beyond the last event of its log, and none is made where no event is.

use std::sync::Arc;

use hashbrown::HashMap;

use super::Logs;
use super::ask::LogQuestion;
use super::message::Message;
use super::sinks::SINK_PREFIX;
use super::unkept::{Waiter, cursor_bytes};
use crate::id::{AppIndex, ConnId, CoreId};
use crate::local::Local;
use crate::log::{AckError, Newest, NotKept, RecordKind};
use crate::message::{ChannelName, Ticket, hash, owner};
use crate::owner::Owner;
use crate::route::{Route, Way};
use crate::{Refusal, Shard, Word};

/// One subscriber has everything of a channel up to an event.
#[derive(Clone, Debug)]
pub(super) struct AckUpdate {
    channel: ChannelName,
    subscriber_id: Arc<str>,
    sequence: u64,
}

/// Acknowledgements of this turn.
#[derive(Debug, Default)]
pub(crate) struct Acks {
    /// Subscribers that have one: the channel here, and the connection's slot.
    followers: Vec<(u32, u32)>,
    /// Those of who is not subscribed, or not any more.
    parted: Vec<AckUpdate>,
    /// Whom to tell of them, by the owner who says that they are durable.
    untold: Vec<(CoreId, Untold)>,
}

/// Somebody who is to be told what came of an acknowledgement.
#[derive(Debug)]
pub(crate) struct Untold {
    conn: ConnId,
    channel: Box<str>,
    /// The hash of the channel's name.
    hash: u64,
    subscriber_id: Arc<str>,
    sequence: u64,
}

/// An acknowledgement of a core's turn that does not count.
#[derive(Clone, Debug)]
pub struct RefusedAck {
    /// The hash of the channel's name.
    pub(super) hash: u64,
    pub(super) subscriber_id: Arc<str>,
    pub(super) error: AckError,
}

impl Untold {
    const fn weight_bytes(channel: &str) -> usize {
        size_of::<Self>() + channel.len()
    }

    /// That it does not count.
    pub(crate) fn refused(&self, error: AckError) -> RefusedAck {
        let Self { hash, subscriber_id, .. } = self;
        RefusedAck { hash: *hash, subscriber_id: Arc::clone(subscriber_id), error }
    }
}

/// What has become of a cursor.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Moved {
    /// It is where it should be, as durable as the driver promises.
    Kept,
    /// It will be durable, or not; whoever waits is told.
    Waits,
}

impl Logs {
    /// Whether this core owns the channel and has no cursor of `subscriber_id` there.
    fn is_first_of(&mut self, key: (AppIndex, u64), name: &str, subscriber_id: &str) -> bool {
        let (app, hash) = key;
        let Some(index) = self.channels.find(app, name, hash) else { return false };
        self.channels.at(index).value.cursors.of(subscriber_id).is_none()
    }
}

impl Shard {
    /// `subscriber_id` has every event of channel `name` up to `sequence`.
    ///
    /// What comes of it `conn` is told as its dialect does, once it is as durable as the driver
    /// promises. If the channel's owner must be asked and nothing is durable, `conn` is
    /// [held](Self::is_held) meanwhile.
    pub fn ack(&mut self, conn: ConnId, name: &str, subscriber_id: &Arc<str>, sequence: u64) {
        self.route.counters.acks_received += 1;
        let Some((app, _)) = self.local.speaks(conn) else { return };
        let is_durable = self.route.config.log.is_durable;
        let unsynced_bytes = self.route.unsynced_bytes + Untold::weight_bytes(name);
        if is_durable && unsynced_bytes > self.route.config.log.unsynced_bytes_max {
            self.route.refuse(Refusal::LogUnsynced);
            let error = AckError::NotKept(NotKept::Backlogged);
            return self.local.answer_ack(&mut self.route, conn, name, sequence, Err(error));
        }
        let seed = self.route.config.hash_seed;
        let hash = hash(app, name, seed);
        let is_noted = self.note_ack((app, hash), conn, name, subscriber_id, sequence);
        if is_noted && !is_durable {
            return self.local.answer_ack(&mut self.route, conn, name, sequence, Ok(()));
        }
        if is_durable {
            self.route.unsynced_bytes = unsynced_bytes;
        } else {
            self.hold(conn);
        }
        let (channel, id) = (name.into(), Arc::clone(subscriber_id));
        let untold = Untold { conn, channel, hash, subscriber_id: id, sequence };
        if is_noted {
            self.local.acks.untold.push((owner(hash, self.route.config.cores), untold));
        } else {
            let ticket = self.route.open_acks(vec![untold]);
            let channel = self.route.channel(app, name);
            let question = LogQuestion::Ack { subscriber_id: Arc::clone(subscriber_id), sequence };
            self.tell_log_owner(Message::Ask { ticket, channel, question });
        }
    }

    /// Note an acknowledgement for the turn's end; false if the owner must be asked: this core has
    /// not seen the event, or owns a log in memory that may have no room for a first cursor.
    fn note_ack(
        &mut self,
        (app, hash): (AppIndex, u64),
        conn: ConnId,
        name: &str,
        subscriber_id: &Arc<str>,
        sequence: u64,
    ) -> bool {
        let local = self.local.channels.find(app, name, hash);
        let log = local.and_then(|local| self.local.channels.at(local).value.log.as_mut());
        let last = log.as_ref().map_or(0, |log| log.last());
        let follower = log.and_then(|log| log.follower(conn.slot));
        // What this core has had, live or on a page.
        let seen = follower.as_ref().map_or(last, |it| it.after.max(last));
        if sequence > seen {
            return false;
        }
        let now = self.route.unix_ms;
        let own = follower.filter(|it| *it.subscriber_id == **subscriber_id);
        let limits = &self.route.config.log;
        let is_known = limits.is_durable
            || own.as_ref().is_some_and(|it| it.has_cursor(now, limits.cursor_idle_ms));
        if !is_known && self.owner.logs.is_first_of((app, hash), name, subscriber_id) {
            return false;
        }
        if let Some((local, follower)) = local.zip(own) {
            follower.cursor_seen_unix_ms = now;
            if follower.acked == 0 && sequence > 0 {
                self.local.acks.followers.push((local, conn.slot));
            }
            follower.acked = follower.acked.max(sequence);
        } else {
            let channel = self.route.channel(app, name);
            self.local.ack_parted(channel, subscriber_id, sequence);
        }
        true
    }
}

impl Local {
    pub(super) fn ack_parted(
        &mut self,
        channel: ChannelName,
        subscriber_id: &Arc<str>,
        sequence: u64,
    ) {
        let parted = &mut self.acks.parted;
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
    pub(crate) fn tell_acks(&mut self, route: &mut Route) {
        let Acks { followers, parted, untold } = &self.acks;
        if followers.is_empty() && parted.is_empty() && untold.is_empty() {
            return;
        }
        let cores = route.config.cores;
        let mut updates: Vec<Vec<AckUpdate>> = vec![Vec::new(); cores];
        let mut followers = std::mem::take(&mut self.acks.followers);
        for (local, slot) in followers.drain(..) {
            if let Some(update) = self.take_ack(local, slot) {
                updates[usize::from(update.channel.owner(cores).0)].push(update);
            }
        }
        self.acks.followers = followers; // Empty, with its room.
        for update in self.acks.parted.drain(..) {
            updates[usize::from(update.channel.owner(cores).0)].push(update);
        }
        let mut untold: Vec<Vec<Untold>> = (0..cores).map(|_| Vec::new()).collect();
        for (core, it) in self.acks.untold.drain(..) {
            untold[usize::from(core.0)].push(it);
        }
        for (core, (updates, untold)) in updates.into_iter().zip(untold).enumerate() {
            if updates.is_empty() && untold.is_empty() {
                continue;
            }
            let ticket = (!untold.is_empty()).then(|| route.open_acks(untold));
            let acks = Message::Acks { ticket, updates };
            route.tell_owner(CoreId(core as u8), acks.boxed());
        }
    }

    /// What the connection in `slot` has acknowledged in this turn, if it still follows.
    fn take_ack(&mut self, local: u32, slot: u32) -> Option<AckUpdate> {
        let entry = self.channels.find_at(local)?;
        let follower = entry.value.log.as_mut()?.follower(slot)?;
        let sequence = std::mem::take(&mut follower.acked);
        let subscriber_id = Arc::clone(&follower.subscriber_id);
        let channel = entry.name.clone();
        (sequence > 0).then_some(AckUpdate { channel, subscriber_id, sequence })
    }

    /// An owner says which acknowledgements of a turn do not count: tell all clients.
    pub(crate) fn on_acked(
        &mut self,
        route: &mut Route,
        untold: Vec<Untold>,
        refused: &[RefusedAck],
    ) {
        let refused = refused.iter().map(|it| ((it.hash, &*it.subscriber_id), it.error));
        let refused: HashMap<_, _, foldhash::fast::RandomState> = refused.collect();
        for Untold { conn, channel, hash, subscriber_id, sequence } in untold {
            let error = refused.get(&(hash, &*subscriber_id));
            self.answer_ack(route, conn, &channel, sequence, error.map_or(Ok(()), |it| Err(*it)));
            if route.config.log.is_durable {
                route.unsynced_bytes -= Untold::weight_bytes(&channel);
            } else {
                self.release(route, conn);
            }
        }
    }

    fn answer_ack(
        &mut self,
        route: &mut Route,
        conn: ConnId,
        name: &str,
        sequence: u64,
        outcome: Result<(), AckError>,
    ) {
        let Some((_, dialect)) = self.speaks(conn) else { return };
        let (say, channel) = (route.row(dialect).say, name);
        match outcome {
            Ok(()) => {
                self.reply(route, conn, |frames| say(&Word::Acked { channel, sequence }, frames));
            }
            Err(error) => {
                self.tell_word(route, conn, &Word::AckRefused { channel, sequence, error });
            }
        }
    }
}

impl Owner {
    /// The owner's part: move the cursors on.
    pub(super) fn on_acks(
        &mut self,
        way: &mut Way<'_>,
        ticket: Option<Ticket>,
        updates: Vec<AckUpdate>,
    ) {
        let group = ticket.map(|ticket| self.begin_acks(ticket));
        for AckUpdate { channel, subscriber_id, sequence } in updates {
            let waiter = group.map(|group| self.join_acks(group));
            let moved = self.move_cursor(way, &channel, &subscriber_id, sequence, waiter);
            let hash = channel.hash();
            match (group, moved) {
                (None, _) | (_, Ok(Moved::Waits)) => {}
                (Some(group), Ok(Moved::Kept)) => self.end_ack(way, group, None),
                (Some(group), Err(error)) => {
                    self.end_ack(way, group, Some(RefusedAck { hash, subscriber_id, error }));
                }
            }
        }
        if let Some(group) = group {
            self.end_ack(way, group, None);
        }
    }

    /// Move one cursor on, never beyond the last event. Where there is no event none is made.
    /// `waiter` hears when that is durable if it has to wait, and nothing otherwise.
    pub(super) fn move_cursor(
        &mut self,
        way: &mut Way<'_>,
        channel: &ChannelName,
        subscriber_id: &Arc<str>,
        sequence: u64,
        waiter: Option<Waiter>,
    ) -> Result<Moved, AckError> {
        let moved = self.try_move_cursor(way, channel, subscriber_id, sequence, waiter);
        moved.inspect_err(|error| way.route.refuse(error.refusal()))
    }

    fn try_move_cursor(
        &mut self,
        way: &mut Way<'_>,
        channel: &ChannelName,
        subscriber_id: &Arc<str>,
        sequence: u64,
        waiter: Option<Waiter>,
    ) -> Result<Moved, AckError> {
        if subscriber_id.starts_with(SINK_PREFIX) {
            return Err(AckError::Full); // The server's own, which nobody else moves.
        }
        // Without a log there is no event that could have been seen.
        let Some(index) = self.logs.channels.find_name(channel) else { return Ok(Moved::Kept) };
        let now_unix_ms = way.route.unix_ms;
        let log = self.log(index);
        let (last, before) = (log.history.last_sequence(), log.cursors.of(subscriber_id));
        if last > 0 && sequence > last {
            return Err(AckError::AboveHead { sequence, last });
        }
        if before.is_none() && (sequence == 0 || log.history.is_empty()) {
            return Ok(Moved::Kept); // Of nothing: it does no harm, and nothing is kept of it.
        }
        let what = Newest::Cursor(Arc::clone(subscriber_id));
        if before.is_some_and(|before| sequence <= before) {
            let is_kept = waiter.is_none_or(|it| self.await_kept(way, index, &what, it).is_some());
            self.renew_cursor(way, index, subscriber_id); // Being told again is being used.
            return Ok(if is_kept { Moved::Kept } else { Moved::Waits });
        }
        let bytes = cursor_bytes(subscriber_id);
        if way.route.config.log.is_durable && !self.may_wait(way.route, index, &what, bytes) {
            return Err(AckError::NotKept(NotKept::Backlogged));
        }
        let cursors_max = way.route.config.log.cursors_max;
        let moved =
            self.log(index).cursors.advance(subscriber_id, sequence, now_unix_ms, cursors_max);
        moved.map_err(|_| AckError::Full)?;
        way.route.counters.ack_updates += 1;
        if !way.route.config.log.is_durable {
            return Ok(Moved::Kept);
        }
        self.renew(way, index, &what, bytes, waiter);
        Ok(Moved::Waits)
    }

    /// The cursor called `subscriber_id` is used: a subscription begins at it, for instance.
    pub(super) fn renew_cursor(&mut self, way: &mut Way<'_>, index: u32, subscriber_id: &str) {
        let (now, idle_ms) = (way.route.unix_ms, self.cursor_idle_ms(way.route, index));
        let is_due = self.log(index).cursors.renew(subscriber_id, now, idle_ms);
        if !is_due || !way.route.config.log.is_durable {
            return;
        }
        let subscriber_id: Arc<str> = subscriber_id.into();
        let bytes = cursor_bytes(&subscriber_id);
        let what = Newest::Cursor(subscriber_id);
        if self.may_wait(way.route, index, &what, bytes) {
            self.renew(way, index, &what, bytes, None);
        }
    }

    /// Forget cursors of one log that nobody uses, as many as the disk may be told of.
    pub(super) fn forget_idle_cursors(&mut self, route: &mut Route, index: u32) {
        let (now, idle_ms) = (route.unix_ms, self.cursor_idle_ms(route, index));
        let gone_max = self.may_forget();
        let gone = self.log(index).cursors.forget_idle(now, idle_ms, gone_max);
        route.counters.log_cursors_expired += gone.len() as u64;
        if !route.config.log.is_durable {
            return;
        }
        for name in gone {
            let kind = RecordKind::CursorForgotten { subscriber_id: Box::from(&*name) };
            self.store_forgotten(route, index, kind);
        }
    }

    /// A cursor is kept for as long as what it stands in front of may be, at least.
    fn cursor_idle_ms(&mut self, route: &Route, index: u32) -> u64 {
        route.config.log.cursor_idle_ms.max(self.log(index).rule.limits().ttl_ms)
    }
}

impl AckError {
    const fn refusal(self) -> Refusal {
        match self {
            Self::AboveHead { .. } => Refusal::LogAck,
            Self::Full => Refusal::LogCursors,
            Self::NotKept(error) => error.refusal(),
        }
    }
}
