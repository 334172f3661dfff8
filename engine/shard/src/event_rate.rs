//! How often clients may send events: each by itself, and all of an app on this core together.

use crate::id::ConnId;
use crate::rate::Window;
use crate::{Millis, Shard};

impl Shard {
    /// Count a client event of `conn`; false when it has sent `per_second` in this second. 0 is no
    /// limit.
    pub fn admit_client_event(&mut self, conn: ConnId, per_second: u32) -> bool {
        let now = self.route.now;
        self.local.connection(conn).is_some_and(|it| admit(&mut it.event_rate, now, per_second))
    }

    /// Count a client event for all connections together that this core has of the app of `conn`;
    /// false when they have sent `per_second` in this second. 0 is no limit.
    pub fn admit_client_event_in_total(&mut self, conn: ConnId, per_second: u32) -> bool {
        let Some(app) = self.local.connection(conn).map(|it| usize::from(it.app.0)) else {
            return false;
        };
        if per_second > 0 && self.local.event_rates.len() <= app {
            // Bounded by the number of apps.
            self.local.event_rates.resize(app + 1, Window::default());
        }
        let now = self.route.now;
        self.local.event_rates.get_mut(app).is_none_or(|rate| admit(rate, now, per_second))
    }
}

/// Whether one more event fits into the second that is running: for all, seconds begin together.
const fn admit(window: &mut Window, now: Millis, per_second: u32) -> bool {
    window.admit(Millis(now.0 - now.0 % 1_000), 1_000, per_second)
}
