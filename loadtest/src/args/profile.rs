//! The arguments of `profile` and `compare`.

use std::num::{NonZeroU32, NonZeroU64};
use std::path::PathBuf;
use std::time::Duration;

use clap::Args;

use crate::endpoint::{App, Endpoint};
use crate::layout::Layout;
use crate::peer::Peer;
use crate::profile::shape::Profiles;

/// Where the peers are.
#[derive(Args, Clone, Debug)]
pub struct PeerArgs {
    /// Program of this project's server; by default `uringcast` next to this program
    #[arg(long)]
    pub server: Option<PathBuf>,
    /// Program of an older build of it, to compare with
    #[arg(long, value_name = "PATH")]
    pub before: Option<PathBuf>,
    /// Sockudo's binary
    #[arg(long, value_name = "PATH")]
    pub sockudo: Option<PathBuf>,
    /// Folder of the peers from npm, which are installed there when they are first needed
    #[arg(long, value_name = "DIR", default_value = concat!(env!("CARGO_MANIFEST_DIR"), "/peers"))]
    pub peers: PathBuf,
}

impl PeerArgs {
    /// Program of this project's server.
    pub fn uringcast(&self) -> PathBuf {
        let next_to_this = || {
            let this = std::env::current_exe().unwrap_or_default();
            this.with_file_name("uringcast")
        };
        self.server.clone().unwrap_or_else(next_to_this)
    }
}

/// What may be changed about a profile; figures of a changed one compare with no others.
#[derive(Args, Clone, Copy, Debug, Default)]
pub struct SizeArgs {
    /// Subscribers of each channel instead of the profile's, and the connections of C
    #[arg(long)]
    pub subscribers: Option<NonZeroU32>,
    /// Events for each channel instead of the profile's
    #[arg(long)]
    pub events: Option<NonZeroU64>,
    /// Open loop with this many events per second in all, instead of the profile's pace
    #[arg(long)]
    pub rate: Option<NonZeroU64>,
}

/// Where a measurement runs.
#[derive(Args, Clone, Copy, Debug)]
pub struct PlaceArgs {
    /// Cores of server and load; by default two for D5 and L, one for all others
    #[arg(long, value_enum)]
    pub layout: Option<Layout>,
    /// Take what arrived every so many microseconds, 0 for at once; by default 200 on one core and
    /// 0 on two
    #[arg(long, value_parser = clap::value_parser!(u64).range(..=100_000))]
    pub drain_us: Option<u64>,
}

impl PlaceArgs {
    /// Time between two looks at what arrived.
    pub fn drain(&self, layout: Layout) -> Duration {
        self.drain_us.map_or(layout.drain(), Duration::from_micros)
    }
}

/// Arguments of `profile`.
#[derive(Args, Debug)]
pub struct ProfileArgs {
    /// A1, A32, B-ws, B-batch, C, D5, L, E32, several with commas in between, or all
    pub profiles: Profiles,
    /// Whom to measure
    #[arg(long, value_enum, default_value_t = Peer::Uringcast)]
    pub peer: Peer,
    /// Address of a running server that speaks as --peer does; without it one is started
    #[arg(long)]
    pub url: Option<Endpoint>,
    /// Process of the running server, to measure its processor time and memory
    #[arg(long, requires = "url")]
    pub server_pid: Option<u32>,
    /// App to use, ID:KEY:SECRET
    #[arg(long, default_value = "app-id:app-key:app-secret")]
    pub app: App,
    /// Where it runs
    #[command(flatten)]
    pub place: PlaceArgs,
    /// How big it is
    #[command(flatten)]
    pub size: SizeArgs,
    /// What is started
    #[command(flatten)]
    pub peers: PeerArgs,
    /// Print the figures as a JSON array, or write it to FILE
    #[arg(long, value_name = "FILE", num_args = 0..=1, default_missing_value = "-")]
    pub json: Option<PathBuf>,
}

/// Arguments of `compare`.
#[derive(Args, Debug)]
pub struct CompareArgs {
    /// The profiles, with commas in between, or all
    #[arg(long, default_value = "all")]
    pub profiles: Profiles,
    /// Whom to measure; may be given several times; by default everyone who is installed
    #[arg(long = "peer", value_enum)]
    pub chosen: Vec<Peer>,
    /// Times that everyone is measured, one after the other
    #[arg(long, default_value = "3")]
    pub blocks: NonZeroU32,
    /// Where it runs
    #[command(flatten)]
    pub place: PlaceArgs,
    /// How big it is
    #[command(flatten)]
    pub size: SizeArgs,
    /// What is started
    #[command(flatten)]
    pub peers: PeerArgs,
    /// Write every figure of every run, and the table, to FILE
    #[arg(long, value_name = "FILE")]
    pub json: Option<PathBuf>,
    /// Draw the table as a chart into FILE
    #[arg(long, value_name = "FILE")]
    pub svg: Option<PathBuf>,
}

impl CompareArgs {
    /// Whom to measure, in the order of the table.
    pub fn peers(&self) -> Vec<Peer> {
        let wanted = |peer: &Peer| self.chosen.is_empty() || self.chosen.contains(peer);
        Peer::ALL.into_iter().filter(wanted).collect()
    }
}
