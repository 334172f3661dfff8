//! The apps this server serves: who may connect and who may publish.
//!
//! An app is found by its key (websocket clients) or by its id (the HTTP API). The registry does
//! not change while the process runs, so an [`AppIndex`] is as good as a reference.

use crate::id::AppIndex;

/// One app's credentials, as the operator configured them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct App {
    /// Names the app in the HTTP API's path: `/apps/{id}/...`.
    pub id: String,
    /// Names the app in the websocket's path: `/app/{key}`. Public.
    pub key: String,
    /// Signs requests and subscriptions. Never leaves the server.
    pub secret: String,
}

/// All apps of this process.
#[derive(Clone, Debug, Default)]
pub struct Apps {
    apps: Vec<App>,
}

/// Two apps that a request could not tell apart.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum AppsError {
    /// Two apps have the same id.
    #[error("two apps have the id {0:?}")]
    SameId(String),
    /// Two apps have the same key.
    #[error("two apps have the key {0:?}")]
    SameKey(String),
}

impl Apps {
    /// The registry of `apps`, at most `u16::MAX` of them.
    pub fn new(apps: Vec<App>) -> Result<Self, AppsError> {
        for (index, app) in apps.iter().enumerate() {
            let before = &apps[..index];
            if before.iter().any(|other| other.id == app.id) {
                return Err(AppsError::SameId(app.id.clone()));
            }
            if before.iter().any(|other| other.key == app.key) {
                return Err(AppsError::SameKey(app.key.clone()));
            }
        }
        Ok(Self { apps })
    }

    /// The app that websocket clients name by `key`.
    pub fn by_key(&self, key: &str) -> Option<AppIndex> {
        self.position(|app| app.key == key)
    }

    /// The app that the HTTP API names by `id`.
    pub fn by_id(&self, id: &str) -> Option<AppIndex> {
        self.position(|app| app.id == id)
    }

    /// The app behind an index that this registry gave out.
    pub fn app(&self, index: AppIndex) -> &App {
        &self.apps[usize::from(index.0)]
    }

    /// Every app with its index.
    pub fn iter(&self) -> impl Iterator<Item = (AppIndex, &App)> {
        self.apps.iter().enumerate().map(|(index, app)| (AppIndex(index as u16), app))
    }

    fn position(&self, matches: impl Fn(&App) -> bool) -> Option<AppIndex> {
        self.apps.iter().position(matches).map(|index| AppIndex(index as u16))
    }
}
