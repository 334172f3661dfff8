//! What is kept of one zps connection, besides its subscriptions.

use std::collections::VecDeque;
use std::sync::Arc;

use uringcast_shard::id::AppIndex;
use uringcast_shard::{Millis, Start, Window};

use super::access::Shown;
use super::authorize::Caller;
use super::verdicts::{RoomKey, RoomVerdict};

/// One connection.
#[derive(Debug)]
pub struct State {
    /// The app that it is a client of.
    pub(in super::super) app: AppIndex,
    /// Who it is; `None` before the first `init`.
    pub(super) me: Option<Me>,
    /// What it has shown of itself.
    pub(super) shown: Shown,
    /// Whether it came in by its app's own path, where the app's key may stand for a token.
    pub(super) is_app_path: bool,
    /// The messages that it has sent.
    pub(super) messages: Window,
    /// What makes the names of its events differ.
    random: u64,
    /// What the message that is being carried out has yet to do.
    pub(super) deferred: Option<Box<Deferred>>,
    /// What its app's server is told of it; `None` where that is not asked about rooms.
    pub(super) caller: Option<Box<Caller>>,
    /// What that has said to the message that is being carried out.
    pub(super) decided: Option<Box<(RoomKey, RoomVerdict)>>,
}

/// What a client is called.
#[derive(Clone, Debug)]
pub(super) struct Me {
    pub(super) subscriber_id: Arc<str>,
    /// The name of its cursors.
    pub(super) cursor: Arc<str>,
}

/// What waits for an answer.
#[derive(Debug)]
pub(super) enum Deferred {
    /// Rooms of one `subscribe`.
    Rooms(Rooms),
    /// A whole message.
    Message(Box<str>),
}

/// Rooms of one `subscribe` that have yet to be asked for: each waits for the one before.
#[derive(Debug)]
pub(super) struct Rooms {
    pub(super) rooms: VecDeque<String>,
    pub(super) options: RoomOptions,
}

/// What a `subscribe` says about all of its rooms.
#[derive(Clone, Debug)]
pub(super) struct RoomOptions {
    pub(super) start: Start,
    pub(super) with_snapshot: bool,
    pub(super) event_types: Option<Box<[Box<str>]>>,
}

impl State {
    /// A connection that has said nothing, as of `now`.
    pub(super) fn new(app: AppIndex, is_app_path: bool, random: u64, now: Millis) -> Self {
        Self {
            app,
            me: None,
            shown: Shown::Nothing,
            is_app_path,
            messages: Window::starting(now),
            random,
            deferred: None,
            caller: None,
            decided: None,
        }
    }

    /// What it calls itself, once it has said so.
    pub fn subscriber_id(&self) -> Option<&str> {
        self.me.as_ref().map(|me| &*me.subscriber_id)
    }

    /// Whether part of a message has yet to be carried out.
    pub const fn is_unfinished(&self) -> bool {
        self.deferred.is_some()
    }

    /// The app's server has said this about what the message that waits for it wants.
    pub fn decided(&mut self, key: RoomKey, verdict: RoomVerdict) {
        self.decided = Some(Box::new((key, verdict)));
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
    fn random_numbers_differ() {
        let mut state = State::new(AppIndex(0), false, 7, Millis(0));
        let mut numbers: Vec<u64> = (0..1_000).map(|_| state.next_random()).collect();
        numbers.sort_unstable();
        numbers.dedup();
        assert_eq!(numbers.len(), 1_000);
    }
}
