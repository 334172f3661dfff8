//! Acknowledgements: how far a subscriber has come, told to the owner once a turn.
//!
//! On its own core the highest of a turn stands with the subscriber; at the turn's end each owner
//! gets one message with all that is news for it. That is for events which this core has seen;
//! whether there is any other event the owner alone knows, and its answer is waited for.
//!
//! Invariant: no cursor is beyond the last event of its log, and none is made where no event is.

use std::sync::Arc;

use super::super::message::{ChannelName, hash};
use super::super::{Output, Refusal, Shard};
use super::message::Message;
use super::sinks::SINK_PREFIX;
use crate::id::{ConnId, CoreId};
use crate::log::{AckError, CursorLimits, LogRecord, RecordKind};

impl AckError {
    const fn refusal(self) -> Refusal {
        match self {
            Self::AboveHead { .. } => Refusal::LogAck,
            Self::Full => Refusal::LogCursors,
        }
    }
}

/// An acknowledgement of an event that the connection's core has not seen.
#[derive(Debug)]
pub(super) struct UnseenAck {
    update: AckUpdate,
    core: CoreId,
    conn: ConnId,
}

impl UnseenAck {
    pub(super) fn weight_bytes(&self) -> usize {
        self.update.subscriber_id.len()
    }
}

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
    /// `subscriber_id` has every event of channel `name` up to `sequence`; whether that is done.
    ///
    /// If not, the channel's owner is asked, for which `conn` is [held](Self::is_held), and its
    /// dialect says what comes of it.
    pub fn ack(
        &mut self,
        conn: ConnId,
        name: &str,
        subscriber_id: &Arc<str>,
        sequence: u64,
    ) -> bool {
        self.counters.acks_received += 1;
        let Some(app) = self.connection(conn).map(|it| it.app) else { return true };
        let hash = hash(app, name, self.config.hash_seed);
        let local = self.locals.find(app, name, hash);
        let log = local.and_then(|local| self.locals.at(local).value.log.as_mut());
        let last = log.as_ref().map_or(0, |log| log.last());
        let follower = log.and_then(|log| log.follower(conn.slot));
        // What this core has had, live or on a page.
        let seen = follower.as_ref().map_or(last, |it| it.after.max(last));
        if sequence > seen {
            let channel = ChannelName::new(app, name, self.config.hash_seed);
            let subscriber_id = Arc::clone(subscriber_id);
            let update = AckUpdate { channel: channel.clone(), subscriber_id, sequence };
            let ack = UnseenAck { update, core: self.config.core, conn };
            self.hold(conn);
            self.tell_log_owner(&channel, Message::UnseenAck(ack));
            return false;
        }
        match local.zip(follower) {
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
        true
    }

    /// The owner's part of an acknowledgement that may be of nothing.
    pub(super) fn on_unseen_ack(&mut self, ack: UnseenAck) {
        let UnseenAck { update, core, conn } = ack;
        let AckUpdate { channel, subscriber_id, sequence } = update;
        let outcome = self.move_cursor(&channel, &subscriber_id, sequence);
        let acked = Message::Acked { channel, conn, sequence, outcome };
        self.tell(core, Message::into_core(acked));
    }

    pub(super) fn on_acked(
        &mut self,
        channel: &ChannelName,
        conn: ConnId,
        sequence: u64,
        outcome: Result<(), AckError>,
    ) {
        if let Some((_, dialect)) = self.speaks(conn)
            && let Some(frame) = dialect.acked(channel.as_str(), sequence, outcome)
        {
            self.send(conn, frame);
        }
        self.release(conn);
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
            self.tell(CoreId(core as u8), acks);
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
            // Who it is of has seen the event: what is refused is counted.
            let _ = self.move_cursor(&channel, &subscriber_id, sequence);
        }
    }

    /// Move one cursor on, never beyond the last event. Where there is no event none is made.
    pub(super) fn move_cursor(
        &mut self,
        channel: &ChannelName,
        subscriber_id: &Arc<str>,
        sequence: u64,
    ) -> Result<(), AckError> {
        let moved = self.try_move_cursor(channel, subscriber_id, sequence);
        moved.inspect_err(|error| self.refuse(error.refusal()))
    }

    fn try_move_cursor(
        &mut self,
        channel: &ChannelName,
        subscriber_id: &Arc<str>,
        sequence: u64,
    ) -> Result<(), AckError> {
        if subscriber_id.starts_with(SINK_PREFIX) {
            return Err(AckError::Full); // The server's own, which nobody else moves.
        }
        // Without a log there is no event that could have been seen.
        let Some(index) = self.logs.channels.find_name(channel) else { return Ok(()) };
        let (now_unix_ms, limits) = (self.unix_ms(), self.cursor_limits(index));
        let log = self.log(index);
        let (last, is_new) = (log.history.last_sequence(), log.cursors.of(subscriber_id).is_none());
        if is_new && (sequence == 0 || log.history.is_empty()) {
            return Ok(()); // Of nothing: it does no harm, and nothing is kept of it.
        }
        if sequence > last {
            return Err(AckError::AboveHead { sequence, last });
        }
        let is_news = log.cursors.advance(subscriber_id, sequence, now_unix_ms, limits);
        if is_news.map_err(|_| AckError::Full)? {
            self.counters.ack_updates += 1;
            self.store_cursor(index, subscriber_id);
        }
        Ok(())
    }

    /// A subscription begins at the cursor called `subscriber_id`: it is used.
    pub(super) fn renew_cursor(&mut self, index: u32, subscriber_id: &str) {
        let (now, limits) = (self.unix_ms(), self.cursor_limits(index));
        if self.log(index).cursors.renew(subscriber_id, now, limits.idle_ms).is_some() {
            self.store_cursor(index, subscriber_id);
        }
    }

    /// Forget the cursors of one log that nobody uses.
    pub(super) fn forget_idle_cursors(&mut self, index: u32) {
        let (now, limits) = (self.unix_ms(), self.cursor_limits(index));
        let gone = self.log(index).cursors.forget_idle(now, limits.idle_ms);
        self.counters.log_cursors_expired += gone.len() as u64;
        if !self.config.log.is_durable {
            return;
        }
        for name in gone {
            let channel = self.logs.channels.at(index).name.clone();
            let kind = RecordKind::CursorForgotten { subscriber_id: Box::from(&*name) };
            self.outputs.push_back(Output::Log(LogRecord { channel, kind }));
        }
    }

    /// A cursor is kept for as long as what it stands in front of may be, at least.
    fn cursor_limits(&mut self, index: u32) -> CursorLimits {
        let (cursors_max, idle_ms) = (self.config.log.cursors_max, self.config.log.cursor_idle_ms);
        CursorLimits { cursors_max, idle_ms: idle_ms.max(self.log(index).rule.limits().ttl_ms) }
    }

    fn store_cursor(&mut self, index: u32, subscriber_id: &str) {
        if !self.config.log.is_durable {
            return;
        }
        let used_unix_ms = self.unix_ms();
        let entry = self.logs.channels.at(index);
        let sequence = entry.value.cursors.of(subscriber_id).expect("it was just moved or used");
        let (channel, subscriber_id) = (entry.name.clone(), subscriber_id.into());
        let kind = RecordKind::Cursor { subscriber_id, sequence, used_unix_ms };
        self.outputs.push_back(Output::Log(LogRecord { channel, kind }));
    }
}
