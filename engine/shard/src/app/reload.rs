//! A registry that follows from another one while connections live.
//!
//! Invariant: an index that was ever given out stays what it was. An app that is gone leaves its
//! slot behind, and gets it back if it returns.

use std::collections::HashMap;
use std::sync::Arc;

use super::{App, AppKey, Apps, AppsError};
use crate::id::AppIndex;

/// How an app stands with a registry.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Standing {
    /// It is served.
    Served,
    /// It is known, but nobody may connect or publish.
    Disabled,
    /// It was served once and is not configured any more.
    Removed,
}

impl Apps {
    /// The registry of `apps` that follows this one: an app is known by its id and keeps its index,
    /// one that has not changed is not copied.
    ///
    /// # Errors
    /// If a request could not tell two of them apart, or if this process has known as many apps as
    /// it can tell apart over all its life, 65,536. Then this registry stays in force.
    pub fn updated(&self, apps: Vec<App>) -> Result<Self, AppsError> {
        let slots = self.slots.iter().enumerate();
        let known: HashMap<&str, usize> = slots.map(|(slot, app)| (&*app.id, slot)).collect();
        let mut next = Self { slots: self.slots.clone(), ..Self::default() };
        for app in apps {
            let slot = known.get(&*app.id).copied().unwrap_or(next.slots.len());
            let index = AppIndex(u16::try_from(slot).map_err(|_| AppsError::TooMany)?);
            next.name(&app, index)?;
            if slot == next.slots.len() {
                next.slots.push(Arc::new(app));
            } else if *next.slots[slot] != app {
                next.slots[slot] = Arc::new(app);
            }
        }
        Ok(next)
    }

    /// Make room for the apps that `newer` has beyond these, without serving them: another core may
    /// serve them already and speak of them to this one.
    pub fn learn(&mut self, newer: &Self) {
        let known = self.slots.len();
        self.slots.extend(newer.slots.iter().skip(known).cloned());
    }

    /// How the app behind `index` stands.
    pub fn standing(&self, index: AppIndex) -> Standing {
        let app = self.app(index);
        if self.by_id(&app.id) != Some(index) {
            Standing::Removed
        } else if app.policy.enabled {
            Standing::Served
        } else {
            Standing::Disabled
        }
    }

    /// Every index that was ever given out.
    pub fn indices(&self) -> impl Iterator<Item = AppIndex> + use<> {
        (0..self.slots.len()).map(|slot| AppIndex(slot as u16))
    }

    /// Let requests find `app` at `index`.
    pub(super) fn name(&mut self, app: &App, index: AppIndex) -> Result<(), AppsError> {
        for id in std::iter::once(&app.id).chain(&app.id_aliases) {
            if self.by_id.insert(id.clone(), index).is_some() {
                return Err(AppsError::SameId(id.clone()));
            }
        }
        for AppKey { key, .. } in &app.keys {
            if self.by_key.insert(key.clone(), index).is_some() {
                return Err(AppsError::SameKey(key.clone()));
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn app(id: &str, key: &str) -> App {
        App::new(id, key, "secret")
    }

    fn standings(apps: &Apps) -> Vec<Standing> {
        apps.indices().map(|index| apps.standing(index)).collect()
    }

    #[test]
    fn an_app_keeps_its_index_and_one_that_has_not_changed_its_place() {
        let first = Apps::new(vec![app("a", "k"), app("b", "l")]).unwrap();
        let next = first.updated(vec![app("c", "m"), app("b", "l"), app("a", "n")]).unwrap();
        assert_eq!(next.by_id("a"), first.by_id("a"));
        assert_eq!(next.by_id("b"), first.by_id("b"));
        assert_eq!((next.by_key("k"), next.by_key("n")), (None, first.by_id("a")));
        assert_eq!(next.by_key("m"), Some(AppIndex(2)));
        let same = |index| Arc::ptr_eq(first.app(index), next.app(index));
        assert!(same(AppIndex(1)) && !same(AppIndex(0)));
    }

    #[test]
    fn an_app_that_is_gone_leaves_its_slot_and_gets_it_back() {
        let first = Apps::new(vec![app("a", "k"), app("b", "l")]).unwrap();
        let next = first.updated(vec![app("b", "k")]).unwrap();
        assert_eq!(standings(&next), [Standing::Removed, Standing::Served]);
        assert_eq!((next.by_id("a"), next.by_key("k")), (None, Some(AppIndex(1))));
        assert_eq!(next.iter().map(|(index, _)| index).collect::<Vec<_>>(), [AppIndex(1)]);
        let disabled = crate::app::AppPolicy { enabled: false, ..Default::default() };
        let back = App { policy: disabled, ..app("a", "m") };
        let last = next.updated(vec![back, app("c", "n")]).unwrap();
        assert_eq!(standings(&last), [Standing::Disabled, Standing::Removed, Standing::Served]);
        assert_eq!(last.by_id("a"), Some(AppIndex(0)));
    }

    #[test]
    fn a_learned_app_has_a_place_and_no_name() {
        let mut first = Apps::new(vec![app("a", "k")]).unwrap();
        let next = first.updated(vec![app("b", "k")]).unwrap();
        first.learn(&next);
        assert_eq!(first.app(AppIndex(1)).id, "b");
        assert_eq!((first.by_id("b"), first.by_key("k")), (None, Some(AppIndex(0))));
        assert_eq!(standings(&first), [Standing::Served, Standing::Removed]);
    }

    #[test]
    fn a_process_tells_65536_apps_apart_and_not_one_more() {
        let many = |range: std::ops::Range<usize>| {
            range.map(|n| app(&n.to_string(), &n.to_string())).collect::<Vec<_>>()
        };
        let apps = Apps::new(many(0..65_536)).unwrap();
        assert_eq!(apps.by_id("65535"), Some(AppIndex(u16::MAX)));
        assert_eq!(apps.updated(many(65_536..65_537)).unwrap_err(), AppsError::TooMany);
        assert!(apps.updated(many(65_535..65_536)).is_ok());
    }

    #[test]
    fn two_apps_share_no_id_and_no_key() {
        let update = |apps| Apps::default().updated(apps).unwrap_err();
        assert_eq!(update(vec![app("a", "k"), app("a", "l")]), AppsError::SameId("a".into()));
        assert_eq!(update(vec![app("a", "k"), app("b", "k")]), AppsError::SameKey("k".into()));
    }
}
