//! Whether a connection's messages are heard, or wait.
//!
//! They wait for the answer to an earlier one that another core gives, for their client to read
//! more of what it has been sent, and while cores have too much for each other. That is a level,
//! looked at before each message. Who was told to wait is told once that it may go on.
//!
//! Invariant: an open connection that waits may not be heard. So whatever may end a wait calls
//! [`Local::wake`], and nobody else touches [`Waiting`]. One that begins to close waits until its
//! client takes anything, its last words at the latest: who takes nothing is not listened to.

use crate::id::ConnId;
use crate::local::Local;
use crate::route::Route;
use crate::{Output, Shard};

/// Whether the I/O layer keeps a connection's messages until it is told to go on.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum Waiting {
    /// No messages are kept.
    #[default]
    No,
    /// For an answer, or for its client to read.
    ForItself,
    /// For other cores, and perhaps for itself, too: it stands in `Local::waiting_for_cores`.
    ForCores,
}

impl Shard {
    /// Whether the next message of `conn` may be heard. If not, [`Output::GoOn`] says when to ask
    /// again.
    #[inline]
    pub fn may_hear(&mut self, conn: ConnId) -> bool {
        self.local.may_hear(&self.route, conn)
    }

    /// Note whether so much waits between cores that nothing new should be taken in.
    pub fn set_cores_backlogged(&mut self, are_cores_backlogged: bool) {
        self.local.are_cores_backlogged = are_cores_backlogged;
        if are_cores_backlogged {
            return;
        }
        for conn in std::mem::take(&mut self.local.waiting_for_cores) {
            let connection = self.local.connection(conn);
            if let Some(connection) = connection.filter(|it| it.waiting == Waiting::ForCores) {
                connection.waiting = Waiting::ForItself;
                self.local.wake(&mut self.route, conn);
            }
        }
    }
}

impl Local {
    /// Whether the next message of `conn` may be heard; if not, it is noted that it waits.
    #[inline]
    pub(super) fn may_hear(&mut self, route: &Route, conn: ConnId) -> bool {
        let (soft, is_backlogged) = (route.config.outbox_bytes_soft, self.are_cores_backlogged);
        // Of one that is gone nothing waits.
        let Some(connection) = self.connection(conn) else { return true };
        let may_hear = connection.may_be_heard(soft, is_backlogged);
        if !may_hear {
            self.let_wait(conn);
        }
        may_hear
    }

    /// Something that `conn` may have waited for is here.
    pub(super) fn wake(&mut self, route: &mut Route, conn: ConnId) {
        let is_waiting = self.connection(conn).is_some_and(|it| it.waiting != Waiting::No);
        if is_waiting && self.may_hear(route, conn) {
            self.connections[conn.slot as usize].waiting = Waiting::No;
            route.outputs.push_back(Output::GoOn(conn));
        }
    }

    #[cold]
    fn let_wait(&mut self, conn: ConnId) {
        let connection = &mut self.connections[conn.slot as usize];
        if self.are_cores_backlogged && connection.waiting != Waiting::ForCores {
            connection.waiting = Waiting::ForCores;
            self.waiting_for_cores.push(conn);
        } else if connection.waiting == Waiting::No {
            connection.waiting = Waiting::ForItself;
        }
    }
}
