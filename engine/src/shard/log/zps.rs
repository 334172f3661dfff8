//! What the zps dialect keeps of a connection, and what it asks about one.

use super::super::Shard;
use crate::app::ZpsPolicy;
use crate::dialect::zps;
use crate::id::ConnId;

impl Shard {
    /// What the zps dialect keeps of `conn`; `None` if it speaks another one or is gone.
    pub fn zps(&mut self, conn: ConnId) -> Option<&mut zps::State> {
        self.connection(conn)?.log.as_mut()?.zps.as_deref_mut()
    }

    /// What the rooms' clients of `conn`'s app may do; for one that is gone, of any.
    pub fn zps_policy(&self, conn: ConnId) -> ZpsPolicy {
        let connection = self.connections.get(conn.slot as usize);
        connection.map_or(ZpsPolicy::DEFAULT, |it| *self.apps.zps(it.app))
    }

    /// What the zps dialect keeps of `conn`, with what all connections of the protocol may do;
    /// `None` if it speaks another one or is gone.
    pub fn zps_and_rules(&self, conn: ConnId) -> Option<(&zps::State, &zps::Rules)> {
        let connection = self.connections.get(conn.slot as usize);
        let connection = connection.filter(|it| it.generation == conn.generation)?;
        let state = connection.log.as_ref()?.zps.as_deref()?;
        Some((state, &self.config.zps))
    }

    /// Let `conn`, which is there, speak zps.
    pub fn set_zps(&mut self, conn: ConnId, state: Box<zps::State>) {
        if self.connection(conn).is_some() {
            self.conn_log(conn).zps = Some(state);
        }
    }

    /// How many channels `conn` is subscribed to, or is about to be.
    pub fn subscriptions(&mut self, conn: ConnId) -> usize {
        self.connection(conn).map_or(0, |it| it.channels.len())
    }

    /// Whether `conn` is subscribed to channel `name`, or is about to be.
    pub fn is_subscribed(&mut self, conn: ConnId, name: &str) -> bool {
        self.find_subscription(conn, name).is_some()
    }

    /// How many users `conn` has entered, each counted in each of their channels.
    pub fn entered(&mut self, conn: ConnId) -> usize {
        let log = self.connection(conn).and_then(|it| it.log.as_ref());
        log.map_or(0, |log| log.entered.len())
    }

    /// Whether `conn` has entered `user_id` into channel `name`.
    pub fn has_entered(&mut self, conn: ConnId, name: &str, user_id: &str) -> bool {
        let log = self.connection(conn).and_then(|it| it.log.as_ref());
        log.is_some_and(|log| {
            log.entered.iter().any(|(channel, id)| channel.as_str() == name && **id == *user_id)
        })
    }
}
