//! Tasks whose panic ends what they work for and nothing else.
//!
//! The runtime catches no panic: one in a task would end its core, and with it the process.

use std::future::Future;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::pin::Pin;
use std::task::{Context, Poll};

/// A future whose panic is its output. Boxed.
pub(super) struct Guarded<F>(Pin<Box<F>>);

impl<F: Future> Guarded<F> {
    pub(super) fn new(future: F) -> Self {
        Self(Box::pin(future))
    }
}

impl<F: Future> Future for Guarded<F> {
    type Output = std::thread::Result<F::Output>;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        let inner = self.0.as_mut();
        match catch_unwind(AssertUnwindSafe(|| inner.poll(context))) {
            Ok(poll) => poll.map(Ok),
            Err(panic) => Poll::Ready(Err(panic)),
        }
    }
}

/// Run `future` in a task of its own, which goes on if nobody waits any more; its panic is the
/// waiter's.
pub(super) async fn run_apart<F>(future: F) -> F::Output
where
    F: Future + 'static,
    F::Output: 'static,
{
    let outcome = monoio::spawn(Guarded::new(future)).await;
    outcome.unwrap_or_else(|panic| resume_unwind(panic))
}

#[cfg(test)]
mod tests {
    use monoio::{FusionDriver, RuntimeBuilder};

    use super::*;

    #[test]
    fn a_panic_apart_is_that_of_who_waits_and_of_nobody_else() {
        let mut runtime = RuntimeBuilder::<FusionDriver>::new().build().unwrap();
        let (panicked, fine) = runtime.block_on(async {
            let panicked =
                Guarded::new(run_apart(async { panic!("it is part of the test") })).await;
            (panicked, run_apart(async { 7 }).await)
        });
        let panicked: std::thread::Result<()> = panicked;
        assert_eq!((panicked.is_err(), fine), (true, 7));
    }
}
