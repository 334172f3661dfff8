//! What clients may do, of each dialect and app.
//!
//! A core has one, which is swapped together with the apps of its shard. The shard knows of it the
//! numbers that it needs itself.

use std::rc::Rc;
use std::sync::Arc;

use uringcast_proto::ws::assembler::Limits;
use uringcast_shard::app::{App, Apps, ZpsPolicy};
use uringcast_shard::id::AppIndex;

use super::zps;

/// What the operator has decided.
#[derive(Clone, Debug)]
pub struct Rules {
    /// Who they are clients of.
    pub apps: Rc<Apps>,
    /// The longest message of a Pusher client, in bytes.
    pub message_bytes_max: usize,
    /// What is the same for zero-pub-sub's clients of all apps.
    pub zps: Arc<zps::RoomRules>,
}

impl Rules {
    /// What holds of `apps` where nothing else is configured.
    pub fn new(apps: Rc<Apps>) -> Self {
        let message_bytes_max = Limits::default().message_bytes_max;
        Self { apps, message_bytes_max, zps: Arc::default() }
    }

    /// The app behind `index`, with its policy.
    pub fn app(&self, index: AppIndex) -> &App {
        self.apps.app(index)
    }

    /// What the rooms' clients of app `index` may do; of a server without any app, the default.
    pub fn rooms(&self, index: AppIndex) -> &ZpsPolicy {
        self.apps.zps(index)
    }
}
