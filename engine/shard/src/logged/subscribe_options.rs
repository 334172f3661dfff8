//! Subscribing to a channel with a log: where the subscriber begins, and what it wants.

use std::sync::Arc;

use super::PageOf;
use crate::app::wildcard_of;
use crate::id::{ConnId, SocketId};
use crate::message::{ChannelName, Join, JoinRefused, Member, Welcome};
use crate::owner::Owner;
use crate::route::{Route, Way};
use crate::subscribe::SubscribeError;
use crate::word::{Begin, Said};
use crate::{Shard, Word};

/// Where a subscription begins.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Start {
    /// With what comes next.
    Live,
    /// After the event with this number; 0 is with the oldest one that is kept.
    After(u64),
    /// With the oldest event that is kept: the one with this number, after which the subscriber
    /// wants to begin, is of a log that ended with another process.
    Elsewhere(u64),
    /// After the last event that the subscriber has acknowledged; with the oldest one if it never
    /// has.
    Cursor,
    /// After the last event that the subscriber has acknowledged; with what comes next if it never
    /// has.
    CursorOrLive,
    /// After the last event of the snapshot; as [`Cursor`](Self::Cursor) if there is none.
    Snapshot,
}

/// What somebody who subscribes to a channel with a log wants.
#[derive(Clone, Debug)]
pub struct SubscribeOptions {
    /// Where the subscription begins.
    pub start: Start,
    /// The name of the subscriber whose cursor it is.
    pub subscriber_id: Arc<str>,
    /// The types it wants; `None` for all.
    pub event_types: Option<Box<[Box<str>]>>,
    /// Whether it is told the channel's snapshot first.
    pub with_snapshot: bool,
    /// Whether it is told by a snapshot without state where it begins, if that is not event 1.
    pub fast_forward: bool,
    /// The user, on presence channels.
    pub member: Option<Member>,
}

/// What the owner must know of a [`SubscribeOptions`].
#[derive(Clone, Debug)]
pub(crate) struct JoinLog {
    pub(crate) start: Start,
    /// The connection's own id: what it is excluded from is not for it.
    socket_id: Option<SocketId>,
    pub(crate) subscriber_id: Arc<str>,
    pub(crate) event_types: Option<Arc<[Box<str>]>>,
    pub(crate) with_snapshot: bool,
    pub(crate) fast_forward: bool,
    /// Whether the first page comes with the answer: if nothing else waits for the connection.
    pub(crate) with_page: bool,
}

impl JoinLog {
    pub(crate) fn weight_bytes(&self) -> usize {
        let types = self.event_types.iter().flat_map(|types| types.iter());
        size_of::<Self>() + self.subscriber_id.len() + types.map(|it| it.len()).sum::<usize>()
    }
}

/// Where a new subscriber begins, and what it is told of that.
#[derive(Debug, Default)]
pub(crate) struct LogWelcome {
    /// Told before the welcome itself.
    pub(crate) snapshot: Said,
    /// Told after the welcome itself.
    pub(crate) fast_forward: Said,
    /// The first page comes after this event.
    pub(crate) after: u64,
}

impl LogWelcome {
    pub(crate) fn weight_bytes(&self) -> usize {
        size_of::<Self>() + self.snapshot.bytes.len() + self.fast_forward.bytes.len()
    }
}

impl Shard {
    /// Ask the owner of channel `name` to let `conn` in as `options` says, in the place of a
    /// subscription that it may have.
    ///
    /// The channel may have no log, as a scope's wildcard: then all begin with what comes next.
    /// Where the owner is another core `conn` is [held](Self::is_held) until its answer is here.
    ///
    /// # Errors
    /// As [`subscribe`](Self::subscribe), but for [`SubscribeError::AlreadySubscribed`].
    pub fn subscribe_logged(
        &mut self,
        conn: ConnId,
        name: &str,
        options: SubscribeOptions,
    ) -> Result<(), SubscribeError> {
        if self.local.connection(conn).is_some_and(|it| it.is_open()) {
            self.unsubscribe(conn, name);
        }
        let SubscribeOptions {
            start,
            subscriber_id,
            event_types,
            with_snapshot,
            fast_forward,
            member,
        } = options;
        let event_types = event_types.map(Arc::from);
        let with_page =
            self.local.is_hungry(&self.route, conn) && !self.local.conn_log(conn).is_asked;
        let socket_id = self.local.socket_id(&self.route, conn);
        let log = JoinLog {
            start,
            socket_id,
            subscriber_id,
            event_types,
            with_snapshot,
            fast_forward,
            with_page,
        };
        let joined = self.local.join(&mut self.route, conn, name, member, Some(Box::new(log)));
        self.settle();
        let owner = joined?;
        if owner != self.route.config.core {
            self.hold(conn);
        }
        Ok(())
    }
}

impl Owner {
    /// The owner's part of a join with options: where it begins. The log is there from here on.
    pub(crate) fn welcome_to_log(
        &mut self,
        way: &mut Way<'_>,
        join: &Join,
    ) -> Result<Option<Box<LogWelcome>>, JoinRefused> {
        let Some(options) = &join.log else { return Ok(None) };
        let unlogged = LogWelcome::default();
        if !way.route.has_log(&join.channel) {
            return Ok(Some(Box::new(unlogged)));
        }
        let index = self.open_log(way.route, &join.channel, Some((join.core, join.conn)))?;
        match options.start {
            Start::Cursor | Start::CursorOrLive | Start::Snapshot => {
                self.renew_cursor(way, index, &options.subscriber_id);
            }
            Start::Live | Start::After(_) | Start::Elsewhere(_) => {}
        }
        let (unix_ms, channel) = (way.route.unix_ms, join.channel.as_str());
        let row = way.route.row(join.dialect);
        let log = &mut self.logs.channels.at(index).value;
        log.is_filtered |= options.event_types.is_some();
        let snapshot = log.snapshot.as_deref();
        let cursor = || log.cursors.of(&options.subscriber_id).unwrap_or(0);
        let last = log.history.last_sequence();
        let after = match options.start {
            Start::Live => last,
            Start::After(after) => after,
            Start::Elsewhere(_) => log.history.first_sequence() - 1,
            Start::Cursor => cursor(),
            Start::CursorOrLive => log.cursors.of(&options.subscriber_id).unwrap_or(last),
            Start::Snapshot => snapshot.map_or_else(cursor, |it| it.last_sequence),
        };
        let snapshot_given = options.with_snapshot && snapshot.is_some();
        let snapshot = if options.with_snapshot {
            row.said(&[Word::Snapshot { channel, snapshot }])
        } else {
            Said::default()
        };
        way.route.counters.log_catch_ups += u64::from(after < last);
        way.route.counters.snapshots_given += u64::from(snapshot_given);
        let is_kept_back = after < last && !way.route.allows_catch_up(join);
        let fast_forward = if after > last || is_kept_back {
            // It knows events that this log never had, or may not have those that it has.
            row.said(&[Word::Lost { channel, first: after.saturating_add(1), last, unix_ms }])
        } else if let Start::Elsewhere(seen) = options.start {
            let first = seen.saturating_add(1);
            row.said(&[Word::Lost { channel, first, last: after, unix_ms }])
        } else if options.fast_forward && after > 0 {
            row.said(&[Word::StartsAfter { channel, sequence: after, unix_ms }])
        } else {
            Said::default()
        };
        let after = if is_kept_back { last } else { after.min(last) };
        Ok(Some(Box::new(LogWelcome { snapshot, fast_forward, after })))
    }

    /// The owner's first page for a new subscriber, right behind the answer to its join.
    pub(crate) fn send_first_page(&mut self, way: &mut Way<'_>, join: Join, after: u64) {
        let Join { channel, core, conn, local, attempt, dialect, log, .. } = join;
        let Some(options) = log.filter(|options| options.with_page) else { return };
        let JoinLog { socket_id, event_types, .. } = *options;
        self.on_read_page(
            way,
            PageOf {
                channel,
                core,
                conn,
                local,
                attempt,
                socket_id,
                after,
                cursor_of: None,
                event_types,
                dialect,
                is_first: true,
                was_live: false,
            },
        );
    }

    /// The owner's answer to a join to the channel at `owned`.
    pub(crate) fn welcome(
        &mut self,
        route: &mut Route,
        owned: u32,
        join: &Join,
        count: Said,
        log: Option<Box<LogWelcome>>,
    ) -> Welcome {
        let is_live = join.log.as_ref().is_none_or(|options| options.start == Start::Live);
        // Who resumes gets the last event in its place, or has it.
        let (cached, sequence) = if is_live {
            self.say_cached(route, &join.channel, join.dialect)
        } else {
            (Said::default(), None)
        };
        let begin = log.as_ref().map(|log| {
            let after = sequence.map_or(log.after, |cached| cached - 1);
            Begin { epoch: route.config.log.epoch, after }
        });
        let subscribed = self.subscribed_word(route, owned, join, begin);
        Welcome { subscribed, cached, count, log }
    }
}

impl Route {
    /// Whether `channel` has a log by its app's rules.
    pub(super) fn has_log(&self, channel: &ChannelName) -> bool {
        self.apps.app(channel.app()).has_log(channel.as_str())
    }

    /// The wildcard of `channel`, if that is a room.
    pub(super) fn wildcard(&self, channel: &ChannelName) -> Option<ChannelName> {
        let name = wildcard_of(channel.as_str())?;
        Some(self.channel(channel.app(), name))
    }
}
