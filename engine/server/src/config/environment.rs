//! The environment as a layer: `URINGCAST_SECTION_KEY` for every key, and the names others use.
//!
//! A variable that is set but empty counts as not set. Only variables under one of our sections
//! must be known: container platforms add others that begin with the name of a service.

use std::collections::BTreeMap;
use std::ffi::{OsStr, OsString};

use uringcast_proto::secret::Secret;

use super::draft::ConfigDraft;
use super::field::Written;
use super::key::{Key, VARIABLE_PREFIX};
use super::keys::{KEYS, SECTIONS, nearest};
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
    pub(super) fn read(&self, draft: &mut ConfigDraft) {
        for (index, key) in KEYS.iter().enumerate() {
            let names = [Some(key.variable()), key.row.alias.map(str::to_owned)];
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
        self.note_ignored(draft);
    }

    fn report_unknown(&self, draft: &mut ConfigDraft) {
        for name in self.0.keys() {
            if is_under_a_section(name) && !KEYS.iter().any(|key| key.variable() == *name) {
                let nearest = nearest(name, KEYS.iter().map(Key::variable));
                let fault = Fault::Unknown { name: name.clone(), nearest };
                draft.report(Source::Environment(name.clone()), fault);
            }
        }
    }

    /// The only app, as various servers and frameworks name its parts.
    fn read_app(&self, draft: &mut ConfigDraft) {
        let found = [&ID[..], &KEY, &SECRET].map(|names| self.first(names));
        let publish_secret = self.first(&PUBLISH_SECRET);
        let set: Vec<_> = found.into_iter().flatten().collect();
        if set.is_empty() {
            if let Some(name) = publish_secret {
                let why = "without an app's id, key and secret in the environment; the file has \
                           publish_secret";
                draft.note(format!("{name} means nothing {why}"));
            }
            return;
        }
        let source = Source::Environment(set.join(", "));
        let [Some(id), Some(key), Some(secret)] = found else {
            let missing = [&ID[..], &KEY, &SECRET].into_iter().zip(found);
            let missing = missing.filter(|(_, found)| found.is_none());
            let missing: Vec<_> = missing.map(|(names, _)| names.join(" or ")).collect();
            draft.report(source, Fault::IncompleteApp { missing: missing.join(", ") });
            return draft.set_apps(Vec::new());
        };
        let [id, key, secret, publish_secret] = [Some(id), Some(key), Some(secret), publish_secret]
            .map(|name| name.and_then(|name| self.text(name, draft)).map(str::to_owned));
        if let (Some(id), Some(key), Some(secret)) = (id, key, secret) {
            let publish_secret = publish_secret.filter(|it| *it != secret).map(Secret::from);
            let app = App { publish_secret, ..App::new(id, key, secret) };
            let app = draft.app(app, source);
            draft.set_apps(vec![app]);
        }
    }

    /// Variables that other servers act on, and this one need not.
    fn note_ignored(&self, draft: &mut ConfigDraft) {
        for (name, why) in IGNORED {
            if self.0.contains_key(name) {
                draft.note(format!("{name} is ignored: {why}"));
            }
        }
    }

    /// The first of `names` that is set.
    fn first(&self, names: &[&'static str]) -> Option<&'static str> {
        names.iter().copied().find(|name| self.0.contains_key(*name))
    }

    fn text(&self, name: &str, draft: &mut ConfigDraft) -> Option<&str> {
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

/// The app's id: Pusher's libraries and Laravel, then `ZinTrust`, Reverb and Soketi (spec seeds.md,
/// S0-12, S1-21). The first that is set counts.
const ID: [&str; 4] =
    ["PUSHER_APP_ID", "BROADCAST_APP_ID", "REVERB_APP_ID", "SOKETI_DEFAULT_APP_ID"];

/// The app's key, in the same order.
const KEY: [&str; 5] = [
    "PUSHER_APP_KEY",
    "BROADCAST_AUTH_KEY",
    "BROADCAST_APP_KEY",
    "REVERB_APP_KEY",
    "SOKETI_DEFAULT_APP_KEY",
];

/// The app's secret, in the same order.
const SECRET: [&str; 5] = [
    "PUSHER_APP_SECRET",
    "BROADCAST_SECRET",
    "BROADCAST_APP_SECRET",
    "REVERB_APP_SECRET",
    "SOKETI_DEFAULT_APP_SECRET",
];

/// What `ZinTrust` publishes with (spec seeds.md, S0-13); those of the secret come last.
const PUBLISH_SECRET: [&str; 5] = [
    "BROADCAST_BRIDGE_SECRET",
    "X_ZINTRUST_SOCKET_SEC",
    "BROADCAST_SECRET",
    "PUSHER_APP_SECRET",
    "BROADCAST_APP_SECRET",
];

/// Of `ZinTrust`'s own server (spec seeds.md, S1-20).
const IGNORED: [(&str, &str); 2] = [
    ("SOCKET_ENABLED", "this server always serves websockets"),
    ("SOCKET_TRANSPORT", "this server has one transport of its own"),
];
