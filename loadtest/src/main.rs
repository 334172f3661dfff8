//! The `loadtest` program: reads the arguments, runs the load, exits with 1 if it failed.

use std::io::Write as _;
use std::process::ExitCode;

use clap::Parser as _;
use loadtest::{args, compare, fanout, idle, limit, million, profile, slow_reader};

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    let result = match args::Arguments::parse().command {
        args::Command::Million(args) => million::million(&args),
        args::Command::Fanout(args) => fanout::fanout(&args),
        args::Command::Idle(args) => idle::idle(&args),
        args::Command::Profile(args) => profile::profile(&args),
        args::Command::Compare(args) => compare::compare(&args),
        args::Command::SlowReader(args) => slow_reader::slow_reader(&args),
        args::Command::Limit(args) => limit::limit(&args),
        args::Command::LimitSender(args) => limit::sender::send(&args),
    };
    result.unwrap_or_else(|error| {
        // With stderr gone as well, the exit code has to say it.
        let _ = writeln!(std::io::stderr(), "loadtest: {error:#}");
        ExitCode::FAILURE
    })
}
