//! What a load is to do, free of how it was asked for.

use std::time::Duration;

use crate::ack::AckMode;
use crate::dialect::Dialect;
use crate::endpoint::Endpoint;
use crate::publish::http::Route;
use crate::verify::Tally;

/// The way events get into the server.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Via {
    /// Client events on websocket connections.
    ClientEvents,
    /// Messages of zero-pub-sub on websocket connections.
    Messages,
    /// Signed HTTP requests.
    Http(Route),
}

impl Via {
    /// The word for it on the command line and in reports.
    pub const fn name(self) -> &'static str {
        match self {
            Self::ClientEvents => "client-events",
            Self::Messages => "ws",
            Self::Http(Route::Events) => "http",
            Self::Http(Route::Batch) => "http-batch",
        }
    }

    /// The event's name: clients may only publish names that start with `client-`.
    pub const fn event(self) -> &'static str {
        match self {
            Self::ClientEvents => "client-load",
            Self::Messages => "load.event",
            Self::Http(_) => "load",
        }
    }
}

/// When events are published.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Pace {
    /// Closed loop: at most `window` events of a room are unreceived by someone, and a room waits
    /// until `burst` of them may be published at once.
    Window {
        /// Events in flight per room.
        window: u64,
        /// Events per refill.
        burst: u64,
    },
    /// Open loop: this long between two events, whatever the server does.
    Interval {
        /// Nanoseconds from one event to the next, over all rooms.
        interval_ns: u64,
    },
}

/// A whole load.
#[derive(Clone, Debug)]
pub struct Plan {
    /// The server.
    pub endpoint: Endpoint,
    /// How it is spoken to.
    pub dialect: Dialect,
    /// The channels.
    pub channels: Vec<String>,
    /// Connections subscribed to each channel.
    pub subscribers_per_room: u32,
    /// Events published into each channel.
    pub events_per_room: u64,
    /// The way into the server.
    pub via: Via,
    /// Publishing connections, at most one per channel.
    pub publishers: usize,
    /// When events are published.
    pub pace: Pace,
    /// How often subscribers acknowledge.
    pub ack: AckMode,
    /// Size of a delivered frame with its header, in bytes.
    pub frame_bytes: usize,
    /// Time between two looks at what arrived; zero looks as soon as anything has.
    pub drain: Duration,
    /// The load fails if it takes longer.
    pub time_limit: Duration,
}

impl Plan {
    /// Events published, over all rooms.
    pub fn events(&self) -> u64 {
        self.channels.len() as u64 * self.events_per_room
    }

    /// Deliveries that must happen.
    pub fn deliveries(&self) -> u64 {
        self.events() * u64::from(self.subscribers_per_room)
    }

    /// Events that requests must have published in the end; a websocket answers nothing.
    pub fn answers(&self) -> u64 {
        match self.via {
            Via::ClientEvents | Via::Messages => 0,
            Via::Http(_) => self.events(),
        }
    }

    /// Events that subscribers must have acknowledged, and the server confirmed, in the end.
    pub fn acked(&self) -> u64 {
        self.ack.every().map_or(0, |_| self.deliveries())
    }

    /// Deliveries, answers and confirmations together that so many events in each room must bring.
    pub fn settled(&self, events_per_room: u64) -> u64 {
        let plan = Self { events_per_room, ..self.clone() };
        plan.deliveries() + plan.answers() + plan.acked()
    }

    /// Whether all that must happen has.
    pub fn is_complete(&self, tally: &Tally) -> bool {
        let is_acked = tally.acked == self.acked();
        tally.delivered == self.deliveries() && tally.answered == self.answers() && is_acked
    }

    /// Subscriber connections.
    pub fn subscribers(&self) -> usize {
        self.channels.len() * self.subscribers_per_room as usize
    }
}

/// Events per room for a wanted total: enough for the total, rounded up.
pub const fn events_per_room(target: u64, rooms: u64) -> u64 {
    target.div_ceil(rooms)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_target_is_spread_over_the_rooms_and_rounded_up() {
        for (target, rooms, expected) in
            [(1_000_000, 100, 10_000), (1_000_001, 100, 10_001), (1, 100, 1), (100, 3, 34)]
        {
            assert_eq!(events_per_room(target, rooms), expected, "{target} over {rooms}");
        }
    }
}
