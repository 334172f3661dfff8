//! The three ways an event gets into the server.

pub mod http;
pub mod response;
pub mod websocket;

use std::io;

use crate::clock::Clock;
use crate::failure::Failure;
use crate::payload::Template;
use crate::room::Room;
use crate::socket::ring::{Link, Ring};

/// One event that is to be published.
#[derive(Clone, Copy, Debug)]
pub struct Due {
    /// Index of its room.
    pub room: u32,
    /// Its place in the room.
    pub sequence: u64,
    /// When it ought to be sent, in nanoseconds of the load's clock. Without a schedule this is
    /// the moment it is written out.
    pub at_ns: Option<u64>,
}

/// What a publisher needs to know to write an event.
#[derive(Clone, Copy, Debug)]
pub struct Context<'a> {
    /// All rooms.
    pub rooms: &'a [Room],
    /// How texts are written.
    pub template: &'a Template,
    /// The load's clock.
    pub clock: Clock,
}

/// One publishing connection.
#[derive(Debug)]
pub enum Publisher {
    /// Client events on a websocket.
    Websocket(websocket::Publisher),
    /// Signed requests on a kept-alive connection.
    Http(Box<http::Publisher>),
}

impl Publisher {
    /// Take on one event.
    #[inline]
    pub fn push(&mut self, due: Due, context: Context<'_>) {
        match self {
            Self::Websocket(publisher) => publisher.push(due, context),
            Self::Http(publisher) => publisher.push(due),
        }
    }

    /// Bytes came back on its connection; the room of each event that they accept is added to
    /// `answered`.
    pub fn on_received(&mut self, bytes: &[u8], answered: &mut Vec<u32>) -> Result<(), Failure> {
        match self {
            Self::Websocket(publisher) => publisher.on_received(bytes),
            Self::Http(publisher) => publisher.on_received(bytes, answered),
        }
    }

    /// It will be given `to_come` more events for each of its rooms.
    pub fn expect(&mut self, to_come: u64) {
        match self {
            Self::Websocket(_) => {}
            Self::Http(publisher) => publisher.expect(to_come),
        }
    }

    /// Its connection was closed: whether that is no failure.
    pub fn on_closed(&mut self) -> bool {
        match self {
            Self::Websocket(_) => false,
            Self::Http(publisher) => publisher.on_closed(),
        }
    }

    /// Its last send is over.
    pub fn on_sent(&mut self, spare: Vec<u8>) {
        match self {
            Self::Websocket(publisher) => publisher.outbox.on_sent(spare),
            Self::Http(publisher) => publisher.outbox.on_sent(spare),
        }
    }

    /// Send what can be sent now.
    pub fn flush(&mut self, ring: &mut Ring, link: Link, context: Context<'_>) -> io::Result<()> {
        match self {
            Self::Websocket(publisher) => publisher.outbox.flush(ring, link),
            Self::Http(publisher) => publisher.flush(ring, link, context),
        }
    }
}
