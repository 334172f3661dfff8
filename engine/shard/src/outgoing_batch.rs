//! Events on their way from one core to another: those of one channel and turn as one message.
//!
//! A message for each event costs both cores more than the bytes do, which lie in the other's cache
//! one frame here and one there. So an event is put behind the last that waits for the same core,
//! as long as nothing was said to that core in between that stands in the channel's order: a
//! [`Joined`](ToLocal::Joined) or an event of its log.
//!
//! Where the last one waits is remembered as a place in the list of what goes to the core. The list
//! is handed over at the turn's end and the place is not forgotten then: it is one of a message of
//! this channel, or what was said of it is out of date.

use crate::Shard;
use crate::channel::RUN_BYTES_MAX;
use crate::frames::Frames;
use crate::id::{ConnId, CoreId, SocketId};
use crate::local::Local;
use crate::message::{CoreMessage, LocalId, Member, OwnedId, Ticket, ToLocal, ToOwner};
use crate::owner::Owner;
use crate::route::Route;
use crate::subscribe::Subscribed;

/// A place in no list.
pub(super) const NOWHERE: u32 = u32::MAX;

/// Frames of several events for the subscribers on one core.
#[derive(Debug)]
pub struct Load {
    pub(super) frames: Frames,
    /// In the order of the frames.
    pub(super) withheld: Vec<Withheld>,
    /// Who waits for an event to be queued, once for each event.
    pub(super) tickets: Vec<Ticket>,
}

/// Bytes of a load that one connection must not get.
#[derive(Debug)]
pub(super) struct Withheld {
    pub(super) from: SocketId,
    pub(super) start: u32,
    pub(super) end: u32,
    pub(super) frames: u32,
}

impl Load {
    const fn new() -> Self {
        Self { frames: Frames::new(), withheld: Vec::new(), tickets: Vec::new() }
    }

    /// About how much memory it holds.
    pub(super) fn weight_bytes(&self) -> usize {
        size_of::<Self>()
            + self.frames.len()
            + size_of_val(&*self.withheld)
            + size_of_val(&*self.tickets)
    }

    fn push(&mut self, frames: Frames, skip: Option<SocketId>, ticket: Option<Ticket>) {
        let start = self.frames.len() as u32;
        let end = start + frames.len() as u32;
        if let Some(from) = skip {
            self.withhold(Withheld { from, start, end, frames: frames.count() });
        }
        self.tickets.extend(ticket);
        self.frames.push(frames);
    }

    fn withhold(&mut self, more: Withheld) {
        match self.withheld.last_mut() {
            Some(last) if last.from == more.from && last.end == more.start => {
                last.end = more.end;
                last.frames += more.frames;
            }
            _ => self.withheld.push(more),
        }
    }
}

impl CoreMessage {
    /// Where an event goes that stands behind those of the same sender and channel, if this is the
    /// message for that.
    fn published(&mut self, to: OwnedId, from: SocketId) -> Option<&mut Frames> {
        match self {
            Self::ToOwner(ToOwner::Publish { owned, frames, skip })
                if *owned == to && *skip == from && frames.len() < RUN_BYTES_MAX =>
            {
                Some(frames)
            }
            _ => None,
        }
    }

    /// Where an event goes that stands behind others, of any sender, on their way to the
    /// subscribers of one channel, if this is the message for that.
    fn delivered(&mut self, to: LocalId) -> Option<&mut Load> {
        match self {
            Self::ToLocal(ToLocal::DeliverMany { local, load })
                if *local == to && load.frames.len() < RUN_BYTES_MAX =>
            {
                Some(load)
            }
            _ => None,
        }
    }

    /// Put events behind others of the channel; they are given back if this is not the message for
    /// that.
    fn add_delivered(
        &mut self,
        to: LocalId,
        more: Frames,
        skip: Option<SocketId>,
        ticket: Option<Ticket>,
    ) -> Result<(), Frames> {
        if let Self::ToLocal(ToLocal::Deliver { local, .. }) = self
            && *local == to
        {
            self.make_room();
        }
        match self.delivered(to) {
            Some(load) => {
                load.push(more, skip, ticket);
                Ok(())
            }
            None => Err(more),
        }
    }

    /// Make the delivery of one event one that may hold many.
    fn make_room(&mut self) {
        let Self::ToLocal(ToLocal::Deliver { local, frames, skip, ticket }) = self else { return };
        let mut load = Box::new(Load::new());
        load.push(std::mem::replace(frames, Frames::new()), *skip, *ticket);
        *self = Self::ToLocal(ToLocal::DeliverMany { local: *local, load });
    }
}

impl Shard {
    /// The one frame that `write` appends goes to the core of one foothold of the channel at
    /// `owned`, behind others that wait for it; `write` is given back where none do. The sender is
    /// on another core, so nobody is to be left out.
    pub(super) fn write_delivered<W: FnOnce(&mut Vec<u8>, Option<&Member>)>(
        &mut self,
        (owned, foothold): (u32, usize),
        (conn, index): (ConnId, usize),
        write: W,
    ) -> Result<(), W> {
        let foothold = &self.owner.channels.at(owned).value.footholds[foothold];
        let at = if self.route.config.is_coalescing { foothold.delivered_at } else { NOWHERE };
        let outgoing = &mut self.route.outgoing[usize::from(foothold.core.0)];
        let waiting = outgoing.messages.get_mut(at as usize);
        let Some(load) = waiting.and_then(|message| message.delivered(foothold.local)) else {
            return Err(write);
        };
        let member =
            self.local.connections[conn.slot as usize].subscriptions[index].member.as_deref();
        let before = load.frames.len();
        load.frames.write(|bytes| write(bytes, member));
        outgoing.bytes += load.frames.len() - before;
        Ok(())
    }
}

impl Local {
    /// Tell the owner of the channel at `local`, which is another core, what a subscriber here
    /// publishes: the frame that `write` appends.
    pub(super) fn tell_published(
        &mut self,
        route: &mut Route,
        conn: ConnId,
        Subscribed { local, index }: Subscribed,
        skip: SocketId,
        write: impl FnOnce(&mut Vec<u8>, Option<&Member>),
    ) {
        let member = self.connections[conn.slot as usize].subscriptions[index].member.as_deref();
        let entry = self.channels.at(local);
        let owned = entry.value.owned.expect("a confirmed subscription knows its owner");
        let (owner, at) = (entry.name.owner(route.config.cores), entry.value.published_at);
        let at = if route.config.is_coalescing { at } else { NOWHERE };
        let outgoing = &mut route.outgoing[usize::from(owner.0)];
        let waiting = outgoing.messages.get_mut(at as usize);
        if let Some(frames) = waiting.and_then(|message| message.published(owned, skip)) {
            let before = frames.len();
            frames.write(|bytes| write(bytes, member));
            outgoing.bytes += frames.len() - before;
            return;
        }
        let mut frame = Vec::new();
        write(&mut frame, member);
        entry.value.published_at = outgoing.messages.len() as u32;
        let frames = Frames::one(frame.into());
        route.send(owner, CoreMessage::ToOwner(ToOwner::Publish { owned, frames, skip }));
    }
}

impl Owner {
    /// Pass events of the channel at `owned` on to the core of one of its footholds.
    pub(super) fn tell_delivered(
        &mut self,
        route: &mut Route,
        owned: u32,
        foothold: usize,
        frames: Frames,
        skip: Option<SocketId>,
        ticket: Option<Ticket>,
    ) {
        let foothold = &mut self.channels.at(owned).value.footholds[foothold];
        let (core, local) = (foothold.core, foothold.local);
        let at = if route.config.is_coalescing { foothold.delivered_at } else { NOWHERE };
        let outgoing = &mut route.outgoing[usize::from(core.0)];
        let bytes = frames.len();
        let frames = match outgoing.messages.get_mut(at as usize) {
            Some(message) => match message.add_delivered(local, frames, skip, ticket) {
                Ok(()) => return outgoing.bytes += bytes + ADDED_OVERHEAD_BYTES,
                Err(frames) => frames,
            },
            None => frames,
        };
        foothold.delivered_at = outgoing.messages.len() as u32;
        let deliver = ToLocal::Deliver { local, frames, skip, ticket };
        route.send(core, CoreMessage::ToLocal(deliver));
    }

    /// What `core` is told next of the channel at `owned` comes after the events that wait for it.
    pub(super) fn end_outgoing_batch(&mut self, owned: u32, core: CoreId) {
        let mut footholds = self.channels.at(owned).value.footholds.iter_mut();
        if let Some(foothold) = footholds.find(|foothold| foothold.core == core) {
            foothold.delivered_at = NOWHERE;
        }
    }
}

/// What an event that is put behind others may take besides its bytes.
const ADDED_OVERHEAD_BYTES: usize = size_of::<Withheld>() + size_of::<Ticket>();
