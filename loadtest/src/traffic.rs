//! Everything a running load knows, apart from the ring: subscribers, rooms, publishers, counts.
//!
//! Told what happened on a connection, it verifies and counts; told the time, it publishes.

use hdrhistogram::Histogram;
use uringcast_proto::ws::Opcode;
use uringcast_proto::ws::client::FrameCursor;

use crate::ack::Acks;
use crate::clock::Clock;
use crate::control;
use crate::failure::Failure;
use crate::payload::{Damaged, Template};
use crate::plan::Pace;
use crate::publish::{Context, Due, Publisher};
use crate::room::{Reading, Room};
use crate::socket::outbox::Outbox;
use crate::socket::ring::{Event, Link};
use crate::verify::{Cursor, Tally};

/// The longest latency the histogram can tell from longer ones, in nanoseconds: ten minutes.
const LATENCY_NS_MAX: u64 = 600_000_000_000;
/// Latencies below this are told apart only coarsely, in nanoseconds.
const LATENCY_NS_MIN: u64 = 1_000;

/// One subscribed connection.
#[derive(Debug)]
pub struct Subscriber {
    /// Index of the room it listens to.
    pub room: u32,
    /// What it must receive next.
    pub cursor: Cursor,
    /// Received bytes of an incomplete frame.
    pub inbox: FrameCursor,
    /// Answers to pings, and acks.
    pub outbox: Outbox,
    /// What it acknowledges, if it does.
    pub acks: Option<Acks>,
}

/// The state of a load. Links of subscribers come first, then those of publishers.
#[derive(Debug)]
pub struct Traffic {
    /// The channels.
    pub rooms: Vec<Room>,
    /// Connections that receive, by link.
    pub subscribers: Vec<Subscriber>,
    /// Connections that publish, by link after the subscribers.
    pub publishers: Vec<Publisher>,
    /// How texts are written and read.
    pub template: Template,
    /// Counts from the first publish.
    pub clock: Clock,
    /// What arrived so far.
    pub tally: Tally,
    /// What was wrong with the first damaged event.
    pub damage: Option<Damaged>,
    /// From the due time to the receipt, in nanoseconds, one entry per delivery.
    pub latency: Histogram<u64>,
    /// Rooms that may have space for more events in flight.
    pub refillable: Vec<u32>,
    /// Subscribers with something to send.
    pub replying: Vec<Link>,
    /// The ack being written, before it is masked.
    ack: Vec<u8>,
    /// Rooms of events whose requests were just accepted.
    answered: Vec<u32>,
    /// Events that an open loop published more than one interval after they were due.
    pub late: u64,
    /// Events published by the schedule of an open loop, and the events it has.
    scheduled: u64,
    schedule: u64,
    /// Events to be published into each room, counted from the very first.
    target: u64,
}

impl Traffic {
    /// Traffic that has not begun.
    pub fn new(rooms: Vec<Room>, subscribers: Vec<Subscriber>, publishers: Vec<Publisher>) -> Self {
        let text_bytes_max = rooms.iter().map(|room| room.text_bytes).max().unwrap_or(0);
        Self {
            refillable: Vec::new(),
            rooms,
            subscribers,
            publishers,
            template: Template::new(text_bytes_max),
            clock: Clock::start(),
            tally: Tally::default(),
            damage: None,
            latency: no_latencies(),
            replying: Vec::new(),
            ack: Vec::new(),
            answered: Vec::new(),
            late: 0,
            scheduled: 0,
            schedule: 0,
            target: 0,
        }
    }

    /// Begin to count, with `events_per_room` more events to be published into each room.
    ///
    /// Nothing may be in flight: what a warm-up published has to be received before.
    pub fn begin(&mut self, events_per_room: u64) {
        assert!(self.rooms.iter().all(|room| room.in_flight() == 0), "all is received");
        self.target += events_per_room;
        (self.late, self.scheduled) = (0, 0);
        self.schedule = self.rooms.len() as u64 * events_per_room;
        self.refillable = (0..self.rooms.len() as u32).collect();
        for publisher in &mut self.publishers {
            publisher.expect(events_per_room);
        }
        for acks in self.subscribers.iter_mut().filter_map(|it| it.acks.as_mut()) {
            acks.end_at(self.target);
        }
        self.tally = Tally::default();
        self.latency.reset();
        self.clock = Clock::start();
    }

    /// What publishers need, and the publishers.
    pub fn publishing(&mut self) -> (&mut [Publisher], Context<'_>) {
        let context = Context { rooms: &self.rooms, template: &self.template, clock: self.clock };
        (&mut self.publishers, context)
    }

    /// Take in what happened on a connection.
    #[inline]
    pub fn on_event(&mut self, link: Link, event: Event<'_>) -> Result<(), Failure> {
        let subscribers = self.subscribers.len();
        match event {
            Event::Received(bytes) if link.index() < subscribers => self.on_received(link, bytes),
            Event::Received(bytes) => self.on_answered(link.index() - subscribers, bytes),
            Event::Sent(spare) => {
                match self.publishers.get_mut(link.index().wrapping_sub(subscribers)) {
                    Some(publisher) => publisher.on_sent(spare),
                    None => self.subscribers[link.index()].outbox.on_sent(spare),
                }
                Ok(())
            }
            Event::Closed => self.on_closed(link),
            Event::Failed(error) => Err(Failure::Io(error)),
        }
    }

    fn on_closed(&mut self, link: Link) -> Result<(), Failure> {
        let publisher = link.index().checked_sub(self.subscribers.len());
        match publisher.map(|index| self.publishers[index].on_closed()) {
            Some(true) => Ok(()),
            Some(false) | None => Err(Failure::Closed("without a close frame".to_owned())),
        }
    }

    fn on_received(&mut self, link: Link, bytes: &[u8]) -> Result<(), Failure> {
        let Self { rooms, subscribers, template, tally, damage, latency, clock, ack, .. } = self;
        let Subscriber { room, cursor, inbox, outbox, acks } = &mut subscribers[link.index()];
        let room = &mut rooms[*room as usize];
        let now_ns = clock.now_ns();
        let mut completed = false;
        let mut input = bytes;
        while let Some(frame) = inbox.next(&mut input)? {
            if frame.opcode != Opcode::Text || !frame.is_final {
                control::on_frame(frame, outbox)?;
                continue;
            }
            match room.read(frame.payload, template)? {
                Reading::Event(stamp) => {
                    if let Some(first) = cursor.advance(stamp.sequence, tally) {
                        completed |= room.receive(first, stamp.sequence + 1);
                        latency.saturating_record(now_ns.saturating_sub(stamp.due_ns));
                        if acks.is_some_and(|acks| acks.is_due(stamp.sequence + 1)) {
                            ack.clear();
                            room.write_ack(stamp.sequence + 1, ack);
                            control::send_text(ack, outbox);
                        }
                    }
                }
                Reading::Acked(sequence) => match acks {
                    Some(acks) => acks.confirm(sequence, cursor.next, tally),
                    None => tally.stray_acks += 1,
                },
                Reading::Damaged(damaged) => {
                    tally.damaged += 1;
                    damage.get_or_insert(damaged);
                }
                Reading::Other(message) => control::on_message(&message, outbox)?,
            }
        }
        if completed {
            self.refillable.push(room.index);
        }
        if !outbox.filling.is_empty() {
            self.replying.push(link);
        }
        Ok(())
    }

    fn on_answered(&mut self, publisher: usize, bytes: &[u8]) -> Result<(), Failure> {
        let Self { rooms, publishers, answered, refillable, tally, .. } = self;
        publishers[publisher].on_received(bytes, answered)?;
        for index in answered.drain(..) {
            tally.answered += 1;
            if rooms[index as usize].answer() {
                refillable.push(index);
            }
        }
        Ok(())
    }

    /// Publish everything the pace allows now; with an open loop, the nanoseconds until the next
    /// event are returned.
    pub fn publish(&mut self, pace: Pace) -> Option<u64> {
        match pace {
            Pace::Window { window, burst } => {
                self.refill(window, burst);
                None
            }
            Pace::Interval { interval_ns } => self.publish_due(interval_ns),
        }
    }

    fn refill(&mut self, window: u64, burst: u64) {
        let mut refillable = std::mem::take(&mut self.refillable);
        for index in refillable.drain(..) {
            let room = &self.rooms[index as usize];
            let left = self.target - room.published;
            let free = window.saturating_sub(room.in_flight()).min(left);
            if free >= burst.min(left) {
                for _ in 0..free {
                    self.publish_one(index, None);
                }
            }
        }
        self.refillable = refillable;
    }

    fn publish_due(&mut self, interval_ns: u64) -> Option<u64> {
        let rooms = self.rooms.len() as u64;
        self.refillable.clear();
        let now_ns = self.clock.now_ns();
        while self.scheduled < self.schedule {
            let due_ns = self.scheduled * interval_ns;
            if due_ns > now_ns {
                return Some(due_ns - now_ns);
            }
            self.late += u64::from(now_ns - due_ns > interval_ns);
            self.publish_one((self.scheduled % rooms) as u32, Some(due_ns));
            self.scheduled += 1;
        }
        None
    }

    fn publish_one(&mut self, index: u32, at_ns: Option<u64>) {
        let sequence = self.rooms[index as usize].publish();
        let publisher = index as usize % self.publishers.len();
        let context = Context { rooms: &self.rooms, template: &self.template, clock: self.clock };
        self.publishers[publisher].push(Due { room: index, sequence, at_ns }, context);
    }
}

/// A histogram of nanoseconds that has room for every latency a load waits for.
pub fn no_latencies() -> Histogram<u64> {
    Histogram::new_with_bounds(LATENCY_NS_MIN, LATENCY_NS_MAX, 3)
        .expect("the bounds are in order, and three digits are allowed")
}

#[cfg(test)]
mod tests;
