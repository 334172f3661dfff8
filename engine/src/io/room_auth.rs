//! Asking apps' servers about rooms: a task for each question, which its connection waits for.

use std::rc::Rc;
use std::time::{Duration, Instant};

use super::core::Core;
use crate::dialect::zps;
use crate::id::ConnId;
use crate::shard::{RoomQuestion, RoomVerdict};
use crate::side::{Call, CallError};

impl Core {
    /// Ask `question`, for which `conn` is held, and tell the shard what came of it.
    pub(super) fn ask_room(self: &Rc<Self>, conn: ConnId, question: RoomQuestion) {
        let core = Rc::clone(self);
        monoio::spawn(async move {
            let timeout = core.room_auth_timeout();
            let verdict = core.call_about_room(&question, timeout).await;
            core.with_shard(|shard| shard.room_answered(Some(conn), question.key, verdict));
        });
    }

    /// What is known of a room, or else what its app's server says until `deadline`.
    pub(super) async fn room_verdict(
        &self,
        question: RoomQuestion,
        deadline: Instant,
    ) -> RoomVerdict {
        if let Some(known) = self.with_shard(|shard| shard.open_room_question(&question.key)) {
            return known;
        }
        let timeout = deadline.saturating_duration_since(Instant::now());
        let verdict = self.call_about_room(&question, timeout).await;
        self.with_shard(|shard| shard.room_answered(None, question.key, verdict));
        verdict
    }

    fn room_auth_timeout(&self) -> Duration {
        Duration::from_millis(self.setup.config.zps.authorize_timeout_ms.into())
    }

    async fn call_about_room(&self, question: &RoomQuestion, timeout: Duration) -> RoomVerdict {
        let RoomQuestion { url, body, .. } = question;
        let (url, body) = (url.clone(), body.clone());
        match self.call(Call { url, body, headers: Vec::new(), timeout }).await {
            Err(CallError::Busy) => RoomVerdict::Busy,
            outcome => {
                zps::verdict(outcome.as_ref().ok().map(|answer| (answer.status, &*answer.body)))
            }
        }
    }
}
