//! Asking other servers: a task of a core waits for the side thread's answer, the core does not.

use std::cell::{Cell, RefCell};
use std::collections::HashMap;

use super::core::Core;
use crate::api::{Call, CallError, CallOutcome, Reply};
use crate::id::CoreId;
use crate::shard::Refusal;
use crate::side::{CallId, Side};

/// The calls of one core that have no answer yet.
pub(super) struct Calls {
    core: CoreId,
    side: Side,
    last: Cell<u64>,
    waiters: RefCell<HashMap<CallId, Reply<CallOutcome>>>,
}

impl Calls {
    pub(super) fn new(core: CoreId, side: Side) -> Self {
        Self { core, side, last: Cell::new(0), waiters: RefCell::default() }
    }

    /// The side thread says what came of `call`.
    pub(super) fn answered(&self, call: CallId, outcome: CallOutcome) {
        if let Some(waiter) = self.waiters.borrow_mut().remove(&call) {
            waiter.fill(outcome);
        }
    }
}

impl Core {
    /// Call another server; a call that cannot be made is counted.
    pub(super) fn call(&self, call: Call) -> Reply<CallOutcome> {
        let Calls { core, side, last, waiters } = &self.calls;
        let (id, reply) = (CallId(last.get() + 1), Reply::new());
        last.set(id.0);
        match side.call(*core, id, call) {
            // Every call that was taken is answered, so no waiter is left behind, not even by a
            // task that no longer waits.
            Ok(()) => _ = waiters.borrow_mut().insert(id, reply.clone()),
            Err(error) => {
                if error == CallError::Busy {
                    self.count(|counters| counters.refuse(Refusal::CallsInFlight));
                }
                reply.fill(Err(error));
            }
        }
        reply
    }
}
