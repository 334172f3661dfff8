//! Events of zero-pub-sub and their acks in the pure shard: from the publisher's message to the
//! subscriber's outbox, and from its ack to the answer, before any socket.
//!
//! For counts that repeat while a machine is busy: callgrind over `-- --test acked`, collecting in
//! `acked_round` alone, and divided by [`EVENTS`].

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use uringcast::app::{App, AppPolicy, Apps, ZpsPolicy};
use uringcast::dialect::{Dialect, Rules, Session, Speaker, zps};
use uringcast::id::{AppIndex, ConnId};
use uringcast::log::{LogLimits, RecordKind};
use uringcast::shard::{LogRecord, Logged, Millis, Output, Renewed, Shard, ShardConfig};
use uringcast_proto::ws::assembler::Message;

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc; // As in the server.

const ROOMS: usize = 100;
/// Events of a round.
const EVENTS: usize = 8_000;
/// Events and acks of a turn, as many of each room.
const TURN: usize = 800;
/// Bytes of an event's payload, as in `loadtest million`.
const PAYLOAD_BYTES: usize = 44;

fn acked(c: &mut Criterion) {
    let mut group = c.benchmark_group("shard/acked event");
    group.throughput(Throughput::Elements(EVENTS as u64));
    for (name, is_durable) in [("memory", false), ("file, synced at once", true)] {
        let mut world = World::new(is_durable);
        world.acked_round(EVENTS); // Fills histories and tables.
        group.bench_function(name, |b| b.iter(|| world.acked_round(EVENTS)));
    }
    group.finish();
}

criterion_group!(benches, acked);
criterion_main!(benches);

/// Rooms with one subscriber each, and one publisher.
struct World {
    shard: Shard,
    speaker: Speaker,
    publisher: Client,
    subscribers: Vec<Client>,
    publishes: Vec<String>,
    /// The number of each room's last event.
    last: Vec<u64>,
    ack: String,
    /// Frames that went out.
    sent: usize,
}

impl World {
    fn new(is_durable: bool) -> Self {
        let mut shard = shard(is_durable);
        let rooms: Vec<String> = (0..ROOMS).map(|room| format!("load:room_{room}")).collect();
        let mut speaker = Speaker::new(Rules::new(shard.apps()));
        let publisher = Client::open(&mut shard, &mut speaker, "publisher");
        let subscribe = |room: &String| {
            let id = format!("subscriber of {room}");
            let mut client = Client::open(&mut shard, &mut speaker, &id);
            let text = format!(r#"{{"type":"subscribe","room":"{room}"}}"#);
            client.say(&mut shard, &mut speaker, &text);
            client
        };
        let subscribers = rooms.iter().map(subscribe).collect();
        let payload = "x".repeat(PAYLOAD_BYTES);
        let publish = |room| {
            format!(
                concat!(
                    r#"{{"type":"publish","event":{{"room":"{}","type":"load.event","#,
                    r#""payload":"{}"}}}}"#
                ),
                room, payload
            )
        };
        let publishes = rooms.iter().map(publish).collect();
        let mut world = Self {
            shard,
            speaker,
            publisher,
            subscribers,
            publishes,
            last: vec![0; ROOMS],
            ack: String::new(),
            sent: 0,
        };
        world.end_turn();
        world
    }

    /// Publish `events`, deliver each to its subscriber, and have each acknowledged and answered.
    #[inline(never)]
    fn acked_round(&mut self, events: usize) {
        self.sent = 0;
        for first in (0..events).step_by(TURN) {
            let turn = first..events.min(first + TURN);
            for event in turn.clone() {
                let text = &self.publishes[event % ROOMS];
                self.publisher.say(&mut self.shard, &mut self.speaker, text);
            }
            self.end_turn();
            self.end_turn();
            // A subscriber's acks come in one read.
            for room in 0..ROOMS {
                for _ in turn.clone().skip(room).step_by(ROOMS) {
                    self.acknowledge(room);
                }
            }
            self.end_turn();
            self.end_turn();
        }
        assert_eq!(self.sent, 2 * events, "each event and each answer has gone out");
    }

    fn acknowledge(&mut self, room: usize) {
        use std::fmt::Write as _;
        self.last[room] += 1;
        self.ack.clear();
        let (ack, sequence) = (&mut self.ack, self.last[room]);
        write!(ack, r#"{{"type":"ack","room":"load:room_{room}","sequence":{sequence}}}"#)
            .expect("a string takes all");
        self.subscribers[room].say(&mut self.shard, &mut self.speaker, ack);
    }

    /// End the turn; every socket takes all that it is given, and the disk is done at once.
    fn end_turn(&mut self) {
        let shard = &mut self.shard;
        shard.end_turn();
        while let Some(output) = shard.poll_output() {
            match output {
                Output::Flush(conn) => {
                    while let Some(segment) = shard.take_send(conn) {
                        self.sent += segment.frames() as usize;
                        shard.landed(conn, segment.len());
                    }
                }
                Output::Log(LogRecord { channel, kind: RecordKind::Event { sequence, .. } }) => {
                    shard.on_logged(Logged { channel, sequence, is_kept: true });
                }
                Output::Log(LogRecord { channel, kind }) if kind.newest().is_some() => {
                    let what = kind.newest().expect("the guard has seen it");
                    shard.on_renewed(Renewed { channel, what, is_kept: true });
                }
                Output::Log(_) | Output::GoOn(_) | Output::ReadsLog(_) => {}
                Output::Answer(..)
                | Output::Finish(_)
                | Output::Abort(_)
                | Output::HandshakeExpired(_) => unreachable!("nobody leaves"),
                Output::Notice(_) | Output::PostToSink(_) => {
                    unreachable!("no app has a server")
                }
            }
        }
    }
}

struct Client {
    conn: ConnId,
    session: Session,
}

impl Client {
    fn open(shard: &mut Shard, speaker: &mut Speaker, subscriber_id: &str) -> Self {
        let conn = shard.open(1).expect("there is room");
        shard.upgrade(conn, Dialect::Zps);
        let session = zps::greet(shard, &speaker.rules, conn, AppIndex(0), false);
        let mut client = Self { conn, session };
        let text = format!(r#"{{"type":"init","subscriberId":"{subscriber_id}"}}"#);
        client.say(shard, speaker, &text);
        client
    }

    fn say(&mut self, shard: &mut Shard, speaker: &mut Speaker, text: &str) {
        self.session.hear(shard, speaker, self.conn, Message::Text(text));
    }
}

fn shard(is_durable: bool) -> Shard {
    let limits = ZpsPolicy {
        allow_client_publish: true,
        max_messages_per_window: 0,
        ..ZpsPolicy::default()
    };
    let config = ShardConfig {
        hash_seed: 1,
        turned_away_max: 0,
        log: LogLimits { is_durable, ..LogLimits::default() },
        ..ShardConfig::default()
    };
    let app = App {
        policy: AppPolicy { zps: limits, ..AppPolicy::default() },
        ..App::new("id", "key", "secret")
    };
    let mut shard = Shard::new(
        config,
        Apps::new(vec![app]).expect("one app is unique"),
        &uringcast::dialect::DIALECTS,
        Millis(0),
    );
    shard.set_unix_ms(1_795_230_348_888);
    shard
}
