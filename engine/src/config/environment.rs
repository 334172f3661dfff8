//! The environment as a layer: `URINGCAST_SECTION_KEY` for every key, and the names others use.
//!
//! A variable that is set but empty counts as not set. Only variables under one of our sections
//! must be known: container platforms add others that begin with the name of a service.

use std::collections::BTreeMap;
use std::ffi::{OsStr, OsString};

use super::draft::Draft;
use super::field::Written;
use super::keys::{KEYS, Key, SECTIONS, VARIABLE_PREFIX, nearest};
use super::problem::{Fault, Source};
use crate::app::App;

/// The variables by name; one whose name is not UTF-8 cannot be ours.
pub(super) struct Variables(BTreeMap<String, OsString>);

impl Variables {
    /// Those that are set to something.
    pub(super) fn new(environment: impl IntoIterator<Item = (OsString, OsString)>) -> Self {
        let named = environment.into_iter().filter(|(_, value)| !value.is_empty());
        Self(named.filter_map(|(name, value)| Some((name.into_string().ok()?, value))).collect())
    }

    /// Lay the variables over `draft`.
    pub(super) fn read(&self, draft: &mut Draft) {
        for (index, key) in KEYS.iter().enumerate() {
            let names = [Some(key.variable()), key.alias.map(str::to_owned)];
            // The long name is the more deliberate one: it hides the short one.
            let Some(name) = names.into_iter().flatten().find(|name| self.0.contains_key(name))
            else {
                continue;
            };
            if let Some(text) = self.text(&name, draft) {
                draft.set(index, Written::Text(text), Source::Environment(name));
            }
        }
        self.report_unknown(draft);
        self.read_app(draft);
    }

    fn report_unknown(&self, draft: &mut Draft) {
        for name in self.0.keys() {
            if is_under_a_section(name) && !KEYS.iter().any(|key| key.variable() == *name) {
                let nearest = nearest(name, KEYS.iter().map(Key::variable));
                let fault = Fault::Unknown { name: name.clone(), nearest };
                draft.report(Source::Environment(name.clone()), fault);
            }
        }
    }

    fn read_app(&self, draft: &mut Draft) {
        let (set, missing): (Vec<_>, Vec<_>) =
            APP_VARIABLES.into_iter().partition(|name| self.0.contains_key(*name));
        if set.is_empty() {
            return;
        }
        let source = Source::Environment(set.join(", "));
        if !missing.is_empty() {
            draft.report(source, Fault::IncompleteApp { missing: missing.join(", ") });
            return draft.set_apps(Vec::new());
        }
        let [id, key, secret] = APP_VARIABLES.map(|name| self.text(name, draft).map(str::to_owned));
        if let (Some(id), Some(key), Some(secret)) = (id, key, secret) {
            let app = draft.app(App::new(id, key, secret), source);
            draft.set_apps(vec![app]);
        }
    }

    fn text(&self, name: &str, draft: &mut Draft) -> Option<&str> {
        let value = self.0.get(name).map(OsString::as_os_str)?;
        let text = OsStr::to_str(value);
        if text.is_none() {
            draft.report(Source::Environment(name.to_owned()), Fault::NotUtf8);
        }
        text
    }
}

fn is_under_a_section(name: &str) -> bool {
    name.strip_prefix(VARIABLE_PREFIX).is_some_and(|rest| {
        let mut sections = SECTIONS.iter().map(|(section, _)| section.to_ascii_uppercase() + "_");
        sections.any(|section| rest.starts_with(&section))
    })
}

/// As Laravel and the HTTP libraries name them: id, key and secret of the only app.
const APP_VARIABLES: [&str; 3] = ["PUSHER_APP_ID", "PUSHER_APP_KEY", "PUSHER_APP_SECRET"];
