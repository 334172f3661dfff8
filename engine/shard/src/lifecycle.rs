//! A connection's life: opened, upgraded, active, pinged, gone.
//!
//! What must happen by when is in `deadline`.

use bytes::Bytes;

use crate::connection::{Connection, Phase, Place};
use crate::counters::Refusal;
use crate::hear::Waiting;
use crate::id::{AppIndex, ConnId, SocketId};
use crate::local::Local;
use crate::outbox::Outbox;
use crate::owner::Owner;
use crate::rate::Window;
use crate::route::Route;
use crate::{DialectId, Millis, Segment, Shard};

/// How often sends in flight are looked at for progress.
const SENDS_LOOK_INTERVAL_MS: u64 = 1_000;

/// Sockets that may be open on the listeners for metrics and tests, besides those of clients.
pub const OPERATOR_SOCKETS_MAX: usize = 64;

/// The core holds as many sockets as `core.connections_max` allows.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("this core holds as many connections as it may")]
pub struct ConnectionsFull;

impl Shard {
    /// A socket was accepted; `nonce` is random and makes its socket id hard to guess.
    pub fn open(&mut self, nonce: u32) -> Result<ConnId, ConnectionsFull> {
        let others = self.local.operator_sockets + self.local.turned_away_sockets;
        let is_room = self.local.connections.len() - others < self.route.config.connections_max;
        self.local
            .insert(&mut self.route, is_room, nonce, Place::Client)
            .inspect_err(|ConnectionsFull| self.route.refuse(Refusal::Connections))
    }

    /// A socket was accepted that [`open`](Self::open) had no room for: it is heard once and told
    /// why it cannot stay. There is little room for those, too. `nonce` is random and makes its
    /// socket id hard to guess.
    pub fn open_to_turn_away(&mut self, nonce: u32) -> Result<ConnId, ConnectionsFull> {
        let is_room = self.local.turned_away_sockets < self.route.config.turned_away_max;
        let conn = self.local.insert(&mut self.route, is_room, nonce, Place::TurnedAway)?;
        self.local.turned_away_sockets += 1;
        Ok(conn)
    }

    /// A socket of the operator was accepted. Those have room of their own: a full server is the
    /// one that must be looked at. `nonce` is random and makes its socket id hard to guess.
    pub fn open_for_operator(&mut self, nonce: u32) -> Result<ConnId, ConnectionsFull> {
        let is_room = self.local.operator_sockets < OPERATOR_SOCKETS_MAX;
        let conn = self
            .local
            .insert(&mut self.route, is_room, nonce, Place::Operator)
            .inspect_err(|ConnectionsFull| self.route.refuse(Refusal::Connections))?;
        self.local.operator_sockets += 1;
        Ok(conn)
    }

    /// The first request asked for a websocket and gets it: as a client of the app that it has
    /// [entered](Self::enter), or of none, to be told why.
    pub fn upgrade(&mut self, conn: ConnId, dialect: impl Into<DialectId>) {
        let (now, dialect) = (self.route.now, dialect.into());
        assert!(
            usize::from(dialect.0) < self.route.dialects.rows.len(),
            "a dialect is one of the rows"
        );
        let has_own_form = self.route.row(dialect).own_form.is_some();
        let Some(connection) = self.local.connection(conn) else { return };
        (connection.dialect, connection.has_own_form) = (dialect, has_own_form);
        connection.phase = Phase::Open { pinged: None, authorize_by: None, expires: None };
        connection.last_activity = now;
        self.route.counters.connections += 1;
        self.route.counters.connections_opened += 1;
        self.local.reschedule(&self.route, conn);
        self.local.evict_if_late(&self.route, conn);
        if let Some(drain) = &mut self.local.drain {
            drain.add(conn); // Its handshake had begun before.
        }
    }

    /// A request's head has begun, on a connection that has had others: the rest must come within
    /// `connection.handshake_timeout_s`, as that of the first.
    pub fn expect_head(&mut self, conn: ConnId) {
        let until = self.route.now.plus(self.route.config.handshake_timeout_ms);
        let Some(connection) = self.local.connection(conn) else { return };
        connection.phase = Phase::Handshake { until };
        self.local.reschedule(&self.route, conn);
    }

    /// The connection speaks plain HTTP and is cut off in `ms` unless this is said again.
    ///
    /// If a request is open then, the cut counts as a refusal.
    pub fn serve_http(&mut self, conn: ConnId, ms: u64, is_request_open: bool) {
        let until = self.route.now.plus(ms);
        let Some(connection) = self.local.connection(conn) else { return };
        connection.phase = Phase::Http { until, is_request_open };
        self.local.reschedule(&self.route, conn);
    }

    /// Bytes arrived from `conn`: it is alive.
    pub fn active(&mut self, conn: ConnId, bytes: usize) {
        let now = self.route.now;
        self.route.counters.received_bytes += bytes as u64;
        let Some(connection) = self.local.connection(conn) else { return };
        connection.last_activity = now;
        if let Phase::Open { pinged: pinged @ Some(_), .. } = &mut connection.phase {
            *pinged = None;
            // The next ping may be due before this one's answer was.
            self.local.reschedule(&self.route, conn);
        }
    }

    /// The id that clients and the HTTP API know `conn` by.
    #[inline]
    pub fn socket_id(&mut self, conn: ConnId) -> Option<SocketId> {
        self.local.socket_id(&self.route, conn)
    }

    /// The app and dialect of a websocket that is open.
    #[inline]
    pub fn speaks(&mut self, conn: ConnId) -> Option<(AppIndex, DialectId)> {
        self.local.speaks(conn)
    }

    /// Queue `frame` on one connection; nothing if it is being closed.
    ///
    /// A connection that is over its limit with answers to its own messages gets no more of them:
    /// it is closed at the turn's end, whether or not it has been asked to take any yet.
    pub fn send(&mut self, conn: ConnId, frame: Bytes) {
        self.local.send(&mut self.route, conn, frame);
    }

    /// Take what the next send of `conn` should carry.
    pub fn take_send(&mut self, conn: ConnId) -> Option<Segment> {
        let connection = self.local.connections.get_mut(conn.slot as usize)?;
        if connection.generation != conn.generation {
            return None;
        }
        let joiner = &mut self.local.joiners[connection.form().joiner()];
        let segments_max = if self.route.config.is_coalescing { usize::MAX } else { 1 };
        let segment = connection.outbox.take(segments_max, joiner, &self.local.retained)?;
        let is_waiting = connection.waiting != Waiting::No;
        if !connection.is_in_flight_listed {
            connection.is_in_flight_listed = true;
            self.local.in_flight.push(conn);
        }
        self.route.counters.send_started(segment.frames());
        if is_waiting {
            // In flight it weighs less than it did in the queue.
            self.local.wake(&mut self.route, conn);
        }
        Some(segment)
    }

    /// The socket of `conn` took `bytes` of its send in flight.
    pub fn landed(&mut self, conn: ConnId, bytes: usize) {
        let now = self.route.now;
        self.route.counters.sent_bytes += bytes as u64;
        self.route.counters.sends += 1;
        let Some(connection) = self.local.connection(conn) else { return };
        connection.outbox.landed(bytes);
        connection.last_progress = now;
        let is_catching_up = connection.log.is_some();
        if is_catching_up {
            self.local.note_appetite(&self.route, conn);
        }
        self.local.finish_if_done(&mut self.route, conn);
        self.local.wake(&mut self.route, conn);
    }

    /// The socket of `conn` is gone; `subscriber_id` is what a room's client called itself.
    pub fn closed(&mut self, conn: ConnId, subscriber_id: Option<&str>) {
        let Some(connection) = self.local.connection(conn) else { return };
        if connection.is_open() {
            self.leave_all(conn);
        }
        let connection = self.local.connections.remove(conn.slot as usize);
        match connection.place {
            Place::Client => {}
            Place::Operator => self.local.operator_sockets -= 1,
            Place::TurnedAway => self.local.turned_away_sockets -= 1,
        }
        self.route.note_close(&connection, subscriber_id);
        if connection.is_counted {
            self.route.leave_app(connection.app);
        }
        if connection.is_websocket() {
            self.route.counters.connections -= 1;
        }
        self.settle();
    }

    /// Time has moved to `now`.
    pub fn advance(&mut self, now: Millis) {
        let is_look_due =
            now.0 / SENDS_LOOK_INTERVAL_MS != self.route.now.0 / SENDS_LOOK_INTERVAL_MS;
        self.route.now = self.route.now.max(now);
        self.owner.ledger.expire(self.route.now);
        while let Some((tick, conns)) = self.local.wheel.advance(self.route.now) {
            for conn in conns {
                if self.local.connection(conn).is_some_and(|it| it.scheduled == tick) {
                    self.on_due(conn);
                }
            }
        }
        if is_look_due {
            self.look_at_sends();
        }
        self.owner.cache.expire(self.route.now);
        self.owner.expire_logs(&mut self.route);
        self.owner.resume_sinks(&self.route);
        self.owner.look_at_counts(&self.route);
        self.with_owner(Owner::look_at_rosters);
        self.with_owner(Owner::retry_unkept);
        self.settle();
        self.continue_drain();
        self.continue_evictions();
    }

    /// The moment this shard lives in.
    pub const fn now(&self) -> Millis {
        self.route.now
    }
}

impl Local {
    fn insert(
        &mut self,
        route: &mut Route,
        is_room: bool,
        nonce: u32,
        place: Place,
    ) -> Result<ConnId, ConnectionsFull> {
        if !is_room {
            return Err(ConnectionsFull);
        }
        let generation = route.next_serial();
        let slot = self.connections.vacant_key() as u32;
        let conn = ConnId { slot, generation };
        let until = route.now.plus(route.config.handshake_timeout_ms);
        let scheduled = self.wheel.insert(conn, until);
        self.connections.insert(Connection {
            generation,
            nonce,
            app: AppIndex(0),
            dialect: DialectId(0), // It speaks HTTP until it is upgraded.
            place,
            is_counted: false,
            has_own_form: false,
            is_deflated: false,
            is_dirty: false,
            is_over: false,
            is_in_flight_listed: false,
            waiting: Waiting::No,
            phase: Phase::Handshake { until },
            outbox: Outbox::default(),
            channels: Vec::new(),
            subscriptions: Vec::new(),
            last_activity: route.now,
            last_progress: route.now,
            scheduled,
            event_rate: Window::default(),
            user: None,
            log: None,
        });
        Ok(conn)
    }

    /// The id that clients know `conn` by.
    #[inline]
    pub(super) fn socket_id(&mut self, route: &Route, conn: ConnId) -> Option<SocketId> {
        let core = route.config.core;
        let connection = self.connection(conn)?;
        Some(SocketId::new(core, conn.slot, connection.nonce))
    }

    /// The slot of the connection that clients know as `id`, if it is here and open.
    #[inline]
    pub(super) fn slot_of(&self, route: &Route, id: SocketId) -> Option<u32> {
        let connection = self.connections.get(id.slot() as usize)?;
        let is_it = id.core() == route.config.core && connection.nonce == id.nonce();
        (is_it && connection.is_open()).then(|| id.slot())
    }

    /// The app and the dialect of `conn`, if it is open.
    #[inline]
    pub(super) fn speaks(&mut self, conn: ConnId) -> Option<(AppIndex, DialectId)> {
        let connection = self.connection(conn)?;
        connection.is_open().then_some((connection.app, connection.dialect))
    }

    /// Queue `frame` on `conn` in its own form; nothing if it is being closed.
    pub(super) fn send(&mut self, route: &mut Route, conn: ConnId, frame: Bytes) {
        let form = self.connection(conn).map(|it| it.form());
        let bytes = form.map_or(Bytes::new(), |form| route.in_form(form, frame));
        if !bytes.is_empty() {
            self.send_as_is(route, conn, bytes);
        }
    }

    /// Queue `frame`, which is in the connection's own form, on one connection; nothing if it is
    /// being closed.
    pub(super) fn send_as_is(&mut self, route: &mut Route, conn: ConnId, frame: Bytes) {
        self.send_run(route, conn, frame, 1);
    }

    /// Queue `bytes` on one connection: so many `frames` in its own form, one behind the other.
    /// Nothing if it is being closed.
    pub(super) fn send_run(&mut self, route: &mut Route, conn: ConnId, bytes: Bytes, frames: u32) {
        let Some(connection) = self.connection(conn).filter(|it| it.is_open()) else { return };
        let (queued, dialect, app) =
            (connection.outbox.bytes(), connection.dialect, connection.app);
        if queued > route.traits.of(app, dialect).outbox_bytes_max {
            return self.overflow(conn.slot);
        }
        let segment = Segment::private(bytes, frames, &self.retained);
        self.enqueue(route, conn.slot, segment);
    }
}
