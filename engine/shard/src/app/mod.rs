//! The apps this server serves: who may connect, who may publish, and within which limits.
//!
//! An app is found by one of its keys (websocket clients) or by its id (the HTTP API).

mod authorization;
mod history;
mod policy;
mod reload;
mod retry;
mod sink;
mod webhook;
mod zps;

use std::collections::HashMap;
use std::sync::Arc;

pub use authorization::{AuthPolicy, JwtKey};
pub use history::{HistoryRule, is_match, is_room, rule_of, wildcard_of};
pub use policy::AppPolicy;
pub use reload::Standing;
pub use retry::{Backoff, RetryPolicy};
pub use sink::{Flow, Sink};
pub use webhook::{Webhook, WebhookEvent};
pub use zps::ZpsPolicy;

use uringcast_proto::secret::Secret;

use crate::id::AppIndex;
use history::has_rule;

/// A key with its secret. An app has several while they are being rotated.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AppKey {
    /// Names the app in the websocket's path: `/app/{key}`. Public.
    pub key: String,
    /// Signs requests and subscriptions. Never leaves the server.
    pub secret: Secret,
}

/// One app, as the operator configured it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct App {
    /// Names the app in the HTTP API's path: `/apps/{id}/...`.
    pub id: String,
    /// Other ids under which publishers know it, such as the one a library falls back to.
    pub id_aliases: Vec<String>,
    /// All that are good now, at least one. The first signs what this server itself signs.
    pub keys: Vec<AppKey>,
    /// Lets a publisher in that sends it as it is, instead of a signature; `None` is the secret of
    /// the first key.
    pub publish_secret: Option<Secret>,
    /// What its clients and publishers may do.
    pub policy: AppPolicy,
    /// Hosts that browsers may connect from, `*` for any part of one; empty for all.
    pub origins: Vec<String>,
    /// Who is told of what happens.
    pub webhooks: Vec<Webhook>,
    /// Who is posted the events of rooms. Each has a name of its own.
    pub sinks: Vec<Arc<Sink>>,
    /// Connections at which [`WebhookEvent::ConnectionCount`] is told, on the way up and down; 0 is
    /// never.
    pub connection_count_threshold: u32,
    /// Who decides about subscriptions that this server signs.
    pub auth: AuthPolicy,
    /// The URL that is asked before an event of the HTTP API is published, if any.
    pub publish_policy_url: Option<String>,
    /// The URL that is asked who may do what with which room of zero-pub-sub, if any.
    pub room_auth_url: Option<String>,
    /// Which channels have a log, the first that matches first; empty for none but rooms.
    pub history: Vec<HistoryRule>,
}

impl App {
    /// An app with one key and the limits that apps have by default.
    pub fn new(id: impl Into<String>, key: impl Into<String>, secret: impl Into<String>) -> Self {
        let keys = vec![AppKey { key: key.into(), secret: Secret::from(secret.into()) }];
        Self {
            id: id.into(),
            id_aliases: Vec::new(),
            keys,
            publish_secret: None,
            policy: AppPolicy::default(),
            origins: Vec::new(),
            webhooks: Vec::new(),
            sinks: Vec::new(),
            connection_count_threshold: 0,
            auth: AuthPolicy::default(),
            publish_policy_url: None,
            room_auth_url: None,
            history: Vec::new(),
        }
    }

    /// The key that this server signs with.
    pub fn primary(&self) -> &AppKey {
        &self.keys[0]
    }

    /// What is kept of the channel called `name`; `None` if it has no log.
    pub fn history_rule(&self, name: &str) -> Option<HistoryRule> {
        rule_of(&self.history, name)
    }

    /// Whether the channel called `name` has a log.
    pub fn has_log(&self, name: &str) -> bool {
        has_rule(&self.history, name)
    }

    /// The key that is called `key`, or the primary one, whose check then fails.
    pub fn key_or_primary(&self, key: &str) -> &AppKey {
        self.keys.iter().find(|known| known.key == key).unwrap_or_else(|| self.primary())
    }
}

/// All apps of this process, and the slots of those that it has served before.
#[derive(Clone, Debug, Default)]
pub struct Apps {
    slots: Vec<Arc<App>>,
    by_id: Index,
    by_key: Index,
}

/// Seeded at random, so that nobody can aim at one bucket, and cheaper than the standard hash.
type Index = HashMap<String, AppIndex, foldhash::fast::RandomState>;

/// Holds for who is turned away because there is no app.
const NO_APP: ZpsPolicy = ZpsPolicy::DEFAULT;

/// Two apps that a request could not tell apart.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum AppsError {
    /// Two apps, or one app twice, have the same id or alias.
    #[error("two apps have the id {0:?}")]
    SameId(String),
    /// Two apps, or one app twice, have the same key.
    #[error("two apps have the key {0:?}")]
    SameKey(String),
    /// More apps than this process can tell apart over all its life, 65,536.
    #[error("this process has known 65536 apps, which is all that it can: restart it")]
    TooMany,
}

impl Apps {
    /// The registry of `apps`.
    ///
    /// # Errors
    /// If a request could not tell two of them apart, or if there are more than 65,536.
    pub fn new(apps: Vec<App>) -> Result<Self, AppsError> {
        Self::default().updated(apps)
    }

    /// The app that websocket clients name by `key`.
    pub fn by_key(&self, key: &str) -> Option<AppIndex> {
        self.by_key.get(key).copied()
    }

    /// The app that the HTTP API names by `id`, its own or one of its aliases.
    pub fn by_id(&self, id: &str) -> Option<AppIndex> {
        self.by_id.get(id).copied()
    }

    /// The app behind an index that this registry gave out.
    pub fn app(&self, index: AppIndex) -> &Arc<App> {
        &self.slots[usize::from(index.0)]
    }

    /// What the rooms' clients of app `index` may do; of a server without any app, the default.
    pub fn zps(&self, index: AppIndex) -> &ZpsPolicy {
        self.slots.get(usize::from(index.0)).map_or(&NO_APP, |app| &app.policy.zps)
    }

    /// Every app that is configured, with its index.
    pub fn iter(&self) -> impl Iterator<Item = (AppIndex, &Arc<App>)> {
        let served = self.indices().filter(|index| self.standing(*index) != Standing::Removed);
        served.map(|index| (index, self.app(index)))
    }
}
