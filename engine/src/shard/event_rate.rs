//! How often clients may send events: each by itself, and all of an app on this core together.

use super::{Millis, Shard};
use crate::id::ConnId;

/// How many client events were sent in the second that is running.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct EventRate {
    second: u32,
    used: u32,
}

impl EventRate {
    /// Count one event at `now`; false when `per_second` have been used, 0 meaning no limit.
    pub(super) fn admit(&mut self, now: Millis, per_second: u32) -> bool {
        if per_second == 0 {
            return true;
        }
        let second = (now.0 / 1_000) as u32;
        if self.second != second {
            *self = Self { second, used: 0 };
        }
        self.used = self.used.saturating_add(1);
        self.used <= per_second
    }
}

impl Shard {
    /// Count a client event of `conn`; false when it has sent `per_second` in this second. 0 is no
    /// limit.
    pub fn admit_client_event(&mut self, conn: ConnId, per_second: u32) -> bool {
        let now = self.route.now;
        self.local.connection(conn).is_some_and(|it| it.event_rate.admit(now, per_second))
    }

    /// Count a client event for all connections together that this core has of the app of `conn`;
    /// false when they have sent `per_second` in this second. 0 is no limit.
    pub fn admit_client_event_in_total(&mut self, conn: ConnId, per_second: u32) -> bool {
        let Some(app) = self.local.connection(conn).map(|it| usize::from(it.app.0)) else {
            return false;
        };
        if per_second > 0 && self.local.event_rates.len() <= app {
            // Bounded by the number of apps.
            self.local.event_rates.resize(app + 1, EventRate::default());
        }
        let now = self.route.now;
        self.local.event_rates.get_mut(app).is_none_or(|rate| rate.admit(now, per_second))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_rate_counts_afresh_each_second() {
        let mut rate = EventRate::default();
        let admitted = |rate: &mut EventRate, ms| rate.admit(Millis(ms), 2);
        assert!(admitted(&mut rate, 1_000));
        assert!(admitted(&mut rate, 1_999));
        assert!(!admitted(&mut rate, 1_999));
        assert!(admitted(&mut rate, 2_000));
    }

    #[test]
    fn a_rate_of_zero_is_no_limit() {
        let mut rate = EventRate::default();
        assert!((0..1_000).all(|_| rate.admit(Millis(0), 0)));
    }
}
