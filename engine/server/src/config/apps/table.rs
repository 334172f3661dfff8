//! One app, from its table.

use uringcast_proto::secret::Secret;

use super::super::document::{Entry, Fields};
use super::super::form::{NAME, ORIGIN, SECRET, URL};
use super::super::keys::KEYS;
use super::super::problem::{Fault, ValueFault};
use super::{AppOrigin, SourcedApp, authorization, history, sink, webhook};
use crate::app::{App, AppKey, AppPolicy};

/// The app of one table, as far as it has an id and a key; what is wrong with it is reported.
pub(in super::super) fn read(mut fields: Fields<'_>) -> Option<SourcedApp> {
    let mut origin = AppOrigin::new(fields.source().clone());
    let id = fields.needed_text("id", &NAME);
    let keys = read_keys(&mut fields);
    let policy = read_policy(&mut fields, &mut origin);
    let (auth, public_key_file) = authorization::read(&mut fields);
    origin.public_key_file = public_key_file;
    let history = history::read_all(&mut fields);
    origin.has_history = history.is_some();
    let app = App {
        id: id.clone().unwrap_or_default(),
        id_aliases: read_aliases(&mut fields),
        keys,
        publish_secret: fields.text("publish_secret", &SECRET).map(Secret::from),
        policy,
        origins: read_origins(&mut fields),
        webhooks: webhook::read_all(&mut fields),
        sinks: sink::read_all(&mut fields),
        connection_count_threshold: read_threshold(&mut fields),
        auth,
        publish_policy_url: fields.text("publish_policy_url", &URL),
        room_auth_url: fields.text("room_auth_url", &URL),
        history: history.unwrap_or_default(),
    };
    fields.refuse_rest();
    (id.is_some() && !app.keys.is_empty()).then_some(SourcedApp { app, origin })
}

/// Either `key` and `secret`, or `keys`. What is empty is reported.
fn read_keys(fields: &mut Fields<'_>) -> Vec<AppKey> {
    let Some(keys) = fields.take("keys") else {
        let (key, secret) =
            (fields.needed_text("key", &NAME), fields.needed_text("secret", &SECRET));
        return key
            .zip(secret)
            .map(|(key, secret)| AppKey { key, secret: secret.into() })
            .into_iter()
            .collect();
    };
    for name in ["key", "secret"] {
        if let Some(entry) = fields.take(name) {
            entry.report(Fault::Together { key: entry.name.clone(), other: keys.name.clone() });
        }
    }
    let tables = keys.list("an array of tables with key and secret", 1..=KEYS_MAX);
    tables.iter().filter_map(read_key).collect()
}

fn read_key(entry: &Entry<'_>) -> Option<AppKey> {
    let mut fields = entry.table()?;
    let (key, secret) = (fields.needed_text("key", &NAME), fields.needed_text("secret", &SECRET));
    fields.refuse_rest();
    Some(AppKey { key: key?, secret: secret?.into() })
}

/// The keys of the sections `pusher` and `zps` that this app has a value of its own for.
fn read_policy(fields: &mut Fields<'_>, origin: &mut AppOrigin) -> AppPolicy {
    let mut policy = AppPolicy::default();
    let mut rooms = fields.take("zps").and_then(|entry| entry.table());
    for (index, key) in KEYS.iter().enumerate() {
        let Some(field) = key.policy_field() else { continue };
        let table = if key.app_table().is_none() { Some(&mut *fields) } else { rooms.as_mut() };
        let Some(entry) = table.and_then(|table| table.take(key.name)) else { continue };
        let Some(written) = entry.written() else { continue };
        match field.write(&mut policy, written, &entry.name) {
            Ok(()) => origin.own.push((index, entry.source())),
            Err(fault) => entry.report(fault),
        }
    }
    if let Some(rooms) = rooms {
        rooms.refuse_rest();
    }
    policy
}

fn read_aliases(fields: &mut Fields<'_>) -> Vec<String> {
    let Some(entry) = fields.take("id_aliases") else { return Vec::new() };
    let aliases = entry.list("an array of strings", 0..=ALIASES_MAX);
    aliases.iter().filter_map(|alias| alias.text_of(&NAME)).collect()
}

fn read_origins(fields: &mut Fields<'_>) -> Vec<String> {
    let Some(entry) = fields.take("origins") else { return Vec::new() };
    let origins = entry.list("an array of strings", 0..=ORIGINS_MAX);
    origins.iter().filter_map(|origin| origin.text_of(&ORIGIN)).collect()
}

fn read_threshold(fields: &mut Fields<'_>) -> u32 {
    let Some(entry) = fields.take("connection_count_threshold") else { return 0 };
    let Some(written) = entry.written() else { return 0 };
    let number = written.number().and_then(|number| u32::try_from(number).ok());
    let number = number.filter(|number| *number <= THRESHOLD_MAX);
    number.unwrap_or_else(|| {
        let (wanted, found) = (format!("0 to {THRESHOLD_MAX}"), written.description());
        entry.report(ValueFault::WrongType { key: entry.name.clone(), wanted, found });
        0
    })
}

/// Keys that are good at the same time. Default reason: a rotation needs two.
const KEYS_MAX: usize = 8;
/// Other ids of one app: each stands in the registry beside its own.
const ALIASES_MAX: usize = 16;
/// Origins of one app: each is compared at each handshake of a browser.
const ORIGINS_MAX: usize = 100;
/// As far as `connections_max` goes.
const THRESHOLD_MAX: u32 = 100_000_000;
