//! The bytes of a segment: its header, and records with their checksums. See docs/log-format.md.
//!
//! A record is only as good as its checksum, which begins with a number that each segment draws
//! for itself: what a file system gives back of another file, or a client has made up, is none.
//!
//! Invariant: what [`encode`] writes, [`decode`] reads back; and bytes that were changed in any
//! place, or cut, are not read as anything else.

use std::sync::Arc;

use bytes::Bytes;

use crate::log::stored::{Change, StoredDeadLetter, StoredEvent, StoredSnapshot};

/// What every segment begins with. The line ends show a copy that was made as text.
const MAGIC: [u8; 8] = *b"URCLOG\r\n";

/// The version that is written, and the only one that is read.
const VERSION: u32 = 1;

/// Bytes of a segment's header.
pub(super) const HEADER_BYTES: usize = 48;

/// Bytes of a record before its payload: length, checksum and kind.
const RECORD_HEAD_BYTES: usize = 9;

/// Bytes of the record that begins a group.
pub(super) const MARK_BYTES: usize = RECORD_HEAD_BYTES + 8;

/// The largest kind and payload, in bytes: twice what the largest message that can be configured
/// needs. A length above it is no length.
pub(super) const RECORD_BYTES_MAX: usize = 128 * 1024 * 1024;

/// What a segment says of itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Header {
    /// Its place among all segments that there have been, from 1.
    pub(super) number: u64,
    /// What its records' checksums begin with.
    pub(super) salt: u32,
    /// The segment that was written before it, 0 if none was.
    pub(super) previous: u64,
    /// Where that one ends. What is behind was never durable.
    pub(super) previous_end: u64,
}

/// Why bytes are no header.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum HeaderFault {
    /// Too few, or not what was written.
    Damaged,
    /// Of this other version.
    Version(u32),
}

/// One record as it was read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Item<'a> {
    /// A group begins.
    Mark,
    /// A change of a log.
    Change(Entry<'a>),
}

/// A change with the log it belongs to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Entry<'a> {
    pub(super) app_id: &'a str,
    pub(super) channel: &'a str,
    /// How often the log had been forgotten before.
    pub(super) incarnation: u32,
    pub(super) change: Change,
}

impl Header {
    /// The header's bytes.
    pub(super) fn encode(&self) -> [u8; HEADER_BYTES] {
        let mut bytes = Vec::with_capacity(HEADER_BYTES);
        bytes.extend_from_slice(&MAGIC);
        bytes.extend_from_slice(&VERSION.to_le_bytes());
        bytes.extend_from_slice(&self.salt.to_le_bytes());
        bytes.extend_from_slice(&self.number.to_le_bytes());
        bytes.extend_from_slice(&self.previous.to_le_bytes());
        bytes.extend_from_slice(&self.previous_end.to_le_bytes());
        bytes.extend_from_slice(&[0; 4]);
        bytes.extend_from_slice(&crc32fast::hash(&bytes).to_le_bytes());
        bytes.try_into().expect("the fields above have HEADER_BYTES bytes")
    }

    /// The header that `bytes` begin with.
    pub(super) fn decode(bytes: &[u8]) -> Result<Self, HeaderFault> {
        let header = bytes.get(..HEADER_BYTES).ok_or(HeaderFault::Damaged)?;
        let mut input = Input(header);
        let magic = input.take(MAGIC.len()).ok_or(HeaderFault::Damaged)?;
        let (covered, checksum) = header.split_at(HEADER_BYTES - 4);
        if magic != MAGIC || crc32fast::hash(covered).to_le_bytes() != checksum {
            return Err(HeaderFault::Damaged);
        }
        Self::fields(&mut input).ok_or(HeaderFault::Damaged)?
    }

    fn fields(input: &mut Input<'_>) -> Option<Result<Self, HeaderFault>> {
        let version = input.u32()?;
        if version != VERSION {
            return Some(Err(HeaderFault::Version(version)));
        }
        let salt = input.u32()?;
        let (number, previous, previous_end) = (input.u64()?, input.u64()?, input.u64()?);
        Some(Ok(Self { number, salt, previous, previous_end }))
    }
}

/// Append the record that begins a group at `offset` of a segment with this `salt`.
pub(super) fn encode_mark(salt: u32, offset: u64, out: &mut Vec<u8>) {
    frame(salt, Kind::Mark, out, |out| out.extend_from_slice(&offset.to_le_bytes()));
}

/// Append the record of `change`.
pub(super) fn encode(
    salt: u32,
    (app_id, channel, incarnation): (&str, &str, u32),
    change: &Change,
    out: &mut Vec<u8>,
) {
    frame(salt, Kind::of(change), out, |out| {
        out.extend_from_slice(&incarnation.to_le_bytes());
        put_text(app_id, out);
        put_text(channel, out);
        put_change(change, out);
    });
}

/// The size of the record that begins with these bytes, as it says; `None` if they begin none.
pub(super) fn record_bytes(bytes: &[u8]) -> Option<usize> {
    let length = Input(bytes).u32()? as usize;
    (1..=RECORD_BYTES_MAX).contains(&length).then_some(RECORD_HEAD_BYTES - 1 + length)
}

/// The record that `bytes` begin with, which stand at `offset` of a segment, and its size; `None`
/// if there is none.
pub(super) fn decode(salt: u32, bytes: &[u8], offset: u64) -> Option<(Item<'_>, usize)> {
    let record = bytes.get(..record_bytes(bytes)?)?;
    let mut input = Input(record);
    let (length, checksum) = (input.u32()?, input.u32()?);
    let body = input.0;
    if checksum != crc(salt, length, body) {
        return None;
    }
    Some((decode_body(body, offset)?, record.len()))
}

/// What tells records apart on the disk. Never change a number, and never use one again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
enum Kind {
    Mark = 0,
    Event = 1,
    Head = 2,
    Cursor = 3,
    CursorForgotten = 4,
    Snapshot = 5,
    DeadLetter = 6,
    DeadLetterGone = 7,
    Forgotten = 8,
}

impl Kind {
    const ALL: [Self; 9] = [
        Self::Mark,
        Self::Event,
        Self::Head,
        Self::Cursor,
        Self::CursorForgotten,
        Self::Snapshot,
        Self::DeadLetter,
        Self::DeadLetterGone,
        Self::Forgotten,
    ];

    const fn of(change: &Change) -> Self {
        match change {
            Change::Event(_) => Self::Event,
            Change::Head { .. } => Self::Head,
            Change::Cursor { .. } => Self::Cursor,
            Change::CursorForgotten { .. } => Self::CursorForgotten,
            Change::Snapshot(_) => Self::Snapshot,
            Change::DeadLetter(_) => Self::DeadLetter,
            Change::DeadLetterGone { .. } => Self::DeadLetterGone,
            Change::Forgotten => Self::Forgotten,
        }
    }
}

/// Append one record whose payload `put` appends.
fn frame(salt: u32, kind: Kind, out: &mut Vec<u8>, put: impl FnOnce(&mut Vec<u8>)) {
    let start = out.len();
    out.extend_from_slice(&[0; 8]);
    out.push(kind as u8);
    put(out);
    let body = &out[start + 8..];
    let length = u32::try_from(body.len()).unwrap_or(u32::MAX); // Refused before it is written.
    let checksum = crc(salt, length, body);
    out[start..start + 4].copy_from_slice(&length.to_le_bytes());
    out[start + 4..start + 8].copy_from_slice(&checksum.to_le_bytes());
}

fn crc(salt: u32, length: u32, body: &[u8]) -> u32 {
    let mut hasher = crc32fast::Hasher::new_with_initial(salt);
    hasher.update(&length.to_le_bytes());
    hasher.update(body);
    hasher.finalize()
}

fn put_text(text: &str, out: &mut Vec<u8>) {
    out.extend_from_slice(&(text.len() as u32).to_le_bytes());
    out.extend_from_slice(text.as_bytes());
}

fn put_change(change: &Change, out: &mut Vec<u8>) {
    let numbers = |numbers: &[u64], out: &mut Vec<u8>| {
        for number in numbers {
            out.extend_from_slice(&number.to_le_bytes());
        }
    };
    match change {
        Change::Event(event) => {
            numbers(&[event.sequence, event.first_sequence], out);
            numbers(&[event.unix_ms, event.expires_unix_ms], out);
            put_text(&event.id, out);
            put_text(&event.event_type, out);
            out.extend_from_slice(&event.frame);
        }
        Change::Head { first_sequence, last_sequence } => {
            numbers(&[*first_sequence, *last_sequence], out);
        }
        Change::Cursor { subscriber_id, sequence, used_unix_ms } => {
            numbers(&[*sequence], out);
            put_text(subscriber_id, out);
            numbers(&[*used_unix_ms], out);
        }
        Change::CursorForgotten { subscriber_id } => put_text(subscriber_id, out),
        Change::DeadLetterGone { id } => put_text(id, out),
        Change::Snapshot(snapshot) => {
            numbers(&[snapshot.last_sequence, snapshot.created_unix_ms], out);
            out.extend_from_slice(&snapshot.state);
        }
        Change::DeadLetter(letter) => {
            put_text(&letter.id, out);
            out.extend_from_slice(&letter.entry);
        }
        Change::Forgotten => {}
    }
}

fn decode_body(body: &[u8], offset: u64) -> Option<Item<'_>> {
    let mut input = Input(body);
    let kind = *input.take(1)?.first()?;
    let kind = *Kind::ALL.get(usize::from(kind))?;
    if kind == Kind::Mark {
        return (input.u64()? == offset && input.is_empty()).then_some(Item::Mark);
    }
    let incarnation = input.u32()?;
    let (app_id, channel) = (input.text()?, input.text()?);
    let change = change(kind, &mut input)?;
    input.is_empty().then_some(Item::Change(Entry { app_id, channel, incarnation, change }))
}

fn change(kind: Kind, input: &mut Input<'_>) -> Option<Change> {
    Some(match kind {
        Kind::Mark => return None,
        Kind::Event => Change::Event(StoredEvent {
            sequence: input.u64()?,
            first_sequence: input.u64()?,
            unix_ms: input.u64()?,
            expires_unix_ms: input.u64()?,
            id: input.text()?.into(),
            event_type: input.shared_text()?,
            frame: input.rest(),
        }),
        Kind::Head => Change::Head { first_sequence: input.u64()?, last_sequence: input.u64()? },
        Kind::Cursor => {
            let (sequence, subscriber_id) = (input.u64()?, input.shared_text()?);
            // The first versions did not say when.
            let used_unix_ms = if input.is_empty() { 0 } else { input.u64()? };
            Change::Cursor { subscriber_id, sequence, used_unix_ms }
        }
        Kind::CursorForgotten => Change::CursorForgotten { subscriber_id: input.shared_text()? },
        Kind::Snapshot => Change::Snapshot(StoredSnapshot {
            last_sequence: input.u64()?,
            created_unix_ms: input.u64()?,
            state: input.rest(),
        }),
        Kind::DeadLetter => {
            Change::DeadLetter(StoredDeadLetter { id: input.text()?.into(), entry: input.rest() })
        }
        Kind::DeadLetterGone => Change::DeadLetterGone { id: input.text()?.into() },
        Kind::Forgotten => Change::Forgotten,
    })
}

/// Bytes that have yet to be read.
struct Input<'a>(&'a [u8]);

impl<'a> Input<'a> {
    fn take(&mut self, bytes: usize) -> Option<&'a [u8]> {
        let (taken, rest) = self.0.split_at_checked(bytes)?;
        self.0 = rest;
        Some(taken)
    }

    fn u32(&mut self) -> Option<u32> {
        Some(u32::from_le_bytes(self.take(4)?.try_into().ok()?))
    }

    fn u64(&mut self) -> Option<u64> {
        Some(u64::from_le_bytes(self.take(8)?.try_into().ok()?))
    }

    fn text(&mut self) -> Option<&'a str> {
        let bytes = self.u32()? as usize;
        std::str::from_utf8(self.take(bytes)?).ok()
    }

    fn shared_text(&mut self) -> Option<Arc<str>> {
        self.text().map(Arc::from)
    }

    fn rest(&mut self) -> Bytes {
        Bytes::copy_from_slice(std::mem::take(&mut self.0))
    }

    const fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

#[cfg(test)]
mod tests;
