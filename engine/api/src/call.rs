//! One call to another server, and what can come of it.

use std::fmt;
use std::time::Duration;

use bytes::Bytes;

/// A `POST` to another server.
#[derive(Clone, PartialEq, Eq)]
pub struct Call {
    /// `http://` or `https://`.
    pub url: String,
    /// What is sent, as JSON unless `headers` has another `Content-Type`.
    pub body: Bytes,
    /// Headers besides those that every call has.
    pub headers: Vec<(String, String)>,
    /// How long the caller waits for the whole answer.
    pub timeout: Duration,
}

/// Nothing but the time is shown: the rest may have tokens, its sender's or the operator's.
impl fmt::Debug for Call {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Call").field("timeout", &self.timeout).finish_non_exhaustive()
    }
}

/// What the other server said, whatever its status.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CallAnswer {
    /// The HTTP status. Redirects are not followed.
    pub status: u16,
    /// The whole body.
    pub body: Bytes,
}

/// Why there is no answer. The caller may try again after all but the first two.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum CallError {
    /// The URL or a header cannot be sent. The operator's mistake.
    #[error("the call cannot be made: {reason}")]
    Malformed {
        /// What is wrong.
        reason: String,
    },
    /// The answer is larger than `webhook.call_answer_bytes_max`.
    #[error("the answer has more than {bytes_max} bytes")]
    AnswerBytes {
        /// The limit.
        bytes_max: usize,
    },
    /// As many calls are in flight and waiting as `webhook.calls_in_flight_max` allows.
    #[error("too many calls are in flight")]
    Busy,
    /// The time was over before the answer was whole.
    #[error("no answer in time")]
    Timeout,
    /// The server cannot be reached, its certificate is not trusted, or it broke off.
    #[error("no answer: {reason}")]
    Unreachable {
        /// What went wrong.
        reason: String,
    },
}

/// What came of a call.
pub type CallOutcome = Result<CallAnswer, CallError>;
