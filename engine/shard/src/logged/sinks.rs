//! Sinks: apps' own servers that are posted the events of rooms.
//!
//! The owner of a room knows how far each of its sinks is, reads the next events from the log when
//! the sink has taken the ones before, and keeps as a dead letter what it does not take. What waits
//! for a sink is in the log and nowhere else. Requests in flight are bounded for all rooms of a
//! core; who has to wait for one is served in order.
//!
//! Invariant: a cursor that is not idle is in the queue, in the heap of those that pause, or in
//! flight, exactly once.

use std::cmp::Reverse;
use std::collections::{BinaryHeap, VecDeque};
use std::hash::BuildHasher;
use std::sync::Arc;

use bytes::Bytes;
use foldhash::fast::FixedState;

use super::ChannelLog;
use super::unkept::cursor_bytes;
use crate::app::{Sink, is_match};
use crate::log::stored::StoredCursor;
use crate::log::{AfterFailure, DeadLetter, Draft, Newest, PageLimits, SinkCursor, SinkRange};
use crate::message::ChannelName;
use crate::owner::Owner;
use crate::route::{Route, Way};
use crate::{Dialects, Millis, Output, Shard};

/// What the name of a sink's cursor begins with. No subscriber may have such a name.
pub(super) const SINK_PREFIX: &str = "\u{1}sink:";

/// How long a request that the side thread had no room for waits.
const BUSY_PAUSE_MS: u64 = 1_000;

/// One sink of one log.
#[derive(Debug)]
pub(super) struct ChannelSink {
    sink: Arc<Sink>,
    cursor: SinkCursor,
    serial: u32,
}

/// Names a sink of a log, for as long as both are there.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct SinkId {
    log: u32,
    generation: u32,
    serial: u32,
}

/// Events for a sink, in one request.
#[derive(Clone, Debug)]
pub struct SinkPost {
    /// To be given back with what comes of it.
    pub id: SinkId,
    /// The room.
    pub room: ChannelName,
    /// The sink that it goes to.
    pub sink: Arc<Sink>,
    /// Whole frames, in the room's order.
    pub frames: Vec<Bytes>,
}

/// What came of a request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SinkOutcome {
    /// The sink has the events.
    Taken,
    /// The sink has not taken them, or has not said so.
    Failed {
        /// Why it failed, in words.
        reason: String,
    },
    /// The sink was not asked.
    NotTried,
}

/// The sinks of one core that are not idle.
#[derive(Debug, Default)]
pub(super) struct Sinks {
    due: VecDeque<SinkId>,
    pausing: BinaryHeap<Reverse<(Millis, SinkId)>>,
    in_flight: usize,
    serial: u32,
}

impl ChannelLog {
    pub(super) fn has_busy_sinks(&self) -> bool {
        self.sinks.iter().any(|it| !it.cursor.is_idle())
    }

    /// How far the sink called `name` is.
    pub(super) fn cursor_of_sink(&self, name: &str) -> Option<u64> {
        let sink = self.sinks.iter().find(|it| *it.sink.name == *name);
        sink.map(|it| it.cursor.sequence())
    }

    /// Of all sinks, how far the one is that is furthest behind.
    pub(super) fn lowest_sink(&self) -> Option<u64> {
        self.sinks.iter().map(|it| it.cursor.sequence()).min()
    }
}

impl Shard {
    /// Whether no request is in flight and none could be: who pauses is not waited for.
    pub fn are_sinks_quiet(&self) -> bool {
        self.owner.logs.sinks.in_flight == 0 && self.owner.logs.sinks.due.is_empty()
    }

    /// What has come of a request.
    pub fn sink_answered(&mut self, id: SinkId, outcome: SinkOutcome) {
        self.owner.logs.sinks.in_flight -= 1;
        let Some(it) = self.owner.sink(id) else { return }; // Its log or the sink is gone.
        match outcome {
            SinkOutcome::Taken => {
                let before = it.cursor.sequence();
                it.cursor.taken();
                self.route.counters.sinks.events +=
                    self.owner.sink_cursor(id).saturating_sub(before);
                self.with_owner(|owner, way| owner.store_sink_cursor(way, id));
                self.owner.logs.sinks.due.push_back(id);
            }
            SinkOutcome::Failed { reason } => {
                let retry = it.sink.retry;
                let after = it.cursor.failed(&retry);
                self.route.counters.sinks.failures += 1;
                self.with_owner(|owner, way| owner.after_failure(way, id, after, &reason));
            }
            SinkOutcome::NotTried => {
                it.cursor.not_tried();
                self.owner.pause_sink(&self.route, id, BUSY_PAUSE_MS);
            }
        }
    }
}

impl Owner {
    /// Say which sinks the log at `index` has; those that it had before go on where they are.
    pub(super) fn set_sinks(&mut self, route: &mut Route, index: u32) {
        let entry = self.logs.channels.at(index);
        let app = route.apps.app(entry.name.app());
        let name = entry.name.as_str();
        if !entry.name.nature().is_room || (app.sinks.is_empty() && entry.value.sinks.is_empty()) {
            return;
        }
        let wanted = app.sinks.iter().filter(|sink| is_match(&sink.rooms, name));
        let mut before = std::mem::take(&mut entry.value.sinks).into_vec();
        let first = entry.value.history.first_sequence() - 1;
        let mut sinks = Vec::new();
        for sink in wanted {
            let sink = Arc::clone(sink);
            let known = before.iter().position(|it| it.sink.name == sink.name);
            if let Some(at) = known {
                sinks.push(ChannelSink { sink, ..before.swap_remove(at) });
                continue;
            }
            self.logs.sinks.serial = self.logs.sinks.serial.wrapping_add(1);
            let serial = self.logs.sinks.serial;
            sinks.push(ChannelSink { sink, cursor: SinkCursor::after(first), serial });
        }
        entry.value.sinks = sinks.into();
        self.wake_sinks(route, index);
    }

    /// A log was restored, with these cursors of its sinks by their names.
    pub(super) fn restore_sinks(
        &mut self,
        route: &mut Route,
        index: u32,
        cursors: &[StoredCursor],
    ) {
        let log = self.log(index);
        let (first, last) = (log.history.first_sequence() - 1, log.history.last_sequence());
        for it in &mut log.sinks {
            let name = it.sink.name.as_str();
            let is_its =
                |it: &&StoredCursor| it.subscriber_id.strip_prefix(SINK_PREFIX) == Some(name);
            let stored = cursors.iter().find(is_its);
            it.cursor = SinkCursor::after(stored.map_or(first, |cursor| cursor.sequence.min(last)));
        }
        self.wake_sinks(route, index);
    }

    /// The log at `index` has new events: those of its sinks that are idle get their turn.
    pub(super) fn wake_sinks(&mut self, route: &mut Route, index: u32) {
        let entry = self.logs.channels.at(index);
        let (log, generation) = (&mut entry.value, entry.generation);
        let last = log.history.last_sequence();
        for it in &mut log.sinks {
            route.counters.sinks.dropped += it.cursor.appended(last, &it.sink);
            if it.cursor.sequence() < last && it.cursor.queue() {
                let id = SinkId { log: index, generation, serial: it.serial };
                self.logs.sinks.due.push_back(id);
            }
        }
    }

    /// Those that have paused for long enough get their turn.
    pub(crate) fn resume_sinks(&mut self, route: &Route) {
        while let Some(Reverse((at, id))) = self.logs.sinks.pausing.peek().copied()
            && at <= route.now
        {
            self.logs.sinks.pausing.pop();
            if let Some(it) = self.sink(id) {
                it.cursor.resume();
                self.logs.sinks.due.push_back(id);
            }
        }
    }

    /// Post to those whose turn it is, as far as there may be requests in flight.
    pub(crate) fn post_to_sinks(&mut self, route: &mut Route) {
        while self.logs.sinks.in_flight < route.config.log.sinks_in_flight_max
            && let Some(id) = self.logs.sinks.due.pop_front()
        {
            if let Some(post) = self.next_post(route, id) {
                self.logs.sinks.in_flight += 1;
                route.counters.sinks.posts += 1;
                route.outputs.push_back(Output::PostToSink(Box::new(post)));
            }
        }
    }

    /// Requests in flight, and sinks that wait to be tried again.
    pub(crate) fn sink_levels(&self) -> (u64, u64) {
        (self.logs.sinks.in_flight as u64, self.logs.sinks.pausing.len() as u64)
    }

    fn after_failure(&mut self, way: &mut Way<'_>, id: SinkId, after: AfterFailure, reason: &str) {
        match after {
            AfterFailure::Retry { delay_ms } => self.pause_sink(way.route, id, delay_ms),
            AfterFailure::GiveUp { sequence, attempts } => {
                self.bury(way.route, id, sequence, attempts, reason);
                self.store_sink_cursor(way, id);
                self.logs.sinks.due.push_back(id);
            }
        }
    }

    fn pause_sink(&mut self, route: &Route, id: SinkId, delay_ms: u64) {
        let until = route.now.plus(delay_ms);
        self.logs.sinks.pausing.push(Reverse((until, id)));
    }

    /// The next request for a sink; `None` if it has everything.
    fn next_post(&mut self, route: &mut Route, id: SinkId) -> Option<SinkPost> {
        let (now, bytes_max) = (route.unix_ms, route.config.log.sink_post_bytes_max);
        let entry = self.logs.channels.get(id.log, id.generation)?;
        let ChannelLog { history, sinks, .. } = &mut entry.value;
        let it = sinks.iter_mut().find(|it| it.serial == id.serial)?;
        loop {
            let SinkRange { after, to, events_max } =
                it.cursor.range(history.last_sequence(), &it.sink);
            if after >= to {
                it.cursor.rest();
                return None;
            }
            let limits = PageLimits { events_max: events_max as usize, bytes_max };
            let page = history.page(after, to, now, limits, |_| true);
            let lost = page.lost.map_or(0, |(first, last)| last - first + 1);
            route.counters.sinks.lost += lost;
            if page.frames.is_empty() {
                it.cursor.skip(page.last);
                continue;
            }
            route.counters.sinks.retries += u64::from(it.cursor.is_retrying());
            it.cursor.sent(after + lost, page.last);
            let (room, sink) = (entry.name.clone(), Arc::clone(&it.sink));
            return Some(SinkPost { id, room, sink, frames: page.frames });
        }
    }

    /// Keep event `sequence` as a dead letter of its room.
    fn bury(&mut self, route: &mut Route, id: SinkId, sequence: u64, attempts: u32, reason: &str) {
        let Some(entry) = self.logs.channels.get(id.log, id.generation) else { return };
        let Some(it) = entry.value.sinks.iter().find(|it| it.serial == id.serial) else { return };
        let (room, sink) = (entry.name.clone(), Arc::clone(&it.sink));
        let now = route.unix_ms;
        let Some(draft) = draft_of(route.dialects, &entry.value, sequence, now) else {
            route.counters.sinks.lost += 1; // Its room let go of it while it was tried.
            return;
        };
        let seed = route.config.hash_seed ^ u64::from(route.next_serial());
        let random = FixedState::with_seed(seed).hash_one((room.as_str(), &*sink.name, sequence));
        let letter = DeadLetter {
            id: (route.dialects.dead_letter_id)(now, random).into(),
            draft,
            error: format!("sink {}: {reason}", sink.name).into(),
            attempts,
            failed_unix_ms: now,
        };
        if self.keep_dead_letter(route, &room, letter) {
            route.counters.sinks.dead_letters += 1;
        } else {
            route.counters.sinks.lost += 1;
        }
    }

    fn store_sink_cursor(&mut self, way: &mut Way<'_>, id: SinkId) {
        if !way.route.config.log.is_durable {
            return;
        }
        let Some(it) = self.sink(id) else { return };
        let subscriber_id: Arc<str> = format!("{SINK_PREFIX}{}", it.sink.name).into();
        let bytes = cursor_bytes(&subscriber_id);
        self.renew(way, id.log, &Newest::Cursor(subscriber_id), bytes, None);
    }

    fn sink_cursor(&mut self, id: SinkId) -> u64 {
        self.sink(id).map_or(0, |it| it.cursor.sequence())
    }

    fn sink(&mut self, id: SinkId) -> Option<&mut ChannelSink> {
        let entry = self.logs.channels.get(id.log, id.generation)?;
        entry.value.sinks.iter_mut().find(|it| it.serial == id.serial)
    }
}

/// Event `sequence` of a log as it was before it had a number; `None` if it is gone.
fn draft_of(
    dialects: &Dialects,
    log: &ChannelLog,
    sequence: u64,
    now_unix_ms: u64,
) -> Option<Draft> {
    let entry = log.history.get(sequence)?;
    let (text, sequence_at) = (dialects.without_sequence)(&entry.frame)?;
    Some(Draft {
        id: entry.id.clone(),
        event_type: Arc::clone(&entry.event_type),
        text: text.into(),
        sequence_at: sequence_at as u32,
        emitted_unix_ms: now_unix_ms,
        expires_unix_ms: entry.expires_unix_ms,
    })
}
