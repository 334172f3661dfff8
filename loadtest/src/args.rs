//! The command line and the environment.

pub mod acked;
pub mod profile;
pub mod slow_reader;

use std::io;
use std::num::{NonZeroU32, NonZeroU64};
use std::path::PathBuf;
use std::time::Duration;

use clap::{Args, Parser, Subcommand, ValueEnum};

use crate::cores::Cores;
use crate::endpoint::{App, Endpoint};
use crate::layout::{Layout, Placement};
use crate::plan::{self, Pace, Via};
use crate::publish::http::Route;

/// Publishing connections of zero-pub-sub, unless another number is asked for.
const ZPS_PUBLISHERS: usize = 4;

/// Load over real sockets against any Pusher-compatible server.
#[derive(Debug, Parser)]
#[command(version)]
pub struct Arguments {
    /// Which load.
    #[command(subcommand)]
    pub command: Command,
}

/// The loads there are.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Many rooms with few subscribers: 1,000,000 events through 100 rooms by default
    Million(MillionArgs),
    /// One channel with many subscribers
    Fanout(FanoutArgs),
    /// Many connections that do nothing
    Idle(IdleArgs),
    /// One or all of the fixed profiles, against one server
    Profile(profile::ProfileArgs),
    /// The fixed profiles against every server that is installed, and the physical limit
    Compare(profile::CompareArgs),
    /// One room and two subscribers, of which one reads too slowly for a while
    SlowReader(slow_reader::SlowReaderArgs),
    /// No server at all: what bare sends of ready bytes to many sockets cost on this machine
    Limit(LimitArgs),
    /// The sending side of `limit`, which starts it by itself
    #[command(hide = true)]
    LimitSender(SenderArgs),
}

/// The server under load and how it is measured.
#[derive(Args, Debug)]
pub struct ServerArgs {
    /// Address of a running server, ws://HOST:PORT; without it a server is started
    #[arg(long)]
    pub url: Option<Endpoint>,
    /// App to use, ID:KEY:SECRET
    #[arg(long, default_value = "app-id:app-key:app-secret")]
    pub app: App,
    /// Program to start; by default `uringcast` next to this program
    #[arg(long, conflicts_with = "url")]
    pub server: Option<PathBuf>,
    /// Process of the running server, to measure its processor time and memory
    #[arg(long, requires = "url")]
    pub server_pid: Option<u32>,
    /// Cores for the started server, such as 0 or 0,2-3
    #[arg(long, conflicts_with = "url")]
    pub server_cores: Option<Cores>,
    /// Cores for the load itself
    #[arg(long)]
    pub load_cores: Option<Cores>,
    /// Cores of both instead: the first one for the server, and the same or the second for the load
    #[arg(long, value_enum, conflicts_with_all = ["server_cores", "load_cores"])]
    pub layout: Option<Layout>,
    /// Take what arrived every so many microseconds instead of at once: 100 to 300 repeat best
    /// where server and load share a core
    #[arg(long, default_value_t = 0, value_parser = clap::value_parser!(u64).range(..=100_000))]
    pub drain_us: u64,
    /// Print the result as JSON, or write it to FILE
    #[arg(long, value_name = "FILE", num_args = 0..=1, default_missing_value = "-")]
    pub json: Option<PathBuf>,
}

impl ServerArgs {
    /// Cores for a started server and for the load, where it was said.
    pub fn cores(&self) -> io::Result<(Option<Cores>, Option<Cores>)> {
        match self.layout {
            Some(layout) => {
                let Placement { server, load } = layout.place(&Cores::allowed()?)?;
                Ok((Some(server), Some(load)))
            }
            None => Ok((self.server_cores.clone(), self.load_cores.clone())),
        }
    }

    /// Time between two looks at what arrived.
    pub const fn drain(&self) -> Duration {
        Duration::from_micros(self.drain_us)
    }
}

/// How events are published.
#[derive(Args, Debug)]
pub struct PublishArgs {
    /// Way into the server
    #[arg(long, value_enum, default_value_t = ViaArg::ClientEvents)]
    pub via: ViaArg,
    /// Open loop: publish this many events per second, whatever the server does
    #[arg(long, conflicts_with_all = ["window", "burst"])]
    pub rate: Option<NonZeroU64>,
    /// Size of a delivered frame with its header, in bytes
    #[arg(long, default_value_t = 267, value_parser = clap::value_parser!(u32).range(128..=10_000))]
    pub frame_bytes: u32,
    /// Websocket connections that publish; by default 1, or 4 for zps
    #[arg(long)]
    pub publishers: Option<NonZeroU32>,
    /// HTTP connections that publish requests
    #[arg(long, default_value = "8")]
    pub connections: NonZeroU32,
    /// Longest time for the whole load, in seconds
    #[arg(long, default_value_t = 600)]
    pub timeout_s: u64,
}

/// The ways into the server.
#[derive(Clone, Copy, Debug, Eq, PartialEq, ValueEnum)]
pub enum ViaArg {
    /// Client events on a websocket
    ClientEvents,
    /// One signed POST per event
    Http,
    /// One signed POST per ten events
    HttpBatch,
}

impl From<ViaArg> for Via {
    fn from(via: ViaArg) -> Self {
        match via {
            ViaArg::ClientEvents => Self::ClientEvents,
            ViaArg::Http => Self::Http(Route::Events),
            ViaArg::HttpBatch => Self::Http(Route::Batch),
        }
    }
}

impl PublishArgs {
    /// Publishing connections for `rooms` rooms: a room has one, so more would be idle.
    pub fn publishers(&self, rooms: usize) -> usize {
        let wanted = match self.via {
            ViaArg::ClientEvents => self.publishers.unwrap_or(NonZeroU32::MIN),
            ViaArg::Http | ViaArg::HttpBatch => self.connections,
        };
        rooms.min(wanted.get() as usize)
    }

    /// Connections that publish messages of zero-pub-sub into `rooms` rooms, at most one for each.
    pub fn zps_publishers(&self, rooms: usize) -> usize {
        rooms.min(self.publishers.map_or(ZPS_PUBLISHERS, |count| count.get() as usize))
    }

    /// The pace for a window and a burst that apply where no rate is given.
    pub fn pace(&self, window: NonZeroU64, burst: u64) -> Pace {
        match self.rate {
            Some(rate) => Pace::Interval { interval_ns: 1_000_000_000 / rate },
            None => Pace::Window { window: window.get(), burst: burst.clamp(1, window.get()) },
        }
    }
}

/// Arguments of `million`.
#[derive(Args, Debug)]
pub struct MillionArgs {
    /// Channels
    #[arg(long, env = "REALTIME_LOAD_ROOMS", default_value = "100")]
    pub rooms: NonZeroU32,
    /// Subscribers of each channel
    #[arg(long, env = "REALTIME_LOAD_SUBSCRIBERS_PER_ROOM", default_value = "1")]
    pub subscribers: NonZeroU32,
    /// Events in all, rounded up to the same number for each room; 0 leaves it to the next one
    #[arg(long, env = "REALTIME_LOAD_TARGET_EVENTS")]
    pub events: Option<u64>,
    /// Events for each room, where no total is wanted
    #[arg(long, env = "REALTIME_LOAD_EVENTS_PER_ROOM")]
    pub events_per_room: Option<NonZeroU64>,
    /// Most events of a room in flight
    #[arg(long, default_value = "64")]
    pub window: NonZeroU64,
    /// Events published at once when a room has space for them
    #[arg(long, default_value_t = 1)]
    pub burst: u64,
    /// In which protocol, and what is acknowledged
    #[command(flatten)]
    pub acked: acked::AckedArgs,
    /// How they are published
    #[command(flatten)]
    pub publish: PublishArgs,
    /// Against which server
    #[command(flatten)]
    pub server: ServerArgs,
}

impl MillionArgs {
    /// Events for each room: from the total where there is one, a million where nothing is said.
    pub fn events_for_each_room(&self) -> u64 {
        let rooms = u64::from(self.rooms.get());
        match (self.events.filter(|target| *target > 0), self.events_per_room) {
            (Some(target), _) => plan::events_per_room(target, rooms),
            (None, Some(each)) => each.get(),
            (None, None) => plan::events_per_room(1_000_000, rooms),
        }
    }
}

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

/// Arguments of `idle`.
#[derive(Args, Debug)]
pub struct IdleArgs {
    /// Connections
    #[arg(long, default_value = "10000")]
    pub connections: NonZeroU32,
    /// Channels they are spread over
    #[arg(long, default_value = "1")]
    pub channels: NonZeroU32,
    /// Against which server
    #[command(flatten)]
    pub server: ServerArgs,
}

/// Arguments of `limit`.
#[derive(Args, Debug)]
pub struct LimitArgs {
    /// Sockets, each of which is sent to once in every round
    #[arg(long, default_value = "1000")]
    pub subscribers: NonZeroU32,
    /// Size of a frame, in bytes
    #[arg(long, default_value_t = 267, value_parser = clap::value_parser!(u32).range(1..=10_000))]
    pub frame_bytes: u32,
    /// Frames in each send, each of which counts as a delivery
    #[arg(long, default_value_t = 1, value_parser = clap::value_parser!(u32).range(1..=1000))]
    pub frames_per_send: u32,
    /// Rounds measured; one more comes before them
    #[arg(long, default_value = "1000")]
    pub rounds: NonZeroU64,
    /// Begin this many rounds per second, instead of each as soon as the last one is received
    #[arg(long)]
    pub rate: Option<NonZeroU64>,
    /// Cores for the sending process, such as 0 or 0,2-3
    #[arg(long)]
    pub server_cores: Option<Cores>,
    /// Cores for the receiving process
    #[arg(long)]
    pub load_cores: Option<Cores>,
    /// Take what arrived every so many microseconds instead of at once: 100 to 300 repeat best
    /// where server and load share a core
    #[arg(long, default_value_t = 0, value_parser = clap::value_parser!(u64).range(..=100_000))]
    pub drain_us: u64,
    /// Print the result as JSON, or write it to FILE
    #[arg(long, value_name = "FILE", num_args = 0..=1, default_missing_value = "-")]
    pub json: Option<PathBuf>,
}

impl LimitArgs {
    /// Size of each send, in bytes: at most ten million.
    pub fn send_bytes(&self) -> u32 {
        self.frame_bytes * self.frames_per_send
    }

    /// Time between two looks at what arrived.
    pub const fn drain(&self) -> Duration {
        Duration::from_micros(self.drain_us)
    }
}

/// Arguments of `limit-sender`.
#[derive(Args, Debug)]
pub struct SenderArgs {
    /// Connections to accept
    #[arg(long)]
    pub subscribers: NonZeroU32,
    /// Size of each send, in bytes
    #[arg(long)]
    pub send_bytes: u32,
}

#[cfg(test)]
mod tests {
    use super::*;

    fn million(line: &str) -> MillionArgs {
        let words = ["loadtest", "million"].into_iter().chain(line.split_whitespace());
        match Arguments::try_parse_from(words).unwrap().command {
            Command::Million(args) => args,
            Command::Fanout(_)
            | Command::Idle(_)
            | Command::Profile(_)
            | Command::Compare(_)
            | Command::SlowReader(_)
            | Command::Limit(_)
            | Command::LimitSender(_) => panic!("not what was asked for"),
        }
    }

    #[test]
    fn the_command_line_is_consistent() {
        use clap::CommandFactory as _;
        Arguments::command().debug_assert();
    }

    #[test]
    fn a_total_wins_over_events_per_room_and_a_million_is_the_default() {
        for (line, expected) in [
            ("", 10_000),
            ("--rooms 3 --events 10", 4),
            ("--events-per-room 5", 5),
            ("--events 0 --events-per-room 5", 5),
            ("--events 1000 --events-per-room 5", 10),
        ] {
            assert_eq!(million(line).events_for_each_room(), expected, "{line}");
        }
    }

    #[test]
    fn a_rate_makes_an_open_loop_and_a_burst_stays_within_the_window() {
        let pace = |line| {
            let args = million(line);
            args.publish.pace(args.window, args.burst)
        };
        assert_eq!(pace("--rate 1000"), Pace::Interval { interval_ns: 1_000_000 });
        assert_eq!(pace("--window 4 --burst 9"), Pace::Window { window: 4, burst: 4 });
        assert_eq!(pace(""), Pace::Window { window: 64, burst: 1 });
    }

    #[test]
    fn a_room_has_at_most_one_publishing_connection() {
        assert_eq!(million("").publish.publishers(100), 1);
        assert_eq!(million("--via http").publish.publishers(100), 8);
        assert_eq!(million("--via http-batch").publish.publishers(3), 3);
    }
}
