//! What is kept of one zps connection, besides its subscriptions.

use std::collections::VecDeque;
use std::sync::Arc;

use super::Me;
use super::access::{Action, Shown};
use super::authorize::Caller;
use crate::id::ConnId;
use crate::shard::{Millis, RoomVerdict, Start};

/// One connection.
#[derive(Debug)]
pub struct State {
    /// Who it is; `None` before the first `init`.
    pub(super) subscriber_id: Option<Arc<str>>,
    /// The name of its cursors.
    pub(super) cursor: Arc<str>,
    /// What it has shown of itself.
    pub(super) shown: Shown,
    /// Whether it came in by its app's own path, where the app's key may stand for a token.
    pub(super) is_app_path: bool,
    window: Window,
    /// What makes the names of its events differ.
    random: u64,
    /// What the message that is being carried out has yet to do.
    pub(super) rest: Option<Box<Rest>>,
    /// What its app's server is told of it; `None` where that is not asked about rooms.
    pub(super) caller: Option<Box<Caller>>,
    /// What that has said to the message that is being carried out.
    pub(super) decided: Option<Box<Decided>>,
}

/// What an app's server has said.
#[derive(Debug)]
pub(super) struct Decided {
    pub(super) action: Action,
    pub(super) room: Box<str>,
    pub(super) verdict: RoomVerdict,
}

/// What waits for an answer.
#[derive(Debug)]
pub(super) enum Rest {
    /// Rooms of one `subscribe`.
    Rooms(Rooms),
    /// A whole message.
    Message(Box<str>),
}

/// Rooms of one `subscribe` that have yet to be asked for: each waits for the one before.
#[derive(Debug)]
pub(super) struct Rooms {
    pub(super) rooms: VecDeque<String>,
    pub(super) wish: Wish,
}

/// What a `subscribe` says about all of its rooms.
#[derive(Clone, Debug)]
pub(super) struct Wish {
    pub(super) start: Start,
    pub(super) with_snapshot: bool,
    pub(super) event_types: Option<Box<[Box<str>]>>,
}

/// The messages of the window that is running.
#[derive(Clone, Copy, Debug)]
struct Window {
    started: Millis,
    messages: u32,
}

impl State {
    /// A connection that has said nothing, as of `now`.
    pub(super) fn new(is_app_path: bool, random: u64, now: Millis) -> Self {
        Self {
            subscriber_id: None,
            cursor: Arc::from(""),
            shown: Shown::Nothing,
            is_app_path,
            window: Window { started: now, messages: 0 },
            random,
            rest: None,
            caller: None,
            decided: None,
        }
    }

    /// Who it is, once it has said so.
    pub fn subscriber_id(&self) -> Option<&str> {
        self.subscriber_id.as_deref()
    }

    /// Who speaks on `conn`, whose state this is, once it has said so.
    pub(super) fn me(&self, conn: ConnId) -> Option<Me> {
        let subscriber_id = Arc::clone(self.subscriber_id.as_ref()?);
        Some(Me { conn, subscriber_id, cursor: Arc::clone(&self.cursor) })
    }

    /// Count a message; false if it is one too many.
    pub(super) fn admit_message(&mut self, now: Millis, window_ms: u64, messages_max: u32) -> bool {
        if now.since(self.window.started) >= window_ms {
            self.window = Window { started: now, messages: 0 };
        }
        self.window.messages = self.window.messages.saturating_add(1);
        messages_max == 0 || self.window.messages <= messages_max
    }

    /// The connection ends: what is left of its last message is not carried out.
    pub fn abandon(&mut self) {
        self.rest = None;
    }

    /// A number that is another one each time (splitmix64).
    pub(super) fn next_random(&mut self) -> u64 {
        self.random = self.random.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.random;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_window_has_room_for_as_many_messages_as_are_allowed() {
        let mut state = State::new(false, 0, Millis(5));
        let mut admit = |now, max| state.admit_message(Millis(now), 1_000, max);
        assert!(admit(5, 2) && admit(1_004, 2) && !admit(1_004, 2));
        assert!(admit(1_005, 2) && admit(1_005, 2) && !admit(1_005, 2) && admit(1_005, 0));
    }

    #[test]
    fn random_numbers_differ() {
        let mut state = State::new(false, 7, Millis(0));
        let mut numbers: Vec<u64> = (0..1_000).map(|_| state.next_random()).collect();
        numbers.sort_unstable();
        numbers.dedup();
        assert_eq!(numbers.len(), 1_000);
    }
}
