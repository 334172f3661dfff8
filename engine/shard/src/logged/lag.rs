//! How far behind the slowest subscribers of channels are, for whoever watches the server.
//!
//! It is worked out when it is asked for, so that acknowledging costs nothing for it. A look is
//! bounded: beyond [`CURSORS_LOOKED_AT_MAX`] the next one goes on where this one has stopped.

use std::sync::Arc;

use crate::id::AppIndex;
use crate::owner::Owner;

/// Cursors of one core that one answer looks at: about a millisecond's worth.
const CURSORS_LOOKED_AT_MAX: usize = 200_000;

/// A channel whose subscribers have not acknowledged all of its events.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ChannelLag {
    /// Events between the cursor that is furthest behind and the newest event.
    pub events: u64,
    /// The app.
    pub app: AppIndex,
    /// The channel.
    pub channel: Arc<str>,
}

/// The channels that are furthest behind.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Lags {
    /// The furthest first; as many as were asked for, at most.
    pub worst: Vec<ChannelLag>,
    /// How many channels lag at all, of those that were looked at.
    pub lagging: u64,
}

impl Lags {
    /// Take in one channel, if it is among the worst `max`.
    fn add(&mut self, lag: ChannelLag, max: usize) {
        let is_full = self.worst.len() >= max;
        if is_full && self.worst.last().is_none_or(|last| last.events > lag.events) {
            self.lagging += 1;
        } else {
            self.merge(Self { worst: vec![lag], lagging: 1 }, max);
        }
    }

    /// Take in another core's part, and keep the worst `max`.
    pub(crate) fn merge(&mut self, part: Self, max: usize) {
        self.lagging += part.lagging;
        self.worst.extend(part.worst);
        self.worst.sort_unstable_by(|one, other| {
            let key = |it: &ChannelLag| (std::cmp::Reverse(it.events), it.app.0);
            key(one).cmp(&key(other)).then_with(|| one.channel.cmp(&other.channel))
        });
        self.worst.truncate(max);
    }

    pub(crate) fn weight_bytes(&self) -> usize {
        self.worst.iter().map(|it| size_of::<ChannelLag>() + it.channel.len()).sum()
    }
}

impl Owner {
    /// The channels that this core owns and whose subscribers are furthest behind.
    pub(crate) fn lags(&mut self, max: usize) -> Lags {
        let mut lags = Lags::default();
        let mut looked_at = 0;
        for _ in 0..self.logs.channels.len() {
            let Some(index) = self.logs.channels.next_from(self.logs.lag_from) else { break };
            self.logs.lag_from = index + 1;
            let entry = self.logs.channels.at(index);
            let (app, channel, log) = (entry.name.app(), entry.name.shared(), &entry.value);
            looked_at += 1 + log.cursors.len();
            let behind = log.cursors.lowest().map(|it| log.history.last_sequence() - it);
            if let Some(events @ 1..) = behind {
                lags.add(ChannelLag { events, app, channel }, max);
            }
            if looked_at >= CURSORS_LOOKED_AT_MAX {
                break;
            }
        }
        lags
    }
}
