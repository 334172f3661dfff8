//! Client events in the pure part of a core: from the masked bytes of a read to the segments that
//! their subscribers are sent, before any socket.
//!
//! For counts that repeat while a machine is busy: callgrind over `-- --test string`, collecting in
//! `World::counted_read` alone, and divided by [`EVENTS`].

use criterion::{BatchSize, Criterion, Throughput, criterion_group, criterion_main};
use uringcast::app::{App, AppPolicy, Apps};
use uringcast::dialect::{Dialect, Rules, Session, Speaker};
use uringcast::id::ConnId;
use uringcast::shard::{Millis, Output, Shard, ShardConfig};
use uringcast_proto::ws::{
    Opcode,
    assembler::{Assembler, Message},
    encode,
};

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc; // As in the server.

const ROOMS: usize = 100;
/// Events of a read, about as many as the server's scratch buffer holds.
const EVENTS: usize = 1_600;
/// Bytes of a subscriber's frame in the figures of the README, its header included.
const FRAME_BYTES: usize = 267;

fn client_events(c: &mut Criterion) {
    let mut group = c.benchmark_group("client events");
    group.throughput(Throughput::Elements(EVENTS as u64));
    let mut world = World::new();
    for (name, data) in [("a string", string_data()), ("an object", object_data())] {
        let read = world.masked(&data);
        group.bench_function(name, |b| {
            world.read(&mut read.clone()); // Fills tables.
            let work_off = |read: &mut Vec<u8>| world.counted_read(read);
            b.iter_batched_ref(|| read.clone(), work_off, BatchSize::LargeInput);
        });
    }
    group.finish();
}

criterion_group!(benches, client_events);
criterion_main!(benches);

/// Rooms with one subscriber each, and one publisher that is subscribed to all.
struct World {
    shard: Shard,
    speaker: Speaker,
    assembler: Assembler,
    publisher: ConnId,
    rooms: Vec<String>,
}

impl World {
    fn new() -> Self {
        let policy = AppPolicy { client_event_rate: 0, ..AppPolicy::default() };
        let app = App { policy, ..App::new("id", "key", "secret") };
        let apps = Apps::new(vec![app]).expect("one app is unique");
        let mut shard =
            Shard::new(ShardConfig::default(), apps, &uringcast::dialect::DIALECTS, Millis(0));
        let rooms: Vec<String> = (0..ROOMS).map(|room| format!("private-load-{room}")).collect();
        let publisher = open(&mut shard);
        for room in &rooms {
            for conn in [publisher, open(&mut shard)] {
                shard.subscribe(conn, room, None).expect("there is room");
            }
        }
        let speaker = Speaker::new(Rules::new(shard.apps()));
        let assembler = Assembler::new();
        let mut world = Self { shard, speaker, assembler, publisher, rooms };
        world.end_turn();
        world
    }

    /// The frames of a client that sends `data` to each room in turn, each masked otherwise.
    fn masked(&self, data: &str) -> Vec<u8> {
        let mut read = Vec::new();
        for (event, room) in self.rooms.iter().cycle().take(EVENTS).enumerate() {
            let text = format!(r#"{{"event":"client-load","channel":"{room}","data":{data}}}"#);
            let mask = (event as u32).wrapping_mul(0x9e37_79b9).to_ne_bytes();
            encode::masked_into(Opcode::Text, text.as_bytes(), mask, &mut read);
        }
        read
    }

    #[inline(never)]
    fn counted_read(&mut self, bytes: &mut [u8]) {
        self.read(bytes);
    }

    /// Work off the bytes of one read, as `io::websocket` does, and send what comes of them.
    fn read(&mut self, mut bytes: &mut [u8]) {
        let Self { shard, speaker, assembler, publisher, .. } = self;
        let mut session = Session::Pusher;
        let limits = session.limits(&speaker.rules);
        shard.active(*publisher, bytes.len());
        while let Some(message) =
            assembler.next(&limits, None, &mut bytes).expect("the frames are valid")
        {
            assert!(matches!(message, Message::Text(_)));
            session.hear(shard, speaker, *publisher, message);
            assert!(shard.may_hear(*publisher));
        }
        assert_eq!(self.end_turn(), EVENTS, "each room has one other subscriber");
    }

    /// End the turn; every socket takes all that it is given. How many frames that were.
    fn end_turn(&mut self) -> usize {
        let (shard, mut frames) = (&mut self.shard, 0);
        shard.end_turn();
        while let Some(output) = shard.poll_output() {
            let Output::Flush(conn) = output else { unreachable!("nobody leaves or asks") };
            while let Some(segment) = shard.take_send(conn) {
                frames += segment.frames() as usize;
                shard.landed(conn, segment.len());
            }
        }
        frames
    }
}

fn open(shard: &mut Shard) -> ConnId {
    let conn = shard.open(1).expect("there is room");
    shard.upgrade(conn, Dialect::Pusher);
    conn
}

/// Letters alone, so that a frame has [`FRAME_BYTES`].
fn string_data() -> String {
    let around = r#"{"event":"client-load","channel":"private-load-10","data":""}"#;
    format!("\"{}\"", "x".repeat(FRAME_BYTES - encode::header_bytes(FRAME_BYTES) - around.len()))
}

/// What a browser sends of an object: fields, numbers, and a text with a few escapes.
fn object_data() -> String {
    concat!(
        r#"{"id":"6f1c2b7a","from":{"name":"Ann \"A.\" Lee","color":"#,
        r##""#3366cc"},"cursor":{"x":1024.5,"y":-17,"page":3},"selection":[12,48],"##,
        r#""text":"two lines\nof what was typed, which is no short text","done":false}"#
    )
    .to_owned()
}
