//! Signs of life: what each dialect asks for, what counts as an answer, and what comes of none.
//!
//! Two silences are looked at, and each has a time of its own. One is that towards the client:
//! something on the way, as a default nginx does, may take a connection for dead on which the
//! server says nothing. The other is that of the client, who may be gone. Any byte that comes is a
//! sign of life: a message, a pong frame that was asked for or not, half of a frame.

use uringcast_proto::pusher::server;
use uringcast_proto::sse;
use uringcast_proto::ws::encode;

use super::Dialect;
use crate::app::ZpsPolicy;
use crate::shard::ShardConfig;

/// How a connection shows that it is there, and is asked to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Life {
    /// Milliseconds of silence towards the client after which it is sent [`sign`](Self::sign).
    pub sign_after_ms: u64,
    /// One frame, or what a frame is to the dialect.
    pub sign: &'static [u8],
    /// Milliseconds of the client's silence after which it is sent [`question`](Self::question).
    pub question_after_ms: u64,
    /// What asks for a sign of life, as many frames as the number.
    pub question: (&'static [u8], u32),
    /// Milliseconds to answer: the question, or with [`Unanswered::Broken`] whatever was sent.
    pub answer_ms: u64,
    /// What comes of no answer.
    pub unanswered: Unanswered,
}

/// What becomes of a client that gives no sign of life.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unanswered {
    /// It is closed with 4201.
    Closed,
    /// It is cut off without a word.
    Cut,
    /// It never says anything, so what answers is its machine, which acknowledges what it is sent;
    /// when that is missing, our own kernel breaks the connection.
    Broken,
}

impl Dialect {
    /// The table of all of that: a row for each dialect.
    pub fn life(self, config: &ShardConfig, rooms: &ZpsPolicy) -> Life {
        match self {
            Self::Pusher => Life {
                sign_after_ms: config.ping_interval_ms,
                sign: encode::PING,
                question_after_ms: config.activity_timeout_ms,
                question: (server::PING, 2),
                answer_ms: config.pong_timeout_ms,
                unanswered: Unanswered::Closed,
            },
            Self::Zps => Life {
                sign_after_ms: config.ping_interval_ms,
                sign: encode::PING,
                question_after_ms: rooms.heartbeat_interval_ms.into(),
                question: (encode::PING, 1),
                answer_ms: rooms.heartbeat_timeout_ms.into(),
                unanswered: Unanswered::Cut,
            },
            Self::Sse => Life {
                sign_after_ms: config.sse_heartbeat_ms,
                sign: sse::HEARTBEAT,
                question_after_ms: u64::MAX,
                question: (b"", 0),
                answer_ms: rooms.heartbeat_timeout_ms.into(),
                unanswered: Unanswered::Broken,
            },
            Self::Echo => Life {
                sign_after_ms: config.ping_interval_ms,
                sign: encode::PING,
                question_after_ms: config.activity_timeout_ms,
                question: (encode::PING, 1),
                answer_ms: config.pong_timeout_ms,
                unanswered: Unanswered::Closed,
            },
        }
    }
}
