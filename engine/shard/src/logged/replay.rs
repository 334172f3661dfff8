//! Reading events of a log again, besides a subscription.

use std::sync::Arc;

use bytes::Bytes;

use super::message::Message;
use super::page::is_wanted;
use crate::id::ConnId;
use crate::local::Local;
use crate::log::{Entry, PageLimits};
use crate::message::ChannelName;
use crate::owner::Owner;
use crate::route::Route;
use crate::{Shard, Word};

/// Which events of a log are wanted again.
#[derive(Clone, Debug, Default)]
pub struct ReplayRange {
    /// Events after this one.
    pub after: u64,
    /// Events up to this one; `None` is to the end.
    pub to: Option<u64>,
    /// At most as many, and at most `log.page_events_max`; 0 is that.
    pub limit: u32,
    /// Of these types; `None` is of all.
    pub event_types: Option<Arc<[Box<str>]>>,
}

impl Shard {
    /// Send `conn` some events of channel `name` again, in its dialect's form. Where the owner is
    /// another core it is [held](Self::is_held) until they are here.
    pub fn replay(&mut self, conn: ConnId, name: &str, range: ReplayRange) {
        let Some((channel, _)) = self.local.channel_of(&self.route, conn, name) else { return };
        let core = self.route.config.core;
        self.hold(conn);
        self.tell_log_owner(Message::Replay { channel, core, conn, range });
    }
}

impl Local {
    pub(super) fn on_replayed(
        &mut self,
        route: &mut Route,
        channel: &ChannelName,
        conn: ConnId,
        after: u64,
        frames: &[Bytes],
    ) {
        self.tell_word(route, conn, &Word::Replayed { channel: channel.as_str(), after, frames });
        self.release(route, conn);
    }
}

impl Owner {
    /// The owner's part. Bounded by what a connection may have waiting.
    pub(super) fn read_range(
        &mut self,
        route: &mut Route,
        channel: &ChannelName,
        range: &ReplayRange,
    ) -> Vec<Bytes> {
        route.sample_read();
        let now = route.unix_ms;
        let events_max = route.config.log.page_events_max;
        let limit = if range.limit == 0 { events_max } else { range.limit as usize };
        let mut left = limit.min(events_max);
        let mut bytes_left = route.config.outbox_bytes_soft;
        let Some(index) = self.logs.channels.find_name(channel) else { return Vec::new() };
        let history = &self.log(index).history;
        let to = range.to.unwrap_or(u64::MAX).min(history.last_sequence());
        let wanted = |entry: &Entry| is_wanted(range.event_types.as_deref(), &entry.event_type);
        let (mut after, mut frames) = (range.after, Vec::new());
        while after < to && left > 0 && bytes_left > 0 {
            let limits = PageLimits { events_max: left, bytes_max: bytes_left };
            let page = history.page(after, to, now, limits, wanted);
            left -= page.frames.len();
            let bytes = page.frames.iter().map(Bytes::len).sum::<usize>();
            bytes_left = bytes_left.saturating_sub(bytes.max(1));
            frames.extend(page.frames);
            after = page.last;
        }
        route.counters.log_replayed += frames.len() as u64;
        frames
    }
}
