//! Events that go to an endpoint together.

use bytes::Bytes;
use uringcast_proto::pusher::webhook;

use super::Now;
use crate::config::WebhookConfig;
use crate::shard::Millis;

/// The body of one request. Its bytes never change: each attempt sends the same.
#[derive(Clone, Debug)]
pub(super) struct Batch {
    /// The body as JSON.
    pub(super) body: Bytes,
    /// How many events it has.
    pub(super) events: u32,
    /// When it was made.
    pub(super) made: Millis,
}

/// The batch that an endpoint's events are being put into.
#[derive(Debug, Default)]
pub(super) struct Batcher {
    events_json: String,
    events: u32,
    /// When the first of them came.
    since: Millis,
}

impl Batcher {
    /// Add an event; a batch that it would make too large comes back first.
    pub(super) fn push(
        &mut self,
        limits: &WebhookConfig,
        now: Now,
        event_json: &str,
    ) -> Option<Batch> {
        let bytes = self.events_json.len() + 1 + event_json.len();
        let is_full =
            self.events >= limits.batch_events_max || bytes > limits.batch_bytes_max as usize;
        let full = if is_full { self.seal(now) } else { None };
        if self.events == 0 {
            self.since = now.at;
        } else {
            self.events_json.push(',');
        }
        self.events_json.push_str(event_json);
        self.events += 1;
        full
    }

    /// When the batch must leave, however small it is; `None` while it is empty.
    pub(super) fn due(&self, limits: &WebhookConfig) -> Option<Millis> {
        let is_full = self.events >= limits.batch_events_max;
        let delay_ms = if is_full { 0 } else { u64::from(limits.batch_ms) };
        (self.events > 0).then(|| self.since.plus(delay_ms))
    }

    /// What has been gathered, as a batch.
    pub(super) fn seal(&mut self, now: Now) -> Option<Batch> {
        if self.events == 0 {
            return None;
        }
        let body = webhook::body(now.unix_ms, &std::mem::take(&mut self.events_json));
        let events = std::mem::take(&mut self.events);
        Some(Batch { body: body.into(), events, made: now.at })
    }
}
