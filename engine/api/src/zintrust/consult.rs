//! Asking an app's own server before a request is carried out.

use std::time::Duration;

use bytes::Bytes;

use super::review::{PolicyAnswer, Review};
use crate::call::{Call, CallAnswer, CallOutcome};
use crate::error::ApiError;
use crate::publishing::Publish;
use crate::reply::Reply;
use crate::shards::Shards;

/// Events of one batch that a policy is asked about at the same time: enough to hide the way there
/// and back, few enough to leave room for other publishers' calls.
const QUESTIONS_AT_ONCE: usize = 16;

impl Review {
    /// What is to be published once the app's policy has seen it.
    pub(crate) async fn judged(self, shards: &impl Shards) -> Result<Publish, ApiError> {
        let deadline = shards.now() + shards.config().time_to_answer;
        let mut answers = Vec::new();
        for questions in self.questions().chunks(QUESTIONS_AT_ONCE) {
            let left = deadline.saturating_sub(shards.now());
            let ask =
                |question: &Bytes| call(shards, self.url(), question.clone(), Vec::new(), left);
            for asked in questions.iter().map(ask).collect::<Vec<_>>() {
                answers.push(asked.await.ok());
            }
            if !answers.iter().all(|answer| Self::is_allowed(shown(answer.as_ref()))) {
                break; // Nothing will be published.
            }
        }
        self.decide(answers.iter().map(|answer| shown(answer.as_ref())))
    }
}

/// What a server has said, if it has.
pub(crate) fn shown(answer: Option<&CallAnswer>) -> PolicyAnswer<'_> {
    answer.map(|answer| (answer.status, &*answer.body))
}

/// Post `body` to `url`.
pub(crate) fn call(
    shards: &impl Shards,
    url: &str,
    body: Bytes,
    headers: Vec<(String, String)>,
    timeout: Duration,
) -> Reply<CallOutcome> {
    shards.call(Call { url: url.to_owned(), body, headers, timeout })
}
