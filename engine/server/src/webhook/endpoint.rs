//! One endpoint of an app's server: what waits for it, and when to try again.
//!
//! Invariant: `bytes` is the sum of the queued bodies, the one in flight included, which stays at
//! the front until it is delivered or given up; `total` is that over all endpoints, with how many
//! bodies those are.

use std::cell::Cell;
use std::collections::VecDeque;
use std::rc::Rc;
use std::sync::Arc;

use bytes::Bytes;

use super::Now;
use super::batch::{Batch, Batcher};
use crate::app::{App, RetryPolicy, Webhook};
use crate::config::WebhookConfig;
use crate::shard::Millis;

/// The first pause after a failure; it doubles up to the longest.
const PAUSE_MS_MIN: u64 = 1_000;
const PAUSE_MS_MAX: u64 = 60_000;

/// One endpoint.
#[derive(Debug)]
pub(super) struct Endpoint {
    /// As it was configured when something was last told.
    pub(super) app: Arc<App>,
    pub(super) webhook: Webhook,
    /// Whether the app still has it.
    pub(super) is_current: bool,
    /// Where it stands in the order of what is due.
    pub(super) scheduled: Option<Millis>,
    batcher: Batcher,
    queue: VecDeque<Batch>,
    bytes: usize,
    total: Rc<Cell<Depth>>,
    is_in_flight: bool,
    failures: Option<Failures>,
}

/// What waits for all endpoints.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Depth {
    pub(super) batches: usize,
    pub(super) bytes: usize,
}

/// Failures since the last success.
#[derive(Clone, Copy, Debug)]
struct Failures {
    since: Millis,
    count: u32,
    next_attempt: Millis,
}

impl Endpoint {
    pub(super) fn new(app: Arc<App>, webhook: Webhook, total: Rc<Cell<Depth>>) -> Self {
        Self {
            app,
            webhook,
            is_current: true,
            scheduled: None,
            batcher: Batcher::default(),
            queue: VecDeque::new(),
            bytes: 0,
            total,
            is_in_flight: false,
            failures: None,
        }
    }

    /// Add an event; a batch that the queue has no room for comes back.
    pub(super) fn push(
        &mut self,
        limits: &WebhookConfig,
        now: Now,
        event_json: &str,
    ) -> Option<Batch> {
        let full = self.batcher.push(limits, now, event_json)?;
        self.enqueue(limits, full)
    }

    /// Queue what has been gathered, if its time has come; a batch that the queue has no room for
    /// comes back.
    pub(super) fn seal(&mut self, limits: &WebhookConfig, now: Now) -> Option<Batch> {
        self.batcher.due(limits).filter(|due| *due <= now.at)?;
        let batch = self.batcher.seal(now)?;
        self.enqueue(limits, batch)
    }

    /// The batch to send now, if there is one, and whether it was sent before.
    pub(super) fn start(&mut self, now: Millis) -> Option<(Bytes, bool)> {
        let is_pausing = self.failures.is_some_and(|failures| failures.next_attempt > now);
        if self.is_in_flight || is_pausing {
            return None;
        }
        let batch = self.queue.front()?;
        self.is_in_flight = true;
        Some((batch.body.clone(), self.failures.is_some()))
    }

    /// The batch in flight has been delivered; how many events it had.
    pub(super) fn delivered(&mut self) -> u32 {
        assert!(std::mem::take(&mut self.is_in_flight), "only what was sent is delivered");
        self.failures = None;
        self.pop().expect("what is in flight is queued").events
    }

    /// Whether the last request failed.
    pub(super) const fn is_failing(&self) -> bool {
        self.failures.is_some()
    }

    /// The batch in flight has not been delivered. What has waited for too long comes back.
    pub(super) fn failed(&mut self, limits: &WebhookConfig, now: Millis) -> Vec<Batch> {
        assert!(std::mem::take(&mut self.is_in_flight), "only what was sent fails");
        let retry_ms = u64::from(limits.retry_max_s) * 1_000;
        let (since, count) = self.failures.map_or((now, 0), |it| (it.since, it.count));
        if let Some(policy) = self.webhook.retry {
            return self.failed_by(policy, now, since, count + 1);
        }
        let pause_ms = PAUSE_MS_MIN << count.min(6);
        let next_attempt = now.plus(pause_ms.min(PAUSE_MS_MAX));
        self.failures = Some(Failures { since, count: count + 1, next_attempt });
        let mut expired = Vec::new();
        // An endpoint that is slow and not broken has nothing taken from it.
        while now.since(since) >= retry_ms
            && self.queue.front().is_some_and(|batch| now.since(batch.made) >= retry_ms)
        {
            expired.extend(self.pop());
        }
        expired
    }

    /// The endpoint, which has a policy of its own, has not taken its front batch in so many
    /// `attempts`. The batch comes back if there are to be no more.
    fn failed_by(
        &mut self,
        policy: RetryPolicy,
        now: Millis,
        since: Millis,
        attempts: u32,
    ) -> Vec<Batch> {
        let is_over = attempts >= policy.attempts_max;
        let (count, pause_ms) =
            if is_over { (0, 0) } else { (attempts, policy.delay_ms(attempts)) };
        self.failures = Some(Failures { since, count, next_attempt: now.plus(pause_ms) });
        if is_over { self.pop().into_iter().collect() } else { Vec::new() }
    }

    /// Try again at once, however often it has failed.
    pub(super) fn hurry(&mut self, now: Millis) {
        if let Some(failures) = &mut self.failures {
            failures.next_attempt = now;
        }
    }

    /// Everything that waits, the batch in flight first.
    pub(super) fn give_up(&mut self) -> Vec<Batch> {
        self.is_in_flight = false;
        std::iter::from_fn(|| self.pop()).collect()
    }

    /// When something should be done here: a batch leaves, or an attempt is made.
    pub(super) fn next_due(&self, limits: &WebhookConfig) -> Option<Millis> {
        let attempt = (!self.is_in_flight && !self.queue.is_empty())
            .then(|| self.failures.map_or(Millis(0), |failures| failures.next_attempt));
        attempt.into_iter().chain(self.batcher.due(limits)).min()
    }

    /// Whether nothing waits here.
    pub(super) fn is_idle(&self, limits: &WebhookConfig) -> bool {
        self.queue.is_empty() && self.batcher.due(limits).is_none()
    }

    /// What waits here.
    #[cfg(test)]
    pub(super) fn depth(&self) -> Depth {
        Depth { batches: self.queue.len(), bytes: self.bytes }
    }

    fn enqueue(&mut self, limits: &WebhookConfig, batch: Batch) -> Option<Batch> {
        let body_bytes = batch.body.len();
        let mut total = self.total.get();
        if self.queue.len() >= limits.queue_batches_max as usize
            || self.bytes + body_bytes > limits.queue_bytes_max as usize
            || total.bytes + body_bytes > limits.queue_total_bytes_max as usize
        {
            return Some(batch);
        }
        self.bytes += body_bytes;
        total.batches += 1;
        total.bytes += body_bytes;
        self.total.set(total);
        self.queue.push_back(batch);
        None
    }

    fn pop(&mut self) -> Option<Batch> {
        let batch = self.queue.pop_front()?;
        self.bytes -= batch.body.len();
        let Depth { batches, bytes } = self.total.get();
        self.total.set(Depth { batches: batches - 1, bytes: bytes - batch.body.len() });
        Some(batch)
    }
}
