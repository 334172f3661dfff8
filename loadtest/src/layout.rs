//! Where the server and the load run.

use std::io;
use std::time::Duration;

use clap::{Args, ValueEnum};
use serde::{Deserialize, Serialize};

use crate::cores::Cores;

/// Time between two looks at what arrived where server and load share a core: long enough that the
/// server is not interrupted amid a fan-out each time, short enough that windows do not run dry.
const SHARED_DRAIN: Duration = Duration::from_micros(200);

/// Which cores the two processes are pinned to.
#[derive(Clone, Copy, Debug, Deserialize, Eq, PartialEq, Serialize, ValueEnum)]
#[serde(rename_all = "kebab-case")]
pub enum Layout {
    /// Both on the first core: processor time repeats within a few per cent, and wall-clock time
    /// means nothing, because the load's own work is in it
    OneCore,
    /// The server on the first core and the load on the second: the only one that shows latency
    /// and rates, and processor time that depends on what the host does with the two
    TwoCore,
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

/// The cores of one measurement.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Placement {
    /// The cores of the server.
    pub server: Cores,
    /// The cores of the load.
    pub load: Cores,
}

impl Placement {
    /// The cores of both.
    pub fn cores(&self) -> Cores {
        self.server.and(&self.load)
    }
}

impl Layout {
    /// The cores to use of those that are `allowed`.
    pub fn place(self, allowed: &Cores) -> io::Result<Placement> {
        let load = match self {
            Self::OneCore => 0,
            Self::TwoCore => 1,
        };
        let missing = || io::Error::other(format!("the {} layout needs more cores", self.name()));
        Ok(Placement {
            server: allowed.only(0).ok_or_else(missing)?,
            load: allowed.only(load).ok_or_else(missing)?,
        })
    }

    /// Time between two looks of the load at what arrived, unless another is asked for.
    pub const fn drain(self) -> Duration {
        match self {
            Self::OneCore => SHARED_DRAIN,
            Self::TwoCore => Duration::ZERO,
        }
    }

    /// The word for it on the command line and in reports.
    pub const fn name(self) -> &'static str {
        match self {
            Self::OneCore => "one-core",
            Self::TwoCore => "two-core",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_core_is_shared_and_two_are_not() {
        let allowed = "2-3".parse().unwrap();
        let place = |layout: Layout| {
            let Placement { server, load } = layout.place(&allowed).unwrap();
            (server, load)
        };
        let core = |text: &str| text.parse::<Cores>().unwrap();
        assert_eq!(place(Layout::OneCore), (core("2"), core("2")));
        assert_eq!(place(Layout::TwoCore), (core("2"), core("3")));
    }

    #[test]
    fn two_cores_cannot_be_had_of_one() {
        let allowed = "5".parse().unwrap();
        assert!(Layout::OneCore.place(&allowed).is_ok());
        let error = Layout::TwoCore.place(&allowed).unwrap_err();
        assert_eq!(error.to_string(), "the two-core layout needs more cores");
    }
}
