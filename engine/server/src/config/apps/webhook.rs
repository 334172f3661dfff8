//! The webhooks of an app, from its tables.

use http::HeaderName;
use uringcast_proto::secret::Secret;

use super::super::document::{Entry, Fields};
use super::super::form::{CHANNEL_PART, HEADER_VALUE, URL};
use super::super::keys::nearest;
use super::super::problem::{Fault, ValueFault};
use super::sink::read_retry_if_any;
use crate::app::{Webhook, WebhookEvent};

/// All that the table has; what is wrong with them is reported.
pub(super) fn read_all(fields: &mut Fields<'_>) -> Vec<Webhook> {
    let Some(entry) = fields.take("webhooks") else { return Vec::new() };
    let tables = entry.list("an array of tables", 0..=WEBHOOKS_MAX);
    tables.iter().filter_map(read).collect()
}

fn read(entry: &Entry<'_>) -> Option<Webhook> {
    let mut fields = entry.table()?;
    let webhook = Webhook {
        url: fields.needed_text("url", &URL).unwrap_or_default(),
        events: read_events(&mut fields),
        channel_prefix: fields.text("channel_prefix", &CHANNEL_PART).unwrap_or_default(),
        channel_suffix: fields.text("channel_suffix", &CHANNEL_PART).unwrap_or_default(),
        headers: read_headers(&mut fields),
        retry: read_retry_if_any(&mut fields),
    };
    fields.refuse_rest();
    Some(webhook)
}

fn read_events(fields: &mut Fields<'_>) -> Vec<WebhookEvent> {
    let Some(entry) = fields.take("events") else { return Vec::new() };
    let names = entry.list("an array of strings", 0..=WebhookEvent::NAMES.len());
    names.iter().filter_map(read_event).collect()
}

fn read_event(entry: &Entry<'_>) -> Option<WebhookEvent> {
    let text = entry.text()?;
    let found = WebhookEvent::NAMES.into_iter().find(|(_, name)| *name == text);
    if found.is_none() {
        let names = WebhookEvent::NAMES.map(|(_, name)| name);
        entry.report(ValueFault::Choice {
            key: entry.name.clone(),
            value: text.to_owned(),
            allowed: format!("one of {}", names.join(", ")),
            nearest: nearest(text, names.map(str::to_owned).into_iter()),
        });
    }
    found.map(|(event, _)| event)
}

/// The headers that a request has besides our own.
pub(super) fn read_headers(fields: &mut Fields<'_>) -> Vec<(String, Secret)> {
    let Some(entry) = fields.take("headers") else { return Vec::new() };
    let pairs = entry.pairs();
    if pairs.len() > HEADERS_MAX {
        let allowed = format!("0 to {HEADERS_MAX}");
        let key = entry.name.clone();
        entry.report(ValueFault::Count { key, count: pairs.len(), allowed });
    }
    let pairs = pairs.into_iter().take(HEADERS_MAX);
    pairs.filter_map(|(name, entry)| read_header(name, &entry)).collect()
}

fn read_header(name: &str, entry: &Entry<'_>) -> Option<(String, Secret)> {
    let key = entry.name.clone();
    if HeaderName::from_bytes(name.as_bytes()).is_err() || name.len() > HEADER_NAME_MAX {
        let allowed = "the name of an HTTP header of at most 128 bytes";
        entry.report(Fault::AppPart { part: key, allowed });
    } else if OUR_HEADERS.iter().any(|ours| ours.eq_ignore_ascii_case(name)) {
        entry.report(Fault::AppPart { part: key, allowed: "left out: this server sets it" });
    }
    Some((name.to_owned(), entry.text_of(&HEADER_VALUE)?.into()))
}

/// Endpoints of one app: each is sent each event it wants.
const WEBHOOKS_MAX: usize = 20;
/// Headers of one endpoint: each is sent with each request.
const HEADERS_MAX: usize = 32;
const HEADER_NAME_MAX: usize = 128;

/// What a request of a webhook has anyway.
const OUR_HEADERS: [&str; 8] = [
    "connection",
    "content-length",
    "content-type",
    "host",
    "transfer-encoding",
    "x-pusher-key",
    "x-pusher-signature",
    "x-uringcast-sink",
];
