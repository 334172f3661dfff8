//! A connection whose messages must be answered in their order, whichever core answers.
//!
//! A message that another core answers holds its connection: what it has sent besides is not looked
//! at before the answer is here. On one core the answer is there at once.

use smallvec::SmallVec;

use super::super::Shard;
use super::super::message::ChannelName;
use super::Resume;
use crate::dialect::zps;
use crate::id::ConnId;

/// What few connections have to do with logs.
#[derive(Debug, Default)]
pub(in super::super) struct ConnLog {
    /// Answers that it waits for.
    holds: u32,
    /// What its dialect keeps of it.
    pub(in super::super) zps: Option<Box<zps::State>>,
    /// Whether a page for it is on its way; there is one at a time.
    pub(in super::super) is_asked: bool,
    /// Whether it stands in the queue of those who want a page.
    pub(super) is_queued: bool,
    /// Whether it follows a log to which it goes back when it reads too slowly, or has.
    pub(super) has_followed: bool,
    /// Channels in which it is catching up, the one whose turn is next first.
    pub(super) catching_up: SmallVec<[u32; 2]>,
    /// Where it wants subscriptions to begin that it has not asked for yet.
    pub(super) resumes: Vec<(Box<str>, Resume)>,
    /// Users that it has entered.
    pub(super) entered: Vec<(ChannelName, Box<str>)>,
}

impl ConnLog {
    /// Nothing is waited for any more, and what would have come after the answer is not done.
    pub(super) fn abandon(&mut self) {
        self.holds = 0;
        if let Some(zps) = &mut self.zps {
            zps.abandon();
        }
    }

    /// Whether an answer is waited for.
    pub(in super::super) const fn is_held(&self) -> bool {
        self.holds > 0
    }

    /// Whether it is catching up with any channel.
    pub(in super::super) fn is_behind(&self) -> bool {
        !self.catching_up.is_empty()
    }
}

impl Shard {
    /// Whether `conn`'s next message must wait for the answer to an earlier one.
    pub fn is_held(&mut self, conn: ConnId) -> bool {
        self.connection(conn).is_some_and(|it| it.log.as_ref().is_some_and(|log| log.is_held()))
    }

    /// The next message of `conn` must wait until [`release`](Self::release) is called as often.
    pub fn hold(&mut self, conn: ConnId) {
        if self.connection(conn).is_some() {
            self.conn_log(conn).holds += 1;
        }
    }

    /// An answer that `conn` waited for is here, if it waited for any.
    pub fn release(&mut self, conn: ConnId) {
        let Some(connection) = self.connection(conn) else { return };
        let Some(log) = connection.log.as_mut().filter(|log| log.holds > 0) else { return };
        log.holds -= 1;
        if log.holds > 0 {
            return;
        }
        zps::go_on(self, conn); // It may have to wait again.
        self.wake(conn);
    }

    /// What `conn`, which is there, has to do with logs.
    pub(in super::super) fn conn_log(&mut self, conn: ConnId) -> &mut ConnLog {
        let connection = &mut self.connections[conn.slot as usize];
        connection.log.get_or_insert_default()
    }
}
