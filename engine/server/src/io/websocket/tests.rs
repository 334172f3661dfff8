//! Readers of many websockets on real shards, without sockets: messages that are held, sends that
//! land, answers that come and cores that are backlogged meet in every order, decided by a seed.
//!
//! What must hold: once all has come to rest, every client was answered all that it asked, in that
//! order, and is listened to. `SEED=n` runs one world, `SEEDS=n` that many.

use std::cell::RefCell;
use std::collections::VecDeque;
use std::iter;
use std::sync::Arc;

use serde_json::{Value, json};
use uringcast_proto::ws::client::FrameCursor;
use uringcast_proto::ws::deflate::Deflater;
use uringcast_proto::ws::{Opcode, encode};

use super::*;
use crate::app::{App, AppPolicy, Apps, HistoryRule, ZpsPolicy};
use crate::dialect::zps::RoomQuestion;
use crate::dialect::{Dialect, Rules};
use crate::id::{AppIndex, CoreId};
use crate::shard::{CoreMessage, Millis, Output, Segment, ShardConfig};

const SEEDS: u64 = 200;
const STEPS: usize = 400;
const CLIENTS: usize = 4;
const ROOMS: [&str; 5] = ["r:0", "r:1", "r:2", "r:3", "r:4"];

/// The least generator that is good enough here (splitmix64).
struct Random(u64);

impl Random {
    fn below(&mut self, bound: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        ((mixed ^ (mixed >> 31)) % bound as u64) as usize
    }

    fn one_in(&mut self, times: usize) -> bool {
        self.below(times) == 0
    }
}

/// One websocket: its client, what the kernel has of it, and its reader.
struct Client {
    core: usize,
    conn: ConnId,
    is_deflated: bool,
    reader: Option<Reader>,
    is_listened_to: bool,
    unread: VecDeque<u8>,
    in_flight: Option<(Segment, usize)>,
    cursor: FrameCursor,
    /// Types and rooms of the answers to come.
    expected: VecDeque<(&'static str, &'static str)>,
}

/// One core: its shard and what the I/O layer keeps for it.
struct Core {
    shard: Shard,
    speaker: RefCell<Speaker>,
    inflating: Inflating,
    going_on: Vec<ConnId>,
    /// Questions that the app's server has yet to answer, and who is held for each.
    asked: Vec<(ConnId, RoomQuestion)>,
}

struct World {
    random: Random,
    cores: Vec<Core>,
    clients: Vec<Client>,
    /// By the sender times the number of cores.
    mail: Vec<VecDeque<Vec<CoreMessage>>>,
    /// Whether no core is found to have too much for others any more.
    is_settling: bool,
    has_waited: [bool; 3],
}

impl World {
    fn new(seed: u64) -> Self {
        let mut random = Random(seed);
        let cores = 1 + random.below(3);
        let zps = ZpsPolicy {
            allow_client_publish: true,
            max_messages_per_window: 0,
            ..ZpsPolicy::default()
        };
        let policy = AppPolicy { zps, ..AppPolicy::default() };
        let history = vec![HistoryRule::new("*:*")];
        let room_auth_url = random.one_in(4).then(|| "http://app/".to_owned());
        let app = App { policy, room_auth_url, history, ..App::new("id", "key", "secret") };
        let apps = Apps::new(vec![app]).unwrap();
        let config = ShardConfig {
            cores,
            hash_seed: seed,
            outbox_bytes_soft: [500, 5_000, 1 << 18][random.below(3)],
            ..ShardConfig::default()
        };
        let core = |core| {
            let config = ShardConfig { core: CoreId(core as u8), ..config.clone() };
            let dialects = &crate::dialect::DIALECTS;
            let shard = Shard::new(config, apps.clone(), dialects, Millis(0));
            let mut rules = Rules::new(shard.apps());
            Arc::make_mut(&mut rules.zps).room_auth.cache_ttl_ms = 0; // Every message asks.
            let speaker = RefCell::new(Speaker::new(rules));
            let (going_on, asked) = (Vec::new(), Vec::new());
            Core { shard, speaker, inflating: Inflating::new(300), going_on, asked }
        };
        let mut this = Self {
            random,
            cores: (0..cores).map(core).collect(),
            clients: Vec::new(),
            mail: (0..cores * cores).map(|_| VecDeque::new()).collect(),
            is_settling: false,
            has_waited: [false; 3],
        };
        (0..CLIENTS).for_each(|number| this.connect(number));
        this
    }

    fn connect(&mut self, number: usize) {
        let core = self.random.below(self.cores.len());
        let is_deflated = self.random.one_in(2);
        let Core { shard, speaker, .. } = &mut self.cores[core];
        let (conn, app) = (shard.open(number as u32).unwrap(), AppIndex(0));
        assert!(shard.enter(conn, app, true).is_none());
        shard.upgrade(conn, Dialect::Zps);
        let session = zps::greet(shard, &speaker.borrow().rules, conn, app, false);
        self.clients.push(Client {
            core,
            conn,
            is_deflated,
            reader: Some(Reader::new(session, is_deflated)),
            is_listened_to: true,
            unread: VecDeque::new(),
            in_flight: None,
            cursor: FrameCursor::new(),
            expected: VecDeque::from([("ready", "")]),
        });
        let id = format!("client-{number}");
        self.write(number, &json!({"type": "init", "subscriberId": id}));
    }

    fn step(&mut self) {
        let client = self.random.below(CLIENTS);
        let core = self.random.below(self.cores.len());
        match self.random.below(21) {
            0..4 => self.talk(client),
            4..8 => self.read(client),
            8..11 => self.end_turn(core),
            11..13 => self.go_on(core),
            13 => self.inflate(core),
            14 => self.answer(core),
            15..18 => {
                let mailbox = self.random.below(self.mail.len());
                self.deliver(mailbox);
            }
            _ => {
                let bytes = 1 + self.random.below(2_000);
                self.land(client, bytes);
            }
        }
    }

    /// The client sends a few messages in one write.
    fn talk(&mut self, client: usize) {
        for _ in 0..=self.random.below(6) {
            let room = ROOMS[self.random.below(ROOMS.len())];
            let (message, answer) = match self.random.below(13) {
                0..4 => (json!({"type": "replay_request", "fromSequence": 0}), "replay"),
                4..6 => (json!({"type": "subscribe"}), "subscribed"),
                6 => (json!({"type": "unsubscribe"}), "unsubscribed"),
                7 => (json!({"type": "ack", "sequence": 0}), "ack"),
                8 => (json!({"type": "presence_enter", "user": {"userId": "u"}}), ""),
                9 => (json!({"type": "presence_leave"}), ""),
                10 => {
                    self.subscribe_all(client);
                    continue;
                }
                _ => {
                    let payload = "x".repeat(self.random.below(300));
                    let event = json!({"room": room, "type": "t", "payload": payload});
                    (json!({"type": "publish", "event": event}), "")
                }
            };
            let mut message = message;
            message["room"] = json!(room);
            self.write(client, &message);
            if !answer.is_empty() {
                self.clients[client].expected.push_back((answer, room));
            }
        }
    }

    /// The client subscribes to all rooms, each of which waits for the one before.
    fn subscribe_all(&mut self, client: usize) {
        self.write(client, &json!({"type": "subscribe", "room": ROOMS}));
        self.clients[client].expected.extend(ROOMS.map(|room| ("subscribed", room)));
    }

    fn write(&mut self, client: usize, message: &Value) {
        let text = message.to_string();
        let is_packed = self.clients[client].is_deflated && self.random.one_in(2);
        let mut packed = Vec::new();
        if is_packed {
            Deflater::new().frame_into(Opcode::Text, text.as_bytes(), &mut packed);
        }
        let mut frame = Vec::new();
        match encode::payload(&packed) {
            Some(payload) => {
                encode::masked_into(Opcode::Text, payload, [1, 2, 3, 4], &mut frame);
                frame[0] |= 0x40; // RFC 7692 section 6: it begins a compressed message.
            }
            None => encode::masked_into(Opcode::Text, text.as_bytes(), [1, 2, 3, 4], &mut frame),
        }
        self.clients[client].unread.extend(frame);
    }

    /// As [`super::read`] does with what the kernel has.
    fn read(&mut self, client: usize) {
        let it = &mut self.clients[client];
        let core = &mut self.cores[it.core];
        if !it.is_listened_to || it.unread.is_empty() {
            return;
        }
        if !self.is_settling && self.random.one_in(8) {
            core.shard.set_cores_backlogged(true);
        }
        if !core.shard.may_hear(it.conn) {
            return self.proceed(client, Next::Wait);
        }
        let count = 1 + self.random.below(it.unread.len());
        let mut bytes: Vec<u8> = it.unread.drain(..count).collect();
        let speaker = core.speaker.borrow_mut();
        let mut means = Means { inflating: &core.inflating, speaker };
        let reader = it.reader.as_mut().unwrap();
        let next = reader.hear(&mut core.shard, &mut means, it.conn, &mut bytes);
        drop(means);
        self.proceed(client, next);
    }

    /// Let the connections of `core` go on that wait for it, as [`super::run_going_on`] does.
    fn go_on(&mut self, core: usize) {
        for conn in std::mem::take(&mut self.cores[core].going_on) {
            self.go_on_one(core, conn);
        }
    }

    /// Let the connections of `core` inflate that wait for it, as [`super::run_inflating`] does.
    fn inflate(&mut self, core: usize) {
        while let Some(conn) = self.cores[core].inflating.next() {
            self.go_on_one(core, conn);
        }
    }

    fn go_on_one(&mut self, core: usize, conn: ConnId) {
        let client = self.client(core, conn);
        let core = &mut self.cores[core];
        let speaker = core.speaker.borrow_mut();
        let mut means = Means { inflating: &core.inflating, speaker };
        let reader = self.clients[client].reader.as_mut().unwrap();
        let next = reader.go_on(&mut core.shard, &mut means, conn);
        drop(means);
        self.proceed(client, next);
    }

    /// As [`super::proceed`] does, and what it keeps is kept as a socket keeps it.
    fn proceed(&mut self, client: usize, next: Next) {
        let it = &mut self.clients[client];
        it.is_listened_to = next == Next::Listen;
        if next == Next::Queue {
            self.cores[it.core].inflating.wait(it.conn);
        }
        self.has_waited[next as usize] = true;
        it.reader = it.reader.take().map(|it| it.into_idle().map_or_else(|it| it, Reader::from));
    }

    fn end_turn(&mut self, core: usize) {
        self.cores[core].shard.end_turn();
        for target in 0..self.cores.len() {
            if let Some(messages) = self.cores[core].shard.take_outgoing(CoreId(target as u8)) {
                self.mail[core * self.cores.len() + target].push_back(messages);
            }
        }
        let is_backlogged = !self.is_settling && self.random.one_in(4);
        self.cores[core].shard.set_cores_backlogged(is_backlogged);
        self.cores[core].inflating.begin_turn();
        while let Some(output) = self.cores[core].shard.poll_output() {
            match output {
                Output::Flush(conn) => self.flush(self.client(core, conn)),
                Output::GoOn(conn) => self.cores[core].going_on.push(conn),
                Output::Notice(_) | Output::ReadsLog(_) => {}
                other => panic!("nobody should want {other:?}"),
            }
        }
        let Core { speaker, asked, .. } = &mut self.cores[core];
        asked.extend(iter::from_fn(|| speaker.borrow_mut().verdicts.poll()));
    }

    /// The app's server answers one of the questions of `core`, in whatever order.
    fn answer(&mut self, core: usize) {
        let Core { shard, speaker, asked, .. } = &mut self.cores[core];
        if asked.is_empty() {
            return;
        }
        let (conn, RoomQuestion { key, .. }) = asked.swap_remove(self.random.below(asked.len()));
        let verdict = RoomVerdict::Allowed;
        speaker.borrow_mut().verdicts.answered(shard, key.clone(), verdict);
        let client = self.client(core, conn);
        self.clients[client].reader.as_mut().unwrap().decided(key, verdict);
        self.cores[core].shard.release(conn);
    }

    fn deliver(&mut self, mailbox: usize) {
        let target = mailbox % self.cores.len();
        if let Some(messages) = self.mail[mailbox].pop_front() {
            self.cores[target].shard.receive(messages);
        }
    }

    fn flush(&mut self, client: usize) {
        let it = &mut self.clients[client];
        if let Some(segment) = self.cores[it.core].shard.take_send(it.conn) {
            assert!(it.in_flight.is_none(), "one send at a time");
            it.in_flight = Some((segment, 0));
        }
    }

    /// The client takes `bytes`, if there are any.
    fn land(&mut self, client: usize, bytes: usize) {
        let it = &mut self.clients[client];
        let Some((segment, start)) = it.in_flight.take() else { return };
        let end = (start + bytes).min(segment.len());
        self.cores[it.core].shard.landed(it.conn, end - start);
        let mut bytes = &segment.as_ref()[start..end];
        while let Some(frame) = it.cursor.next(&mut bytes).unwrap() {
            let message: Value = serde_json::from_slice(frame.payload).unwrap();
            let (name, room) = (&message["type"], message["room"].as_str().unwrap_or_default());
            match name.as_str().unwrap() {
                "event" | "presence" | "ephemeral" | "snapshot" => {}
                answer => {
                    let expected = it.expected.pop_front();
                    assert_eq!(Some((answer, room)), expected, "to client {client}: {message}");
                }
            }
        }
        if end < segment.len() {
            it.in_flight = Some((segment, end));
        } else {
            self.flush(client);
        }
    }

    /// All comes to rest: everybody must have been heard.
    fn settle(&mut self) {
        self.is_settling = true;
        let mut is_moving = true;
        while is_moving {
            (0..self.cores.len()).for_each(|core| self.end_turn(core));
            is_moving = self.is_moving();
            for core in 0..self.cores.len() {
                self.go_on(core);
                self.inflate(core);
                self.answer(core);
            }
            (0..self.mail.len()).for_each(|mailbox| self.deliver(mailbox));
            for client in 0..CLIENTS {
                self.land(client, usize::MAX >> 1);
                self.read(client);
            }
        }
        for (number, client) in self.clients.iter().enumerate() {
            let reader = client.reader.as_ref().unwrap();
            assert!(client.is_listened_to && !reader.is_left(), "client {number} is deaf");
            assert!(client.unread.is_empty(), "client {number} is not read");
            assert_eq!(client.expected, [], "client {number} is not answered");
        }
    }

    fn is_moving(&self) -> bool {
        self.mail.iter().any(|it| !it.is_empty())
            || self.clients.iter().any(|it| it.in_flight.is_some())
            || self.clients.iter().any(|it| it.is_listened_to && !it.unread.is_empty())
            || self.cores.iter().any(|it| it.shard.has_outputs() || !it.going_on.is_empty())
            || self.cores.iter().any(|it| it.inflating.is_waited_for() || !it.asked.is_empty())
    }

    fn client(&self, core: usize, conn: ConnId) -> usize {
        let is_it = |it: &Client| it.core == core && it.conn == conn;
        self.clients.iter().position(is_it).expect("outputs name connections that are there")
    }
}

#[test]
fn nobody_stays_deaf_in_whatever_order_answers_sends_and_messages_come() {
    let number = |name| {
        let text = std::env::var(name).ok();
        text.map(|text| text.parse::<u64>().expect("SEED and SEEDS are numbers"))
    };
    let seeds = match number("SEED") {
        Some(seed) => seed..seed + 1,
        None => 0..number("SEEDS").unwrap_or(SEEDS),
    };
    let mut has_waited = [0; 3];
    for seed in seeds.clone() {
        println!("SEED={seed}"); // Shown when the test fails.
        let mut world = World::new(seed);
        (0..STEPS).for_each(|_| world.step());
        world.settle();
        for (sum, has_waited) in has_waited.iter_mut().zip(world.has_waited) {
            *sum += u64::from(has_waited);
        }
    }
    // What never happens is not tested.
    let is_covered = has_waited.iter().all(|&count| count > SEEDS / 2);
    assert!(seeds.end - seeds.start < SEEDS || is_covered, "{has_waited:?}");
}

/// Everybody sends more than a turn may inflate, and has it heard, one message after the other.
#[test]
fn a_turn_inflates_no_more_than_it_may_and_one_message_and_everybody_goes_on() {
    const READERS: usize = 20;
    const MESSAGES: usize = 40;
    const MESSAGE_BYTES: u64 = 30_000;
    const TURN_BYTES: u64 = 100_000;
    let apps = Apps::new(vec![App::new("id", "key", "secret")]).unwrap();
    let mut shard = Shard::new(ShardConfig::default(), apps, &crate::dialect::DIALECTS, Millis(0));
    let inflating = Inflating::new(TURN_BYTES as u32);
    let speaker = RefCell::new(Speaker::new(Rules::new(shard.apps())));
    let mut means = Means { inflating: &inflating, speaker: speaker.borrow_mut() };
    let (mut packed, mut frame) = (Vec::new(), Vec::new());
    let text = "x".repeat(MESSAGE_BYTES as usize); // Not JSON: there is an error to send for each.
    Deflater::new().frame_into(Opcode::Text, text.as_bytes(), &mut packed);
    let packed = encode::payload(&packed).unwrap();
    encode::masked_into(Opcode::Text, packed, [1, 2, 3, 4], &mut frame);
    frame[0] |= 0x40;
    let mut readers: Vec<(ConnId, Reader)> = (0..READERS)
        .map(|number| {
            let conn = shard.open(number as u32).unwrap();
            shard.upgrade(conn, Dialect::Pusher);
            (conn, Reader::new(Session::Pusher, true))
        })
        .collect();
    for (conn, reader) in &mut readers {
        let next = reader.hear(&mut shard, &mut means, *conn, &mut frame.repeat(MESSAGES));
        assert_eq!(next, Next::Queue);
        inflating.wait(*conn);
    }
    let inflated = || inflating.lend().inflater().inflated_bytes();
    assert_eq!(inflated(), TURN_BYTES.next_multiple_of(MESSAGE_BYTES));
    let mut turns = 0;
    while inflating.is_waited_for() {
        let before = inflated();
        inflating.begin_turn();
        while let Some(conn) = inflating.next() {
            let (_, reader) = readers.iter_mut().find(|(it, _)| *it == conn).unwrap();
            if reader.go_on(&mut shard, &mut means, conn) == Next::Queue {
                inflating.wait(conn);
            }
        }
        let inflated = inflated() - before;
        assert!(inflated > 0 && inflated < TURN_BYTES + MESSAGE_BYTES, "{inflated} bytes");
        let left = readers.iter().map(|(_, it)| (it.left.len() - it.start) / frame.len());
        let (most, least) = (left.clone().max().unwrap(), left.min().unwrap());
        assert!(most - least <= 5, "somebody has {most} messages left, somebody {least}");
        turns += 1;
    }
    let all_bytes = (READERS * MESSAGES) as u64 * MESSAGE_BYTES;
    assert_eq!(inflated(), all_bytes);
    assert!(turns <= all_bytes / TURN_BYTES, "{turns} turns");
    assert!(shard.counters_mut().inflate_waits >= READERS as u64);
}
