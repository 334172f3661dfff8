//! What must happen on a connection by when.
//!
//! All deadlines of a connection are one entry of the wheel, looked at when it comes due.

use std::num::NonZeroU32;

use bytes::Bytes;
use uringcast_proto::pusher::codes::Code;

use super::connection::{Closing, Connection, Phase};
use super::counters::Refusal;
use super::user::AUTHORIZE_TICK_MS;
use super::{Millis, Output, Shard};
use crate::dialect::{Life, Unanswered};
use crate::id::ConnId;

impl Shard {
    /// Set the wheel's entry to the connection's next deadline, if that is sooner than the one set.
    pub(super) fn reschedule(&mut self, conn: ConnId) {
        let Some(connection) = self.connection(conn) else { return };
        let scheduled = connection.scheduled;
        let at = self.deadline(conn);
        if self.wheel.tick_of(at) < scheduled {
            let tick = self.wheel.insert(conn, at);
            self.connections[conn.slot as usize].scheduled = tick;
        }
    }

    fn deadline(&self, conn: ConnId) -> Millis {
        let connection = &self.connections[conn.slot as usize];
        match connection.phase {
            Phase::Handshake { until }
            | Phase::Http { until, .. }
            | Phase::Closing(Closing { until, .. }) => until,
            Phase::Open { pinged, authorize_by, expires } => {
                let by = self.alive_by(connection, pinged).min(self.sign_by(connection));
                let by = authorize_by.map_or(by, |it| by.min(authorization_deadline(it)));
                expires.map_or(by, |it| by.min(self.moment_of(it)))
            }
        }
    }

    /// What `conn` has shown of itself is good until the second `unix_s` since 1970, if it has an
    /// end; then the connection is closed, unless something else is shown before.
    ///
    /// The time of the world decides, and the wheel says only when to look. It is looked at again
    /// at each deadline, so a clock that was set forward is noticed within a turn of the wheel.
    pub fn expire_at(&mut self, conn: ConnId, unix_s: Option<u64>) {
        if let Some(connection) = self.connection(conn)
            && let Phase::Open { expires, .. } = &mut connection.phase
        {
            // What lies beyond the year 2106 has no end.
            let end = unix_s.and_then(|unix_s| u32::try_from(unix_s).ok());
            *expires = end.map(|end| NonZeroU32::new(end).unwrap_or(NonZeroU32::MIN));
            self.reschedule(conn);
        }
    }

    /// Whether what `conn` has shown of itself is good for nothing any more.
    pub fn has_expired(&mut self, conn: ConnId) -> bool {
        let unix_s = self.unix_ms() / 1_000;
        self.connection(conn).is_some_and(|it| match it.phase {
            Phase::Open { expires: Some(end), .. } => u64::from(end.get()) <= unix_s,
            _ => false,
        })
    }

    /// Close `conn` because what it has shown is good for nothing any more.
    pub fn close_expired(&mut self, conn: ConnId) {
        let Some(dialect) = self.connection(conn).map(|it| it.dialect) else { return };
        self.refuse(Refusal::TokenExpired);
        self.close_saying(conn, dialect.expired());
    }

    /// The second `unix_s` since 1970 by the shard's own clock, as far as can be known now.
    fn moment_of(&self, unix_s: NonZeroU32) -> Millis {
        let unix_ms = u64::from(unix_s.get()) * 1_000;
        self.now.plus(unix_ms.saturating_sub(self.unix_ms()))
    }

    /// How `connection` shows that it is there.
    fn life(&self, connection: &Connection) -> Life {
        connection.dialect.life(&self.config, self.apps.zps(connection.app))
    }

    /// When an open connection must have given a sign of life, or have been asked for one.
    fn alive_by(&self, connection: &Connection, pinged: Option<Millis>) -> Millis {
        let congested = self.sign_of_life(connection);
        let life = self.life(connection);
        match pinged {
            Some(at) => at.max(congested).plus(life.answer_ms),
            None => connection.last_activity.max(congested).plus(life.question_after_ms),
        }
    }

    /// When an open connection must have been sent something.
    ///
    /// That is when its socket last took bytes: each send says so anyway. Of one that takes nothing
    /// that is looked at again, so that it is not too late when it has.
    fn sign_by(&self, connection: &Connection) -> Millis {
        let since = if connection.outbox.is_idle() { connection.last_progress } else { self.now };
        since.plus(self.life(connection).sign_after_ms)
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

    /// The wheel's entry of `conn` has come due: act if its deadline has, and set the next one.
    pub(super) fn on_due(&mut self, conn: ConnId) {
        if self.deadline(conn) <= self.now {
            self.on_deadline(conn);
        }
        if self.connection(conn).is_some() {
            let at = self.deadline(conn);
            let tick = self.wheel.insert(conn, at);
            self.connections[conn.slot as usize].scheduled = tick;
        }
    }

    fn on_deadline(&mut self, conn: ConnId) {
        let (now, has_expired) = (self.now, self.has_expired(conn));
        let connection = &mut self.connections[conn.slot as usize];
        match &mut connection.phase {
            Phase::Open { authorize_by: Some(by), .. } if authorization_deadline(*by) <= now => {
                let dialect = connection.dialect;
                self.refuse(Refusal::SigninTimeout);
                self.close_saying(conn, dialect.late());
            }
            Phase::Open { .. } if has_expired => self.close_expired(conn),
            Phase::Handshake { .. } => {
                // What still comes is read and thrown away for a while: a reset takes the answer.
                let until = now.plus(self.config.close_timeout_ms);
                connection.phase = Phase::Http { until, is_request_open: false };
                self.refuse(Refusal::HandshakeTimeout);
                self.outputs.push_back(Output::HandshakeExpired(conn));
            }
            Phase::Http { until, is_request_open } => {
                *until = now.plus(1_000);
                if std::mem::take(is_request_open) {
                    self.refuse(Refusal::RequestTimeout);
                }
                self.outputs.push_back(Output::Abort(conn));
            }
            Phase::Closing(Closing { until, .. }) => {
                *until = now.plus(1_000);
                self.outputs.push_back(Output::Abort(conn));
            }
            Phase::Open { .. } => self.on_silence(conn),
        }
    }

    /// Nothing has come from `conn`, which is open, or nothing has gone to it, for too long.
    fn on_silence(&mut self, conn: ConnId) {
        let now = self.now;
        let connection = &self.connections[conn.slot as usize];
        let Phase::Open { pinged, .. } = connection.phase else { return };
        let life = self.life(connection);
        if self.alive_by(connection, pinged) > now {
            return self.send_run(conn, Bytes::from_static(life.sign), 1);
        }
        if pinged.is_some() {
            match life.unanswered {
                Unanswered::Closed => {
                    let code = Code::PongMissing;
                    return self.close_with(conn, code, code.text());
                }
                Unanswered::Cut | Unanswered::Broken => self.outputs.push_back(Output::Abort(conn)),
            }
        } else {
            let (question, frames) = life.question;
            self.send_run(conn, Bytes::from_static(question), frames);
        }
        let connection = &mut self.connections[conn.slot as usize];
        if let Phase::Open { pinged, .. } = &mut connection.phase {
            *pinged = Some(now); // Of one that is to be cut: as soon as it can be.
        }
    }
}

/// A connection is not closed before the tick by which it must be authorized.
fn authorization_deadline(by: NonZeroU32) -> Millis {
    Millis(u64::from(by.get()) * AUTHORIZE_TICK_MS)
}
