//! The channels, users and apps that one core puts in order.
//!
//! This side takes what cores say in one order and tells each what follows from it. A connection is
//! a name to it, by which it is answered; its socket, outbox and subscriptions are
//! [`Local`](crate::local::Local)'s.

use crate::ShardConfig;
use crate::cache::Cache;
use crate::ledger::Ledger;
use crate::logged::Logs;
use crate::message::ToOwner;
use crate::online::Online;
use crate::owned::Owned;
use crate::quota::AppConnections;
use crate::route::Way;
use crate::subscription_count::Untold;
use crate::table::Table;

/// What this core puts in order for all cores: channels with their logs, users, and apps.
#[derive(Debug)]
pub(super) struct Owner {
    /// Channels that this core puts in order.
    pub(super) channels: Table<Owned>,
    /// Last events of the cache channels among those, and of such as nobody is subscribed to.
    pub(super) cache: Cache,
    /// Channels whose subscribers wait to hear how many they are.
    pub(super) untold: Untold,
    /// Users whose coming and going this core puts in order.
    pub(super) online: Table<Online>,
    /// Connections on all cores of each app that this core owns, by the app's index.
    pub(super) app_connections: Vec<AppConnections>,
    /// Budgets and keys that this core keeps for all cores.
    pub(super) ledger: Ledger,
    /// Logs of the channels that this core owns.
    pub(super) logs: Logs,
}

impl Owner {
    pub(super) fn new(config: &ShardConfig) -> Self {
        Self {
            channels: Table::new(),
            cache: Cache::new(config.cache_bytes_max),
            untold: Untold::default(),
            online: Table::new(),
            app_connections: Vec::new(),
            ledger: Ledger::new(config.idempotency),
            logs: Logs::new(),
        }
    }

    /// Take in what a core has to say.
    pub(super) fn take(&mut self, way: &mut Way<'_>, message: ToOwner) {
        match message {
            ToOwner::Join(join) => self.on_join(way, *join),
            ToOwner::Leave { channel, core, dialect, user_id } => {
                self.on_leave(way, &channel, core, dialect, user_id.as_deref());
            }
            ToOwner::Publish { owned, frames, skip } => self.on_publish(way, owned, frames, skip),
            ToOwner::PublishNamed { publication, ticket } => {
                self.on_publish_named(way, *publication, ticket);
            }
            ToOwner::Log(message) => self.on_log_message(way, *message),
            ToOwner::User { user, core, action } => self.on_user(way, user, core, action),
            ToOwner::Enter { app, ticket, connections_max } => {
                self.on_enter(way, app, ticket, connections_max);
            }
            ToOwner::Exit { app } => self.on_exit(way.route, app),
        }
    }

    /// Whether nobody is subscribed, online, watched or in an app.
    pub(super) fn is_vacant(&self) -> bool {
        self.channels.is_empty()
            && self.untold.is_empty()
            && self.online.is_empty()
            && self.are_apps_vacant()
    }

    /// Whether no app that this core owns has a connection anywhere.
    pub(super) fn are_apps_vacant(&self) -> bool {
        self.app_connections.iter().all(AppConnections::is_vacant)
    }
}
