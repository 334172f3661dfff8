//! Where a connection wants to begin: before it subscribes, or instead of where it is.

use std::sync::Arc;

use super::Start;
use crate::Shard;
use crate::connection::{CATCHING_UP, JOINING};
use crate::id::ConnId;

/// Where a subscription is to begin that has not been asked for yet.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Resume {
    /// After this event; `None` for the last one acknowledged.
    pub after: Option<u64>,
    /// The epoch of the log that it was in, if the client has been told one.
    pub epoch: Option<u64>,
    /// By whom, in the client's own word.
    pub subscriber: Option<Box<str>>,
}

/// As many channels of a connection wait to be resumed as may.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a connection may say of at most {resumes_max} channels where to resume them")]
pub struct ResumesFull {
    /// The limit, `connection.subscriptions_max`: more could not be subscribed to.
    pub resumes_max: usize,
}

impl Shard {
    /// The next subscription of `conn` to channel `name` begins as `resume` says.
    ///
    /// # Errors
    /// If that is known of as many other channels as may be.
    pub fn resume_later(
        &mut self,
        conn: ConnId,
        name: &str,
        resume: Resume,
    ) -> Result<(), ResumesFull> {
        let resumes_max = self.route.config.subscriptions_max;
        if !self.local.connection(conn).is_some_and(|it| it.is_open()) {
            return Ok(()); // Nobody is left to subscribe.
        }
        let resumes = &mut self.local.conn_log(conn).resumes;
        if let Some((_, known)) = resumes.iter_mut().find(|(channel, _)| **channel == *name) {
            *known = resume;
            return Ok(());
        }
        if resumes.len() >= resumes_max {
            return Err(ResumesFull { resumes_max });
        }
        resumes.push((name.into(), resume));
        Ok(())
    }

    /// Where a subscription begins after event `after` of a log in `epoch`, as its client says.
    pub fn start_after(&self, after: u64, epoch: Option<u64>) -> Start {
        let is_here = epoch.is_none_or(|epoch| epoch == u64::from(self.route.config.log.epoch));
        if is_here { Start::After(after) } else { Start::Elsewhere(after) }
    }

    /// What was said of the subscription of `conn` to channel `name`; it is forgotten.
    pub fn take_resume(&mut self, conn: ConnId, name: &str) -> Option<Resume> {
        let resumes = &mut self.local.connection(conn)?.log.as_mut()?.resumes;
        let index = resumes.iter().position(|(channel, _)| **channel == *name)?;
        let (_, resume) = resumes.swap_remove(index);
        if resumes.is_empty() {
            *resumes = Vec::new(); // An idle connection holds nothing of it.
        }
        Some(resume)
    }

    /// The subscription of `conn` to channel `name`, if the owner has confirmed it, goes on at
    /// `start`, as `subscriber_id`.
    pub fn resume_now(&mut self, conn: ConnId, name: &str, start: Start, subscriber_id: &Arc<str>) {
        let Some(subscribed) = self.subscribed(conn, name) else { return };
        let (local, index) = (subscribed.local, subscribed.index);
        // What the turn has gathered comes first, as it would have.
        self.local.seal_early(&mut self.route, local);
        let attempt = self.route.next_serial();
        let connection = &mut self.local.connections[conn.slot as usize];
        let subscription = &mut connection.subscriptions[index];
        assert!(subscription.position != JOINING, "it is confirmed");
        // A page that is on its way is for an earlier attempt.
        subscription.attempt = attempt;
        let position = std::mem::replace(&mut subscription.position, CATCHING_UP);
        if position != CATCHING_UP {
            self.local.unlist(local, position);
            self.local.channels.at(local).value.joining += 1;
            self.local.conn_log(conn).catching_up.push(local);
        }
        if let Start::Elsewhere(seen) = start {
            self.local.tell_lost(&mut self.route, conn, local, seen.saturating_add(1), 0);
        }
        self.local.restart(&self.route, conn, local, start, subscriber_id);
    }
}
