//! From an event to the outboxes of a channel's subscribers.
//!
//! An event goes to the channel's owner, which fixes its place in the channel's order, then to each
//! core that has subscribers, once. There it waits for the turn's end and is queued together with
//! the turn's other events of the channel. Nothing here costs an allocation, a hash or a message
//! for each subscriber.

use bytes::Bytes;

use super::channel::{Form, RUN_BYTES_MAX, Run, Skip, Subscriber, remainder};
use super::deflate::Sealed;
use super::message::{CoreMessage, LocalId, OwnedId, Publication, Ticket};
use super::owner::Foothold;
use super::subscribe::Subscribed;
use super::{Segment, Shard};
use crate::id::{ConnId, SocketId};

impl Shard {
    /// Publish `frame` to the channel that `conn` is `subscribed` to, to everyone but `conn`.
    pub fn publish_from(&mut self, conn: ConnId, subscribed: Subscribed, frame: Bytes) {
        let Some(skip) = self.socket_id(conn) else {
            return; // Closed by an earlier message of the same read.
        };
        let entry = self.locals.at(subscribed.local);
        let owned = entry.value.owned.expect("a confirmed subscription knows its owner");
        let owner = entry.name.owner(self.config.cores);
        self.counters.publishes += 1;
        if owner == self.config.core {
            self.on_publish(owned, frame, skip);
        } else {
            self.tell(owner, CoreMessage::Publish { owned, frame, skip });
        }
    }

    /// Publish all of `publications`; the answer comes when each is queued to every subscriber.
    pub fn publish(&mut self, publications: Vec<Publication>) -> Ticket {
        let ticket = self.open_publish(publications.len() as u32);
        self.counters.publishes += publications.len() as u64;
        for publication in publications {
            let owner = publication.channel.owner(self.config.cores);
            if owner == self.config.core {
                self.on_publish_named(publication, ticket);
                continue;
            }
            let publication = Box::new(publication);
            self.tell(owner, CoreMessage::PublishNamed { publication, ticket });
        }
        ticket
    }

    /// The owner's part of an event from a subscriber.
    pub(super) fn on_publish(&mut self, owned: OwnedId, frame: Bytes, skip: SocketId) {
        // The channel is gone if the sender was its last subscriber and has left since.
        if self.owned.get(owned.index, owned.generation).is_some() {
            self.notice_client_event(owned.index, &frame, skip);
            self.fan_out(owned.index, frame, Some(skip), None);
        }
    }

    /// The owner's part of an event from the HTTP API.
    pub(super) fn on_publish_named(&mut self, publication: Publication, ticket: Ticket) {
        let Publication { channel, frame, skip, counted_as } = publication;
        let counted = counted_as.map(|place| self.occupancy(&channel, place));
        self.cache_event(&channel, &frame);
        let cores = match self.owned.find_name(&channel) {
            Some(owned) => self.fan_out(owned, frame, skip, Some(ticket)),
            None => 0,
        };
        self.tell(ticket.core, CoreMessage::Routed { ticket, cores, counted });
    }

    /// Give the event its place: after all that went to these cores before, before all that will.
    ///
    /// Returns how many other cores will answer for `ticket`.
    pub(super) fn fan_out(
        &mut self,
        owned: u32,
        mut frame: Bytes,
        skip: Option<SocketId>,
        ticket: Option<Ticket>,
    ) -> u32 {
        let mut others = 0;
        let count = self.owned.at(owned).value.footholds.len();
        for index in 0..count {
            let to = self.owned.at(owned).value.footholds[index];
            let is_last = index + 1 == count; // Which gets the frame itself and not a reference.
            let frame = if is_last { std::mem::take(&mut frame) } else { frame.clone() };
            others += self.pass_on(to, frame, skip, ticket);
        }
        others
    }

    /// Pass an event on to one core; 1 if that is another, which will answer for `ticket`.
    fn pass_on(
        &mut self,
        to: Foothold,
        frame: Bytes,
        skip: Option<SocketId>,
        ticket: Option<Ticket>,
    ) -> u32 {
        let Foothold { core, local, .. } = to;
        if core == self.config.core {
            self.gather(local, frame, skip);
            return 0;
        }
        self.tell(core, CoreMessage::Deliver { local, frame, skip, ticket });
        1
    }

    /// An event from the channel's owner for the subscribers on this core.
    pub(super) fn on_deliver(
        &mut self,
        local: LocalId,
        frame: Bytes,
        skip: Option<SocketId>,
        ticket: Option<Ticket>,
    ) {
        self.gather(local, frame, skip);
        if let Some(ticket) = ticket {
            // It leaves this core after the turn's end, when the event is in every outbox.
            self.tell(ticket.core, CoreMessage::Queued { ticket });
        }
    }

    /// Queue what the turn has gathered for the channel at `local` before its list changes.
    pub(super) fn seal_early(&mut self, local: u32) {
        if let Some(index) = self.locals.at(local).value.run.take() {
            let run = std::mem::replace(&mut self.runs[index as usize], Run::new(local, 0));
            self.seal(run);
        }
    }

    /// Queue a run at the end of its turn.
    pub(super) fn seal_at_end(&mut self, run: Run) {
        if run.bytes() > 0 {
            self.locals.at(run.local).value.run = None;
            self.seal(run);
        } // Else it was sealed early, and the channel may be gone.
    }

    /// Queue a finished run on every subscriber of its channel.
    fn seal(&mut self, run: Run) {
        let (local, after) = (run.local, run.after);
        let (bytes, frames, skips) = run.finish();
        if self.locals.at(local).value.log.is_some() {
            self.set_back_the_slow(local, bytes.len(), after);
        }
        let plain = Sealed { segment: Segment::new(bytes, frames, &self.retained), skips };
        let deflated = self.deflate(local, &plain);
        let blocks = self.stream_form(local, &plain);
        // The list cannot change while it is walked: queueing tells nobody and closes nothing.
        let subscribers = std::mem::take(&mut self.locals.at(local).value.subscribers);
        self.counters.batches += 1;
        for &Subscriber { slot, .. } in &subscribers {
            let sealed = match (&deflated, &blocks) {
                (None, None) => &plain,
                (deflated, blocks) => match self.connections[slot as usize].form() {
                    Form::Plain => &plain,
                    Form::Deflated => deflated.as_ref().unwrap_or(&plain),
                    Form::Blocks => blocks.as_ref().expect("a channel counts its streams"),
                },
            };
            self.enqueue_sealed(slot, sealed);
        }
        self.locals.at(local).value.subscribers = subscribers;
    }

    /// Queue `segment` on the connection in `slot` and remember that its outbox wants a send.
    pub(super) fn enqueue(&mut self, slot: u32, segment: Segment) {
        self.send_replies_first(slot);
        let connection = &mut self.connections[slot as usize];
        if connection.is_over {
            return; // After what was withheld nothing else may follow.
        }
        let bytes_max = connection.dialect.outbox_bytes_max(&self.config);
        let conn = ConnId { slot, generation: connection.generation };
        if connection.outbox.is_idle() {
            connection.last_progress = self.now;
        }
        connection.outbox.push(segment);
        if connection.outbox.is_ready() {
            if !connection.is_dirty {
                connection.is_dirty = true;
                self.dirty.push(conn);
            }
        } else if connection.outbox.bytes() > bytes_max {
            self.overflow(slot);
        }
    }

    /// Put an event into its channel's run of this turn.
    fn gather(&mut self, local: LocalId, frame: Bytes, skip: Option<SocketId>) {
        let skip = skip.and_then(|id| self.slot_of(id));
        let Some(run) = self.run_of(local) else {
            return; // The last subscriber here left while the event was on its way.
        };
        self.send_to_those_behind(local.index, &frame, skip);
        self.runs[run as usize].push(frame, skip);
        self.seal_if_full(local.index, run);
    }

    /// The channel's run of this turn: its index among the runs.
    pub(super) fn run_of(&mut self, local: LocalId) -> Option<u32> {
        let channel = &mut self.locals.get(local.index, local.generation)?.value;
        let Some(run) = channel.run else {
            let after = channel.log.as_ref().map_or(0, |log| log.last());
            let run = self.runs.len() as u32;
            channel.run = Some(run);
            self.runs.push(Run::new(local.index, after));
            return Some(run);
        };
        Some(run)
    }

    /// Queue a run that has become long.
    pub(super) fn seal_if_full(&mut self, local: u32, run: u32) {
        if self.runs[run as usize].bytes() >= RUN_BYTES_MAX {
            self.seal_early(local);
        }
    }

    /// Queue a run, less what is withheld, on the connection in `slot`.
    fn enqueue_sealed(&mut self, slot: u32, Sealed { segment, skips }: &Sealed) {
        if skips.is_empty() {
            self.counters.deliveries += u64::from(segment.frames());
            self.enqueue(slot, segment.clone());
        } else {
            self.enqueue_parts(slot, segment, skips);
        }
    }

    /// Queue what `skips`, sorted by slot, leave of `segment` for the connection in `slot`.
    fn enqueue_parts(&mut self, slot: u32, segment: &Segment, skips: &[Skip]) {
        let from = skips.partition_point(|skip| skip.slot < slot);
        let until = from + skips[from..].partition_point(|skip| skip.slot == slot);
        let bytes = segment.len() as u32;
        for (start, end, frames) in remainder(bytes, segment.frames(), &skips[from..until]) {
            self.counters.deliveries += u64::from(frames);
            self.enqueue(slot, segment.part(start, end, frames));
        }
    }
}
