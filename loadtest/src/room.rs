//! One channel of the load: what was published into it and what everyone has received.
//!
//! Invariant: `waiting` has one count per event from `completed` to `published`, and an event is
//! completed only after the one before it.

use std::collections::VecDeque;
use std::io::Write as _;

use uringcast_proto::ws::encode;

use crate::form::{Form, Found, Numbered};
use crate::message::Message;
use crate::payload::{Damaged, HEADER_BYTES, Stamp, Template};

/// What one text frame turned out to be.
#[derive(Debug)]
pub enum Reading<'a> {
    /// An event of the load, every byte as published.
    Event(Stamp),
    /// An event of the load that is not as published.
    Damaged(Damaged),
    /// The answer to the ack of this sequence, which the server counts from 1.
    Acked(u64),
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
    form: Form,
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
        let form = Form::Envelope(None);
        Self {
            index,
            channel,
            event,
            text_bytes: text_bytes(frame_bytes, around),
            published: 0,
            completed: 0,
            subscribers,
            waiting: VecDeque::new(),
            form,
        }
    }

    /// This room as one of zero-pub-sub, whose events come with their sequences, from 1 on, in
    /// frames of about `frame_bytes`.
    #[must_use]
    pub fn numbered(self, frame_bytes: usize) -> Self {
        let form = Form::Numbered(Numbered::new(&self.channel, self.event));
        let around = NUMBERED_BYTES + self.event.len() + self.channel.len();
        Self { form, text_bytes: text_bytes(frame_bytes, around), ..self }
    }

    /// What a client sends before an event's text, to publish it.
    pub fn publish_head(&self) -> String {
        let Self { channel, event, .. } = self;
        match self.form {
            Form::Envelope(_) => format!(r#"{{"event":"{event}","channel":"{channel}","data":""#),
            Form::Numbered(_) => format!(
                r#"{{"type":"publish","event":{{"room":"{channel}","type":"{event}","payload":""#
            ),
        }
    }

    /// What a client sends behind an event's text, to publish it.
    pub const fn publish_tail(&self) -> &'static [u8] {
        match self.form {
            Form::Envelope(_) => b"\"}",
            Form::Numbered(_) => b"\"}}",
        }
    }

    /// Append the ack of the event with this sequence, unmasked.
    pub fn write_ack(&self, sequence: u64, output: &mut Vec<u8>) {
        let text =
            format_args!(r#"{{"type":"ack","room":"{}","sequence":{sequence}}}"#, self.channel);
        output.write_fmt(text).expect("a vector takes all");
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
        let found = self.form.read(payload, &self.channel, self.event, self.text_bytes)?;
        Ok(match found {
            Found::Event(text, number) => match template.read(text, self.index, self.text_bytes) {
                Ok(stamp) => self.checked(stamp, number),
                Err(damaged) => Reading::Damaged(damaged),
            },
            Found::Damaged(damaged) => Reading::Damaged(damaged),
            Found::Acked(sequence) => Reading::Acked(sequence),
            Found::Other(message) => Reading::Other(message),
        })
    }

    /// An event has the place it was published at, which a server that counts must have found too.
    fn checked<'a>(&self, stamp: Stamp, number: Option<u64>) -> Reading<'a> {
        if stamp.sequence >= self.published {
            return Reading::Damaged(Damaged("sequence that was never published"));
        }
        match number {
            Some(number) if number != stamp.sequence + 1 => {
                Reading::Damaged(Damaged("sequence is not the event's place in its room"))
            }
            Some(_) | None => Reading::Event(stamp),
        }
    }
}

/// About how many bytes stand around the text of an event of zero-pub-sub, besides the event's
/// type and its room: an id of the server's making, a sequence of four digits and two times.
const NUMBERED_BYTES: usize = concat!(
    r#"{"type":"event","data":{"id":"evt_mwptsqjc_0000000000z","type":"","room":"","#,
    r#""sequence":1000,"emittedAt":"2026-11-21T03:05:48.888Z","#,
    r#""expiresAt":"2026-11-22T03:05:48.888Z","payload":"","metadata":{"provider":"memory"}}}"#
)
.len();

/// The length of a text that with `around` bytes around it makes a frame of `frame_bytes`, or the
/// shortest one.
fn text_bytes(frame_bytes: usize, around: usize) -> usize {
    let header = encode::header_bytes(frame_bytes.saturating_sub(4));
    frame_bytes.saturating_sub(around + header).max(HEADER_BYTES)
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
    fn events_of_a_known_form_are_read_like_the_first() {
        let (mut room, template) = room();
        let first = message(&room, &template, STAMP, "private-load-3");
        for _ in 0..2 {
            assert!(matches!(room.read(&first, &template), Ok(Reading::Event(STAMP))));
        }
    }

    /// A server that swaps the numbers of two events, or begins with another, is found out.
    #[test]
    fn a_number_that_is_not_the_events_place_is_damage() {
        let (room, template) = room();
        let mut room = Room { channel: "load:a".to_owned(), event: "load.event", ..room };
        room = room.numbered(300);
        room.publish();
        let frame = |stamp: Stamp, number: u64| {
            let mut text = Vec::new();
            template.write(&mut text, stamp, room.text_bytes);
            let text = String::from_utf8(text).unwrap();
            format!(
                concat!(
                    r#"{{"type":"event","data":{{"id":"e","type":"load.event","room":"load:a","#,
                    r#""sequence":{},"payload":"{}"}}}}"#
                ),
                number, text
            )
        };
        let second = Stamp { sequence: 1, ..STAMP };
        let frames = [frame(STAMP, 1), frame(second, 2), frame(STAMP, 2), frame(second, 1)];
        let is_event: Vec<_> = frames
            .iter()
            .map(|frame| matches!(room.read(frame.as_bytes(), &template), Ok(Reading::Event(_))))
            .collect();
        assert_eq!(is_event, [true, true, false, false]);
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
