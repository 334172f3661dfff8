//! Every configuration key: the rows of the tables that a configuration is made of.
//!
//! Reading a file, the environment and the flags, printing, and the example file all go through
//! this list, so a key that is a row of a table in it is complete everywhere.

use std::ops::{Bound, RangeBounds};
use std::sync::LazyLock;

use super::field::Field;
use super::key::{Key, Place};
use super::sections::{
    HttpConfig, LogConfig, LoggingConfig, RegistryConfig, ServerConfig, WebhookConfig, ZpsConfig,
};
use crate::app::{AppPolicy, ZpsPolicy};
use crate::limits::{ConnectionConfig, CoreConfig};
use crate::log::LogLimits;
use crate::setting::Row;

/// The keys of a section that are rows of a table, all or from one to before another, and where
/// the table is.
macro_rules! keys {
    ($($section:literal $table:ident[$rows:expr] in $place:ident |$it:ident| $at:expr;)+) => {
        [$(rows($section, $table::ROWS, $rows, |row, index| {
            Place::$place(Field { row, index, table: |$it| &$at, table_mut: |$it| &mut $at })
        })),+]
    };
}

/// Every key, in the order in which it is printed.
pub(super) static KEYS: LazyLock<Vec<Key>> = LazyLock::new(|| {
    let keys = keys! {
        "server" ServerConfig[..] in Config |it| it.server;
        "connection" ConnectionConfig[.."sse_heartbeat_ms"] in Config |it| it.connection;
        "core" CoreConfig[..] in Config |it| it.core;
        "http" HttpConfig[..] in Config |it| it.http;
        "pusher" AppPolicy[..] in Policy |it| *it;
        "webhook" WebhookConfig[..] in Config |it| it.webhook;
        "log" LogConfig[.."disk_timeout_s"] in Config |it| it.log;
        "log" LogLimits[.."sinks_in_flight_max"] in Config |it| it.log.kept;
        "log" LogConfig["disk_timeout_s"..] in Config |it| it.log;
        "log" LogLimits["sinks_in_flight_max"..] in Config |it| it.log.kept;
        "registry" RegistryConfig[..] in Config |it| it.registry;
        "zps" ZpsConfig[.."http_events_max"] in Config |it| it.zps;
        "zps" ConnectionConfig["sse_heartbeat_ms"..] in Config |it| it.connection;
        "zps" ZpsConfig["http_events_max".."jwt_secret"] in Config |it| it.zps;
        "zps" ZpsPolicy[..] in Policy |it| it.zps;
        "zps" ZpsConfig["jwt_secret"..] in Config |it| it.zps;
        "logging" LoggingConfig[..] in Config |it| it.logging;
    };
    keys.into_iter().flatten().collect()
});

fn rows(
    section: &'static str,
    rows: &'static [Row],
    range: impl RangeBounds<&'static str>,
    place: fn(&'static Row, usize) -> Place,
) -> Vec<Key> {
    let at = |bound: Bound<&&str>, open| match bound {
        Bound::Included(name) | Bound::Excluded(name) => {
            let found = rows.iter().position(|row| row.name == *name);
            found.expect("a table has the row at which it is cut")
        }
        Bound::Unbounded => open,
    };
    let range = at(range.start_bound(), 0)..at(range.end_bound(), rows.len());
    let key = |index: usize| {
        let row = &rows[index];
        Key { section, name: row.name, row, place: place(row, index) }
    };
    range.map(key).collect()
}

/// The sections, in the order in which they are printed, each with one line for the operator.
pub(super) const SECTIONS: &[(&str, &str)] = &[
    ("server", "Addresses, cores and the drain at the end."),
    ("connection", "Limits and timers of one websocket connection."),
    ("core", "Limits of one core."),
    ("http", "Limits of one HTTP request."),
    ("pusher", "What apps may do by default; an app's own table may differ in any of these keys."),
    ("webhook", "Calls out over HTTP: what cores ask other servers, and what apps are told."),
    ("log", "What one core keeps of channels with a log, and where it outlives the process."),
    ("registry", "Where apps are read besides, and read again while the server runs."),
    ("zps", "The zero-pub-sub protocol: who may connect, and what apps may do by default."),
    ("logging", "What is written to standard error about what clients do."),
];

/// The known name closest to `unknown`, if it is close enough to be what was meant.
pub(super) fn nearest(unknown: &str, known: impl Iterator<Item = String>) -> Option<String> {
    let (similarity, name) = known
        .map(|name| (similarity(unknown, &name), name))
        .max_by(|(left, _), (right, _)| left.total_cmp(right))?;
    (similarity >= SIMILARITY_MIN).then_some(name)
}

/// From 0, nothing in common, to 1, equal: the whole names, or their last parts alone.
fn similarity(unknown: &str, known: &str) -> f64 {
    let last = |name: &str| name.rsplit('.').next().map(str::to_owned).unwrap_or_default();
    let whole = strsim::normalized_damerau_levenshtein(unknown, known);
    let end = strsim::normalized_damerau_levenshtein(&last(unknown), &last(known));
    // A key in the wrong section is a weaker match than the same slip in the right one.
    whole.max(0.9 * end)
}

const SIMILARITY_MIN: f64 = 0.6;
