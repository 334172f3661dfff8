//! The apps change while their clients are connected.
//!
//! Clients of an app that has gone, or is switched off, are closed a few at a time, so that the
//! others on this core are not kept waiting. Nobody else is touched.

use std::rc::Rc;

use crate::app::{Apps, Standing};
use crate::id::{AppIndex, ConnId};
use crate::local::Local;
use crate::route::Route;
use crate::word::TraitsTable;
use crate::{Ending, Shard};

/// Clients closed each time the clock moves: some milliseconds of work, and 100,000 in two seconds.
pub const EVICTIONS_PER_TICK: usize = 5_000;

impl Shard {
    /// Make room for the apps of `newer`: another core may serve them before this one does.
    pub fn learn_apps(&mut self, newer: &Apps) {
        Rc::make_mut(&mut self.route.apps).learn(newer);
        self.route.traits =
            TraitsTable::new(&self.route.config, self.route.dialects.rows, &self.route.apps);
    }

    /// Serve `apps` from now on, which [follow](Apps::updated) those that were served.
    ///
    /// Clients of apps that are removed or disabled are told so and closed.
    pub fn set_apps(&mut self, apps: Apps) {
        assert!(
            self.route.apps.indices().count() <= apps.indices().count(),
            "no slot is ever lost"
        );
        self.route.traits = TraitsTable::new(&self.route.config, self.route.dialects.rows, &apps);
        self.route.apps = Rc::new(apps);
        self.owner.renew_history_rules(&mut self.route);
        self.local.evicted.clear(); // Their app may be back.
        let endings: Vec<Option<Ending>> =
            self.route.apps.indices().map(|it| ending(&self.route, it)).collect();
        if endings.iter().all(Option::is_none) {
            return;
        }
        // Others have no app.
        let clients = self.local.connections.iter().filter(|(_, it)| it.is_open() && it.is_counted);
        let evicted = clients.filter_map(|(slot, it)| {
            let conn = ConnId { slot: slot as u32, generation: it.generation };
            Some((conn, endings[usize::from(it.app.0)]?))
        });
        self.local.evicted = evicted.collect();
        self.continue_evictions();
    }

    /// Close some of the clients that must go.
    pub(super) fn continue_evictions(&mut self) {
        let left = self.local.evicted.len().saturating_sub(EVICTIONS_PER_TICK);
        for (conn, ending) in self.local.evicted.split_off(left) {
            self.end(conn, ending, "");
        }
    }
}

impl Local {
    /// `conn` has become a client of its app, which may have gone since it was let in.
    pub(super) fn evict_if_late(&mut self, route: &Route, conn: ConnId) {
        let counted = self.connection(conn).filter(|it| it.is_counted); // Others have no app.
        let Some(app) = counted.map(|it| it.app) else { return };
        if let Some(ending) = ending(route, app) {
            self.evicted.push((conn, ending));
        }
    }
}

fn ending(route: &Route, index: AppIndex) -> Option<Ending> {
    match route.apps.standing(index) {
        Standing::Served => None,
        Standing::Disabled => Some(Ending::AppDisabled),
        Standing::Removed => Some(Ending::AppGone),
    }
}
