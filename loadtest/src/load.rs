//! Carries out a plan: connects, then publishes, receives and verifies until all is delivered.

use std::time::Duration;

use hdrhistogram::Histogram;

use crate::ack::Acks;
use crate::failure::Failure;
use crate::payload::Damaged;
use crate::plan::{Pace, Plan, Via};
use crate::progress::Progress;
use crate::publish::{Publisher, http, websocket};
use crate::room::Room;
use crate::socket::connect::{self, Session};
use crate::socket::outbox::Outbox;
use crate::socket::ring::{Link, Ring};
use crate::traffic::{Subscriber, Traffic};
use crate::verify::{Cursor, Tally};

/// Longest sleep of the loop, so that time limits and the progress line are looked at.
const WAIT_MAX: Duration = Duration::from_millis(50);
/// A load that receives nothing for this long has failed.
const STALL_LIMIT: Duration = Duration::from_secs(10);
/// How long duplicates are waited for after the last delivery.
const SETTLE: Duration = Duration::from_millis(100);

/// A connected load that has not begun.
pub struct Load {
    plan: Plan,
    ring: Ring,
    subscribers: Vec<Link>,
    publishers: Vec<Link>,
    traffic: Traffic,
}

/// How a load went.
#[derive(Debug)]
pub struct Outcome {
    /// What arrived.
    pub tally: Tally,
    /// From the first publish to the last delivery.
    pub elapsed: Duration,
    /// Latency of each delivery, in nanoseconds.
    pub latency: Histogram<u64>,
    /// Events that an open loop published more than one interval after they were due.
    pub late: u64,
    /// What was wrong with the first damaged event.
    pub damage: Option<Damaged>,
    /// Why it ended early, if it did.
    pub failure: Option<Failure>,
}

impl Load {
    /// Open and subscribe every connection of the plan.
    pub fn connect(plan: Plan, opened: impl FnMut(u64)) -> Result<Self, Failure> {
        let mut ring = Ring::new(plan.drain).map_err(Failure::NoRing)?;
        let rooms = rooms(&plan);
        let wanted: Vec<_> = (0..plan.subscribers())
            .map(|index| vec![plan.channels[index % plan.channels.len()].clone()])
            .collect();
        let sessions = connect::open(&plan.endpoint, &plan.dialect, &wanted, opened)?;
        let mut links = Vec::with_capacity(sessions.len());
        let mut subscribers = Vec::with_capacity(sessions.len());
        for (index, Session { stream, inbox }) in sessions.into_iter().enumerate() {
            links.push(ring.add(stream)?);
            let room = (index % plan.channels.len()) as u32;
            let (cursor, outbox) = (Cursor::default(), Outbox::default());
            let acks = plan.ack.every().map(Acks::new);
            subscribers.push(Subscriber { room, cursor, inbox, outbox, acks });
        }
        let (publisher_links, publishers) = match plan.via {
            Via::ClientEvents | Via::Messages => websocket_publishers(&plan, &rooms, &mut ring)?,
            Via::Http(route) => http_publishers(&plan, route, &mut ring)?,
        };
        let traffic = Traffic::new(rooms, subscribers, publishers);
        Ok(Self { plan, ring, subscribers: links, publishers: publisher_links, traffic })
    }

    /// Deliver `events_per_room` events that do not count; whatever goes wrong is a failure.
    ///
    /// Servers differ in what their first events cost: one compiles, one learns, one allocates.
    pub fn warm_up(&mut self, events_per_room: u64) -> Result<(), Failure> {
        self.traffic.begin(events_per_room);
        self.deliver(self.plan.settled(events_per_room), |_, _| ())?;
        match self.traffic.damage {
            Some(damaged) => Err(Failure::Damaged(damaged)),
            None => Ok(()),
        }
    }

    /// Run to the end. What went wrong on the way is part of the outcome.
    pub fn run(mut self, progress: &mut Progress) -> Outcome {
        let events_per_room = self.plan.events_per_room;
        self.traffic.begin(events_per_room);
        let settled = self.plan.settled(events_per_room);
        let failure = self.deliver(settled, |done, elapsed| progress.advance(done, elapsed)).err();
        let elapsed = self.traffic.clock.elapsed();
        let failure = failure.or_else(|| self.settle().err());
        let Traffic { tally, latency, late, damage, .. } = self.traffic;
        Outcome { tally, elapsed, latency, late, damage, failure }
    }

    fn deliver(
        &mut self,
        expected: u64,
        mut advance: impl FnMut(u64, Duration),
    ) -> Result<(), Failure> {
        let (mut settled, mut settled_at) = (0, Duration::ZERO);
        while settled < expected {
            let next_ns = self.traffic.publish(self.plan.pace);
            self.flush()?;
            let wait = next_ns.map_or(WAIT_MAX, |ns| Duration::from_nanos(ns).min(WAIT_MAX));
            self.receive(wait)?;
            let elapsed = self.traffic.clock.elapsed();
            if self.traffic.tally.settled() > settled {
                (settled, settled_at) = (self.traffic.tally.settled(), elapsed);
                advance(settled, elapsed);
            }
            if elapsed > settled_at + STALL_LIMIT {
                return Err(Failure::Stalled(STALL_LIMIT.as_secs()));
            }
            if elapsed > self.plan.time_limit {
                return Err(Failure::TimedOut(self.plan.time_limit.as_secs()));
            }
        }
        Ok(())
    }

    /// Look for events that arrive although all have.
    fn settle(&mut self) -> Result<(), Failure> {
        let end = self.traffic.clock.elapsed() + SETTLE;
        while let Some(left) = end.checked_sub(self.traffic.clock.elapsed()) {
            self.receive(left)?;
        }
        Ok(())
    }

    fn receive(&mut self, wait: Duration) -> Result<(), Failure> {
        let Self { ring, traffic, .. } = self;
        ring.wait(wait, |link, event| traffic.on_event(link, event))
    }

    fn flush(&mut self) -> Result<(), Failure> {
        for link in self.traffic.replying.drain(..) {
            let outbox = &mut self.traffic.subscribers[link.index()].outbox;
            outbox.flush(&mut self.ring, self.subscribers[link.index()])?;
        }
        let (publishers, context) = self.traffic.publishing();
        for (publisher, link) in publishers.iter_mut().zip(&self.publishers) {
            publisher.flush(&mut self.ring, *link, context)?;
        }
        Ok(())
    }
}

fn rooms(plan: &Plan) -> Vec<Room> {
    let room = |(index, channel): (usize, &String)| {
        let subscribers = plan.subscribers_per_room;
        let (event, frame_bytes) = (plan.via.event(), plan.frame_bytes);
        let room = Room::new(index as u32, channel.clone(), event, subscribers, frame_bytes);
        match plan.via {
            Via::Messages => room.numbered(frame_bytes),
            Via::ClientEvents | Via::Http(_) => room,
        }
    };
    plan.channels.iter().enumerate().map(room).collect()
}

/// The channels of the `index`th of the plan's publishers.
fn channels_of(plan: &Plan, index: usize) -> Vec<String> {
    plan.channels.iter().skip(index).step_by(plan.publishers).cloned().collect()
}

type Publishers = (Vec<Link>, Vec<Publisher>);

fn websocket_publishers(
    plan: &Plan,
    rooms: &[Room],
    ring: &mut Ring,
) -> Result<Publishers, Failure> {
    let wanted: Vec<_> = (0..plan.publishers)
        .map(|index| plan.dialect.publisher_channels(channels_of(plan, index)))
        .collect();
    let sessions = connect::open(&plan.endpoint, &plan.dialect, &wanted, |_| ())?;
    let mut publishers = Publishers::default();
    for (index, Session { stream, inbox }) in sessions.into_iter().enumerate() {
        let publisher = websocket::Publisher::new(inbox, rooms, index, plan.publishers);
        publishers.0.push(ring.add(stream)?);
        publishers.1.push(Publisher::Websocket(publisher));
    }
    Ok(publishers)
}

fn http_publishers(
    plan: &Plan,
    route: http::Route,
    ring: &mut Ring,
) -> Result<Publishers, Failure> {
    let mut publishers = Publishers::default();
    for index in 0..plan.publishers {
        let (endpoint, dialect) = (plan.endpoint.clone(), plan.dialect.clone());
        let rooms = channels_of(plan, index).len() as u64;
        // A room is refilled no later than when `burst` events have left its window, so this many
        // events come to a publisher without its doing anything.
        let certain = match plan.pace {
            Pace::Window { window, burst } => rooms * (window + 1).saturating_sub(burst),
            Pace::Interval { .. } => 1,
        };
        let target = http::Target { endpoint, dialect, route };
        let publisher = http::Publisher::new(target, rooms, certain as usize);
        publishers.0.push(ring.add(connect::dial(plan.endpoint.address, 0)?)?);
        publishers.1.push(Publisher::Http(Box::new(publisher)));
    }
    Ok(publishers)
}
