//! One client of a world: what it has asked, what must come, and what it makes of what comes.
//!
//! Answers must come in the order of the messages that they answer, but for those to acks where a
//! disk is waited for: they come when the ack is durable. Events of a room must come
//! without gap or duplicate from where the subscription begins, but for those that the client did
//! not want, is excluded from, or is told to be gone.

use std::collections::{BTreeMap, BTreeSet, HashMap, VecDeque};

use serde_json::Value;

use super::cores::Cores;
use super::limits::FOREVER_MS;
use super::truth::Truth;

/// The answer to a message, or a part of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Expected {
    Ready,
    Snapshot { room: String },
    Subscribed { room: String, start: Begin, types: Types },
    Unsubscribed { room: String },
    Ack { room: String, sequence: u64 },
    Replay { room: String, after: u64, to: u64, limit: usize, types: Types },
}

/// The types of events that are wanted; `None` for all.
pub(crate) type Types = Option<Vec<String>>;

/// Where a subscription begins.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Begin {
    Live,
    After(u64),
    /// After what is acknowledged, of which the client is told.
    Cursor,
    /// After the snapshot that it is given first; if there is none, as the cursor, untold.
    Snapshot,
}

/// One subscription.
#[derive(Clone, Debug)]
pub(crate) struct Subscription {
    pub(crate) types: Types,
    /// The next event that must come, if it is wanted.
    pub(crate) next: Option<u64>,
    /// If its cursor may still be told: how far it can be at most.
    cursor_max: Option<u64>,
    /// The users who are present.
    pub(crate) present: BTreeSet<String>,
    /// For a wildcard: the last event of each room.
    last: HashMap<String, u64>,
}

/// An event that a subscriber did not get, and why it may be.
#[derive(Clone, Debug)]
pub(crate) struct Skipped {
    room: String,
    sequence: u64,
    types: Types,
    socket: usize,
}

/// What has happened often enough to be tested.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Counts {
    pub(crate) events: u64,
    pub(crate) relayed: u64,
    pub(crate) truncations: u64,
    pub(crate) cursors: u64,
    pub(crate) replays: u64,
    pub(crate) snapshots: u64,
    pub(crate) ephemerals: u64,
    pub(crate) refused_acks: u64,
    pub(crate) acks: u64,
}

/// One client over all of its connections.
pub(crate) struct Client {
    pub(crate) name: &'static str,
    pub(crate) socket: usize,
    pub(crate) expected: VecDeque<Expected>,
    /// Acks that are answered when they are durable, by room.
    pub(crate) unkept: Vec<(String, u64)>,
    pub(crate) subscriptions: BTreeMap<String, Subscription>,
    /// The highest event that it has had of each room.
    pub(crate) seen: HashMap<String, u64>,
    /// The highest that it has acknowledged.
    pub(crate) acked: HashMap<String, u64>,
    /// The cursor that it was told last.
    pub(crate) cursors: HashMap<String, u64>,
    /// Rooms that it has entered.
    pub(crate) entered: BTreeSet<String>,
    /// The last ephemeral event of each connection in each room.
    ephemerals: HashMap<(String, String), u64>,
    /// The end of the snapshot that the next subscription begins with.
    snapshot: Option<u64>,
    pub(crate) skipped: Vec<Skipped>,
    pub(crate) counts: Counts,
}

impl Client {
    pub(crate) fn new(name: &'static str) -> Self {
        Self {
            name,
            socket: usize::MAX,
            expected: VecDeque::new(),
            unkept: Vec::new(),
            subscriptions: BTreeMap::new(),
            seen: HashMap::new(),
            acked: HashMap::new(),
            cursors: HashMap::new(),
            entered: BTreeSet::new(),
            ephemerals: HashMap::new(),
            snapshot: None,
            skipped: Vec::new(),
            counts: Counts::default(),
        }
    }

    /// It has a new connection, and nothing of the one before counts any more.
    pub(crate) fn connected(&mut self, socket: usize) {
        self.socket = socket;
        self.expected.clear();
        self.unkept.clear();
        self.subscriptions.clear();
        self.entered.clear();
        self.ephemerals.clear();
        self.expected.push_back(Expected::Ready);
    }

    /// Take in one message of the server.
    pub(crate) fn hear(&mut self, message: &Value, truth: &mut Truth, cores: &mut Cores) {
        let room = message["room"].as_str().unwrap_or_default().to_owned();
        match message["type"].as_str().expect("every message has a type") {
            "ready" => assert_eq!(self.answer(message), Expected::Ready),
            "subscribed" => self.on_subscribed(message, &room),
            "unsubscribed" => {
                assert_eq!(self.answer(message), Expected::Unsubscribed { room: room.clone() });
                self.subscriptions.remove(&room);
            }
            "ack" if cores.disk.is_some() => {
                let sequence = number(&message["sequence"]);
                self.on_durable_ack(&room, sequence, truth, cores);
            }
            "ack" => {
                let sequence = number(&message["sequence"]);
                assert_eq!(self.answer(message), Expected::Ack { room, sequence });
            }
            "snapshot" => self.on_snapshot(message, &room, truth, cores),
            "replay" => self.on_replay(message, truth, cores),
            "event" => self.on_event(&message["data"], truth, cores),
            "ephemeral" => self.on_ephemeral(&message["data"]),
            "presence" => {
                let users = message["users"].as_array().expect("a list");
                let users = users.iter().map(|user| text(&user["userId"]).to_owned()).collect();
                let name = self.name;
                let subscription = self.subscriptions.get_mut(&room);
                subscription.unwrap_or_else(|| panic!("{name} of {message}")).present = users;
            }
            "error" if text(&message["message"]).contains("no event has number") => {
                let (room, sequence) = self.refused_ack(message, cores);
                let last = cores.info(&room).map_or(0, |info| info.last_sequence);
                // One of a former life may be there by now.
                assert!(cores.disk.is_none() || sequence > last, "{}: {message}", self.name);
                self.counts.refused_acks += 1;
            }
            "error" if cores.disk.is_some() => {
                let text = text(&message["message"]);
                assert!(text.contains("could not be written"), "{message}");
                if let Some((room, rest)) = text.split_once(": acknowledgement ") {
                    let sequence = rest.split(' ').next().and_then(|it| it.parse().ok());
                    self.take_ack(room, sequence.expect("the refusal names a sequence"));
                }
            }
            _ => panic!("{} is told {message}", self.name),
        }
    }

    fn answer(&mut self, message: &Value) -> Expected {
        let expected = self.expected.pop_front();
        expected.unwrap_or_else(|| panic!("{} has not asked for {message}", self.name))
    }

    /// What is acknowledged is on the disk, where no crash takes it.
    fn on_durable_ack(&mut self, room: &str, sequence: u64, truth: &Truth, cores: &mut Cores) {
        self.take_ack(room, sequence);
        let cursor = cores.disk.as_ref().and_then(|disk| disk.cursor(room, self.name));
        let is_kept = cursor.is_some_and(|it| it >= sequence);
        // Of nothing, or of what had expired when it came.
        let is_of_nothing = sequence == 0 || is_gone(truth, cores, room, sequence);
        let may_be_forgotten = cores.config.log.cursor_idle_ms < FOREVER_MS;
        let is_right = is_kept || is_of_nothing || may_be_forgotten;
        assert!(is_right, "{}: {room} {sequence}, not {cursor:?}", self.name);
        self.counts.acks += u64::from(is_kept);
    }

    /// Which acknowledgement a refusal is of: in memory of the next one.
    fn refused_ack(&mut self, message: &Value, cores: &Cores) -> (String, u64) {
        let told = text(&message["message"]);
        let (room, rest) = told.split_once(": no event has number ").expect("it names the room");
        let sequence = rest.split(':').next().and_then(|it| it.parse().ok());
        let (room, sequence) = (room.to_owned(), sequence.expect("the refusal names a sequence"));
        if cores.disk.is_some() {
            self.take_ack(&room, sequence);
        } else {
            let expected = Expected::Ack { room: room.clone(), sequence };
            assert_eq!(self.answer(message), expected, "{}: answered out of order", self.name);
        }
        (room, sequence)
    }

    fn take_ack(&mut self, room: &str, sequence: u64) {
        let at = self.unkept.iter().position(|it| (&*it.0, it.1) == (room, sequence));
        let at = at.unwrap_or_else(|| panic!("{} has not said {room} {sequence}", self.name));
        self.unkept.remove(at);
    }

    fn on_subscribed(&mut self, message: &Value, room: &str) {
        let Expected::Subscribed { room: expected, start, types } = self.answer(message) else {
            panic!("{}: {message} comes too early", self.name);
        };
        assert_eq!(expected, room, "{}: answered out of order", self.name);
        let acked = self.acked.get(room).copied().unwrap_or(0);
        let (next, cursor_max) = match (start, self.snapshot.take()) {
            (Begin::After(after), _) => (Some(after + 1), None),
            (Begin::Cursor, _) => (Some(1), Some(acked)),
            (Begin::Snapshot, Some(last)) => (Some(last + 1), None),
            (Begin::Live, _) | (Begin::Snapshot, None) => (None, None),
        };
        let (present, last) = (BTreeSet::new(), HashMap::new());
        let subscription = Subscription { types, next, cursor_max, present, last };
        self.subscriptions.insert(room.to_owned(), subscription);
    }

    /// The state that was asked for, or where the subscription goes on.
    fn on_snapshot(&mut self, message: &Value, room: &str, truth: &Truth, cores: &mut Cores) {
        let state = &message["snapshot"];
        if state.is_null() || !state["state"].is_null() {
            let expected = Expected::Snapshot { room: room.to_owned() };
            assert_eq!(self.answer(message), expected, "{}", self.name);
            self.snapshot = (!state.is_null()).then(|| number(&state["lastSequence"]));
            self.counts.snapshots += 1;
            return;
        }
        let last = number(&state["lastSequence"]);
        let name = self.name;
        let subscription = self.subscriptions.get_mut(room);
        let subscription = subscription.unwrap_or_else(|| panic!("{name}: {message}"));
        let first = subscription.next.unwrap_or(last);
        let cursor_max = subscription.cursor_max.take().unwrap_or(0);
        // Where all before is gone either may be meant.
        let is_told_gone = (first..=last).all(|sequence| is_gone(truth, cores, room, sequence));
        if last <= cursor_max && !is_told_gone {
            let before = self.cursors.insert(room.to_owned(), last).unwrap_or(0);
            assert!(before <= last, "{name}: its cursor in {room} goes back to {last}");
            let newest = cores.info(room).map_or(0, |info| info.last_sequence);
            assert!(last <= newest, "{name}: its cursor is beyond {room}'s end {newest}");
            self.counts.cursors += 1;
        } else {
            let types = subscription.types.clone();
            for sequence in first..=last {
                if !is_gone(truth, cores, room, sequence) {
                    self.skip(room, sequence..sequence + 1, &types); // It was not for it anyway.
                }
            }
            self.counts.truncations += 1;
        }
        let subscription = self.subscriptions.get_mut(room).expect("only subscribers are told");
        subscription.next = Some(last + 1);
        self.seen.insert(room.to_owned(), last);
    }

    fn on_event(&mut self, event: &Value, truth: &mut Truth, cores: &mut Cores) {
        let (room, sequence) = (text(&event["room"]), number(&event["sequence"]));
        see(event, truth, cores);
        let (name, socket) = (self.name, self.socket);
        if let Some(subscription) = self.subscriptions.get_mut(room) {
            subscription.cursor_max = None;
            let next = subscription.next.unwrap_or(sequence);
            let types = subscription.types.clone();
            subscription.next = Some(sequence + 1);
            assert!(sequence >= next, "{name}: {room} {sequence} comes again, not {next}");
            check_wanted(&types, event);
            let (_, published) = truth.get(room, sequence).expect("the truth has just seen it");
            assert_ne!(published.skip, Some(socket), "{name}: {room} {sequence} is not for it");
            self.skip(room, next..sequence, &types);
            self.counts.events += 1;
        } else {
            let scope = room.split(':').next().unwrap_or_default();
            let wildcard = self.subscriptions.get_mut(&format!("{scope}:*"));
            let wildcard = wildcard.unwrap_or_else(|| panic!("{name} has not asked for {event}"));
            let types = wildcard.types.clone();
            check_wanted(&types, event);
            let before = wildcard.last.insert(room.to_owned(), sequence);
            let next = before.map_or(sequence, |last| last + 1);
            assert!(sequence >= next, "{name}: {room} {sequence} comes again by the wildcard");
            self.skip(room, next..sequence, &types);
            self.counts.relayed += 1;
        }
        let seen = self.seen.entry(room.to_owned()).or_default();
        *seen = sequence.max(*seen);
    }

    /// It did not get these; whether they were for it is looked at in the end.
    pub(crate) fn skip(&mut self, room: &str, sequences: std::ops::Range<u64>, types: &Types) {
        let (room, socket) = (room.to_owned(), self.socket);
        self.skipped.extend(sequences.map(|sequence| {
            let (room, types) = (room.clone(), types.clone());
            Skipped { room, sequence, types, socket }
        }));
    }

    fn on_ephemeral(&mut self, event: &Value) {
        self.counts.ephemerals += 1;
        let room = text(&event["room"]);
        let scope = room.split(':').next().unwrap_or_default();
        let is_asked = self.subscriptions.contains_key(room)
            || self.subscriptions.contains_key(&format!("{scope}:*"));
        assert!(is_asked, "{} has not asked for {event}", self.name);
        let Some((who, count)) = event["payload"].as_str().and_then(|it| it.split_once('-')) else {
            return; // Of somebody who was entered.
        };
        let count: u64 = count.parse().expect("a number");
        let before = self.ephemerals.insert((who.to_owned(), room.to_owned()), count);
        assert!(before < Some(count), "{}: {event} comes after {before:?}", self.name);
    }

    fn on_replay(&mut self, message: &Value, truth: &mut Truth, cores: &mut Cores) {
        let Expected::Replay { room, after, to, limit, types } = self.answer(message) else {
            panic!("{}: {message} comes too early", self.name);
        };
        assert_eq!(room, text(&message["room"]), "{}: answered out of order", self.name);
        let events = message["events"].as_array().expect("a list");
        assert!(events.len() <= limit, "{}: {message} has more than {limit}", self.name);
        let mut last = after;
        for event in events {
            assert_eq!(text(&event["room"]), room);
            see(event, truth, cores);
            check_wanted(&types, event);
            let sequence = number(&event["sequence"]);
            assert!(sequence > last && sequence <= to, "{}: {sequence} after {last}", self.name);
            for missing in last + 1..sequence {
                let is_unwanted = truth
                    .get(&room, missing)
                    .is_none_or(|(_, published)| !is_wanted(&types, &published.event_type));
                assert!(is_unwanted || is_gone(truth, cores, &room, missing), "{room} {missing}");
            }
            last = sequence;
        }
        self.counts.replays += 1;
    }
}

impl Skipped {
    /// Nobody was kept from what they wanted.
    pub(crate) fn check(&self, truth: &Truth) {
        let Self { room, sequence, types, socket } = self;
        let known = truth.get(room, *sequence);
        let is_right = match known {
            Some((_, published)) => {
                !is_wanted(types, &published.event_type) || published.skip == Some(*socket)
            }
            // Its publisher was never answered: it may be one that was not for this client.
            None => {
                types.is_some()
                    || truth
                        .published
                        .values()
                        .any(|published| published.room == *room && published.skip == Some(*socket))
            }
        };
        assert!(is_right, "socket {socket} has not got {room} {sequence}: {known:?}");
    }
}

/// Somebody sees this envelope.
pub(crate) fn see(event: &Value, truth: &mut Truth, cores: &mut Cores) {
    let (room, sequence) = (text(&event["room"]), number(&event["sequence"]));
    let id = text(&event["id"]);
    let now = cores.unix_ms();
    truth.see(room, sequence, id, now, |before| {
        cores.info(room).is_none_or(|info| before < info.first_sequence)
    });
    if let Some(disk) = &cores.disk {
        assert!(disk.has(room, sequence, id), "{room} {sequence} is seen and not durable");
    }
}

/// Whether event `sequence` of `room` is kept or shown no more.
fn is_gone(truth: &Truth, cores: &mut Cores, room: &str, sequence: u64) -> bool {
    let now = cores.unix_ms();
    let shown_until = truth.get(room, sequence).map(|(_, it)| it.shown_until_unix_ms);
    shown_until.is_none_or(|until| until <= now)
        || cores.info(room).is_none_or(|info| sequence < info.first_sequence)
}

fn is_wanted(types: &Types, event_type: &str) -> bool {
    types.as_ref().is_none_or(|types| types.iter().any(|it| it == event_type))
}

fn check_wanted(types: &Types, event: &Value) {
    assert!(is_wanted(types, text(&event["type"])), "{event} is none of {types:?}");
}

fn text(value: &Value) -> &str {
    value.as_str().unwrap_or_else(|| panic!("{value} is no text"))
}

fn number(value: &Value) -> u64 {
    value.as_u64().unwrap_or_else(|| panic!("{value} is no number"))
}
