//! From an event to the outboxes of a channel's subscribers.
//!
//! An event goes to the channel's owner, which fixes its place in the channel's order, then to each
//! core that has subscribers, once. There it waits for the turn's end and is queued together with
//! the turn's other events of the channel. Nothing here costs an allocation, a hash or a message
//! for each subscriber.

use bytes::Bytes;

use crate::app::WebhookEvent;
use crate::channel::{Channel, Form, RUN_BYTES_MAX, Run, Skip, Subscriber, remainder};
use crate::deflate::Sealed;
use crate::frames::Frames;
use crate::id::{ConnId, CoreId, SocketId};
use crate::local::Local;
use crate::message::{
    CoreMessage, Counted, LocalId, Member, OwnedId, Publication, Ticket, ToLocal, ToOwner,
};
use crate::notice::is_of_interest;
use crate::outgoing_batch::{Load, Withheld};
use crate::own_form::OwnForms;
use crate::owned::Foothold;
use crate::owner::Owner;
use crate::question::Asked;
use crate::route::{Route, Way};
use crate::subscribe::Subscribed;
use crate::{Segment, Shard};

/// Who is to see an event of a subscriber, besides its sender.
enum Audience {
    Nobody,
    /// Subscribers on this core, and no log, or server of the app.
    Here,
    /// Subscribers on one other core, where the channel at `owned` has this foothold, and no log,
    /// or server of the app.
    There {
        owned: u32,
        foothold: usize,
    },
    /// Several of these, or the app's server, or a log.
    Many,
}

/// Whether a core is told of what a subscriber on the core `sender` publishes: where that is the
/// only one, nobody waits.
fn is_told(foothold: &Foothold, sender: CoreId) -> bool {
    foothold.core != sender || foothold.subscriptions.total() > 1
}

impl Shard {
    /// Publish the one frame that `write` appends to the channel that `conn` is `subscribed` to, to
    /// everyone but `conn`; `write` is told as whom it is subscribed.
    pub fn publish_from(
        &mut self,
        conn: ConnId,
        subscribed: Subscribed,
        write: impl FnOnce(&mut Vec<u8>, Option<&Member>),
    ) {
        let Some(skip) = self.local.socket_id(&self.route, conn) else {
            return; // Closed by an earlier message of the same read.
        };
        debug_assert!(self.route.is_settled(), "an event must not overtake a join");
        self.route.counters.publishes += 1;
        let owner = self.local.channels.at(subscribed.local).name.owner(self.route.config.cores);
        if !self.route.is_here(owner) {
            return self.local.tell_published(&mut self.route, conn, subscribed, skip, write);
        }
        let write = match self.audience_of(subscribed.local) {
            Audience::Nobody => return,
            Audience::Here => {
                return self.local.write_into_run(&mut self.route, conn, subscribed, write);
            }
            Audience::There { owned, foothold } => {
                let sender = (conn, subscribed.index);
                match self.write_delivered((owned, foothold), sender, write) {
                    Ok(()) => return,
                    Err(write) => write,
                }
            }
            Audience::Many => write,
        };
        let Subscribed { local, index } = subscribed;
        let subscription = &self.local.connections[conn.slot as usize].subscriptions[index];
        let mut frame = Vec::new();
        write(&mut frame, subscription.member.as_deref());
        let owned =
            self.local.channels.at(local).value.owned.expect("a confirmed subscription knows it");
        self.with_owner(|owner, way| owner.on_publish(way, owned, Frames::one(frame.into()), skip));
    }

    /// Publish all of `publications`; the answer comes when each is queued to every subscriber it
    /// had when its owner took it: who was there, in no order, where that was asked.
    pub fn publish(&mut self, publications: Vec<Publication>) -> Asked<Vec<Counted>> {
        let ticket = self.route.open_publish(publications.len() as u32);
        self.route.counters.publishes += publications.len() as u64;
        for publication in publications {
            let owner = publication.channel.owner(self.route.config.cores);
            if self.route.is_here(owner) {
                self.with_owner(|owner, way| owner.on_publish_named(way, publication, ticket));
                continue;
            }
            let publication = Box::new(publication);
            let publish = ToOwner::PublishNamed { publication, ticket };
            self.route.send(owner, CoreMessage::ToOwner(publish));
        }
        Asked::new(ticket)
    }

    /// Who is to see an event of a subscriber here in the channel at `local`, which this core puts
    /// in order.
    #[inline]
    fn audience_of(&mut self, local: u32) -> Audience {
        let Channel { owned: Some(owned), log: None, .. } = self.local.channels.at(local).value
        else {
            return Audience::Many;
        };
        let Some(channel) = self.owner.channels.get(owned.index, owned.generation) else {
            return Audience::Many;
        };
        if is_of_interest(&self.route.apps, &channel.name, WebhookEvent::ClientEvent) {
            return Audience::Many;
        }
        let core = self.route.config.core;
        let mut told = (0..).zip(&channel.value.footholds).filter(|(_, it)| is_told(it, core));
        match (told.next(), told.next()) {
            (None, _) => Audience::Nobody,
            (Some((_, it)), None) if it.core == core => Audience::Here,
            (Some((foothold, _)), None) => Audience::There { owned: owned.index, foothold },
            (Some(_), Some(_)) => Audience::Many,
        }
    }
}

impl Local {
    /// All that is left of a publish where nobody but this core's subscribers see it: what
    /// [`gather`](Self::gather) does, without a frame of its own.
    fn write_into_run(
        &mut self,
        route: &mut Route,
        conn: ConnId,
        Subscribed { local, index }: Subscribed,
        write: impl FnOnce(&mut Vec<u8>, Option<&Member>),
    ) {
        let generation = self.channels.at(local).generation;
        let Some(run) = self.run_of(LocalId { index: local, generation }) else {
            unreachable!("the sender is subscribed to the channel");
        };
        let subscription = &self.connections[conn.slot as usize].subscriptions[index];
        let member = subscription.member.as_deref();
        self.runs[run as usize].write(conn.slot, |bytes| write(bytes, member));
        self.seal_if_full(route, local, run);
    }

    /// Events from the channel's owner for the subscribers on this core.
    pub(super) fn on_deliver(
        &mut self,
        route: &mut Route,
        local: LocalId,
        frames: Frames,
        skip: Option<SocketId>,
        ticket: Option<Ticket>,
    ) {
        self.gather(route, local, frames, skip);
        if let Some(ticket) = ticket {
            route.tell_queued(ticket);
        }
    }

    /// Several events from the channel's owner for the subscribers on this core.
    pub(super) fn on_deliver_many(&mut self, route: &mut Route, local: LocalId, load: Load) {
        let Load { frames, withheld, tickets } = load;
        for ticket in tickets {
            route.tell_queued(ticket);
        }
        let Some(run) = self.run_of(local) else {
            return; // The last subscriber here left while the events were on their way.
        };
        self.send_load_to_those_behind(route, local.index, &frames, &withheld);
        let start = self.runs[run as usize].bytes() as u32;
        for Withheld { from, start: at, end, frames } in withheld {
            if let Some(slot) = self.slot_of(route, from) {
                let (start, end) = (start + at, start + end);
                self.runs[run as usize].push_skip(Skip { slot, start, end, frames });
            }
        }
        self.runs[run as usize].push_all(frames, None);
        self.seal_if_full(route, local.index, run);
    }

    /// Queue what the turn has gathered for the channel at `local` before its list changes.
    pub(super) fn seal_early(&mut self, route: &mut Route, local: u32) {
        if let Some(index) = self.channels.at(local).value.run.take() {
            let run = std::mem::replace(&mut self.runs[index as usize], Run::new(local, 0));
            self.seal(route, run);
        }
    }

    /// Queue all runs at the end of their turn.
    pub(super) fn seal_runs(&mut self, route: &mut Route) {
        let mut runs = std::mem::take(&mut self.runs);
        for run in runs.drain(..) {
            if run.bytes() > 0 {
                self.channels.at(run.local).value.run = None;
                self.seal(route, run);
            } // Else it was sealed early, and the channel may be gone.
        }
        self.runs = runs; // Empty, with its room: sealing a run starts none.
    }

    /// Queue a finished run on every subscriber of its channel.
    fn seal(&mut self, route: &mut Route, run: Run) {
        let (local, after) = (run.local, run.after);
        let (bytes, frames, skips) = run.finish();
        if self.channels.at(local).value.log.is_some() {
            self.set_back_the_slow(route, local, bytes.len(), after);
            route.sample_delivery(&bytes);
        }
        let plain = Sealed { segment: Segment::new(bytes, frames, &self.retained), skips };
        let deflated = self.deflate(route, local, &plain);
        let is_all_plain = deflated.is_none() && self.channels.at(local).value.own_forms == 0;
        let mut own_forms = OwnForms::new();
        // The list cannot change while it is walked: queueing tells nobody and closes nothing.
        let subscribers = std::mem::take(&mut self.channels.at(local).value.subscribers);
        route.counters.batches += 1;
        for &Subscriber { slot, .. } in &subscribers {
            let form =
                if is_all_plain { Form::Plain } else { self.connections[slot as usize].form() };
            let sealed = match form {
                Form::Plain => &plain,
                Form::Deflated => deflated.as_ref().unwrap_or(&plain),
                Form::Own(dialect) => {
                    let make = || plain.in_own_form(route, dialect, &self.retained);
                    let Some(sealed) = own_forms.of(dialect, make) else { continue };
                    sealed
                }
            };
            self.enqueue_sealed(route, slot, sealed);
        }
        self.channels.at(local).value.subscribers = subscribers;
    }

    /// Queue `segment` on the connection in `slot` and remember that its outbox wants a send.
    pub(super) fn enqueue(&mut self, route: &mut Route, slot: u32, segment: Segment) {
        self.send_replies_first(route, slot);
        let connection = &mut self.connections[slot as usize];
        if connection.is_over {
            return; // After what was withheld nothing else may follow.
        }
        let conn = ConnId { slot, generation: connection.generation };
        if connection.outbox.is_idle() {
            connection.last_progress = route.now;
        }
        connection.outbox.push(segment);
        if connection.outbox.is_ready() {
            if !connection.is_dirty {
                connection.is_dirty = true;
                self.dirty.push(conn);
            }
            return;
        }
        let traits = route.traits.of(connection.app, connection.dialect);
        if connection.outbox.bytes() > traits.outbox_bytes_max {
            self.overflow(slot);
        }
    }

    /// Put events into their channel's run of this turn.
    fn gather(
        &mut self,
        route: &mut Route,
        local: LocalId,
        frames: Frames,
        skip: Option<SocketId>,
    ) {
        let skip = skip.and_then(|id| self.slot_of(route, id));
        let Some(run) = self.run_of(local) else {
            return; // The last subscriber here left while the event was on its way.
        };
        self.send_to_those_behind(route, local.index, &frames, skip);
        self.runs[run as usize].push_all(frames, skip);
        self.seal_if_full(route, local.index, run);
    }

    /// The channel's run of this turn: its index among the runs.
    #[inline]
    pub(super) fn run_of(&mut self, local: LocalId) -> Option<u32> {
        let channel = &mut self.channels.get(local.index, local.generation)?.value;
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
    #[inline]
    pub(super) fn seal_if_full(&mut self, route: &mut Route, local: u32, run: u32) {
        if !route.config.is_coalescing || self.runs[run as usize].bytes() >= RUN_BYTES_MAX {
            self.seal_early(route, local);
        }
    }

    /// Queue a run, less what is withheld, on the connection in `slot`.
    fn enqueue_sealed(&mut self, route: &mut Route, slot: u32, sealed: &Sealed) {
        let Sealed { segment, skips } = sealed;
        if skips.is_empty() {
            route.counters.deliveries += u64::from(segment.frames());
            self.enqueue(route, slot, segment.clone());
        } else {
            self.enqueue_parts(route, slot, segment, skips);
        }
    }

    /// Queue what `skips`, sorted by slot, leave of `segment` for the connection in `slot`.
    fn enqueue_parts(&mut self, route: &mut Route, slot: u32, segment: &Segment, skips: &[Skip]) {
        let from = skips.partition_point(|skip| skip.slot < slot);
        let until = from + skips[from..].partition_point(|skip| skip.slot == slot);
        let bytes = segment.len() as u32;
        for (start, end, frames) in remainder(bytes, segment.frames(), &skips[from..until]) {
            route.counters.deliveries += u64::from(frames);
            self.enqueue(route, slot, segment.part(start, end, frames));
        }
    }
}

impl Owner {
    /// The owner's part of events from a subscriber.
    pub(super) fn on_publish(
        &mut self,
        way: &mut Way<'_>,
        owned: OwnedId,
        frames: Frames,
        sender: SocketId,
    ) {
        // The channel is gone if the sender was its last subscriber and has left since.
        if self.channels.get(owned.index, owned.generation).is_none() {
            return;
        }
        let frames = frames.share();
        self.notice_client_events(way.route, owned.index, &frames, sender);
        self.spread(way, owned.index, frames, Some(sender), None, |it| is_told(it, sender.core()));
    }

    /// The owner's part of an event from the HTTP API.
    pub(super) fn on_publish_named(
        &mut self,
        way: &mut Way<'_>,
        publication: Publication,
        ticket: Ticket,
    ) {
        let Publication { channel, frame, skip, counted_as } = publication;
        let counted = counted_as.map(|place| self.occupancy(&channel, place));
        self.cache_event(way.route, &channel, &frame, None);
        let cores = match self.channels.find_name(&channel) {
            Some(owned) => self.fan_out(way, owned, frame, skip, Some(ticket)),
            None => 0,
        };
        way.tell(ticket.core, ToLocal::Routed { ticket, cores, counted });
    }

    /// Give the event its place: after all that went to these cores before, before all that will.
    ///
    /// Returns how many other cores will answer for `ticket`.
    pub(super) fn fan_out(
        &mut self,
        way: &mut Way<'_>,
        owned: u32,
        frame: Bytes,
        skip: Option<SocketId>,
        ticket: Option<Ticket>,
    ) -> u32 {
        self.spread(way, owned, Frames::one(frame), skip, ticket, |_| true)
    }

    /// Pass events on to every core that `is_told`; how many others will answer for `ticket`.
    fn spread(
        &mut self,
        way: &mut Way<'_>,
        owned: u32,
        frames: Frames,
        skip: Option<SocketId>,
        ticket: Option<Ticket>,
        is_told: impl Fn(&Foothold) -> bool,
    ) -> u32 {
        let (mut others, mut last) = (0, None);
        for foothold in 0..self.channels.at(owned).value.footholds.len() {
            if is_told(&self.channels.at(owned).value.footholds[foothold])
                && let Some(before) = last.replace(foothold)
            {
                others += self.pass_on(way, owned, before, frames.clone(), skip, ticket);
            }
        }
        match last {
            // Which gets the events themselves and not a reference.
            Some(last) => others + self.pass_on(way, owned, last, frames, skip, ticket),
            None => others,
        }
    }

    /// Pass events on to one core; 1 if that is another, which will answer for `ticket`.
    fn pass_on(
        &mut self,
        way: &mut Way<'_>,
        owned: u32,
        foothold: usize,
        frames: Frames,
        skip: Option<SocketId>,
        ticket: Option<Ticket>,
    ) -> u32 {
        let &Foothold { core, local, .. } = &self.channels.at(owned).value.footholds[foothold];
        if way.route.is_here(core) {
            way.near.gather(way.route, local, frames, skip);
            return 0;
        }
        self.tell_delivered(way.route, owned, foothold, frames, skip, ticket);
        1
    }
}
