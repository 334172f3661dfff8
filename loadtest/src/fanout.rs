//! `loadtest fanout`: one channel, many subscribers.

use std::num::{NonZeroU32, NonZeroU64};
use std::process::ExitCode;
use std::time::Duration;

use clap::Args;

use crate::ack::AckMode;
use crate::plan::Plan;
use crate::run::{self, PublishArgs, ViaArg};
use crate::subject::ServerArgs;

/// Arguments of `fanout`.
#[derive(Args, Debug)]
pub struct FanoutArgs {
    /// Subscribers of the channel
    #[arg(long, default_value = "1000")]
    pub subscribers: NonZeroU32,
    /// Events published
    #[arg(long, default_value = "2000")]
    pub events: NonZeroU64,
    /// Most events that not every subscriber has received
    #[arg(long, default_value = "32")]
    pub window: NonZeroU64,
    /// Events published at once when the window has space for them; half the window by default
    #[arg(long)]
    pub burst: Option<u64>,
    /// How they are published
    #[command(flatten)]
    pub publish: PublishArgs,
    /// Against which server
    #[command(flatten)]
    pub server: ServerArgs,
}

/// Run the fan-out.
pub fn fanout(args: &FanoutArgs) -> anyhow::Result<ExitCode> {
    // Clients may publish only to private channels.
    let channel = match args.publish.via {
        ViaArg::ClientEvents => "private-load-0",
        ViaArg::Http | ViaArg::HttpBatch => "load-fanout",
    };
    let burst = args.burst.unwrap_or(args.window.get() / 2);
    run::run(&args.server, |subject| Plan {
        endpoint: subject.endpoint.clone(),
        dialect: subject.dialect.clone(),
        channels: vec![channel.to_owned()],
        subscribers_per_room: args.subscribers.get(),
        events_per_room: args.events.get(),
        via: args.publish.via.into(),
        publishers: 1,
        pace: args.publish.pace(args.window, burst),
        ack: AckMode::None,
        frame_bytes: args.publish.frame_bytes as usize,
        drain: args.server.drain(),
        time_limit: Duration::from_secs(args.publish.timeout_s),
    })
}
