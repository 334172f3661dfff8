//! Keeps a task that always finds something to do from keeping every other from running.
//!
//! On `io_uring` every wait goes through the ring, and others run meanwhile. On epoll a wait for
//! what is there already returns at once, so a socket that is never empty would have its core for
//! itself: no turn would end, no clock would move. Waking oneself does not help, because the
//! runtime looks for events and timers only when no task is ready.

use std::future::Future;
use std::pin::Pin;
use std::time::Duration;

/// How long a task that did not have to wait stands back: the least that the runtime's timer has.
const PAUSE: Duration = Duration::from_millis(1);

/// Counts how often in a row one task went on without a turn in between.
///
/// Whoever does something raises the turn, so where there was no turn there was no wait.
#[derive(Debug)]
pub(super) struct Pace {
    last_turn: u32,
    eager: u16,
    eager_max: u16,
}

impl Pace {
    /// For a task that may go on `eager_max` times within a turn.
    pub(super) const fn new(eager_max: u16) -> Self {
        Self { last_turn: 0, eager: 0, eager_max }
    }

    /// To be asked after each wait, with the number of the turn; what is returned is to be awaited.
    pub(super) fn step(&mut self, turn: u32) -> Option<Pin<Box<dyn Future<Output = ()>>>> {
        self.eager = if self.last_turn == turn { self.eager + 1 } else { 0 };
        self.last_turn = turn;
        if self.eager < self.eager_max {
            return None;
        }
        self.eager = 0;
        // Boxed: it is rare, and every idle connection would pay for its room.
        Some(Box::pin(monoio::time::sleep(PAUSE)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_task_may_go_on_while_turns_pass() {
        let mut pace = Pace::new(2);
        assert!((1..100).all(|turn| pace.step(turn).is_none()));
    }
}
