//! An answer that has yet to come.
//!
//! What was asked is on its way when a [`Reply`] is there, whether or not anybody waits for it: two
//! questions are asked at the same time by asking both before waiting for one. Nothing here knows
//! who answers, or what runs the tasks that wait.

use std::cell::Cell;
use std::future::Future;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll, Waker};

use uringcast_shard::Answer;

/// The future of an answer that was asked for. Clones are one reply: the first that is polled when
/// the answer is there has it.
#[derive(Debug)]
#[must_use = "what was asked is answered here and nowhere else"]
pub struct Reply<A>(Rc<Slot<A>>);

struct Slot<A> {
    answer: Cell<Option<A>>,
    waker: Cell<Option<Waker>>,
}

/// Somebody who waits for the answer of a shard, of whatever type.
pub trait Waiter {
    /// The answer is here.
    fn hear(&self, answer: Answer);
}

impl<A> Reply<A> {
    /// One that nobody has answered.
    pub fn new() -> Self {
        Self(Rc::new(Slot { answer: Cell::new(None), waker: Cell::new(None) }))
    }

    /// Answer it; whoever waits runs after every task that is ready now.
    pub fn fill(&self, answer: A) {
        self.0.fill(answer);
    }
}

impl<A: 'static> Reply<A> {
    /// Whom to hand the answer of a shard that was asked for an `A`.
    pub fn waiter(&self) -> Rc<dyn Waiter> {
        Rc::<Slot<A>>::clone(&self.0)
    }
}

impl<A> Default for Reply<A> {
    fn default() -> Self {
        Self::new()
    }
}

impl<A> Clone for Reply<A> {
    fn clone(&self) -> Self {
        Self(Rc::clone(&self.0))
    }
}

impl<A> Future for Reply<A> {
    type Output = A;

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<A> {
        if let Some(answer) = self.0.answer.take() {
            return Poll::Ready(answer);
        }
        self.0.waker.set(Some(context.waker().clone()));
        Poll::Pending
    }
}

impl<A> Slot<A> {
    fn fill(&self, answer: A) {
        self.answer.set(Some(answer));
        if let Some(waker) = self.waker.take() {
            waker.wake();
        }
    }
}

impl<A: 'static> Waiter for Slot<A> {
    fn hear(&self, mut answer: Answer) {
        self.fill(answer.take().expect("an answer has the type that was asked for"));
    }
}

impl<A> std::fmt::Debug for Slot<A> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Slot")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_is_had_once_whether_it_was_waited_for_or_not() {
        let mut context = Context::from_waker(Waker::noop());
        let (reply, mut later) = (Reply::new(), Reply::new());
        let mut waiting = reply.clone();
        assert_eq!(Pin::new(&mut waiting).poll(&mut context), Poll::Pending);
        reply.fill(7);
        assert_eq!(Pin::new(&mut waiting).poll(&mut context), Poll::Ready(7));
        assert_eq!(Pin::new(&mut waiting).poll(&mut context), Poll::Pending);
        later.fill(8);
        assert_eq!(Pin::new(&mut later).poll(&mut context), Poll::Ready(8));
    }
}
