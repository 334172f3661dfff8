//! The digests of bodies that arrived in the same turn, computed together.
//!
//! MD5 of one text leaves most of a CPU idle, MD5 of eight at a time does not. Nobody waits for
//! others to come: the turn runs when all tasks that were ready have run.

use std::cell::{Cell, RefCell};
use std::rc::Rc;

use bytes::Bytes;
use uringcast_proto::pusher::signature::BodyMd5;

use super::super::signal::Signal;

/// The bodies of one core that wait for their digest.
#[derive(Default)]
pub(in super::super) struct Digests {
    waiting: RefCell<Vec<(Bytes, Rc<Waiter>)>>,
}

#[derive(Default)]
struct Waiter {
    md5: Cell<Option<BodyMd5>>,
    arrived: Signal,
}

impl Digests {
    /// The digest of `body`, once [`compute`](Self::compute) was called.
    pub(in super::super) async fn md5(&self, body: Bytes) -> BodyMd5 {
        let waiter = Rc::new(Waiter::default());
        self.waiting.borrow_mut().push((body, Rc::clone(&waiter)));
        loop {
            waiter.arrived.wait().await;
            if let Some(md5) = waiter.md5.get() {
                return md5;
            }
        }
    }

    /// Compute what is waited for.
    pub(in super::super) fn compute(&self) {
        let mut waiting = self.waiting.borrow_mut();
        if waiting.is_empty() {
            return;
        }
        let bodies: Vec<&[u8]> = waiting.iter().map(|(body, _)| &**body).collect();
        let digests = BodyMd5::of_each(&bodies);
        for ((_, waiter), md5) in waiting.drain(..).zip(digests) {
            waiter.md5.set(Some(md5));
            waiter.arrived.raise();
        }
    }
}
