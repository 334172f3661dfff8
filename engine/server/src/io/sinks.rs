//! Posting to sinks: a task for each request, which nobody waits for.

use std::rc::Rc;
use std::time::Duration;

use super::core::Core;
use crate::api::{CallAnswer, CallError};
use crate::app::Apps;
use crate::shard::{SinkOutcome, SinkPost};
use crate::webhook;

impl Core {
    /// Make the request, and tell the shard what came of it.
    pub(super) fn post_to_sink(self: &Rc<Self>, apps: &Apps, post: &SinkPost) {
        let timeout = Duration::from_secs(self.setup.config.webhook.timeout_s.into());
        let call = webhook::sink_call(apps.app(post.room.app()), post, timeout);
        let (core, id) = (Rc::clone(self), post.id);
        monoio::spawn(async move {
            let outcome = match core.call(call).await {
                Ok(CallAnswer { status: 200..=299, .. }) => SinkOutcome::Taken,
                Ok(CallAnswer { status, .. }) => {
                    SinkOutcome::Failed { reason: format!("status {status}") }
                }
                Err(CallError::Busy) => SinkOutcome::NotTried,
                Err(error) => SinkOutcome::Failed { reason: error.to_string() },
            };
            core.with_shard(|shard| shard.sink_answered(id, outcome));
        });
    }
}
