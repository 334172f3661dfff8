//! One channel of the load: what was published into it and what everyone has received.
//!
//! Invariant: `waiting` has one count per event from `completed` to `published`, and an event is
//! completed only after the one before it.

use std::collections::VecDeque;

use uringcast_proto::ws::encode;

use crate::message::Message;
use crate::payload::{Damaged, HEADER_BYTES, Stamp, Template};

/// How a server writes the events of one room: the bytes around `data`.
#[derive(Debug)]
struct Envelope {
    before: Vec<u8>,
    after: Vec<u8>,
}

/// What one text frame turned out to be.
#[derive(Debug)]
pub enum Reading<'a> {
    /// An event of the load, every byte as published.
    Event(Stamp),
    /// An event of the load that is not as published.
    Damaged(Damaged),
    /// Something else the server says.
    Other(Message<'a>),
}

/// One channel.
#[derive(Debug)]
pub struct Room {
    /// Position among the rooms, also written into every event.
    pub index: u32,
    /// The channel's name.
    pub channel: String,
    /// The event's name.
    pub event: &'static str,
    /// Length of an event's data, in bytes.
    pub text_bytes: usize,
    /// Events handed to the publisher so far: the next one has this sequence.
    pub published: u64,
    /// Events that every subscriber has received.
    pub completed: u64,
    subscribers: u32,
    /// For each event in between, by how many subscribers it was received.
    waiting: VecDeque<u32>,
    /// Learnt from the first event, so that the others need no JSON parse.
    envelope: Option<Envelope>,
}

impl Room {
    /// A room of `subscribers`, whose events arrive in frames of about `frame_bytes`.
    pub fn new(
        index: u32,
        channel: String,
        event: &'static str,
        subscribers: u32,
        frame_bytes: usize,
    ) -> Self {
        let around = format!(r#"{{"event":"{event}","channel":"{channel}","data":""}}"#).len();
        let header = encode::header_bytes(frame_bytes.saturating_sub(4));
        let text_bytes = frame_bytes.saturating_sub(around + header).max(HEADER_BYTES);
        Self {
            index,
            channel,
            event,
            text_bytes,
            published: 0,
            completed: 0,
            subscribers,
            waiting: VecDeque::new(),
            envelope: None,
        }
    }

    /// Events that not everyone has received yet.
    pub const fn in_flight(&self) -> u64 {
        self.published - self.completed
    }

    /// Take the next sequence for an event about to be published.
    pub fn publish(&mut self) -> u64 {
        self.waiting.push_back(0);
        self.published += 1;
        self.published - 1
    }

    /// One more subscriber has the events from `first` up to, not including, `end`.
    ///
    /// True if that completed at least one event.
    ///
    /// # Panics
    ///
    /// If one of the events is not in flight.
    #[inline]
    pub fn receive(&mut self, first: u64, end: u64) -> bool {
        assert!(self.completed <= first && end <= self.published, "only events in flight arrive");
        let range = (first - self.completed) as usize..(end - self.completed) as usize;
        for count in self.waiting.range_mut(range) {
            *count += 1;
        }
        let before = self.completed;
        while self.waiting.front() == Some(&self.subscribers) {
            self.waiting.pop_front();
            self.completed += 1;
        }
        self.completed > before
    }

    /// A request with the oldest event in flight was accepted.
    ///
    /// True if that completed the event, because nobody is there to receive it.
    pub fn answer(&mut self) -> bool {
        let complete = self.subscribers == 0 && self.waiting.pop_front().is_some();
        self.completed += u64::from(complete);
        complete
    }

    /// Read one text frame that a subscriber of this room received.
    #[inline]
    pub fn read<'a>(
        &mut self,
        payload: &'a [u8],
        template: &Template,
    ) -> Result<Reading<'a>, serde_json::Error> {
        if let Some(text) = self.envelope.as_ref().and_then(|envelope| envelope.open(payload)) {
            return Ok(self.checked(template.read(text, self.index, self.text_bytes)));
        }
        self.read_unknown(payload, template)
    }

    /// Parse a frame of unknown form; if it is an event, remember the form.
    #[cold]
    fn read_unknown<'a>(
        &mut self,
        payload: &'a [u8],
        template: &Template,
    ) -> Result<Reading<'a>, serde_json::Error> {
        let message = Message::parse(payload)?;
        if message.event != self.event {
            return Ok(Reading::Other(message));
        }
        if message.channel.as_deref() != Some(&self.channel) {
            return Ok(Reading::Damaged(Damaged("channel")));
        }
        let raw = message.raw_data();
        let Some(text) = raw.strip_prefix('"').and_then(|text| text.strip_suffix('"')) else {
            return Ok(Reading::Damaged(Damaged("data is not the string that was published")));
        };
        let read = template.read(text.as_bytes(), self.index, self.text_bytes);
        if read.is_ok() {
            self.envelope = Envelope::around(payload, text);
        }
        Ok(self.checked(read))
    }

    fn checked<'a>(&self, read: Result<Stamp, Damaged>) -> Reading<'a> {
        match read {
            Ok(stamp) if stamp.sequence < self.published => Reading::Event(stamp),
            Ok(_) => Reading::Damaged(Damaged("sequence that was never published")),
            Err(damaged) => Reading::Damaged(damaged),
        }
    }
}

impl Envelope {
    fn around(payload: &[u8], text: &str) -> Option<Self> {
        let start = (text.as_ptr() as usize).checked_sub(payload.as_ptr() as usize)?;
        let (before, rest) = payload.split_at_checked(start)?;
        let after = rest.get(text.len()..)?;
        Some(Self { before: before.to_vec(), after: after.to_vec() })
    }

    #[inline]
    fn open<'a>(&self, payload: &'a [u8]) -> Option<&'a [u8]> {
        payload.strip_prefix(&*self.before)?.strip_suffix(&*self.after)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const STAMP: Stamp = Stamp { sequence: 0, room: 3, due_ns: 55 };

    fn room() -> (Room, Template) {
        let mut room = Room::new(3, "private-load-3".to_owned(), "client-load", 2, 267);
        room.publish();
        (room, Template::new(300))
    }

    fn message(room: &Room, template: &Template, stamp: Stamp, channel: &str) -> Vec<u8> {
        let mut text = Vec::new();
        template.write(&mut text, stamp, room.text_bytes);
        let text = String::from_utf8(text).unwrap();
        format!(r#"{{"event":"client-load","channel":"{channel}","data":"{text}"}}"#).into_bytes()
    }

    #[test]
    fn the_frame_has_the_wanted_size() {
        let (room, template) = room();
        assert_eq!(message(&room, &template, STAMP, "private-load-3").len() + 4, 267);
    }

    #[test]
    fn the_first_event_teaches_the_form_and_the_next_needs_no_parse() {
        let (mut room, template) = room();
        let first = message(&room, &template, STAMP, "private-load-3");
        assert!(matches!(room.read(&first, &template), Ok(Reading::Event(STAMP))));
        let envelope = room.envelope.as_ref().unwrap();
        assert_eq!(envelope.after, b"\"}");
        assert!(envelope.open(&first).is_some());
        assert!(matches!(room.read(&first, &template), Ok(Reading::Event(STAMP))));
    }

    #[test]
    fn another_form_of_the_same_event_is_accepted() {
        let (mut room, template) = room();
        let first = message(&room, &template, STAMP, "private-load-3");
        room.read(&first, &template).unwrap();
        let text = String::from_utf8(first).unwrap().replace(",\"channel\"", ", \"channel\"");
        assert!(matches!(room.read(text.as_bytes(), &template), Ok(Reading::Event(STAMP))));
    }

    #[test]
    fn damage_is_seen_before_and_after_the_form_is_known() {
        let (mut room, template) = room();
        let good = message(&room, &template, STAMP, "private-load-3");
        let mut bad = good.clone();
        bad[120] ^= 1;
        for _ in 0..2 {
            assert!(matches!(room.read(&bad, &template), Ok(Reading::Damaged(_))));
            let stray = message(&room, &template, STAMP, "private-load-4");
            assert!(matches!(room.read(&stray, &template), Ok(Reading::Damaged(_))));
            let early = Stamp { sequence: 1, ..STAMP };
            let early = message(&room, &template, early, "private-load-3");
            assert!(matches!(room.read(&early, &template), Ok(Reading::Damaged(_))));
            assert!(matches!(room.read(&good, &template), Ok(Reading::Event(STAMP))));
        }
    }

    #[test]
    fn other_messages_and_nonsense_are_told_apart() {
        let (mut room, template) = room();
        let ping = br#"{"event":"pusher:ping","data":{}}"#;
        assert!(matches!(room.read(ping, &template), Ok(Reading::Other(_))));
        assert!(room.read(b"nonsense", &template).is_err());
    }

    #[test]
    fn an_answer_completes_an_event_only_where_nobody_subscribed() {
        let (mut subscribed, _) = room();
        assert!(!subscribed.answer());
        let mut empty = Room::new(0, "c".to_owned(), "load", 0, 267);
        empty.publish();
        assert!(empty.answer());
        assert_eq!(empty.in_flight(), 0);
    }

    #[test]
    fn an_event_completes_when_the_last_subscriber_has_it() {
        let (mut room, _) = room();
        room.publish();
        room.publish();
        assert!(!room.receive(0, 1));
        assert!(!room.receive(1, 3));
        assert_eq!(room.in_flight(), 3);
        assert!(room.receive(0, 2));
        assert_eq!((room.completed, room.in_flight()), (2, 1));
        assert!(room.receive(2, 3));
        assert_eq!(room.in_flight(), 0);
    }
}
