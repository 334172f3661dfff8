//! What the two sides of a core share: limits, apps, clock, counters, outputs, and the way out.
//!
//! A core has two sides. [`Local`] has the connections and the lists that events are fanned out to;
//! [`Owner`](crate::owner::Owner) puts in order what this core owns. An owner calls its own core's
//! connections, by [`Way`]. Connections never call an owner: what they have to say waits in a
//! queue, which the shard works off before its caller goes on. Only the shard itself, when neither
//! side is at work and the queue is empty, calls an owner at once. So no call goes in a circle.
//!
//! Invariant: the queue is empty whenever the shard is not at work.

use std::collections::VecDeque;
use std::rc::Rc;

use slab::Slab;

use crate::app::Apps;
use crate::counters::{Counters, Refusal};
use crate::id::CoreId;
use crate::local::Local;
use crate::logged::{AppendError, Appended, Samples};
use crate::message::{Counted, ToLocal, ToOwner};
use crate::middleware::{Chain, Operation};
use crate::requests::Request;
use crate::word::TraitsTable;
use crate::{CoreMessage, DialectId, DialectRow, Dialects, Millis, Output, ShardConfig, Ticket};

/// Empty lists that a core keeps for messages to others, and the longest that it keeps: a full read
/// is as many messages.
const SPARES_MAX: usize = 4;
const SPARE_MESSAGES_MAX: usize = 4_096;

/// Messages that wait to be passed to one other core.
#[derive(Debug, Default)]
pub(super) struct Outgoing {
    pub(super) messages: Vec<CoreMessage>,
    pub(super) bytes: usize,
    /// What those weigh that the I/O layer tries to pass on.
    taken_bytes: usize,
}

/// What both sides of a core need.
#[derive(Debug)]
pub(super) struct Route {
    pub(super) config: ShardConfig,
    pub(super) dialects: &'static Dialects,
    pub(super) apps: Rc<Apps>,
    /// What holds for the connections of each dialect in each app.
    pub(super) traits: TraitsTable,
    pub(super) now: Millis,
    /// The time of the world in milliseconds since 1970, and in microseconds.
    pub(super) unix_ms: u64,
    pub(super) unix_us: u64,
    /// Distinguishes connections in the same slot, requests in the same place, and attempts.
    serial: u32,
    pub(super) counters: Counters,
    pub(super) outputs: VecDeque<Output>,
    /// The operator's own code; `None` where there is none.
    pub(super) middleware: Option<Chain>,
    /// What the message that is being worked off does, as far as it has been counted.
    pub(super) operation: Option<Operation>,
    /// Messages of rooms' clients until the next one that is timed.
    pub(super) until_timed: u32,
    /// What this turn is measured by.
    pub(super) samples: Samples,
    /// Bytes of logs, cursors and answers that wait for the disk.
    pub(super) unsynced_bytes: usize,
    /// What waits for each other core.
    pub(super) outgoing: Vec<Outgoing>,
    /// Lists of messages that came from other cores, empty, for those that go to them: memory that
    /// one core takes and another gives back is faulted in anew each time.
    spares: Vec<Vec<CoreMessage>>,
    /// What this core's connections have yet to say to the owner that it is itself.
    to_own_owner: VecDeque<ToOwner>,
    pub(super) requests: Slab<Request>,
    /// Publishes to answer at the turn's end.
    pub(super) published: Vec<(Ticket, Vec<Counted>)>,
    /// Events of logs to answer at the turn's end, with what became of each.
    pub(super) appended: Vec<(Ticket, Vec<Result<Appended, AppendError>>)>,
}

impl Route {
    pub(super) fn new(
        config: ShardConfig,
        apps: Apps,
        dialects: &'static Dialects,
        now: Millis,
    ) -> Self {
        Self {
            traits: TraitsTable::new(&config, dialects.rows, &apps),
            dialects,
            apps: Rc::new(apps),
            now,
            unix_ms: 0,
            unix_us: 0,
            serial: 0,
            counters: Counters::default(),
            outputs: VecDeque::new(),
            middleware: None,
            operation: None,
            until_timed: 0,
            samples: Samples::default(),
            unsynced_bytes: 0,
            outgoing: (0..config.cores).map(|_| Outgoing::default()).collect(),
            spares: Vec::new(),
            to_own_owner: VecDeque::new(),
            requests: Slab::new(),
            published: Vec::new(),
            appended: Vec::new(),
            config,
        }
    }

    /// Whether `core` is this one.
    #[inline]
    pub(super) fn is_here(&self, core: CoreId) -> bool {
        core == self.config.core
    }

    /// Pass `message` to `core`, which is another one.
    pub(super) fn send(&mut self, core: CoreId, message: CoreMessage) {
        debug_assert!(!self.is_here(core), "what is for this core does not leave it");
        let outgoing = &mut self.outgoing[usize::from(core.0)];
        outgoing.bytes += message.weight_bytes();
        outgoing.messages.push(message);
    }

    /// Pass `message` to the owner `core`, which may be this one: then it waits until whoever is at
    /// work has done.
    pub(super) fn tell_owner(&mut self, core: CoreId, message: ToOwner) {
        if self.is_here(core) {
            self.to_own_owner.push_back(message);
        } else {
            self.send(core, CoreMessage::ToOwner(message));
        }
    }

    /// The next of what connections have to say to this core's own owner.
    pub(super) fn next_to_own_owner(&mut self) -> Option<ToOwner> {
        self.to_own_owner.pop_front()
    }

    /// Count one refusal.
    pub(super) fn refuse(&mut self, refusal: Refusal) {
        self.counters.refuse(refusal);
    }

    pub(super) fn next_serial(&mut self) -> u32 {
        self.serial = self.serial.wrapping_add(1);
        self.serial
    }

    /// How `dialect` says things.
    pub(super) const fn row(&self, dialect: DialectId) -> &'static DialectRow {
        &self.dialects.rows[dialect.0 as usize]
    }

    /// Keep the room of a list that another core has filled.
    pub(super) fn recycle(&mut self, messages: Vec<CoreMessage>) {
        if messages.capacity() <= SPARE_MESSAGES_MAX && self.spares.len() < SPARES_MAX {
            self.spares.push(messages);
        }
    }

    /// What waits for `core`, all of it.
    pub(super) fn take_outgoing(&mut self, core: CoreId) -> Option<Vec<CoreMessage>> {
        let outgoing = &mut self.outgoing[usize::from(core.0)];
        if outgoing.messages.is_empty() {
            return None;
        }
        outgoing.taken_bytes = std::mem::take(&mut outgoing.bytes);
        // The next turn has as many, most likely, and growing towards that would copy them again.
        let room = outgoing.messages.len().min(SPARE_MESSAGES_MAX);
        let next = self.spares.pop().unwrap_or_else(|| Vec::with_capacity(room));
        Some(std::mem::replace(&mut outgoing.messages, next))
    }

    /// Put back what `core`'s full mailbox did not take.
    pub(super) fn return_outgoing(&mut self, core: CoreId, messages: Vec<CoreMessage>) {
        let outgoing = &mut self.outgoing[usize::from(core.0)];
        assert!(outgoing.messages.is_empty(), "returned in the same turn");
        outgoing.bytes = outgoing.taken_bytes;
        outgoing.messages = messages;
    }

    /// Whether nothing waits for anybody.
    pub(super) fn is_vacant(&self) -> bool {
        let is_sent = self.outgoing.iter().all(|outgoing| outgoing.messages.is_empty());
        is_sent && self.to_own_owner.is_empty() && self.requests.is_empty()
    }

    /// Whether all that this core had to say to itself has been said.
    pub(super) fn is_settled(&self) -> bool {
        self.to_own_owner.is_empty()
    }
}

/// From an owner to the cores of its subscribers: its own is a call away.
#[derive(Debug)]
pub(super) struct Way<'a> {
    pub(super) route: &'a mut Route,
    /// The connections of this core.
    pub(super) near: &'a mut Local,
}

impl<'a> Way<'a> {
    pub(super) const fn of(route: &'a mut Route, near: &'a mut Local) -> Self {
        Self { route, near }
    }

    /// Pass `message` to the connections of `core`.
    pub(super) fn tell(&mut self, core: CoreId, message: ToLocal) {
        if self.route.is_here(core) {
            self.near.take(self.route, message);
        } else {
            self.route.send(core, CoreMessage::ToLocal(message));
        }
    }
}
