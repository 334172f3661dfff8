//! Asking an app's own server before a request is carried out.

use std::rc::Rc;
use std::time::Duration;

use bytes::Bytes;

use super::super::core::Core;
use super::publish;
use crate::rest::{Answer, Question, RestError, Review};
use crate::side::{Call, CallAnswer};

/// Publish what the app's policy makes of it.
pub(super) async fn review(core: &Rc<Core>, review: Review) -> Result<Answer, RestError> {
    let answer = call(core, review.url(), review.question(), Vec::new()).await;
    let answer = answer.as_ref().map(|answer| (answer.status, &*answer.body));
    publish::carry_out(core, review.decide(answer)?).await
}

/// Sign a subscription if the app's server allows it.
pub(super) async fn authorize(core: &Rc<Core>, question: Question) -> Result<Answer, RestError> {
    let answer = call(core, question.url(), question.body(), question.headers()).await;
    question.decide(answer.as_ref().map(|answer| (answer.status, &*answer.body)))
}

/// Post `body` to `url`; `None` if there is no answer in time.
async fn call(
    core: &Rc<Core>,
    url: &str,
    body: Bytes,
    headers: Vec<(String, String)>,
) -> Option<CallAnswer> {
    let config = &core.setup.config;
    let timeout_ms = 1_000 * u64::from(config.webhook.timeout_s);
    // The asker is to be answered before its own time is over.
    let request_ms = 1_000 * u64::from(config.http.request_timeout_s);
    let timeout = Duration::from_millis(timeout_ms.min(request_ms * 3 / 4));
    core.call(Call { url: url.to_owned(), body, headers, timeout }).await.ok()
}
