//! A connection whose messages must be answered in their order, whichever core answers.
//!
//! A message that another core answers holds its connection: what it has sent besides is not looked
//! at before the answer is here. On one core the answer is there at once.

use crate::Shard;
use crate::id::ConnId;
use crate::local::Local;
use crate::route::Route;

impl Shard {
    /// Whether `conn`'s next message must wait for the answer to an earlier one.
    pub fn is_held(&mut self, conn: ConnId) -> bool {
        self.local
            .connection(conn)
            .is_some_and(|it| it.log.as_ref().is_some_and(|log| log.is_held()))
    }

    /// The next message of `conn` must wait until [`release`](Self::release) is called as often.
    pub fn hold(&mut self, conn: ConnId) {
        if self.local.connection(conn).is_some() {
            self.local.conn_log(conn).holds += 1;
        }
    }

    /// An answer that `conn` waited for is here, if it waited for any.
    pub fn release(&mut self, conn: ConnId) {
        self.local.release(&mut self.route, conn);
    }
}

impl Local {
    /// One answer fewer is waited for by `conn`; after the last its messages may be heard.
    pub(crate) fn release(&mut self, route: &mut Route, conn: ConnId) {
        let Some(connection) = self.connection(conn) else { return };
        let Some(log) = connection.log.as_mut().filter(|log| log.holds > 0) else { return };
        log.holds -= 1;
        if log.holds == 0 {
            self.wake(route, conn);
        }
    }
}
