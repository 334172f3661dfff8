//! `loadtest million`: the 1M-event profile, many rooms with few subscribers each.

use std::process::ExitCode;
use std::time::Duration;

use crate::args::MillionArgs;
use crate::plan::Plan;
use crate::run;

/// Run the profile.
pub fn million(args: &MillionArgs) -> anyhow::Result<ExitCode> {
    let rooms = args.rooms.get();
    run::run(&args.server, |subject| Plan {
        endpoint: subject.endpoint.clone(),
        dialect: subject.dialect.clone(),
        channels: (0..rooms).map(|index| format!("private-load-{index}")).collect(),
        subscribers_per_room: args.subscribers.get(),
        events_per_room: args.events_for_each_room(),
        via: args.publish.via.into(),
        publishers: args.publish.publishers(rooms as usize),
        pace: args.publish.pace(args.window, args.burst),
        frame_bytes: args.publish.frame_bytes as usize,
        drain: args.server.drain(),
        time_limit: Duration::from_secs(args.publish.timeout_s),
    })
}
