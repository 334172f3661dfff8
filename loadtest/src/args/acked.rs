//! The arguments of `million` that only the zero-pub-sub protocol has a use for.

use clap::{Args, ValueEnum};

use crate::ack::AckMode;

/// The protocols that `million` speaks.
#[derive(Clone, Copy, Debug, Eq, PartialEq, ValueEnum)]
pub enum Protocol {
    /// Pusher Channels
    Pusher,
    /// zero-pub-sub: every event has a sequence and can be acknowledged
    Zps,
}

/// What keeps the logs of a started server.
#[derive(Clone, Copy, Debug, Eq, PartialEq, ValueEnum)]
pub enum LogDriver {
    /// Memory
    Memory,
    /// Files in a folder of their own, removed at the end: what is delivered was synced before
    File,
}

impl LogDriver {
    /// The word for it in the server's configuration.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Memory => "memory",
            Self::File => "file",
        }
    }
}

/// The protocol and its acks.
#[derive(Args, Clone, Copy, Debug)]
pub struct AckedArgs {
    /// What is spoken
    #[arg(long, value_enum, default_value_t = Protocol::Pusher)]
    pub protocol: Protocol,
    /// How often subscribers acknowledge, zps only: each, batch:N or none
    #[arg(long, default_value = "each")]
    pub ack: AckMode,
    /// What keeps the logs of a started server, zps only
    #[arg(long, value_enum, default_value_t = LogDriver::Memory, conflicts_with = "url")]
    pub log_driver: LogDriver,
}
