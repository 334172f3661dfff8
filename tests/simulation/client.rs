//! One client of the world: its socket, what it has heard and what it means to do.

use std::collections::{BTreeSet, VecDeque};

use uringcast::id::{ConnId, CoreId};
use uringcast::shard::Segment;

use crate::parse::Ear;
use crate::random::Random;

/// How a client's socket takes bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Pace {
    /// All that it is given, when it is its turn.
    Whole,
    /// A part of it.
    Partial,
    /// A few bytes.
    Trickle,
    /// No bytes at all.
    Stuck,
}

impl Pace {
    pub(crate) const ALL: [Self; 4] = [Self::Whole, Self::Partial, Self::Trickle, Self::Stuck];

    /// How many of `left` bytes are taken now.
    pub(crate) fn bytes(self, left: usize, random: &mut Random) -> usize {
        match self {
            Self::Whole => left,
            Self::Partial => 1 + random.below(left),
            Self::Trickle => (1 + random.below(9)).min(left),
            Self::Stuck => 0,
        }
    }
}

/// Something a client does because of what it heard.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Reply {
    Pong,
    Close(Option<u16>),
}

/// Where a client's connection is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Stage {
    /// Its handshake is on its way.
    Handshake,
    /// It talks.
    Talking,
    /// It has said goodbye or broken the protocol: nothing it says is read any more.
    Deaf,
    /// Its socket is gone.
    Gone,
}

/// One client.
pub(crate) struct Client {
    pub(crate) core: CoreId,
    pub(crate) conn: ConnId,
    pub(crate) stage: Stage,
    pub(crate) pace: Pace,
    /// It says nothing, whatever it hears.
    pub(crate) is_mute: bool,
    /// Nothing that it says is read until its shard says so.
    pub(crate) is_waiting: bool,
    pub(crate) in_flight: Option<(Segment, usize)>,
    pub(crate) ear: Ear,
    pub(crate) replies: VecDeque<Reply>,
    /// Channels it has subscribed to and not unsubscribed from.
    pub(crate) wanted: BTreeSet<String>,
    /// Pings of its own that the server has read.
    pub(crate) pings: usize,
}

impl Client {
    pub(crate) fn new(core: CoreId, conn: ConnId) -> Self {
        Self {
            core,
            conn,
            stage: Stage::Handshake,
            pace: Pace::Whole,
            is_mute: false,
            is_waiting: false,
            in_flight: None,
            ear: Ear::default(),
            replies: VecDeque::new(),
            wanted: BTreeSet::new(),
            pings: 0,
        }
    }
}
