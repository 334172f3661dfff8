//! The websocket protocol, RFC 6455, as bytes in and bytes out.
//!
//! The server's side is [`assembler`] (inbound), [`encode`] (outbound) and [`handshake`]; both
//! directions may be compressed, see [`deflate`]. The client's side, for load and tests, is
//! [`client`]. Nothing here knows sockets, and nothing here
//! decides when to answer: a ping is a message like any other until the caller sends the pong.
//!
//! Invariant: no input makes this module panic, and no input makes it hold more memory than the
//! caller's limits allow.

pub mod assembler;
pub mod client;
pub mod close;
pub mod deflate;
pub mod encode;
pub mod handshake;
mod header;
mod mask;
mod opcode;
#[cfg(test)]
mod random;

pub use self::opcode::Opcode;
