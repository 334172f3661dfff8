//! What apps' servers are to be told, on its way from a core to the side thread.
//!
//! A turn's notices go together, and no core waits: what the side thread has no room for stays here
//! for a later turn, up to a limit, beyond which the newest are lost and counted.

use std::cell::{Cell, RefCell};
use std::sync::Arc;

use crate::app::Apps;
use crate::shard::Notice;
use crate::side::Side;
use crate::webhook::{AppNotice, WebhookCounters};

/// The notices of one core.
pub(super) struct Notices {
    side: Side,
    waiting: RefCell<Vec<AppNotice>>,
    bytes: Cell<usize>,
    bytes_max: usize,
}

impl Notices {
    pub(super) fn new(side: Side, bytes_max: usize) -> Self {
        Self { side, waiting: RefCell::default(), bytes: Cell::new(0), bytes_max }
    }

    /// Add one that the shard has said.
    pub(super) fn push(&self, apps: &Apps, notice: Notice) {
        let bytes = self.bytes.get() + notice.weight_bytes();
        if bytes > self.bytes_max {
            return self.side.webhook_counters().dropped(1);
        }
        self.bytes.set(bytes);
        let app = Arc::clone(apps.app(notice.app));
        self.waiting.borrow_mut().push(AppNotice { app, notice });
    }

    /// The turn is over: pass on what there is.
    pub(super) fn post(&self) {
        let mut waiting = self.waiting.borrow_mut();
        if waiting.is_empty() {
            return;
        }
        match self.side.tell(std::mem::take(&mut waiting)) {
            Ok(()) => self.bytes.set(0),
            Err(returned) => *waiting = returned, // The clock raises another turn soon.
        }
    }

    /// Whether all have been passed on.
    pub(super) fn is_empty(&self) -> bool {
        self.waiting.borrow().is_empty()
    }

    /// What has become of all of them, on every core.
    pub(super) fn counters(&self) -> &WebhookCounters {
        self.side.webhook_counters()
    }
}
