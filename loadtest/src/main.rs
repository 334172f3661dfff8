//! The `loadtest` program: reads the arguments, runs the load, exits with 1 if it failed.

use std::io::Write as _;
use std::process::ExitCode;

use clap::{Parser, Subcommand};
use loadtest::compare::{self, CompareArgs};
use loadtest::fanout::{self, FanoutArgs};
use loadtest::idle::{self, IdleArgs};
use loadtest::limit::sender::{self, SenderArgs};
use loadtest::limit::{self, LimitArgs};
use loadtest::million::{self, MillionArgs};
use loadtest::profile::{self, ProfileArgs};
use loadtest::slow_reader::{self, SlowReaderArgs};

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// Load over real sockets against any Pusher-compatible server.
#[derive(Debug, Parser)]
#[command(version)]
struct Arguments {
    /// Which load.
    #[command(subcommand)]
    command: Command,
}

/// The loads there are.
#[derive(Debug, Subcommand)]
enum Command {
    /// Many rooms with few subscribers: 1,000,000 events through 100 rooms by default
    Million(MillionArgs),
    /// One channel with many subscribers
    Fanout(FanoutArgs),
    /// Many connections that do nothing
    Idle(IdleArgs),
    /// One or all of the fixed profiles, against one server
    Profile(ProfileArgs),
    /// The fixed profiles against every server that is installed, and the physical limit
    Compare(CompareArgs),
    /// One room and two subscribers, of which one reads too slowly for a while
    SlowReader(SlowReaderArgs),
    /// No server at all: what bare sends of ready bytes to many sockets cost on this machine
    Limit(LimitArgs),
    /// The sending side of `limit`, which starts it by itself
    #[command(hide = true)]
    LimitSender(SenderArgs),
}

fn main() -> ExitCode {
    let result = match Arguments::parse().command {
        Command::Million(args) => million::million(&args),
        Command::Fanout(args) => fanout::fanout(&args),
        Command::Idle(args) => idle::idle(&args),
        Command::Profile(args) => profile::profile(&args),
        Command::Compare(args) => compare::compare(&args),
        Command::SlowReader(args) => slow_reader::slow_reader(&args),
        Command::Limit(args) => limit::limit(&args),
        Command::LimitSender(args) => sender::send(&args),
    };
    result.unwrap_or_else(|error| {
        // With stderr gone as well, the exit code has to say it.
        let _ = writeln!(std::io::stderr(), "loadtest: {error:#}");
        ExitCode::FAILURE
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_command_line_is_consistent() {
        use clap::CommandFactory as _;
        Arguments::command().debug_assert();
    }
}
