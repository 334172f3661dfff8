//! Counting what is done in rooms, and asking the operator's own code whether it may be.

use bytes::Bytes;
use uringcast_proto::ws::encode;

use crate::connection::Connection;
use crate::id::AppIndex;
use crate::log::subscriber_of;
use crate::message::{ChannelName, Join};
use crate::middleware::{self, Blocked, Call, Chain, Operation};
use crate::route::Route;
use crate::{Refusal, Shard};

/// One message of so many is timed: two looks at a clock are a tenth of what an ack costs.
const TIMED_EVERY: u32 = 64;

impl Shard {
    /// Ask `chain` about every operation from here on.
    pub fn set_middleware(&mut self, chain: Chain) {
        self.route.middleware = Some(chain).filter(|chain| !chain.is_empty());
    }

    /// Count an operation that is about to be carried out, and ask whether it may be.
    ///
    /// # Errors
    /// If the operator's own code blocks it.
    pub fn judge(
        &mut self,
        operation: Operation,
        app: AppIndex,
        room: &str,
        subscriber_id: Option<&str>,
        message: &[u8],
    ) -> Result<(), Blocked> {
        self.route.counters.operations[operation as usize] += 1;
        self.route.operation = Some(operation);
        self.route.ask_middleware(operation, app, room, subscriber_id, message)
    }

    /// A message of a room's client is about to be worked off; whether it is one of those that are
    /// timed.
    pub fn begins_operation(&mut self) -> bool {
        self.route.operation = None;
        let is_timed = self.route.until_timed == 0;
        self.route.until_timed =
            if is_timed { TIMED_EVERY - 1 } else { self.route.until_timed - 1 };
        is_timed
    }

    /// It took `ns` nanoseconds.
    pub fn timed_operation(&mut self, ns: u64) {
        let Some(operation) = self.route.operation else {
            // It did nothing, such as `init`: the next one, then.
            return self.route.until_timed = 0;
        };
        self.route.counters.operations_timed[operation as usize] += 1;
        self.route.counters.operations_ns[operation as usize] += ns;
    }
}

impl Route {
    /// Whether anybody is asked.
    pub(super) const fn has_middleware(&self) -> bool {
        self.middleware.is_some()
    }

    /// Count what this core is about to do by itself with `frame` of `channel`; whether it may.
    ///
    /// Where nobody is asked this is one addition, whatever the number of subscribers.
    pub(super) fn allows(
        &mut self,
        operation: Operation,
        channel: &ChannelName,
        subscriber_id: Option<&str>,
        frame: Option<&Bytes>,
    ) -> bool {
        self.counters.operations[operation as usize] += 1;
        if self.middleware.is_none() {
            return true;
        }
        let message = frame.and_then(|frame| encode::payload(frame)).unwrap_or_default();
        let is_allowed =
            self.ask_middleware(operation, channel.app(), channel.as_str(), subscriber_id, message);
        if is_allowed.is_err() {
            self.refuse(Refusal::PublishPolicy);
        }
        is_allowed.is_ok()
    }

    /// Whether whoever joins may be given what it has missed.
    pub(super) fn allows_catch_up(&mut self, join: &Join) -> bool {
        let subscriber_id = join.log.as_ref().map(|options| options.subscriber_id.clone());
        let subscriber_id = subscriber_id.as_deref().map(subscriber_of).filter(|id| !id.is_empty());
        !join.channel.nature().is_room
            || self.allows(Operation::CatchUp, &join.channel, subscriber_id, None)
    }

    /// Count a room's client that has gone, and say so; nobody can keep it. `subscriber_id` is what
    /// it called itself.
    pub(super) fn note_close(&mut self, connection: &Connection, subscriber_id: Option<&str>) {
        if !connection.is_counted || !self.row(connection.dialect).follows_only_logs {
            return;
        }
        self.counters.operations[Operation::Close as usize] += 1;
        let _ = self.ask_middleware(Operation::Close, connection.app, "", subscriber_id, b"");
    }

    fn ask_middleware(
        &self,
        operation: Operation,
        app: AppIndex,
        room: &str,
        subscriber_id: Option<&str>,
        message: &[u8],
    ) -> Result<(), Blocked> {
        let Some(chain) = &self.middleware else { return Ok(()) };
        let app_id = &self.apps.app(app).id;
        middleware::judge(chain, &Call { operation, app_id, room, subscriber_id, message })
    }
}
