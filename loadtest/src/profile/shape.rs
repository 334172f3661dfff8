//! The profiles: what each of them asks of a server.

use std::num::{NonZeroU32, NonZeroU64};
use std::str::FromStr;

use clap::Args;
use serde::{Deserialize, Serialize};

use crate::layout::Layout;
use crate::peer::Peer;
use crate::plan::{Pace, Via};
use crate::publish::http::Route;

/// Size of a delivered frame with its header, in bytes, in every profile.
pub const FRAME_BYTES: u32 = 267;

/// One of the profiles.
#[derive(Clone, Copy, Debug, Deserialize, Eq, PartialEq, Serialize)]
pub enum Profile {
    /// One channel of 1,000; the next event when all have the last.
    A1,
    /// One channel of 1,000; bursts of 16, with at most 32 events in flight.
    A32,
    /// 100 channels of one; a million client events over one websocket.
    #[serde(rename = "B-ws")]
    BWs,
    /// 100 channels of one; a million events by signed HTTP batches of ten over 64 connections.
    #[serde(rename = "B-batch")]
    BBatch,
    /// 10,000 connections that are subscribed and do nothing.
    C,
    /// One channel of 10,000; five events a second.
    D5,
    /// One channel of 1,000; 50 events a second.
    L,
    /// Single events by HTTP over 32 connections, into channels that nobody subscribed to.
    E32,
}

/// What the processor time of a profile is divided by.
#[derive(Clone, Copy, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Unit {
    /// An event that reached a subscriber.
    Delivery,
    /// An event of a channel with one subscriber.
    Event,
    /// An accepted request.
    Publish,
    /// An open connection.
    Connection,
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

/// A profile in numbers.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Shape {
    /// How many channels there are.
    pub channels: u32,
    /// Subscribers of each; for C this is the number of connections.
    pub subscribers: u32,
    /// Events into each channel.
    pub events: u64,
    /// Events into each channel before those, not counted.
    pub warm_up: u64,
    /// How they are published.
    pub via: Via,
    /// How many connections publish them.
    pub publishers: usize,
    /// When they are published.
    pub pace: Pace,
    /// What its figures are divided by.
    pub unit: Unit,
    /// Where it runs unless another layout is asked for.
    pub layout: Layout,
    /// Frames in each send of the physical limit, where there is one.
    pub frames_per_send: Option<u32>,
}

impl Profile {
    /// All of them, in the order of a table.
    pub const ALL: [Self; 8] =
        [Self::A1, Self::A32, Self::BWs, Self::BBatch, Self::C, Self::D5, Self::L, Self::E32];

    /// The word for it on the command line and in reports.
    pub const fn name(self) -> &'static str {
        match self {
            Self::A1 => "A1",
            Self::A32 => "A32",
            Self::BWs => "B-ws",
            Self::BBatch => "B-batch",
            Self::C => "C",
            Self::D5 => "D5",
            Self::L => "L",
            Self::E32 => "E32",
        }
    }

    /// Its numbers, changed as `size` says.
    pub fn shape(self, size: SizeArgs) -> Shape {
        let mut shape = self.full();
        shape.subscribers = size.subscribers.map_or(shape.subscribers, u32::from);
        shape.events = size.events.map_or(shape.events, u64::from);
        shape.warm_up = shape.warm_up.min(shape.events);
        if let Some(rate) = size.rate {
            shape.pace = per_second(rate.get());
        }
        shape
    }

    const fn full(self) -> Shape {
        match self {
            Self::A1 => FAN_OUT,
            Self::A32 => Shape {
                events: 8000,
                warm_up: 320,
                pace: Pace::Window { window: 32, burst: 16 },
                frames_per_send: Some(16),
                ..FAN_OUT
            },
            Self::BWs => ROOMS,
            Self::BBatch => Shape {
                via: Via::Http(Route::Batch),
                publishers: 64,
                frames_per_send: None,
                ..ROOMS
            },
            Self::C => IDLE,
            Self::D5 => Shape { subscribers: 10_000, events: 50, warm_up: 5, ..PACED },
            Self::L => Shape { events: 500, pace: per_second(50), ..PACED },
            Self::E32 => REQUESTS,
        }
    }
}

/// One channel, closed loop.
const FAN_OUT: Shape = Shape {
    channels: 1,
    subscribers: 1000,
    events: 1000,
    warm_up: 50,
    via: Via::ClientEvents,
    publishers: 1,
    pace: Pace::Window { window: 1, burst: 1 },
    unit: Unit::Delivery,
    layout: Layout::OneCore,
    frames_per_send: Some(1),
};

/// One channel, open loop.
const PACED: Shape = Shape { pace: per_second(5), layout: Layout::TwoCore, ..FAN_OUT };

/// Many channels with one subscriber each, closed loop. Ten frames a send is what the limit is
/// compared at: about as many as a server finds for a subscriber in one look at its publisher.
const ROOMS: Shape = Shape {
    channels: 100,
    subscribers: 1,
    events: 10_000,
    warm_up: 320,
    pace: Pace::Window { window: 64, burst: 1 },
    unit: Unit::Event,
    frames_per_send: Some(10),
    ..FAN_OUT
};

/// Requests, each of them as soon as the last one on its connection is answered. Nobody is
/// subscribed, so that what is measured is the request and not its delivery.
const REQUESTS: Shape = Shape {
    channels: 32,
    subscribers: 0,
    events: 5000,
    via: Via::Http(Route::Events),
    publishers: 32,
    pace: Pace::Window { window: 1, burst: 1 },
    unit: Unit::Publish,
    frames_per_send: None,
    ..ROOMS
};

/// No events at all.
const IDLE: Shape = Shape {
    subscribers: 10_000,
    events: 0,
    warm_up: 0,
    publishers: 0,
    unit: Unit::Connection,
    frames_per_send: None,
    ..FAN_OUT
};

const fn per_second(rate: u64) -> Pace {
    Pace::Interval { interval_ns: 1_000_000_000 / rate }
}

impl Shape {
    /// Whether `peer` can carry it out.
    ///
    /// The limit sends and does nothing else; batches are of the Pusher protocol.
    pub const fn applies_to(&self, peer: Peer) -> bool {
        match peer {
            Peer::Limit => self.frames_per_send.is_some(),
            Peer::Uringcast | Peer::Before | Peer::Sockudo => true,
            Peer::Bun | Peer::Ws => !matches!(self.via, Via::Http(Route::Batch)),
        }
    }
}

impl Unit {
    /// The word for one.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Delivery => "delivery",
            Self::Event => "event",
            Self::Publish => "publish",
            Self::Connection => "connection",
        }
    }
}

/// Some of the profiles, in the order in which they were named.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Profiles(pub Vec<Profile>);

/// A text that names no profile.
#[derive(Debug, thiserror::Error)]
#[error("no profile {0}: expected A1, A32, B-ws, B-batch, C, D5, L, E32 or all")]
pub struct ProfilesError(String);

impl FromStr for Profiles {
    type Err = ProfilesError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        if text.eq_ignore_ascii_case("all") {
            return Ok(Self(Profile::ALL.to_vec()));
        }
        let named = |name: &str| {
            let profile = Profile::ALL.into_iter().find(|it| it.name().eq_ignore_ascii_case(name));
            profile.ok_or_else(|| ProfilesError(name.to_owned()))
        };
        text.split(',').map(named).collect::<Result<_, _>>().map(Self)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn profiles_are_named_in_any_case_one_by_one_or_all() {
        let profiles = |text: &str| text.parse::<Profiles>().map(|profiles| profiles.0);
        assert_eq!(profiles("a1,B-WS").unwrap(), [Profile::A1, Profile::BWs]);
        assert_eq!(profiles("all").unwrap(), Profile::ALL);
        let error = profiles("A1,A2").unwrap_err();
        assert!(error.to_string().starts_with("no profile A2"), "{error}");
    }

    #[test]
    fn a_profile_is_written_in_json_as_on_the_command_line() {
        for profile in Profile::ALL {
            assert_eq!(serde_json::to_value(profile).unwrap(), profile.name());
        }
    }

    #[test]
    fn a_size_changes_what_it_names_and_the_warm_up_stays_below_it() {
        let size = SizeArgs { events: std::num::NonZero::new(7), ..SizeArgs::default() };
        let shape = Profile::A32.shape(size);
        assert_eq!((shape.events, shape.warm_up, shape.subscribers), (7, 7, 1000));
        let rate = SizeArgs { rate: std::num::NonZero::new(100), ..SizeArgs::default() };
        let paced = Profile::L.shape(rate).pace;
        assert_eq!(paced, Pace::Interval { interval_ns: 10_000_000 });
    }

    #[test]
    fn the_limit_only_sends_and_only_pusher_servers_take_batches() {
        let of = |peer| {
            let applies = |it: &Profile| it.shape(SizeArgs::default()).applies_to(peer);
            Profile::ALL.into_iter().filter(applies).collect::<Vec<_>>()
        };
        let sends = [Profile::A1, Profile::A32, Profile::BWs, Profile::D5, Profile::L];
        assert_eq!(of(Peer::Limit), sends);
        assert_eq!(of(Peer::Sockudo), Profile::ALL);
        assert!(!of(Peer::Bun).contains(&Profile::BBatch) && of(Peer::Bun).len() == 7);
    }

    #[test]
    fn the_million_are_a_million() {
        for profile in [Profile::BWs, Profile::BBatch] {
            let shape = profile.shape(SizeArgs::default());
            assert_eq!(u64::from(shape.channels) * shape.events, 1_000_000);
        }
    }
}
