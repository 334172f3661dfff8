//! What must happen on a connection by when.
//!
//! All deadlines of a connection are one entry of the wheel, looked at when it comes due.

use std::num::NonZeroU32;

use crate::connection::{Closing, Connection, Phase};
use crate::counters::Refusal;
use crate::id::ConnId;
use crate::local::Local;
use crate::route::Route;
use crate::user::AUTHORIZE_TICK_MS;
use crate::{Ending, Millis, Output, Shard, Traits, Word};

/// Why a connection is closed whose credential has come to its end.
const EXPIRED: &str = "Authentication token has expired";

impl Shard {
    /// What `conn` has shown of itself is good until the second `unix_s` since 1970, if it has an
    /// end; then the connection is closed, unless something else is shown before.
    ///
    /// The time of the world decides, and the wheel says only when to look. It is looked at again
    /// at each deadline, so a clock that was set forward is noticed within a turn of the wheel.
    pub fn expire_at(&mut self, conn: ConnId, unix_s: Option<u64>) {
        if let Some(connection) = self.local.connection(conn)
            && let Phase::Open { expires, .. } = &mut connection.phase
        {
            // What lies beyond the year 2106 has no end.
            let end = unix_s.and_then(|unix_s| u32::try_from(unix_s).ok());
            *expires = end.map(|end| NonZeroU32::new(end).unwrap_or(NonZeroU32::MIN));
            self.local.reschedule(&self.route, conn);
        }
    }

    /// Whether what `conn` has shown of itself is good for nothing any more.
    pub fn has_expired(&mut self, conn: ConnId) -> bool {
        self.local.has_expired(&self.route, conn)
    }

    /// Close `conn` because what it has shown is good for nothing any more.
    pub fn close_expired(&mut self, conn: ConnId) {
        self.route.refuse(Refusal::TokenExpired);
        self.end(conn, Ending::Expired, EXPIRED);
    }

    /// The wheel's entry of `conn` has come due: act if its deadline has, and set the next one.
    pub(super) fn on_due(&mut self, conn: ConnId) {
        if self.local.deadline(&self.route, conn) <= self.route.now {
            self.on_deadline(conn);
        }
        if self.local.connection(conn).is_some() {
            let at = self.local.deadline(&self.route, conn);
            let tick = self.local.wheel.insert(conn, at);
            self.local.connections[conn.slot as usize].scheduled = tick;
        }
    }

    fn on_deadline(&mut self, conn: ConnId) {
        let (now, has_expired) = (self.route.now, self.local.has_expired(&self.route, conn));
        let connection = &mut self.local.connections[conn.slot as usize];
        match &mut connection.phase {
            Phase::Open { authorize_by: Some(by), .. } if authorization_deadline(*by) <= now => {
                self.route.refuse(Refusal::SigninTimeout);
                let reason = "the connection was not authorized in time";
                self.end(conn, Ending::Unauthorized, reason);
            }
            Phase::Open { .. } if has_expired => self.close_expired(conn),
            Phase::Handshake { .. } => {
                // What still comes is read and thrown away for a while: a reset takes the answer.
                let until = now.plus(self.route.config.close_timeout_ms);
                connection.phase = Phase::Http { until, is_request_open: false };
                self.route.refuse(Refusal::HandshakeTimeout);
                self.route.outputs.push_back(Output::HandshakeExpired(conn));
            }
            Phase::Http { until, is_request_open } => {
                *until = now.plus(1_000);
                if std::mem::take(is_request_open) {
                    self.route.refuse(Refusal::RequestTimeout);
                }
                self.route.outputs.push_back(Output::Abort(conn));
            }
            Phase::Closing(Closing { until, .. }) => {
                *until = now.plus(1_000);
                self.route.outputs.push_back(Output::Abort(conn));
            }
            Phase::Open { .. } => self.on_silence(conn),
        }
    }

    /// Nothing has come from `conn`, which is open, or nothing has gone to it, for too long.
    fn on_silence(&mut self, conn: ConnId) {
        let now = self.route.now;
        let connection = &self.local.connections[conn.slot as usize];
        let Phase::Open { pinged, .. } = connection.phase else { return };
        if self.route.alive_by(connection, pinged) > now {
            return self.local.tell_word(&mut self.route, conn, &Word::KeepAlive);
        }
        if pinged.is_some() {
            self.end(conn, Ending::Silent, "");
        } else {
            self.local.tell_word(&mut self.route, conn, &Word::Ping);
        }
        let connection = &mut self.local.connections[conn.slot as usize];
        if let Phase::Open { pinged, .. } = &mut connection.phase {
            *pinged = Some(now); // Of one that is to be cut: as soon as it can be.
        }
    }
}

impl Local {
    /// Set the wheel's entry to the connection's next deadline, if that is sooner than the one set.
    pub(super) fn reschedule(&mut self, route: &Route, conn: ConnId) {
        let Some(connection) = self.connection(conn) else { return };
        let scheduled = connection.scheduled;
        let at = self.deadline(route, conn);
        if self.wheel.tick_of(at) < scheduled {
            let tick = self.wheel.insert(conn, at);
            self.connections[conn.slot as usize].scheduled = tick;
        }
    }

    fn deadline(&self, route: &Route, conn: ConnId) -> Millis {
        let connection = &self.connections[conn.slot as usize];
        match connection.phase {
            Phase::Handshake { until }
            | Phase::Http { until, .. }
            | Phase::Closing(Closing { until, .. }) => until,
            Phase::Open { pinged, authorize_by, expires } => {
                let by = route.alive_by(connection, pinged).min(route.sign_by(connection));
                let by = authorize_by.map_or(by, |it| by.min(authorization_deadline(it)));
                expires.map_or(by, |it| by.min(route.moment_of(it)))
            }
        }
    }

    /// Whether what `conn` has shown of itself has come to its end by the time of the world.
    pub(super) fn has_expired(&mut self, route: &Route, conn: ConnId) -> bool {
        let unix_s = route.unix_ms / 1_000;
        self.connection(conn).is_some_and(|it| match it.phase {
            Phase::Open { expires: Some(end), .. } => u64::from(end.get()) <= unix_s,
            _ => false,
        })
    }
}

impl Route {
    /// The second `unix_s` since 1970 by the shard's own clock, as far as can be known now.
    fn moment_of(&self, unix_s: NonZeroU32) -> Millis {
        let unix_ms = u64::from(unix_s.get()) * 1_000;
        self.now.plus(unix_ms.saturating_sub(self.unix_ms))
    }

    fn traits_of(&self, connection: &Connection) -> &Traits {
        self.traits.of(connection.app, connection.dialect)
    }

    /// When an open connection must have given a sign of life, or have been asked for one.
    fn alive_by(&self, connection: &Connection, pinged: Option<Millis>) -> Millis {
        let congested = self.sign_of_life(connection);
        let traits = self.traits_of(connection);
        match pinged {
            Some(at) => at.max(congested).plus(traits.pong_ms),
            None => connection.last_activity.max(congested).plus(traits.activity_ms),
        }
    }

    /// When an open connection must have been sent something.
    ///
    /// That is when its socket last took bytes: each send says so anyway. Of one that takes nothing
    /// that is looked at again, so that it is not too late when it has.
    fn sign_by(&self, connection: &Connection) -> Millis {
        let since = if connection.outbox.is_idle() { connection.last_progress } else { self.now };
        since.plus(self.traits_of(connection).keep_alive_ms)
    }

    /// When a connection that reads slowly last took anything from its outbox.
    ///
    /// While its own messages wait for that, what it says is not read; while it is catching up with
    /// a log, what it would answer stands behind all that it has yet to read. So what it reads must
    /// count.
    fn sign_of_life(&self, connection: &Connection) -> Millis {
        let is_congested = connection.outbox.bytes() > self.config.outbox_bytes_soft;
        let is_behind = connection.log.as_ref().is_some_and(|log| log.is_behind());
        if is_congested || is_behind { connection.last_progress } else { Millis(0) }
    }
}

/// A connection is not closed before the tick by which it must be authorized.
fn authorization_deadline(by: NonZeroU32) -> Millis {
    Millis(u64::from(by.get()) * AUTHORIZE_TICK_MS)
}
