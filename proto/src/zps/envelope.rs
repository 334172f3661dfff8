//! An event as it is kept and sent: what its publisher left out is filled in here.
//!
//! Only the sequence is missing, which the room's owner alone can give. A publisher that names one
//! is not listened to: the original server lets it forge the room's order.

use std::borrow::Cow;
use std::sync::Arc;

use serde_json::value::RawValue;

use super::client::{Event, EventOptions};
use super::id::{self, Prefix};
use super::server::EVENT_HEAD;
use super::time;
use crate::json;
use crate::limits::ZPS_EVENT_ID_BYTES_MAX;

/// How long an event is worth replaying if its publisher does not say: a day.
pub(super) const TTL_MS: u64 = 24 * 60 * 60 * 1000;

/// Says in every event's metadata what keeps the log.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Provider(pub &'static str);

/// What is wrong with an event besides its room, type and payload.
///
/// The client sees an `error` without a code; the connection survives.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum EventFault {
    /// `id` is no string, or empty.
    #[error("Realtime message field event.id must be a non-empty string")]
    Id,
    /// `id` is longer than [`ZPS_EVENT_ID_BYTES_MAX`].
    #[error("Realtime message field event.id must have at most {ZPS_EVENT_ID_BYTES_MAX} bytes")]
    IdLength,
    /// `ttlMs` is no whole number from 0 on.
    #[error("Realtime message field event.ttlMs must be a non-negative integer")]
    Ttl,
    /// `emittedAt` or `expiresAt` is no moment.
    #[error("Invalid date value: {0}")]
    Date(String),
    /// `metadata` is no object.
    #[error("Realtime message field event.metadata must be an object")]
    Metadata,
    /// `encrypted` is neither true nor false.
    #[error("Realtime message field event.encrypted must be a boolean")]
    Encrypted,
}

/// An event that is complete but for its sequence.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RoomDraft {
    /// Its name, for publishing it only once.
    pub id: Box<str>,
    /// Its type, for those who want only some.
    pub event_type: Arc<str>,
    /// The whole message without the digits of the sequence.
    pub text: Vec<u8>,
    /// Where in it the digits belong.
    pub sequence_at: u32,
    /// When it was sent, in milliseconds since 1970.
    pub emitted_unix_ms: u64,
    /// From when on it is not replayed.
    pub expires_unix_ms: u64,
}

impl Event<'_> {
    /// Complete the event as of `now_unix_ms`; `random` names it if it has no name.
    pub fn draft(
        &self,
        now_unix_ms: u64,
        random: u64,
        provider: Provider,
    ) -> Result<RoomDraft, EventFault> {
        let more = &self.more;
        let id = more.id(Prefix::Event, now_unix_ms, random)?;
        let ttl_ms = more.ttl_ms()?.unwrap_or(TTL_MS);
        let emitted_unix_ms = date(more.emitted_at)?.unwrap_or(now_unix_ms);
        let lasts_until = emitted_unix_ms.saturating_add(ttl_ms).min(time::UNIX_MS_MAX);
        let expires_unix_ms = date(more.expires_at)?.unwrap_or(lasts_until);
        let metadata = more.metadata()?;
        let encrypted = more.encrypted()?;

        let values_bytes = id.len() + self.event_type.len() + self.room.len() + self.payload.len();
        let metadata_bytes = metadata.map_or(0, str::len) + provider.0.len();
        let mut text = Vec::with_capacity(216 + values_bytes + metadata_bytes);
        text.extend_from_slice(EVENT_HEAD.as_bytes());
        push_text(&mut text, r#"{"id":""#, &id);
        push_text(&mut text, r#"","type":""#, &self.event_type);
        push_text(&mut text, r#"","room":""#, &self.room);
        text.extend_from_slice(br#"","sequence":"#);
        let sequence_at = text.len() as u32;
        text.extend_from_slice(br#","emittedAt":""#);
        time::write(&mut text, emitted_unix_ms);
        text.extend_from_slice(br#"","expiresAt":""#);
        time::write(&mut text, expires_unix_ms);
        text.extend_from_slice(br#"","payload":"#);
        text.extend_from_slice(self.payload.as_bytes());
        if let Some(encrypted) = encrypted {
            text.extend_from_slice(br#","encrypted":"#);
            text.extend_from_slice(encrypted.as_bytes());
        }
        text.extend_from_slice(br#","metadata":"#);
        push_metadata(&mut text, metadata, provider);
        text.extend_from_slice(b"}}");
        let id = id.into_owned().into_boxed_str();
        let event_type = Arc::from(&*self.event_type);
        Ok(RoomDraft { id, event_type, text, sequence_at, emitted_unix_ms, expires_unix_ms })
    }

    /// The event as one that is not kept, as its frame.
    pub fn ephemeral(&self, now_unix_ms: u64, random: u64) -> Result<bytes::Bytes, EventFault> {
        let id = self.more.id(Prefix::Ephemeral, now_unix_ms, random)?;
        Ok(super::server::ephemeral(&super::server::Ephemeral {
            id: &id,
            event_type: &self.event_type,
            room: &self.room,
            emitted_unix_ms: date(self.more.emitted_at)?.unwrap_or(now_unix_ms),
            payload_json: self.payload,
            metadata_json: self.more.metadata()?,
        }))
    }
}

impl<'a> EventOptions<'a> {
    fn id(&self, prefix: Prefix, unix_ms: u64, random: u64) -> Result<Cow<'a, str>, EventFault> {
        let Some(token) = given(self.id) else {
            return Ok(Cow::Owned(id::generate(prefix, unix_ms, random)));
        };
        let id = json::string(token).filter(|id| !id.is_empty()).ok_or(EventFault::Id)?;
        if id.len() > ZPS_EVENT_ID_BYTES_MAX { Err(EventFault::IdLength) } else { Ok(id) }
    }

    fn ttl_ms(&self) -> Result<Option<u64>, EventFault> {
        let Some(token) = given(self.ttl_ms) else { return Ok(None) };
        super::fields::whole_number(token).map(Some).ok_or(EventFault::Ttl)
    }

    fn metadata(&self) -> Result<Option<&'a str>, EventFault> {
        match given(self.metadata) {
            Some(token) if !token.starts_with('{') => Err(EventFault::Metadata),
            metadata => Ok(metadata),
        }
    }

    fn encrypted(&self) -> Result<Option<&'a str>, EventFault> {
        match given(self.encrypted) {
            None => Ok(None),
            Some(token @ ("true" | "false")) => Ok(Some(token)),
            Some(_) => Err(EventFault::Encrypted),
        }
    }
}

/// A field that is there and not `null`.
fn given(token: Option<&str>) -> Option<&str> {
    token.filter(|&token| token != "null")
}

/// The moment of a field: a text, or milliseconds since 1970.
fn date(token: Option<&str>) -> Result<Option<u64>, EventFault> {
    let Some(token) = given(token) else { return Ok(None) };
    let moment = match json::string(token) {
        Some(text) => time::parse(&text),
        None => super::fields::whole_number(token),
    };
    let moment = moment.filter(|&unix_ms| unix_ms <= time::UNIX_MS_MAX);
    let error = || EventFault::Date(shown(token).to_owned());
    moment.map(Some).ok_or_else(error)
}

/// The start of a client's token, for an answer that is not longer than it need be.
fn shown(token: &str) -> &str {
    const SHOWN_BYTES_MAX: usize = 64;
    let token = token.trim_matches('"');
    &token[..token.floor_char_boundary(SHOWN_BYTES_MAX)]
}

fn push_text(output: &mut Vec<u8>, head: &str, text: &str) {
    output.extend_from_slice(head.as_bytes());
    json::escape_into(output, text);
}

/// The publisher's metadata, with the provider in it whatever it says.
fn push_metadata(output: &mut Vec<u8>, metadata: Option<&str>, provider: Provider) {
    let inner = metadata.map_or("", |json| json[1..json.len() - 1].trim_ascii());
    output.push(b'{');
    if names_a_provider(inner) {
        // Rare: what it says is taken out, the rest stays as it came.
        push_others(output, metadata.unwrap_or("{}"));
    } else if !inner.is_empty() {
        output.extend_from_slice(inner.as_bytes());
        output.push(b',');
    }
    output.extend_from_slice(br#""provider":""#);
    output.extend_from_slice(provider.0.as_bytes());
    output.extend_from_slice(br#""}"#);
}

/// Whether a key may be `provider`, also in disguise.
fn names_a_provider(json: &str) -> bool {
    memchr::memmem::find(json.as_bytes(), b"\"provider\"").is_some() || json.contains("\\u")
}

fn push_others(output: &mut Vec<u8>, metadata: &str) {
    let fields: std::collections::BTreeMap<Cow<'_, str>, &RawValue> =
        serde_json::from_str(metadata).unwrap_or_default();
    for (key, value) in fields.iter().filter(|(key, _)| *key != "provider") {
        push_text(output, "\"", key);
        output.extend_from_slice(b"\":");
        output.extend_from_slice(value.get().as_bytes());
        output.push(b',');
    }
}

#[cfg(test)]
mod tests;
