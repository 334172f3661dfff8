//! The sinks of an app, from its tables.

use std::sync::Arc;

use super::super::document::{Entry, Fields};
use super::super::form::{CHANNEL_PATTERN, NAME, URL};
use super::super::keys::nearest;
use super::super::problem::{Fault, ValueFault};
use super::history::read_number;
use super::webhook::read_headers;
use crate::app::{Backoff, Flow, RetryPolicy, Sink};

/// All that the table has; what is wrong with them is reported.
pub(super) fn read_all(fields: &mut Fields<'_>) -> Vec<Arc<Sink>> {
    let Some(entry) = fields.take("sinks") else { return Vec::new() };
    let tables = entry.list("an array of tables", 0..=SINKS_MAX);
    let mut sinks: Vec<Arc<Sink>> = Vec::new();
    for table in tables {
        let Some(sink) = read(&table) else { continue };
        if sinks.iter().any(|it| it.name == sink.name) {
            let allowed = "another one than those of the app's other sinks";
            table.report(Fault::AppPart { part: "apps.sinks.name".to_owned(), allowed });
        }
        sinks.push(Arc::new(sink));
    }
    sinks
}

fn read(entry: &Entry<'_>) -> Option<Sink> {
    let mut fields = entry.table()?;
    let name = fields.needed_text("name", &NAME).unwrap_or_default();
    let url = fields.needed_text("url", &URL).unwrap_or_default();
    let default = Sink::new(name, url);
    let sink = Sink {
        rooms: fields.text("rooms", &CHANNEL_PATTERN).unwrap_or(default.rooms),
        headers: read_headers(&mut fields),
        retry: read_retry_if_any(&mut fields).unwrap_or_default(),
        flow: read_flow(&mut fields),
        batch_events_max: read_number(&mut fields, "batch_events_max", BATCH_EVENTS)
            .unwrap_or(default.batch_events_max),
        name: default.name,
        url: default.url,
    };
    fields.refuse_rest();
    Some(sink)
}

/// The policy that a table has, with the default of what it leaves out; `None` if it says nothing.
pub(super) fn read_retry_if_any(fields: &mut Fields<'_>) -> Option<RetryPolicy> {
    let backoff = fields.take("retry").and_then(|entry| choice(&entry, &Backoff::NAMES));
    let mut number = |name, range| read_number(fields, name, range);
    let (attempts_max, delay_base_ms) =
        (number("attempts_max", ATTEMPTS), number("delay_base_ms", DELAY_MS));
    let delay_max_ms = number("delay_max_ms", DELAY_MS);
    let is_any = backoff.is_some()
        || [attempts_max, delay_base_ms, delay_max_ms].iter().any(Option::is_some);
    let default = RetryPolicy::default();
    is_any.then(|| RetryPolicy {
        backoff: backoff.unwrap_or(default.backoff),
        attempts_max: attempts_max.unwrap_or(default.attempts_max),
        delay_base_ms: delay_base_ms.unwrap_or(default.delay_base_ms),
        delay_max_ms: delay_max_ms.unwrap_or(default.delay_max_ms),
    })
}

fn read_flow(fields: &mut Fields<'_>) -> Flow {
    let entry = fields.take("flow");
    let flow = entry.as_ref().and_then(|entry| choice(entry, &FLOWS)).unwrap_or_default();
    let buffer = fields.take("buffer_events_max");
    let Some(buffer) = buffer else {
        return match flow {
            Flow::Buffer { .. } => Flow::Buffer { events_max: BUFFER_EVENTS_DEFAULT },
            Flow::Pause | Flow::Drop => flow,
        };
    };
    if !matches!(flow, Flow::Buffer { .. }) {
        let unless = "apps.sinks.flow is \"buffer\"".to_owned();
        buffer.report(Fault::Unused { key: buffer.name.clone(), unless });
        return flow;
    }
    let events_max = super::history::number_of(&buffer, BUFFER_EVENTS);
    Flow::Buffer { events_max: events_max.unwrap_or(BUFFER_EVENTS_DEFAULT) }
}

/// The value that the text of `entry` names.
fn choice<T: Copy>(entry: &Entry<'_>, names: &[(T, &'static str)]) -> Option<T> {
    let text = entry.text()?;
    let found = names.iter().find(|(_, name)| *name == text);
    if found.is_none() {
        let known: Vec<String> = names.iter().map(|(_, name)| format!("\"{name}\"")).collect();
        entry.report(ValueFault::Choice {
            key: entry.name.clone(),
            value: text.to_owned(),
            allowed: format!("one of {}", known.join(", ")),
            nearest: nearest(text, names.iter().map(|(_, name)| (*name).to_owned())),
        });
    }
    found.map(|(value, _)| *value)
}

/// Each with its name; the buffer has its default size.
pub(super) const FLOWS: [(Flow, &str); 3] = [
    (Flow::Pause, "pause"),
    (Flow::Drop, "drop"),
    (Flow::Buffer { events_max: BUFFER_EVENTS_DEFAULT }, "buffer"),
];

/// Sinks of one app: each room has a place in its log for each.
const SINKS_MAX: usize = 20;
/// As the original of zero-pub-sub has in flight.
const BUFFER_EVENTS_DEFAULT: u32 = 1_000;
const BUFFER_EVENTS: std::ops::RangeInclusive<u32> = 1..=100_000_000;
const BATCH_EVENTS: std::ops::RangeInclusive<u32> = 1..=10_000;
const ATTEMPTS: std::ops::RangeInclusive<u32> = 1..=1_000;
/// Up to a day.
const DELAY_MS: std::ops::RangeInclusive<u32> = 0..=86_400_000;
