//! How many connections each app has on this node.
//!
//! An app has one owner among the cores, and every connection of the app is counted there: as
//! entered before it is established, as left when its socket is gone. Where the app has a limit the
//! owner is asked first, so the limit holds exactly however the kernel spreads connections over the
//! cores. Where it has none nobody waits, but all are counted: a limit may come with a reload.
//! The owner also tells the app's server when that number crosses the app's threshold.
//!
//! Invariant: a connection that has been counted knows it, and leaves once.

use crate::app::{App, AppPolicy, WebhookEvent};
use crate::id::{AppIndex, ConnId, CoreId};
use crate::local::Local;
use crate::message::{Ticket, ToLocal, ToOwner};
use crate::notice::Fact;
use crate::owner::Owner;
use crate::question::{Answer, Asked};
use crate::route::{Route, Way};
use crate::{Output, Shard, ShardConfig};

/// A connection on its way into an app.
#[derive(Clone, Copy, Debug)]
pub(super) struct Entering {
    conn: ConnId,
    app: AppIndex,
}

/// Connections of one app on all cores.
#[derive(Clone, Debug, Default)]
pub(super) struct AppConnections {
    count: u32,
    /// Whether the app's server was told last that there are as many as its threshold.
    has_reached: bool,
}

impl AppConnections {
    pub(super) const fn is_vacant(&self) -> bool {
        self.count == 0
    }
}

impl Shard {
    /// Count `conn`, whose handshake is complete, as a connection of `app`.
    ///
    /// Rooms' clients (`is_zps`) have a limit of their own besides.
    ///
    /// Where that is asked the answer is whether there was room, and until it is there the
    /// connection must be told nothing. With `None` it is in.
    pub fn enter(&mut self, conn: ConnId, app: AppIndex, is_zps: bool) -> Option<Asked<bool>> {
        self.local.connection(conn)?.app = app;
        let AppPolicy { connections_max, zps, .. } = &self.route.apps.app(app).policy;
        let own = if is_zps { zps.max_connections } else { 0 };
        let limits = [*connections_max, own].into_iter().filter(|max| *max > 0);
        let connections_max = limits.min().unwrap_or(0);
        let is_limited = connections_max > 0;
        let ticket = is_limited.then(|| self.route.open_entry(Entering { conn, app }));
        if is_limited {
            // The handshake is complete, and the wait for the owner has a limit of its own.
            self.serve_http(conn, self.route.config.handshake_timeout_ms, true);
        } else {
            self.local.connection(conn)?.is_counted = true;
        }
        let enter = ToOwner::Enter { app, ticket, connections_max };
        self.route.tell_owner(self.route.config.app_owner(app), enter);
        self.settle();
        ticket.map(Asked::new)
    }
}

impl Local {
    /// From the owner: whether a connection of this core is in.
    pub(super) fn on_entered(&mut self, route: &mut Route, ticket: Ticket, is_admitted: bool) {
        let Entering { conn, app } = route.close_entry(ticket);
        match self.connection(conn) {
            Some(connection) => connection.is_counted = is_admitted,
            None if is_admitted => route.leave_app(app),
            None => {}
        }
        route.outputs.push_back(Output::Answer(ticket, Answer::new(is_admitted)));
    }
}

impl Owner {
    /// To the owner: a connection enters `app`, if there are fewer than `connections_max` where
    /// `ticket` asks for it.
    pub(super) fn on_enter(
        &mut self,
        way: &mut Way<'_>,
        app: AppIndex,
        ticket: Option<Ticket>,
        connections_max: u32,
    ) {
        let index = usize::from(app.0);
        if self.app_connections.len() <= index {
            self.app_connections.resize_with(index + 1, AppConnections::default);
        }
        let count = &mut self.app_connections[index].count;
        let is_admitted = ticket.is_none() || connections_max == 0 || *count < connections_max;
        *count += u32::from(is_admitted);
        self.notice_connections(way.route, app);
        if let Some(ticket) = ticket {
            way.tell(ticket.core, ToLocal::Entered { ticket, is_admitted });
        }
    }

    /// To the owner: a connection of `app` is gone.
    pub(super) fn on_exit(&mut self, route: &mut Route, app: AppIndex) {
        let count = &mut self.app_connections[usize::from(app.0)].count;
        assert!(*count > 0, "who leaves has entered before");
        *count -= 1;
        self.notice_connections(route, app);
    }

    /// The connections of an app are more or less: tell its server if that crosses its threshold.
    fn notice_connections(&mut self, route: &mut Route, index: AppIndex) {
        let app = route.apps.app(index);
        let is_told = is_told_of_connections(app);
        let threshold = app.connection_count_threshold;
        let AppConnections { count, has_reached } = &mut self.app_connections[usize::from(index.0)];
        let (connections, reaches) = (*count, is_told && *count >= threshold);
        if std::mem::replace(has_reached, reaches) != reaches && is_told {
            route.push_notice(index, "".into(), Fact::ConnectionCount { connections });
        }
    }

    /// Connections of `app`, which this core owns.
    pub(super) fn app_connections(&self, app: AppIndex) -> u32 {
        self.app_connections.get(usize::from(app.0)).map_or(0, |it| it.count)
    }
}

impl Route {
    /// A connection that was counted in `app` is gone.
    pub(super) fn leave_app(&mut self, app: AppIndex) {
        self.tell_owner(self.config.app_owner(app), ToOwner::Exit { app });
    }
}

impl ShardConfig {
    /// The core that counts the connections of `app`.
    pub(super) fn app_owner(&self, app: AppIndex) -> CoreId {
        CoreId((usize::from(app.0) % self.cores) as u8)
    }
}

fn is_told_of_connections(app: &App) -> bool {
    let is_wanted = || app.webhooks.iter().any(|it| it.wants(WebhookEvent::ConnectionCount, ""));
    app.connection_count_threshold > 0 && is_wanted()
}

#[cfg(test)]
mod tests {
    use crate::app::{App, Apps};
    use crate::id::{AppIndex, CoreId};
    use crate::plain::PLAIN;
    use crate::{Millis, Shard, ShardConfig};

    /// Its server has yet to be told that the last client is gone.
    #[test]
    fn who_counts_an_apps_connections_is_not_done_before_the_last_has_left() {
        let apps = ["a", "b"].map(|id| App::new(id, format!("key-{id}"), "secret"));
        let apps = Apps::new(apps.into()).unwrap();
        let shard = |core| {
            let config = ShardConfig { core, cores: 2, ..ShardConfig::default() };
            Shard::new(config, apps.clone(), &PLAIN, Millis(0))
        };
        let (mut of_client, mut of_app) = (shard(CoreId(0)), shard(CoreId(1)));
        let conn = of_client.open(1).unwrap();
        assert!(
            of_client.enter(conn, AppIndex(1), false).is_none(),
            "there is no limit to ask for"
        );
        of_app.receive(of_client.take_outgoing(CoreId(1)).unwrap());
        of_app.end_turn();
        assert!(!of_app.is_drained() && !of_app.is_vacant());
        of_client.closed(conn, None);
        of_app.receive(of_client.take_outgoing(CoreId(1)).unwrap());
        of_app.end_turn();
        assert!(of_app.is_drained() && of_app.is_vacant());
    }
}
