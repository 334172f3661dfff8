//! How many connections each app has: here, and for some apps on all cores together.
//!
//! Each core counts its own. At the end of a turn it reports those numbers that have changed to one
//! core for each app, which tells the app's server when their sum crosses the app's threshold.
//! Numbers are reported whole, so a report that is lost sight of is mended by the next.

use std::collections::HashMap;

use super::Shard;
use super::message::CoreMessage;
use super::notice::Fact;
use crate::app::{App, WebhookEvent};
use crate::id::{AppIndex, CoreId};

/// One core's part of the count.
#[derive(Debug, Default)]
pub(super) struct Census {
    /// Websockets on this core, by app.
    here: Vec<u32>,
    /// Apps whose number has changed in this turn.
    changed: Vec<AppIndex>,
    /// Apps that this core sums up.
    sums: HashMap<AppIndex, Sum>,
}

/// One app on all cores.
#[derive(Debug)]
struct Sum {
    cores: Vec<u32>,
    has_reached: bool,
}

impl Census {
    /// One more websocket of `app` is here.
    pub(super) fn enter(&mut self, app: AppIndex) {
        let index = usize::from(app.0);
        if self.here.len() <= index {
            self.here.resize(index + 1, 0);
        }
        self.here[index] += 1;
        self.note(app);
    }

    /// One websocket of `app` is gone.
    pub(super) fn leave(&mut self, app: AppIndex) {
        self.here[usize::from(app.0)] -= 1;
        self.note(app);
    }

    fn note(&mut self, app: AppIndex) {
        if self.changed.last() != Some(&app) {
            self.changed.push(app);
        }
    }
}

impl Shard {
    /// Report the numbers of this turn to the cores that sum them up.
    pub(super) fn report_census(&mut self) {
        while let Some(app) = self.census.changed.pop() {
            if is_counted(self.apps.app(app)) {
                let summing = CoreId((usize::from(app.0) % self.config.cores) as u8);
                let (core, connections) = (self.config.core, self.census.here[usize::from(app.0)]);
                self.tell(summing, CoreMessage::Census { app, core, connections });
            }
        }
    }

    /// A core has this many connections of `app`.
    pub(super) fn on_census(&mut self, app: AppIndex, core: CoreId, connections: u32) {
        let cores = self.config.cores;
        let sum = self.census.sums.entry(app);
        let sum = sum.or_insert_with(|| Sum { cores: vec![0; cores], has_reached: false });
        sum.cores[usize::from(core.0)] = connections;
        let connections = sum.cores.iter().sum();
        let threshold = self.apps.app(app).connection_count_threshold;
        let has_reached = threshold > 0 && connections >= threshold;
        if std::mem::replace(&mut sum.has_reached, has_reached) != has_reached {
            self.push_notice(app, "".into(), Fact::ConnectionCount { connections });
        }
    }
}

fn is_counted(app: &App) -> bool {
    let wants = || app.webhooks.iter().any(|it| it.wants(WebhookEvent::ConnectionCount, ""));
    app.connection_count_threshold > 0 && wants()
}
