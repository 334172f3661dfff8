//! `loadtest fanout`: one channel, many subscribers.

use std::process::ExitCode;
use std::time::Duration;

use crate::ack::AckMode;
use crate::args::{FanoutArgs, ViaArg};
use crate::plan::Plan;
use crate::run;

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
