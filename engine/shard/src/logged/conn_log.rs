//! What one connection has to do with logs, and how much of it.

use smallvec::SmallVec;

use super::Resume;
use crate::Shard;
use crate::id::ConnId;
use crate::local::Local;
use crate::message::ChannelName;

/// What few connections have to do with logs.
#[derive(Debug, Default)]
pub(crate) struct ConnLog {
    /// Answers that it waits for.
    pub(super) holds: u32,
    /// Whether a page for it is on its way; there is one at a time.
    pub(crate) is_asked: bool,
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
    /// Nothing is waited for any more.
    pub(super) const fn abandon(&mut self) {
        self.holds = 0;
    }

    /// Whether an answer is waited for.
    pub(crate) const fn is_held(&self) -> bool {
        self.holds > 0
    }

    /// Whether it is catching up with any channel.
    pub(crate) fn is_behind(&self) -> bool {
        !self.catching_up.is_empty()
    }
}

impl Shard {
    /// How many channels `conn` is subscribed to, or is about to be.
    pub fn subscriptions(&mut self, conn: ConnId) -> usize {
        self.local.connection(conn).map_or(0, |it| it.channels.len())
    }

    /// Whether `conn` is subscribed to channel `name`, or is about to be.
    pub fn is_subscribed(&mut self, conn: ConnId, name: &str) -> bool {
        self.local.find_subscription(&self.route, conn, name).is_some()
    }

    /// How many users `conn` has entered, each counted in each of their channels.
    pub fn entered(&mut self, conn: ConnId) -> usize {
        let log = self.local.connection(conn).and_then(|it| it.log.as_ref());
        log.map_or(0, |log| log.entered.len())
    }

    /// Whether `conn` has entered `user_id` into channel `name`.
    pub fn has_entered(&mut self, conn: ConnId, name: &str, user_id: &str) -> bool {
        let log = self.local.connection(conn).and_then(|it| it.log.as_ref());
        log.is_some_and(|log| {
            log.entered.iter().any(|(channel, id)| channel.as_str() == name && **id == *user_id)
        })
    }
}

impl Local {
    /// What `conn`, which is there, has to do with logs.
    pub(crate) fn conn_log(&mut self, conn: ConnId) -> &mut ConnLog {
        let connection = &mut self.connections[conn.slot as usize];
        connection.log.get_or_insert_default()
    }
}
