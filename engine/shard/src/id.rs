//! The names of things inside one process: cores, apps, connections, sockets.
//!
//! A [`SocketId`] is the only one a client sees. It says which core and which slot the connection
//! lives in, so an excluded sender is found without a table; its second half is random, so that a
//! signature made for one connection is of no use to the next one in the same slot.

use std::fmt;
use std::num::ParseIntError;
use std::str::FromStr;

/// One core: an index into the engine's threads, from 0.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct CoreId(pub u8);

/// The most cores one engine may have: the width of the core part of a [`SocketId`].
pub const CORES_MAX: usize = 256;

/// The most connections one core may hold: the width of the slot part of a [`SocketId`].
pub const CONNECTIONS_PER_CORE_MAX: usize = 1 << SLOT_BITS;

const SLOT_BITS: u32 = 24;

/// One app of the registry: an index that stays the same while the process runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct AppIndex(pub u16);

/// One connection of one core.
///
/// The slot is used again after the connection is gone; the generation tells the two apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct ConnId {
    /// Index into the core's connection slab.
    pub slot: u32,
    /// How often that slot had been used before.
    pub generation: u32,
}

/// Pusher's `socket_id`: two decimal `u32` joined by a dot (spec `pusher.md`, connection).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct SocketId {
    location: u32,
    nonce: u32,
}

impl SocketId {
    /// The id of the connection in `slot` of `core`, told apart from its predecessors by `nonce`.
    ///
    /// # Panics
    /// If `slot` is not below [`CONNECTIONS_PER_CORE_MAX`].
    pub fn new(core: CoreId, slot: u32, nonce: u32) -> Self {
        assert!((slot as usize) < CONNECTIONS_PER_CORE_MAX, "the slab is bounded");
        Self { location: u32::from(core.0) << SLOT_BITS | slot, nonce }
    }

    /// The core that holds the connection, if this id was made by this process.
    pub const fn core(self) -> CoreId {
        CoreId((self.location >> SLOT_BITS) as u8)
    }

    /// The slot of the connection on its core.
    pub const fn slot(self) -> u32 {
        self.location & (CONNECTIONS_PER_CORE_MAX as u32 - 1)
    }

    /// The random half of the id.
    pub const fn nonce(self) -> u32 {
        self.nonce
    }
}

impl fmt::Display for SocketId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}", self.location, self.nonce)
    }
}

/// Text that is not two decimal `u32` joined by a dot.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("socket_id must be two decimal numbers joined by a dot")]
pub struct SocketIdError;

impl From<ParseIntError> for SocketIdError {
    fn from(_: ParseIntError) -> Self {
        Self
    }
}

impl FromStr for SocketId {
    type Err = SocketIdError;

    fn from_str(text: &str) -> Result<Self, SocketIdError> {
        let (location, nonce) = text.split_once('.').ok_or(SocketIdError)?;
        if !text.bytes().all(|byte| byte.is_ascii_digit() || byte == b'.') {
            return Err(SocketIdError); // `u32::from_str` would take a leading plus.
        }
        Ok(Self { location: location.parse()?, nonce: nonce.parse()? })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_socket_id_survives_its_text_form() {
        let id = SocketId::new(CoreId(3), 77, u32::MAX);
        assert_eq!(id.to_string().parse(), Ok(id));
        assert_eq!((id.core(), id.slot(), id.nonce()), (CoreId(3), 77, u32::MAX));
    }

    #[test]
    fn text_that_is_no_socket_id_is_refused() {
        for text in ["", "1", "1.", ".1", "1.2.3", "+1.2", "a.b", "4294967296.1", "1.4294967296"] {
            assert_eq!(text.parse::<SocketId>(), Err(SocketIdError), "{text:?}");
        }
    }
}
