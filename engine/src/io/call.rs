//! Asking other servers: a task of a core waits for the side thread's answer, the core does not.

use std::cell::{Cell, RefCell};
use std::collections::HashMap;
use std::rc::Rc;

use super::core::Core;
use super::signal::Signal;
use crate::id::CoreId;
use crate::shard::Refusal;
use crate::side::{Call, CallError, CallId, CallOutcome, Side};

/// The calls of one core that have no answer yet.
pub(super) struct Calls {
    core: CoreId,
    side: Side,
    last: Cell<u64>,
    waiters: RefCell<HashMap<CallId, Rc<Waiter>>>,
}

#[derive(Default)]
struct Waiter {
    outcome: RefCell<Option<CallOutcome>>,
    arrived: Signal,
}

impl Calls {
    pub(super) fn new(core: CoreId, side: Side) -> Self {
        Self { core, side, last: Cell::new(0), waiters: RefCell::default() }
    }

    /// The side thread says what came of `call`.
    pub(super) fn answered(&self, call: CallId, outcome: CallOutcome) {
        if let Some(waiter) = self.waiters.borrow_mut().remove(&call) {
            *waiter.outcome.borrow_mut() = Some(outcome);
            waiter.arrived.raise();
        }
    }

    async fn call(&self, call: Call) -> CallOutcome {
        let id = CallId(self.last.get() + 1);
        self.last.set(id.0);
        self.side.call(self.core, id, call)?;
        // Every call that was taken is answered, so no waiter is left behind, not even by a task
        // that no longer waits.
        let waiter = Rc::new(Waiter::default());
        self.waiters.borrow_mut().insert(id, Rc::clone(&waiter));
        loop {
            waiter.arrived.wait().await;
            if let Some(outcome) = waiter.outcome.borrow_mut().take() {
                return outcome;
            }
        }
    }
}

impl Core {
    /// Call another server and wait for its answer; one that cannot be made is counted.
    pub(super) async fn call(&self, call: Call) -> CallOutcome {
        let outcome = self.calls.call(call).await;
        if outcome == Err(CallError::Busy) {
            self.count(|counters| counters.refuse(Refusal::CallsInFlight));
        }
        outcome
    }
}
