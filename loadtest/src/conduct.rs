//! Whether a measurement says something about the server, or about the load.
//!
//! # The rule on two cores
//!
//! A server that waits for the load shows the load's speed. In a closed loop that is so when the
//! load was busy for 95 % of its core or more while the server was not: every figure is refused.
//! Where both were that busy, the server was at its own limit and its figures stand. In an open
//! loop a load that is this busy adds its own queue to every latency, whatever the server does: it
//! is refused either way. Where the server's process is not known, it counts as idle.
//!
//! # The rule on one core
//!
//! Server and load take turns, so neither can be faster than the other: the load's share says
//! nothing, and the processor time that the server spends on a delivery is the server's own. The
//! wall clock, however, counts the load's work too: rates and latencies are left out instead of
//! refused.
//!
//! # On both
//!
//! An open loop is refused when the load kept its schedule badly: when more than one event in a
//! hundred was published more than a whole interval late.

use std::time::Duration;

use crate::layout::Layout;

/// A core this busy has nothing left.
const BUSY: f64 = 0.95;
/// One late event among this many is tolerated.
const LATE_ONE_IN: u64 = 100;

/// What is known about who was busy.
#[derive(Clone, Copy, Debug)]
pub struct Conduct {
    /// Where the two ran.
    pub layout: Layout,
    /// Whether events were published by a schedule.
    pub is_open_loop: bool,
    /// Time on the wall clock.
    pub elapsed: Duration,
    /// Processor time of the server, where it is known.
    pub server_cpu: Option<Duration>,
    /// Processor time of the load.
    pub load_cpu: Duration,
    /// Events published.
    pub events: u64,
    /// Those of them that were published more than an interval late.
    pub late: u64,
}

/// Why figures are not published.
#[derive(Clone, Copy, Debug, PartialEq, thiserror::Error)]
pub enum Refusal {
    /// The server waited for the load.
    #[error(
        "the load was the bottleneck: it was busy for {:.0} % of its core, the server for {:.0} %",
        load * 100.0, server * 100.0
    )]
    LoadBusy {
        /// Share of its core that the load used.
        load: f64,
        /// Share of its core that the server used.
        server: f64,
    },
    /// The schedule was not kept.
    #[error("the load was the bottleneck: it published {late} of {events} events too late")]
    Late {
        /// Events published more than an interval late.
        late: u64,
        /// Events published.
        events: u64,
    },
}

impl Conduct {
    /// Share of one core that the server used, where it is known.
    pub fn server_utilisation(&self) -> Option<f64> {
        self.server_cpu.map(|cpu| self.share(cpu))
    }

    /// Share of one core that the load used.
    pub fn load_utilisation(&self) -> f64 {
        self.share(self.load_cpu)
    }

    /// Whether the wall clock shows the server.
    pub const fn has_wall_clock(&self) -> bool {
        matches!(self.layout, Layout::TwoCore)
    }

    /// Why the figures say nothing about the server, if they do not.
    pub fn refusal(&self) -> Option<Refusal> {
        if self.is_open_loop && self.late > self.events.div_ceil(LATE_ONE_IN) {
            return Some(Refusal::Late { late: self.late, events: self.events });
        }
        let load = self.load_utilisation();
        let server = self.server_utilisation().unwrap_or(0.0);
        let is_refused = match self.layout {
            Layout::OneCore => false,
            Layout::TwoCore => load >= BUSY && (self.is_open_loop || server < BUSY),
        };
        is_refused.then_some(Refusal::LoadBusy { load, server })
    }

    fn share(&self, cpu: Duration) -> f64 {
        cpu.as_secs_f64() / self.elapsed.as_secs_f64().max(1e-9)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// One second in which the two were busy for so many milliseconds.
    fn conduct(layout: Layout, is_open_loop: bool, load_ms: u64, server_ms: u64) -> Conduct {
        Conduct {
            layout,
            is_open_loop,
            elapsed: Duration::from_secs(1),
            server_cpu: Some(Duration::from_millis(server_ms)),
            load_cpu: Duration::from_millis(load_ms),
            events: 500,
            late: 0,
        }
    }

    fn is_refused(layout: Layout, is_open_loop: bool, load_ms: u64, server_ms: u64) -> bool {
        conduct(layout, is_open_loop, load_ms, server_ms).refusal().is_some()
    }

    #[test]
    fn a_closed_loop_on_two_cores_is_refused_where_only_the_load_is_busy() {
        assert!(!is_refused(Layout::TwoCore, false, 949, 500));
        assert!(is_refused(Layout::TwoCore, false, 950, 500));
        assert!(is_refused(Layout::TwoCore, false, 950, 949));
        assert!(!is_refused(Layout::TwoCore, false, 950, 950));
    }

    #[test]
    fn an_open_loop_on_two_cores_is_refused_where_the_load_is_busy() {
        assert!(!is_refused(Layout::TwoCore, true, 949, 990));
        assert!(is_refused(Layout::TwoCore, true, 950, 990));
    }

    #[test]
    fn on_one_core_the_load_may_use_what_the_server_leaves() {
        for is_open_loop in [false, true] {
            assert!(!is_refused(Layout::OneCore, is_open_loop, 990, 10));
        }
    }

    #[test]
    fn a_server_that_is_not_known_counts_as_idle() {
        let known = conduct(Layout::TwoCore, false, 960, 960);
        assert_eq!(known.refusal(), None);
        assert!(Conduct { server_cpu: None, ..known }.refusal().is_some());
    }

    #[test]
    fn a_schedule_may_miss_one_event_in_a_hundred() {
        for (events, late, is_refused) in
            [(500, 5, false), (500, 6, true), (50, 1, false), (50, 2, true)]
        {
            let open = conduct(Layout::OneCore, true, 10, 10);
            let refusal = Conduct { events, late, ..open }.refusal();
            assert_eq!(refusal.is_some(), is_refused, "{late} of {events}");
            let closed = conduct(Layout::OneCore, false, 10, 10);
            assert_eq!(Conduct { events, late, ..closed }.refusal(), None);
        }
    }

    #[test]
    fn a_refusal_says_who_was_how_busy() {
        let refusal = conduct(Layout::TwoCore, false, 971, 500).refusal().unwrap();
        assert_eq!(
            refusal.to_string(),
            "the load was the bottleneck: it was busy for 97 % of its core, the server for 50 %"
        );
    }
}
