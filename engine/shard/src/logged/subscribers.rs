//! The subscribers of a logged channel on their own core: who is live and who is catching up.
//!
//! Invariant: a subscription that is catching up is not in its channel's list of subscribers, is
//! counted in its `joining`, and its channel is in its connection's `catching_up`.

use std::sync::Arc;

use bytes::Bytes;
use hashbrown::HashMap;

use super::message::Message;
use super::page::{PageOf, is_wanted};
use super::{JoinLog, LogWelcome, Start};
use crate::channel::{Run, Subscriber};
use crate::connection::CATCHING_UP;
use crate::frames::Frames;
use crate::id::ConnId;
use crate::local::Local;
use crate::message::Welcome;
use crate::outgoing_batch::Withheld;
use crate::route::Route;
use crate::{LocalId, Output};

/// What a core knows of a logged channel that it has subscribers of.
#[derive(Debug, Default)]
pub(crate) struct LocalLog {
    /// By the connection's slot.
    followers: HashMap<u32, Follower, foldhash::fast::RandomState>,
    /// How many of them want some types only.
    filtered: u32,
    /// The last event that was gathered here for those who are live.
    last: u64,
    /// Whether who falls behind goes back to pages.
    is_catch_up: bool,
}

/// One subscriber.
#[derive(Debug)]
pub(super) struct Follower {
    pub(super) subscriber_id: Arc<str>,
    event_types: Option<Arc<[Box<str>]>>,
    /// Where it is in the log, while it is catching up.
    pub(super) after: u64,
    /// Whether its next page begins after what it has acknowledged instead.
    is_at_cursor: bool,
    /// Whether it was live before: what was to tell it who is present may be lost since.
    was_live: bool,
    /// The highest event that it has acknowledged in this turn; 0 for none.
    pub(super) acked: u64,
    /// When it last had a cursor, in milliseconds since 1970; 0 if that is not known.
    pub(super) cursor_seen_unix_ms: u64,
}

impl Follower {
    /// Whether its cursor is there for certain. One is forgotten after `idle_ms`, and the use of it
    /// is noted an eighth of that late.
    pub(super) const fn has_cursor(&self, now_unix_ms: u64, idle_ms: u64) -> bool {
        let is_known = self.cursor_seen_unix_ms > 0;
        is_known && now_unix_ms.saturating_sub(self.cursor_seen_unix_ms) < idle_ms / 2
    }
}

impl LocalLog {
    /// The last event that was gathered here.
    pub(crate) const fn last(&self) -> u64 {
        self.last
    }

    pub(super) fn follower(&mut self, slot: u32) -> Option<&mut Follower> {
        self.followers.get_mut(&slot)
    }

    /// Withhold the last frame of `run` from those who do not want its type.
    fn withhold(&self, run: &mut Run, event_type: &str) {
        if self.filtered == 0 {
            return;
        }
        for (&slot, follower) in &self.followers {
            if !is_wanted(follower.event_types.as_deref(), event_type) {
                run.withhold(slot);
            }
        }
    }

    fn remove(&mut self, slot: u32) -> Option<Follower> {
        let follower = self.followers.remove(&slot)?;
        self.filtered -= u32::from(follower.event_types.is_some());
        Some(follower)
    }
}

impl Local {
    /// A connection subscribes with options: its channel is a logged one from here on.
    pub(crate) fn follow(
        &mut self,
        route: &mut Route,
        conn: ConnId,
        local: u32,
        options: &JoinLog,
    ) {
        let entry = self.channels.at(local);
        let app = route.apps.app(entry.name.app());
        let rule = app.history_rule(entry.name.as_str());
        let log = entry.value.log.get_or_insert_default();
        log.is_catch_up = rule.is_some_and(|rule| rule.catch_up);
        log.filtered += u32::from(options.event_types.is_some());
        let follower = Follower {
            subscriber_id: Arc::clone(&options.subscriber_id),
            event_types: options.event_types.clone(),
            after: 0,
            is_at_cursor: false,
            was_live: false,
            acked: 0,
            cursor_seen_unix_ms: 0,
        };
        log.followers.insert(conn.slot, follower);
        if log.is_catch_up {
            self.note_follower(route, conn);
        }
    }

    /// Say it if this is the first log that a client follows which may do without.
    fn note_follower(&mut self, route: &mut Route, conn: ConnId) {
        let is_first = !std::mem::replace(&mut self.conn_log(conn).has_followed, true);
        let dialect = self.connections[conn.slot as usize].dialect;
        if is_first && !route.row(dialect).follows_only_logs {
            route.outputs.push_back(Output::ReadsLog(conn));
        }
    }

    /// A subscription has ended: what it has acknowledged in this turn is told all the same.
    pub(crate) fn unfollow(&mut self, slot: u32, local: u32) {
        let entry = self.channels.at(local);
        let Some(follower) = entry.value.log.as_mut().and_then(|log| log.remove(slot)) else {
            return;
        };
        let channel = entry.name.clone();
        if follower.acked > 0 {
            self.ack_parted(channel, &follower.subscriber_id, follower.acked);
        }
        if let Some(log) = &mut self.connections[slot as usize].log {
            log.catching_up.retain(|other| *other != local);
        }
    }

    /// The owner has let `conn` in: its first page follows.
    pub(crate) fn begin_catching_up(&mut self, conn: ConnId, local: u32, index: usize, after: u64) {
        self.connections[conn.slot as usize].subscriptions[index].position = CATCHING_UP;
        let channel = &mut self.channels.at(local).value;
        channel.joining += 1;
        let log = channel.log.as_mut().expect("follow has made the channel a logged one");
        let follower = log.followers.get_mut(&conn.slot).expect("it follows since it asked");
        follower.after = after;
        self.conn_log(conn).catching_up.push(local);
    }

    /// Whether `conn` waits for a page of the channel at `local`, in this attempt.
    pub(super) fn is_catching_up(&mut self, conn: ConnId, local: u32, attempt: u32) -> bool {
        let Some(connection) = self.connection(conn) else { return false };
        let Some(index) = connection.find(local) else { return false };
        let subscription = &connection.subscriptions[index];
        subscription.position == CATCHING_UP && subscription.attempt == attempt
    }

    /// `conn` has everything up to `last`: from here on the channel's events are for it, too.
    pub(super) fn go_live(&mut self, route: &mut Route, conn: ConnId, local: u32, last: u64) {
        // What the turn has gathered was on the page, or came before the join.
        self.seal_early(route, local);
        let connection = &self.connections[conn.slot as usize];
        let index = connection.find(local).expect("who goes live is subscribed");
        self.list(conn.slot, local, index);
        let channel = &mut self.channels.at(local).value;
        channel.joining -= 1;
        let log = channel.log.as_mut().expect("a channel with followers has a log");
        log.last = log.last.max(last);
        log.follower(conn.slot).expect("who goes live follows the log").was_live = false;
        self.conn_log(conn).catching_up.retain(|other| *other != local);
    }

    /// `conn` has everything up to `last` and wants more.
    pub(super) fn turn_page(&mut self, conn: ConnId, local: u32, last: u64) {
        let log = self.channels.at(local).value.log.as_mut();
        log.and_then(|log| log.follower(conn.slot)).expect("who reads pages follows").after = last;
    }

    /// Ask for the next page of the channel at `local`, where `conn` is catching up.
    pub(super) fn ask_page(&mut self, route: &mut Route, conn: ConnId, local: u32) {
        self.conn_log(conn).is_asked = true;
        let connection = &self.connections[conn.slot as usize];
        let index = connection.find(local).expect("who is catching up is subscribed");
        let attempt = connection.subscriptions[index].attempt;
        let (core, dialect) = (route.config.core, connection.dialect);
        let entry = self.channels.at(local);
        let log = entry.value.log.as_mut().expect("a channel with followers has a log");
        let follower = log.follower(conn.slot).expect("who is catching up follows the log");
        let (after, event_types) = (follower.after, follower.event_types.clone());
        let was_live = follower.was_live;
        let is_at_cursor = std::mem::take(&mut follower.is_at_cursor);
        let cursor_of = is_at_cursor.then(|| Arc::clone(&follower.subscriber_id));
        let channel = entry.name.clone();
        let local = LocalId { index: local, generation: entry.generation };
        let (socket_id, is_first) = (self.socket_id(route, conn), false);
        let request = PageOf {
            channel,
            core,
            conn,
            local,
            attempt,
            socket_id,
            after,
            cursor_of,
            event_types,
            dialect,
            is_first,
            was_live,
        };
        route.tell_log_owner(Message::ReadPage(request));
    }

    /// `conn`, which is catching up, goes on at `start`, as `subscriber_id`.
    pub(super) fn restart(
        &mut self,
        route: &Route,
        conn: ConnId,
        local: u32,
        start: Start,
        subscriber_id: &Arc<str>,
    ) {
        let log = self.channels.at(local).value.log.as_mut();
        let Some(follower) = log.and_then(|log| log.follower(conn.slot)) else { return };
        follower.subscriber_id = Arc::clone(subscriber_id);
        follower.cursor_seen_unix_ms = 0; // That of another one, perhaps.
        match start {
            Start::After(after) => follower.after = after,
            Start::Elsewhere(_) => follower.after = 0,
            Start::Live | Start::Cursor | Start::CursorOrLive | Start::Snapshot => {
                follower.is_at_cursor = true;
            }
        }
        self.note_appetite(route, conn);
    }

    /// Welcome `conn`, which begins with the log after what `welcome` says.
    pub(crate) fn welcome_follower(
        &mut self,
        route: &mut Route,
        conn: ConnId,
        local: u32,
        index: usize,
        log: LogWelcome,
        welcome: Welcome,
    ) {
        self.begin_catching_up(conn, local, index, log.after);
        let Welcome { subscribed, cached, count, log: _ } = welcome;
        for said in [log.snapshot, subscribed, cached, count, log.fast_forward] {
            self.send_said(route, conn, said);
        }
        self.note_appetite(route, conn); // Unless the first page is right behind this.
    }

    /// Put an event of a log into its channel's run of this turn.
    pub(crate) fn on_deliver_logged(&mut self, route: &mut Route, delivery: super::Delivery) {
        let super::Delivery { local, frame, sequence, event_type, rest } = delivery;
        let (skip, ticket) = rest.map_or((None, None), |rest| *rest);
        self.gather_logged(route, local, frame, skip, sequence, event_type.as_deref());
        if let Some(ticket) = ticket {
            route.tell_queued(ticket);
        }
    }

    fn gather_logged(
        &mut self,
        route: &mut Route,
        local: LocalId,
        frame: Bytes,
        skip: Option<crate::id::SocketId>,
        sequence: u64,
        event_type: Option<&str>,
    ) {
        let slot = skip.and_then(|id| self.slot_of(route, id));
        let Some(index) = self.run_of(local) else { return };
        let run = &mut self.runs[index as usize];
        run.push(frame, slot);
        if let Some(log) = &mut self.channels.at(local.index).value.log {
            if sequence > 0 {
                log.last = sequence;
            }
            if let Some(event_type) = event_type {
                log.withhold(run, event_type);
            }
        }
        self.seal_if_full(route, local.index, index);
    }

    /// Send `frames`, which are in no log, to those subscribers that are catching up: no page will
    /// bring them. All but the connection in slot `skip`.
    pub(crate) fn send_to_those_behind(
        &mut self,
        route: &mut Route,
        local: u32,
        frames: &Frames,
        skip: Option<u32>,
    ) {
        if self.has_those_behind(local) {
            for frame in frames.clone().each() {
                self.send_behind(route, local, &frame, skip);
            }
        }
    }

    /// Send `frames`, which are in no log, to those subscribers that are catching up: each frame to
    /// all but the connection that it is `withheld` from.
    pub(crate) fn send_load_to_those_behind(
        &mut self,
        route: &mut Route,
        local: u32,
        frames: &Frames,
        withheld: &[Withheld],
    ) {
        if !self.has_those_behind(local) {
            return;
        }
        let mut start = 0;
        for frame in frames.clone().each() {
            let is_of = |it: &&Withheld| it.start <= start && start < it.end;
            let skip = withheld.iter().find(is_of).and_then(|it| self.slot_of(route, it.from));
            self.send_behind(route, local, &frame, skip);
            start += frame.len() as u32;
        }
    }

    fn has_those_behind(&mut self, local: u32) -> bool {
        let channel = &self.channels.at(local).value;
        channel.log.is_some() && channel.joining > 0
    }

    fn send_behind(&mut self, route: &mut Route, local: u32, frame: &Bytes, skip: Option<u32>) {
        let channel = &self.channels.at(local).value;
        let Some(log) = &channel.log else { return };
        let is_behind = |slot: &u32| {
            let connection = &self.connections[*slot as usize];
            let subscription = connection.find(local).map(|at| &connection.subscriptions[at]);
            subscription.is_some_and(|it| it.position == CATCHING_UP)
        };
        let slots = log.followers.keys().copied().filter(|slot| Some(*slot) != skip);
        let behind: Vec<u32> = slots.filter(is_behind).collect();
        for slot in behind {
            let generation = self.connections[slot as usize].generation;
            self.send(route, ConnId { slot, generation }, frame.clone());
        }
    }

    /// Before a run of `bytes` that comes `after` an event is queued: who has no room for it goes
    /// back to pages.
    pub(crate) fn set_back_the_slow(
        &mut self,
        route: &mut Route,
        local: u32,
        bytes: usize,
        after: u64,
    ) {
        let channel = &self.channels.at(local).value;
        if !channel.log.as_ref().is_some_and(|log| log.is_catch_up) {
            return;
        }
        let slow = |it: &&Subscriber| {
            let queued = self.connections[it.slot as usize].outbox.bytes();
            queued > 0 && queued + bytes > route.config.outbox_bytes_soft
        };
        let slow: Vec<u32> = channel.subscribers.iter().filter(slow).map(|it| it.slot).collect();
        for slot in slow {
            self.set_back(route, slot, local, after);
        }
    }

    /// Take the connection in `slot` out of the list: it reads the log on after event `after`.
    fn set_back(&mut self, route: &mut Route, slot: u32, local: u32, after: u64) {
        let connection = &self.connections[slot as usize];
        let conn = ConnId { slot, generation: connection.generation };
        let index = connection.find(local).expect("the channel lists only its subscribers");
        let log = self.channels.at(local).value.log.as_mut();
        let Some(follower) = log.and_then(|log| log.follower(slot)) else { return };
        (follower.after, follower.was_live) = (after, true);
        route.counters.log_set_backs += 1;
        let connection = &mut self.connections[slot as usize];
        let subscription = &mut connection.subscriptions[index];
        let position = std::mem::replace(&mut subscription.position, CATCHING_UP);
        self.unlist(local, position);
        self.channels.at(local).value.joining += 1;
        self.conn_log(conn).catching_up.push(local);
        self.note_appetite(route, conn);
    }
}
