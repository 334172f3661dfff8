//! The arguments of `slow-reader`.

use std::net::SocketAddr;
use std::num::{NonZeroU32, NonZeroU64};

use clap::Args;

use super::ServerArgs;
use super::acked::LogDriver;

/// Arguments of `slow-reader`.
#[derive(Args, Debug)]
pub struct SlowReaderArgs {
    /// Events per second
    #[arg(long, default_value = "2000")]
    pub rate: NonZeroU64,
    /// The slow subscriber takes one event in the time that so many are published
    #[arg(long, default_value = "10")]
    pub slowness: NonZeroU32,
    /// Seconds for which it is slow
    #[arg(long, default_value = "60")]
    pub seconds: NonZeroU64,
    /// Events that a started server's room keeps, which are published before the slow phase, so
    /// that its memory is as large as it gets; by default as many as that phase publishes
    #[arg(long)]
    pub history: Option<NonZeroU32>,
    /// Size of a delivered frame with its header, in bytes
    #[arg(long, default_value_t = 400, value_parser = clap::value_parser!(u32).range(300..=10_000))]
    pub frame_bytes: u32,
    /// Receive buffer of the slow subscriber's socket, in bytes: what its kernel takes unread
    #[arg(long, default_value = "65536")]
    pub receive_buffer: NonZeroU32,
    /// What keeps the log of a started server
    #[arg(long, value_enum, default_value_t = LogDriver::Memory, conflicts_with = "url")]
    pub log_driver: LogDriver,
    /// Where a running server shows its metrics
    #[arg(long, requires = "url")]
    pub metrics: Option<SocketAddr>,
    /// Milliseconds between two readings of the server's memory
    #[arg(long, default_value = "1000")]
    pub sample_ms: NonZeroU64,
    /// Against which server
    #[command(flatten)]
    pub server: ServerArgs,
}

impl SlowReaderArgs {
    /// Events published while the subscriber is slow.
    pub fn slow_events(&self) -> u64 {
        self.rate.get() * self.seconds.get()
    }

    /// Events that the room keeps, and that are published before.
    pub fn kept_events(&self) -> u64 {
        self.history.map_or(self.slow_events(), |count| u64::from(count.get()))
    }
}
