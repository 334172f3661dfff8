//! Appending: the owner numbers an event, keeps it and fans it out.
//!
//! With a log thread the event waits to be kept first: nothing is delivered that could be lost. The
//! thread answers in order, so what waits stands in one queue behind the history.

use std::collections::VecDeque;
use std::sync::Arc;

use bytes::Bytes;

use super::ChannelLog;
use super::message::{Append, Message, NamedDraft, News, Target};
use crate::id::{AppIndex, ConnId, SocketId};
use crate::log::{Draft, Entry, Idempotency, NoLog, RecordKind};
use crate::message::{ChannelName, CoreMessage, LocalId, Ticket, ToLocal};
use crate::middleware::Operation;
use crate::owned::Foothold;
use crate::owner::Owner;
use crate::question::Asked;
use crate::route::{Route, Way};
use crate::{Logged, Refusal, Shard};

/// An event that is in its log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Appended {
    /// The event's number in the log.
    pub sequence: u64,
    /// The whole frame that subscribers got.
    pub frame: Bytes,
    /// Whether it had been appended before and nobody was told again.
    pub is_duplicate: bool,
}

/// Why an event was not appended. The publisher may try again unless it says otherwise.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum AppendError {
    /// The channel has no log and gets none.
    #[error("{0}")]
    NoLog(#[from] NoLog),
    /// The event alone is larger than what its channel may keep. It will not fit later, either.
    #[error("the event takes {bytes} bytes, its channel keeps at most {bytes_max}")]
    TooLarge {
        /// Bytes that the event takes.
        bytes: u32,
        /// The limit, `bytes_max` of the app's `history`.
        bytes_max: u32,
    },
    /// `log.unsynced_bytes_max`: the disk does not keep up.
    #[error("too many events wait to be written")]
    Backlogged,
    /// The disk failed.
    #[error("the event could not be written")]
    NotWritten,
}

impl AppendError {
    /// What it counts as.
    pub const fn refusal(self) -> Refusal {
        match self {
            Self::NoLog(error) => error.refusal(),
            Self::TooLarge { .. } => Refusal::LogEventBytes,
            Self::Backlogged => Refusal::LogUnsynced,
            Self::NotWritten => Refusal::LogWrite,
        }
    }
}

/// Events of one channel that the log thread has yet to keep.
#[derive(Debug, Default)]
pub(crate) struct Unsynced {
    events: VecDeque<UnsyncedEvent>,
    ids: Idempotency,
}

#[derive(Debug)]
struct UnsyncedEvent {
    entry: Entry,
    /// Its publisher, and those who published it again meanwhile.
    targets: Vec<Target>,
}

impl Unsynced {
    pub(super) fn is_empty(&self) -> bool {
        self.events.is_empty()
    }

    pub(super) fn len(&self) -> usize {
        self.events.len()
    }

    /// The event with this id; `first` is the number of the first that waits.
    fn find(&mut self, id: &str, first: u64) -> Option<&mut UnsyncedEvent> {
        let Self { events, ids } = self;
        let is_it = |sequence: u64| {
            let index = sequence.checked_sub(first);
            index.and_then(|it| events.get(it as usize)).is_some_and(|it| *it.entry.id == *id)
        };
        let sequence = ids.find(id, is_it)?;
        events.get_mut((sequence - first) as usize)
    }

    fn push(&mut self, waiting: UnsyncedEvent, sequence: u64) {
        if !waiting.entry.id.is_empty() {
            self.ids.insert(&waiting.entry.id, sequence);
        }
        self.events.push_back(waiting);
    }

    fn pop(&mut self, sequence: u64) -> UnsyncedEvent {
        let waiting = self.events.pop_front().expect("the caller has seen one that waits");
        if !waiting.entry.id.is_empty() {
            self.ids.remove(&waiting.entry.id, sequence);
        }
        waiting
    }
}

/// An event of a log for the subscribers of one core.
#[derive(Clone, Debug)]
pub struct Delivery {
    pub(crate) local: LocalId,
    pub(crate) frame: Bytes,
    pub(crate) sequence: u64,
    /// What it is filtered by, where anybody filters.
    pub(crate) event_type: Option<Arc<str>>,
    /// Who does not get it, and who waits for it to be queued.
    pub(crate) rest: Option<Box<(Option<SocketId>, Option<Ticket>)>>,
}

impl Shard {
    /// Append `draft` to the log of channel `name`. An error comes back as a frame of the dialect.
    pub fn append(&mut self, conn: ConnId, name: &str, draft: Draft) {
        let Some((channel, _)) = self.local.channel_of(&self.route, conn, name) else { return };
        self.route.counters.publishes += 1;
        let target = Target::Conn(self.route.config.core, conn);
        self.tell_log_owner(Message::Append(Append { channel, draft, skip: None, target }));
    }

    /// Append `draft` to the log of channel `name`, which `conn` is subscribed to and does not get
    /// it on. An error comes back as a frame of the dialect.
    pub fn append_from(&mut self, conn: ConnId, name: &str, draft: Draft) {
        let Some(skip) = self.local.socket_id(&self.route, conn) else { return };
        let Some((channel, _)) = self.local.channel_of(&self.route, conn, name) else { return };
        self.route.counters.publishes += 1;
        let target = Target::Conn(self.route.config.core, conn);
        self.tell_log_owner(Message::Append(Append { channel, draft, skip: Some(skip), target }));
    }

    /// Append all of `drafts`; the answer comes when each is queued to every subscriber, or has
    /// failed: what became of each, in their order.
    ///
    /// # Panics
    /// If there is none.
    pub fn append_all(
        &mut self,
        drafts: Vec<NamedDraft>,
    ) -> Asked<Vec<Result<Appended, AppendError>>> {
        let ticket = self.route.open_append(drafts.len());
        self.route.counters.publishes += drafts.len() as u64;
        for (place, NamedDraft { channel, draft, skip }) in drafts.into_iter().enumerate() {
            let target = Target::Ticket(ticket, place as u32);
            self.tell_log_owner(Message::Append(Append { channel, draft, skip, target }));
        }
        Asked::new(ticket)
    }

    /// Send `frame` to the subscribers of channel `name` without keeping it.
    pub fn publish_ephemeral(&mut self, app: AppIndex, name: &str, frame: Bytes) {
        let channel = self.route.channel(app, name);
        self.route.counters.publishes += 1;
        self.tell_log_owner(Message::Ephemeral { channel, frame });
    }

    /// The log thread says what became of events.
    pub fn on_logged(&mut self, logged: Logged) {
        let Logged { channel, sequence, is_kept } = logged;
        let Some(index) = self.owner.logs.channels.find_name(&channel) else { return };
        let way = &mut Way::of(&mut self.route, &mut self.local);
        if is_kept {
            while self.owner.next_unsynced(index).is_some_and(|next| next <= sequence) {
                let UnsyncedEvent { entry, targets } = self.owner.pop_unsynced(way.route, index);
                self.owner.commit(way, index, &channel, entry, &targets);
            }
        } else {
            self.owner.roll_back(way, index, &channel, sequence);
        }
    }
}

impl Owner {
    /// The owner's part of an event that is not kept.
    pub(super) fn on_ephemeral(&mut self, way: &mut Way<'_>, channel: &ChannelName, frame: Bytes) {
        if !way.route.allows(Operation::EphemeralDeliver, channel, None, Some(&frame)) {
            return;
        }
        if let Some(wildcard) = way.route.wildcard(channel) {
            self.relay(way, wildcard, None, frame.clone());
        }
        if let Some(owned) = self.channels.find_name(channel) {
            self.fan_out(way, owned, frame, None, None);
        }
    }

    /// Pass a room's event on to its scope's wildcard, whose owner may be this core, too.
    fn relay(
        &mut self,
        way: &mut Way<'_>,
        wildcard: ChannelName,
        event_type: Option<Arc<str>>,
        frame: Bytes,
    ) {
        let owner = wildcard.owner(way.route.config.cores);
        if way.route.is_here(owner) {
            self.on_relay(way, &wildcard, event_type.as_ref(), &frame);
        } else {
            let relay = Message::Relay { channel: wildcard, event_type, frame };
            way.route.send(owner, CoreMessage::ToOwner(relay.boxed()));
        }
    }

    /// The part of a wildcard's owner of an event in one of its rooms.
    pub(super) fn on_relay(
        &mut self,
        way: &mut Way<'_>,
        channel: &ChannelName,
        event_type: Option<&Arc<str>>,
        frame: &Bytes,
    ) {
        if let Some(owned) = self.channels.find_name(channel) {
            self.fan_out_logged(way, owned, 0, frame, event_type, (None, None));
        }
    }

    /// The owner's part of an event: number it, keep it, pass it on; once for each id.
    pub(super) fn on_append(&mut self, way: &mut Way<'_>, append: Append) {
        let Append { channel, draft, skip, target } = append;
        let index = match self.check_append(way.route, &channel, &draft, target) {
            Ok(index) => index,
            Err(error) => return way.answer_append(&channel, target, 0, Err(error)),
        };
        if !draft.id.is_empty() && self.is_known(way, index, &channel, &draft.id, target) {
            return;
        }
        let now = way.route.unix_ms;
        let log = self.log(index);
        let sequence = log.last_sequence() + 1;
        let expires_unix_ms = draft.expires_unix_ms.min(now + log.rule.limits().ttl_ms);
        let frame = draft.frame(sequence);
        let Draft { id, event_type, .. } = draft;
        let entry = Entry { id, event_type, expires_unix_ms, frame, skip };
        if way.route.config.log.is_durable {
            self.write(way.route, index, sequence, UnsyncedEvent { entry, targets: vec![target] });
        } else {
            self.commit(way, index, &channel, entry, &[target]);
        }
    }

    fn check_append(
        &mut self,
        route: &mut Route,
        channel: &ChannelName,
        draft: &Draft,
        target: Target,
    ) -> Result<u32, AppendError> {
        let opener = match target {
            Target::Conn(core, conn) => Some((core, conn)),
            Target::Ticket(..) => None,
        };
        let index = self.open_log(route, channel, opener)?;
        let bytes = draft.weight_bytes();
        if route.unsynced_bytes + bytes > route.config.log.unsynced_bytes_max {
            return Err(AppendError::Backlogged);
        }
        let bytes_max = self.log(index).rule.bytes_max;
        if bytes > bytes_max as usize {
            return Err(AppendError::TooLarge { bytes: bytes as u32, bytes_max });
        }
        Ok(index)
    }

    /// Whether an event with this id is there already: then `target` gets that one as the answer.
    fn is_known(
        &mut self,
        way: &mut Way<'_>,
        index: u32,
        channel: &ChannelName,
        id: &str,
        target: Target,
    ) -> bool {
        let log = self.log(index);
        let found = log.history.find_id(id);
        if let Some((sequence, frame)) = found.map(|(at, entry)| (at, entry.frame.clone())) {
            way.route.counters.log_duplicates += 1;
            let appended = Appended { sequence, frame, is_duplicate: true };
            way.answer_append(channel, target, 0, Ok(appended));
            return true;
        }
        let first = log.history.last_sequence() + 1;
        let Some(waiting) = log.unsynced.find(id, first) else { return false };
        waiting.targets.push(target);
        way.route.counters.log_duplicates += 1;
        true
    }

    /// Hand an event to the log thread.
    fn write(&mut self, route: &mut Route, index: u32, sequence: u64, waiting: UnsyncedEvent) {
        let Entry { id, event_type, expires_unix_ms, frame, skip: _ } = waiting.entry.clone();
        let unix_ms = route.unix_ms;
        let kind = RecordKind::Event {
            sequence,
            first_sequence: self.log(index).history.first_sequence(),
            unix_ms,
            expires_unix_ms,
            id,
            event_type,
            frame,
        };
        route.unsynced_bytes += waiting.entry.weight_bytes();
        self.log(index).unsynced.push(waiting, sequence);
        self.store(route, index, kind);
    }

    /// Nothing from `sequence` on is kept: their publishers are told, their numbers are free.
    fn roll_back(&mut self, way: &mut Way<'_>, index: u32, channel: &ChannelName, sequence: u64) {
        let mut failed = Vec::new();
        while self.log(index).last_sequence() >= sequence
            && let Some(last) = self.pop_last_unsynced(way.route, index)
        {
            failed.push(last);
        }
        for UnsyncedEvent { targets, .. } in failed.into_iter().rev() {
            for target in targets {
                way.answer_append(channel, target, 0, Err(AppendError::NotWritten));
            }
        }
    }

    fn next_unsynced(&mut self, index: u32) -> Option<u64> {
        let log = self.log(index);
        (!log.unsynced.is_empty()).then(|| log.history.last_sequence() + 1)
    }

    fn pop_unsynced(&mut self, route: &mut Route, index: u32) -> UnsyncedEvent {
        let log = self.log(index);
        let sequence = log.history.last_sequence() + 1;
        let waiting = log.unsynced.pop(sequence);
        route.unsynced_bytes -= waiting.entry.weight_bytes();
        waiting
    }

    fn pop_last_unsynced(&mut self, route: &mut Route, index: u32) -> Option<UnsyncedEvent> {
        let log = self.log(index);
        let sequence = log.last_sequence();
        let waiting = log.unsynced.events.pop_back()?;
        log.unsynced.ids.remove(&waiting.entry.id, sequence);
        route.unsynced_bytes -= waiting.entry.weight_bytes();
        Some(waiting)
    }

    /// The event is kept: from here on it is seen.
    fn commit(
        &mut self,
        way: &mut Way<'_>,
        index: u32,
        channel: &ChannelName,
        entry: Entry,
        targets: &[Target],
    ) {
        let (frame, event_type) = (entry.frame.clone(), Arc::clone(&entry.event_type));
        let skip = entry.skip;
        let sequence = self.keep(way.route, index, entry);
        if !self.log(index).sinks.is_empty() {
            self.wake_sinks(way.route, index);
        }
        self.note_event(way.route, channel, (&frame, sequence), skip, targets);
        let ChannelLog { wildcard, is_filtered, .. } = self.log(index);
        let (wildcard, is_filtered) = (wildcard.clone(), *is_filtered);
        let ticket = targets.iter().find_map(|target| match target {
            Target::Ticket(ticket, _) => Some(*ticket),
            Target::Conn(..) => None,
        });
        let is_room = wildcard.is_some();
        let is_out = !is_room || way.route.allows(Operation::Deliver, channel, None, Some(&frame));
        let owned = self.channels.find_name(channel).filter(|_| is_out);
        let cores = owned.map_or(0, |owned| {
            let event_type = is_filtered.then_some(&event_type);
            self.fan_out_logged(way, owned, sequence, &frame, event_type, (skip, ticket))
        });
        if let Some(wildcard) = wildcard.filter(|_| is_out) {
            self.relay(way, wildcard, Some(event_type), frame.clone());
        }
        let mut cores = Some(cores); // Of whom the first ticket hears, and no other.
        for (at, &target) in targets.iter().enumerate() {
            let is_ticket = matches!(target, Target::Ticket(..));
            let cores = if is_ticket { cores.take().unwrap_or(0) } else { 0 };
            let appended = Appended { sequence, frame: frame.clone(), is_duplicate: at > 0 };
            way.answer_append(channel, target, cores, Ok(appended));
        }
    }

    /// What besides its subscribers wants to know of an event: the cache of a publisher's, an app's
    /// server of a client's.
    fn note_event(
        &mut self,
        route: &mut Route,
        channel: &ChannelName,
        (frame, sequence): (&Bytes, u64),
        skip: Option<SocketId>,
        targets: &[Target],
    ) {
        if channel.nature().is_room {
            return;
        }
        let is_of_client = targets.iter().any(|target| matches!(target, Target::Conn(..)));
        if !is_of_client {
            self.cache_event(route, channel, frame, Some(sequence));
        } else if let (Some(skip), Some(owned)) = (skip, self.channels.find_name(channel)) {
            self.notice_client_event(route, owned, frame, skip);
        }
    }

    /// Pass a kept event on to every core that has subscribers; how many others will answer.
    fn fan_out_logged(
        &mut self,
        way: &mut Way<'_>,
        owned: u32,
        sequence: u64,
        frame: &Bytes,
        event_type: Option<&Arc<str>>,
        (skip, ticket): (Option<SocketId>, Option<Ticket>),
    ) -> u32 {
        let mut others = 0;
        for at in 0..self.channels.at(owned).value.footholds.len() {
            let Foothold { core, local, .. } = self.channels.at(owned).value.footholds[at];
            self.end_outgoing_batch(owned, core);
            let is_other = core != way.route.config.core;
            let ticket = ticket.filter(|_| is_other);
            others += u32::from(is_other);
            let has_rest = skip.is_some() || ticket.is_some();
            let rest = has_rest.then(|| Box::new((skip, ticket)));
            let (frame, event_type) = (frame.clone(), event_type.cloned());
            let delivery = Delivery { local, frame, sequence, event_type, rest };
            way.tell(core, ToLocal::DeliverLogged(delivery));
        }
        others
    }
}

impl Way<'_> {
    /// Tell whoever waits for it what became of an event.
    fn answer_append(
        &mut self,
        channel: &ChannelName,
        target: Target,
        cores: u32,
        outcome: Result<Appended, AppendError>,
    ) {
        if let Err(error) = outcome {
            self.route.refuse(error.refusal());
        }
        match (target, outcome) {
            (Target::Ticket(ticket, place), outcome) if self.route.is_here(ticket.core) => {
                self.route.on_appended(ticket, place, cores, outcome);
            }
            (Target::Ticket(ticket, place), outcome) => {
                let outcome = Box::new(outcome);
                self.tell(ticket.core, ToLocal::Appended { ticket, place, cores, outcome });
            }
            (Target::Conn(core, conn), Err(error)) => {
                let channel = channel.clone();
                self.tell_conn(core, conn, News::AppendRefused { channel, error });
            }
            (Target::Conn(..), Ok(_)) => {}
        }
    }
}
