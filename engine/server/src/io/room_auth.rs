//! Asking apps' servers about rooms: a task for each question, which its connection waits for.

use std::rc::Rc;
use std::time::{Duration, Instant};

use super::core::Core;
use crate::api::{Call, CallError};
use crate::dialect::zps::{self, RoomKey, RoomQuestion, RoomVerdict};
use crate::id::ConnId;
use crate::shard::Shard;

impl Core {
    /// Ask what clients' messages wait for.
    pub(super) fn ask_rooms(self: &Rc<Self>) {
        let next = || self.speaker.borrow_mut().verdicts.poll();
        while let Some((conn, question)) = next() {
            self.ask_room(conn, question);
        }
    }

    /// Ask `question`, for which `conn` is held, and tell its session and the shard what came of
    /// it.
    fn ask_room(self: &Rc<Self>, conn: ConnId, question: RoomQuestion) {
        let core = Rc::clone(self);
        monoio::spawn(async move {
            let timeout = core.room_auth_timeout();
            let verdict = core.call_about_room(&question, timeout).await;
            core.take_verdict(question.key.clone(), verdict);
            if let Some(socket) = core.socket(conn)
                && let Some(mut reader) = socket.take_reader()
            {
                reader.decided(question.key, verdict);
                socket.keep_reader(reader);
            }
            core.with_shard(|shard| shard.release(conn));
        });
    }

    /// What is known of a room, or else what its app's server says until `deadline`.
    pub(super) async fn room_verdict(
        &self,
        question: RoomQuestion,
        deadline: Instant,
    ) -> RoomVerdict {
        let open =
            |shard: &mut Shard| self.speaker.borrow_mut().verdicts.open(shard, &question.key);
        if let Some(known) = self.with_shard(open) {
            return known;
        }
        let timeout = deadline.saturating_duration_since(Instant::now());
        let verdict = self.call_about_room(&question, timeout).await;
        self.take_verdict(question.key, verdict);
        verdict
    }

    fn take_verdict(&self, key: RoomKey, verdict: RoomVerdict) {
        let mut speaker = self.speaker.borrow_mut();
        self.with_shard(|shard| speaker.verdicts.answered(shard, key, verdict));
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
