//! Pages of a log, from the owner to a subscriber that is catching up.

use std::sync::Arc;

use bytes::Bytes;

use super::message::News;
use crate::id::{ConnId, CoreId, SocketId};
use crate::local::Local;
use crate::log::{Entry, Page, PageLimits};
use crate::message::{ChannelName, LocalId};
use crate::owner::Owner;
use crate::route::{Route, Way};
use crate::word::Said;
use crate::{DialectId, Segment, Word};

/// A subscriber's question for its next page.
#[derive(Clone, Debug)]
pub(super) struct PageOf {
    pub(super) channel: ChannelName,
    pub(super) core: CoreId,
    pub(super) conn: ConnId,
    pub(super) local: LocalId,
    /// The attempt of its subscription.
    pub(super) attempt: u32,
    /// Its own id: what it is excluded from is not for it.
    pub(super) socket_id: Option<SocketId>,
    /// The last event it has.
    pub(super) after: u64,
    /// Instead: whose last acknowledged event that is, or the newest event if there is none.
    pub(super) cursor_of: Option<Arc<str>>,
    pub(super) event_types: Option<Arc<[Box<str>]>>,
    pub(super) dialect: DialectId,
    /// Whether it ends the answer to a join, for which the connection is held.
    pub(super) is_first: bool,
    /// Whether the subscriber may believe in somebody who has left meanwhile.
    pub(super) was_live: bool,
}

/// The answer to a subscriber's question for its next page.
#[derive(Debug)]
pub(super) struct PageFor {
    local: LocalId,
    attempt: u32,
    page: Page,
    /// Whether nothing comes after it: from here on the subscriber gets what is new.
    is_live: bool,
    /// With the last page: who has been entered.
    presence: Said,
    is_first: bool,
}

impl PageFor {
    pub(super) fn weight_bytes(&self) -> usize {
        self.page.frames.iter().map(Bytes::len).sum()
    }
}

/// Whether somebody who wants `event_types` wants `event_type`.
pub(super) fn is_wanted(event_types: Option<&[Box<str>]>, event_type: &str) -> bool {
    event_types.is_none_or(|types| types.iter().any(|it| **it == *event_type))
}

impl Local {
    /// A page is here: queue it, and ask for the next one once there is room.
    pub(super) fn on_page(&mut self, route: &mut Route, conn: ConnId, answer: PageFor) {
        let is_first = answer.is_first;
        self.take_page(route, conn, answer);
        if is_first {
            // What comes next of the same message must not be answered before this page.
            self.release(route, conn);
        }
    }

    fn take_page(&mut self, route: &mut Route, conn: ConnId, answer: PageFor) {
        let PageFor { local, attempt, page, is_live, presence, is_first: _ } = answer;
        let local = local.index;
        if self.connection(conn).is_none() {
            return;
        }
        self.conn_log(conn).is_asked = false;
        if !self.is_catching_up(conn, local, attempt) {
            return self.note_appetite(route, conn); // It has unsubscribed since.
        }
        if let Some((first, last)) = page.lost {
            self.tell_lost(route, conn, local, first, last);
        }
        route.counters.log_replayed += page.frames.len() as u64;
        if !page.frames.is_empty() {
            self.enqueue_page(route, conn, &page.frames);
        }
        self.send_said(route, conn, presence);
        if is_live {
            self.go_live(route, conn, local, page.last);
        } else {
            self.turn_page(conn, local, page.last);
        }
        self.note_appetite(route, conn);
    }

    /// The frames of a page as one segment for `conn` alone.
    fn enqueue_page(&mut self, route: &mut Route, conn: ConnId, frames: &[Bytes]) {
        let count = frames.len() as u32;
        let bytes = match frames {
            [only] => only.clone(),
            several => Bytes::from(several.concat()),
        };
        let bytes = route.in_form(self.connections[conn.slot as usize].form(), bytes);
        if bytes.is_empty() {
            return; // Its dialect has no form for any of them.
        }
        route.counters.deliveries += u64::from(count);
        let segment = Segment::new(bytes, count, &self.retained);
        self.enqueue(route, conn.slot, segment);
    }

    pub(super) fn tell_lost(
        &mut self,
        route: &mut Route,
        conn: ConnId,
        local: u32,
        first: u64,
        last: u64,
    ) {
        route.counters.log_truncations += 1;
        let (unix_ms, name) = (route.unix_ms, self.channels.at(local).name.clone());
        self.tell_word(route, conn, &Word::Lost { channel: name.as_str(), first, last, unix_ms });
    }
}

impl Owner {
    /// The owner's part of a page.
    pub(super) fn on_read_page(&mut self, way: &mut Way<'_>, request: PageOf) {
        let PageOf { channel, core, conn, local, attempt, after, .. } = request;
        let PageOf { socket_id, cursor_of, event_types, dialect, is_first, was_live, .. } = request;
        let limits = PageLimits {
            events_max: way.route.config.log.page_events_max,
            bytes_max: way.route.config.log.page_bytes_max,
        };
        way.route.sample_read();
        let now = way.route.unix_ms;
        let (row, mut is_live, mut presence) = (way.route.row(dialect), true, Said::default());
        let mut page = Page { last: after, ..Page::default() };
        if let Some(index) = self.logs.channels.find_name(&channel) {
            if let Some(id) = &cursor_of {
                self.renew_cursor(way, index, id);
            }
            let log = self.log(index);
            let is_wanted = |entry: &Entry| {
                let is_others = socket_id.is_none() || entry.skip != socket_id;
                is_others && is_wanted(event_types.as_deref(), &entry.event_type)
            };
            let last = log.history.last_sequence();
            let cursor = cursor_of.map(|id| log.cursors.of(&id).unwrap_or(last));
            let after = cursor.unwrap_or(after);
            page = log.history.page(after.min(last), u64::MAX, now, limits, is_wanted);
            if after > last {
                // It knows events that this log never had.
                page.lost = Some((after.saturating_add(1), last));
            }
            is_live = page.last >= last;
            if is_live && (log.entered.is_some() || was_live && log.had_users) {
                let users = log.entered.as_ref().map_or_else(Vec::new, |it| it.users());
                presence = row.said(&[Word::Present { channel: channel.as_str(), users: &users }]);
            }
        }
        let page = PageFor { local, attempt, page, is_live, presence, is_first };
        way.tell_conn(core, conn, News::Page(page));
    }
}
