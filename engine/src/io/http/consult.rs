//! Asking an app's own server before a request is carried out.

use std::panic::resume_unwind;
use std::rc::Rc;
use std::time::{Duration, Instant};

use bytes::Bytes;

use super::super::core::Core;
use super::super::guarded::Guarded;
use super::publish;
use crate::rest::{Answer, PolicyAnswer, Question, RestError, Review};
use crate::side::{Call, CallAnswer};

/// Publish what the app's policy makes of it.
pub(super) async fn review(core: &Rc<Core>, review: Review) -> Result<Answer, RestError> {
    let deadline = Instant::now() + time_to_answer(core);
    let mut answers = Vec::new();
    for questions in review.questions().chunks(QUESTIONS_AT_ONCE) {
        let left = deadline.saturating_duration_since(Instant::now());
        let ask = |question: &Bytes| {
            let (core, url, body) = (Rc::clone(core), review.url().to_owned(), question.clone());
            let asked = async move { call(&core, &url, body, Vec::new(), left).await };
            monoio::spawn(Guarded::new(asked))
        };
        for asked in questions.iter().map(ask).collect::<Vec<_>>() {
            answers.push(asked.await.unwrap_or_else(|panic| resume_unwind(panic)));
        }
        if !answers.iter().all(|answer| Review::is_allowed(shown(answer.as_ref()))) {
            break; // Nothing will be published.
        }
    }
    publish::carry_out(core, review.decide(answers.iter().map(|answer| shown(answer.as_ref())))?)
        .await
}

fn shown(answer: Option<&CallAnswer>) -> PolicyAnswer<'_> {
    answer.map(|answer| (answer.status, &*answer.body))
}

/// Events of one batch that a policy is asked about at the same time: enough to hide the way there
/// and back, few enough to leave room for other publishers' calls.
const QUESTIONS_AT_ONCE: usize = 16;

/// Sign a subscription if the app's server allows it.
pub(super) async fn authorize(core: &Rc<Core>, question: Question) -> Result<Answer, RestError> {
    let (url, body, headers) = (question.url(), question.body(), question.headers());
    let answer = call(core, url, body, headers, time_to_answer(core)).await;
    question.decide(shown(answer.as_ref()))
}

/// Post `body` to `url`; `None` if there is no answer in time.
async fn call(
    core: &Rc<Core>,
    url: &str,
    body: Bytes,
    headers: Vec<(String, String)>,
    timeout: Duration,
) -> Option<CallAnswer> {
    core.call(Call { url: url.to_owned(), body, headers, timeout }).await.ok()
}

/// The time for all that is asked for one request.
fn time_to_answer(core: &Core) -> Duration {
    let config = &core.setup.config;
    let timeout_ms = 1_000 * u64::from(config.webhook.timeout_s);
    // The asker is to be answered before its own time is over.
    let request_ms = 1_000 * u64::from(config.http.request_timeout_s);
    Duration::from_millis(timeout_ms.min(request_ms * 3 / 4))
}
