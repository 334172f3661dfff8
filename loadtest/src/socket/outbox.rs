//! The bytes a connection has yet to send: one buffer filling while the other is in flight.

use std::io;

use super::ring::{Link, Ring};

/// Two buffers that take turns.
#[derive(Debug, Default)]
pub struct Outbox {
    /// Filled while a send is in flight.
    pub filling: Vec<u8>,
    spare: Vec<u8>,
    in_flight: bool,
}

impl Outbox {
    /// Send what has been filled in, unless a send is still in flight.
    pub fn flush(&mut self, ring: &mut Ring, link: Link) -> io::Result<()> {
        if self.in_flight || self.filling.is_empty() {
            return Ok(());
        }
        self.in_flight = true;
        let spare = std::mem::take(&mut self.spare);
        ring.send(link, std::mem::replace(&mut self.filling, spare))
    }

    /// Whether a send has not been reported as over.
    pub const fn is_in_flight(&self) -> bool {
        self.in_flight
    }

    /// A send is over: its memory comes back.
    pub fn on_sent(&mut self, spare: Vec<u8>) {
        self.in_flight = false;
        self.spare = spare;
    }
}
