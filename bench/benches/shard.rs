//! The pure shard: what a delivery, a client event and a hop between cores cost before any socket.
//!
//! Sockets take everything at once here, so each subscriber costs one send a turn. Numbers are per
//! delivery or per event, whichever the group counts.

use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use uringcast::app::{App, AppPolicy, Apps};
use uringcast::dialect::{Dialect, Rules, Session, Speaker};
use uringcast::id::{AppIndex, ConnId, CoreId};
use uringcast::shard::{ChannelName, Millis, Output, Publication, Shard, ShardConfig};
use uringcast_proto::pusher::server;
use uringcast_proto::ws::assembler::Message;

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc; // As in the server.

/// Bytes of a frame in the fan-out figures of the README, its header included.
const FRAME_BYTES: usize = 267;
const HASH_SEED: u64 = 1;
const ROOMS: usize = 100;
const EVENTS: usize = 1_000;

fn fan_out(c: &mut Criterion) {
    let mut group = c.benchmark_group("shard/fan-out");
    for subscribers in [1_000, 10_000] {
        for frames in [1, 16] {
            let mut shard = shard(0, 1);
            for _ in 0..subscribers {
                subscriber(&mut shard, "room");
            }
            let publication = publication("room");
            assert_eq!(publication.frame.len(), FRAME_BYTES);
            group.throughput(Throughput::Elements(subscribers * frames));
            let id = BenchmarkId::new(format!("{frames} frames a turn"), subscribers);
            group.bench_function(id, |b| {
                b.iter(|| {
                    for _ in 0..frames {
                        shard.publish(vec![publication.clone()]);
                    }
                    turn(&mut shard)
                });
            });
        }
    }
    group.finish();
}

fn client_events(c: &mut Criterion) {
    let mut group = c.benchmark_group("shard/client event");
    let mut shard = shard(0, 1);
    let mut speaker = Speaker::new(Rules::new(shard.apps()));
    let rooms: Vec<String> = (0..ROOMS).map(|room| format!("private-room-{room}")).collect();
    let publisher = open(&mut shard);
    for room in &rooms {
        subscribe(&mut shard, publisher, room);
        subscriber(&mut shard, room);
    }
    let data = "x".repeat(200);
    let text = |room| format!(r#"{{"event":"client-e","channel":"{room}","data":"{data}"}}"#);
    let texts: Vec<String> = rooms.iter().map(text).collect();
    group.throughput(Throughput::Elements(EVENTS as u64));
    group.bench_function("to the outbox and out, 100 rooms", |b| {
        b.iter(|| {
            for text in texts.iter().cycle().take(EVENTS) {
                let message = Message::Text(text);
                Session::Pusher.hear(&mut shard, &mut speaker, publisher, message);
            }
            let frames = turn(&mut shard);
            assert_eq!(frames, EVENTS, "each room has one other subscriber");
        });
    });
    group.finish();
}

fn mailbox_hop(c: &mut Criterion) {
    let mut group = c.benchmark_group("shard/hop");
    for events in [1, 100] {
        let (mut near, mut far) = (shard(0, 2), shard(1, 2));
        let mut rooms = (0..64).map(|room| format!("room-{room}"));
        let room = rooms.find(|room| name(room).owner(2) == CoreId(1));
        let room = room.expect("half of the rooms have that owner");
        subscriber(&mut far, &room);
        let publication = publication(&room);
        group.throughput(Throughput::Elements(events));
        let id = BenchmarkId::new("publish to another core and back", events);
        group.bench_function(id, |b| {
            b.iter(|| {
                for _ in 0..events {
                    near.publish(vec![publication.clone()]);
                }
                turn(&mut near);
                pass(&mut near, &mut far);
                let frames = turn(&mut far);
                pass(&mut far, &mut near);
                let answers = turn_answers(&mut near);
                assert_eq!((frames as u64, answers as u64), (events, events));
            });
        });
    }
    group.finish();
}

criterion_group!(benches, fan_out, client_events, mailbox_hop);
criterion_main!(benches);

/// End the turn and let every socket take all it is given; how many frames that were.
fn turn(shard: &mut Shard) -> usize {
    run_turn(shard).0
}

/// End the turn and let every socket take all it is given; how many questions were answered.
fn turn_answers(shard: &mut Shard) -> usize {
    run_turn(shard).1
}

fn run_turn(shard: &mut Shard) -> (usize, usize) {
    shard.end_turn();
    let (mut frames, mut answers) = (0, 0);
    while let Some(output) = shard.poll_output() {
        match output {
            Output::Flush(conn) => {
                while let Some(segment) = shard.take_send(conn) {
                    frames += segment.frames() as usize;
                    shard.landed(conn, segment.len());
                }
            }
            Output::Answer(..) => answers += 1,
            Output::Finish(_)
            | Output::Abort(_)
            | Output::GoOn(_)
            | Output::Log(_)
            | Output::HandshakeExpired(_) => {
                unreachable!("nobody leaves")
            }
            Output::Notice(_) | Output::PostToSink(_) => {
                unreachable!("no app has a webhook")
            }
            Output::ReadsLog(_) => unreachable!("no channel has a log"),
        }
    }
    (frames, answers)
}

fn pass(source: &mut Shard, target: &mut Shard) {
    let messages = source.take_outgoing(target.config().core).expect("there is mail");
    target.receive(messages);
}

fn subscriber(shard: &mut Shard, room: &str) {
    let conn = open(shard);
    subscribe(shard, conn, room);
}

fn open(shard: &mut Shard) -> ConnId {
    let conn = shard.open(1).expect("there is room");
    shard.upgrade(conn, Dialect::Pusher);
    conn
}

fn subscribe(shard: &mut Shard, conn: ConnId, room: &str) {
    shard.subscribe(conn, room, None).expect("there is room");
    turn(shard);
}

fn publication(room: &str) -> Publication {
    let envelope_bytes = server::event("\"e\"", room, "\"\"", None).len() + 2;
    let data = format!("{:?}", "x".repeat(FRAME_BYTES - envelope_bytes));
    let frame = server::event("\"e\"", room, &data, None);
    Publication { channel: name(room), frame, skip: None, counted_as: None }
}

fn name(room: &str) -> ChannelName {
    ChannelName::new(AppIndex(0), room, uringcast::dialect::nature(room), HASH_SEED)
}

fn shard(core: u8, cores: usize) -> Shard {
    let config = ShardConfig {
        core: CoreId(core),
        cores,
        hash_seed: HASH_SEED,
        turned_away_max: 0,
        ..ShardConfig::default()
    };
    let policy = AppPolicy { client_event_rate: 0, ..AppPolicy::default() };
    let app = App { policy, ..App::new("id", "key", "secret") };
    Shard::new(
        config,
        Apps::new(vec![app]).expect("one app is unique"),
        &uringcast::dialect::DIALECTS,
        Millis(0),
    )
}
