//! Each form of an event is made once: by its publisher, or once on each core where somebody gets
//! another one. Whoever gets it shares its bytes with all others.

use std::cell::Cell;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use bytes::Bytes;
use uringcast_proto::ws::encode;
use uringcast_shard::app::{App, Apps};
use uringcast_shard::id::{AppIndex, ConnId, CoreId};
use uringcast_shard::log::Draft;
use uringcast_shard::{
    DialectRow, Dialects, Millis, NamedDraft, Output, Publication, Segment, Shard, ShardConfig,
    Start, SubscribeOptions,
};

use crate::{DIALECTS, Dialect};

const CORES: usize = 2;

/// Subscribers on each core, half of whom get another form.
const SUBSCRIBERS: u32 = 500;

thread_local! {
    /// How often a message was made into a block of a stream.
    static BLOCKS: Cell<u32> = const { Cell::new(0) };
}

/// The dialects, of which one counts.
fn counting() -> &'static Dialects {
    let count = |row: &DialectRow| DialectRow {
        own_form: row.own_form.map(|_| counted as fn(&[u8], &mut Vec<u8>)),
        ..*row
    };
    let rows: Vec<DialectRow> = DIALECTS.rows.iter().map(count).collect();
    Box::leak(Box::new(Dialects { rows: rows.leak(), ..DIALECTS }))
}

fn counted(message: &[u8], block: &mut Vec<u8>) {
    BLOCKS.set(BLOCKS.get() + 1);
    uringcast_proto::sse::message_into(message, block);
}

/// Two cores, and what every connection is sent in a turn.
struct Cores(Vec<Shard>);

type Sent = BTreeMap<(u8, u32), Vec<Segment>>;

impl Cores {
    fn new() -> Self {
        let apps = Apps::new(vec![App::new("id", "key", "secret")]).unwrap();
        let shard = |core| {
            let config = ShardConfig { core: CoreId(core), cores: CORES, ..ShardConfig::default() };
            Shard::new(config, apps.clone(), counting(), Millis(0))
        };
        Self((0..CORES as u8).map(shard).collect())
    }

    /// Connections on all cores; every other one gets the other form.
    fn open(&mut self, mut open: impl FnMut(&mut Shard, ConnId, bool)) {
        for shard in &mut self.0 {
            for nonce in 0..SUBSCRIBERS {
                let conn = shard.open(nonce).unwrap();
                open(shard, conn, nonce % 2 == 1);
            }
        }
        self.settle();
    }

    /// Let turns end and mail arrive until nobody has anything to say.
    fn settle(&mut self) -> Sent {
        let mut sent = Sent::new();
        loop {
            let mut is_quiet = true;
            for core in 0..CORES {
                let shard = &mut self.0[core];
                shard.end_turn();
                while let Some(output) = shard.poll_output() {
                    let Output::Flush(conn) = output else { continue };
                    let segment = shard.take_send(conn).expect("who is flushed has something");
                    shard.landed(conn, segment.len());
                    sent.entry((core as u8, conn.slot)).or_default().push(segment);
                }
                let other = CoreId(1 - core as u8);
                if let Some(mail) = shard.take_outgoing(other) {
                    self.0[usize::from(other.0)].receive(mail);
                    is_quiet = false;
                }
            }
            if is_quiet {
                return sent;
            }
        }
    }
}

/// Where the bytes begin that the connections with these slots were sent, one segment each.
fn places(sent: &Sent, is_asked: impl Fn(u8, u32) -> bool) -> (usize, BTreeSet<*const u8>) {
    let asked = sent.iter().filter(|((core, slot), _)| is_asked(*core, *slot));
    let places: Vec<_> = asked
        .map(|(_, segments)| {
            assert_eq!((segments.len(), segments[0].frames()), (1, 1), "one event, one segment");
            segments[0].as_ref().as_ptr()
        })
        .collect();
    (places.len(), places.into_iter().collect())
}

/// Everybody has been sent one segment: the plain ones one buffer, the others one on each core.
fn check(sent: &Sent) {
    let half = SUBSCRIBERS as usize / 2;
    let (plain, buffers) = places(sent, |_, slot| slot % 2 == 0);
    assert_eq!((plain, buffers.len()), (CORES * half, 1), "the frame is its publisher's for all");
    for core in 0..CORES as u8 {
        let (others, buffers) = places(sent, |at, slot| at == core && slot % 2 == 1);
        assert_eq!((others, buffers.len()), (half, 1), "the other form is shared on core {core}");
    }
}

#[test]
fn a_room_of_websockets_and_streams_makes_one_frame_and_a_block_on_each_core() {
    let mut cores = Cores::new();
    cores.open(|shard, conn, is_stream| {
        shard.upgrade(conn, if is_stream { Dialect::Sse } else { Dialect::Zps });
        let options = SubscribeOptions {
            start: Start::Live,
            subscriber_id: Arc::from(format!("s{}", conn.slot)),
            event_types: None,
            with_snapshot: false,
            fast_forward: false,
            member: None,
        };
        shard.subscribe_logged(conn, "room:1", options).unwrap();
    });
    BLOCKS.set(0);
    let text = r#"{"type":"event","data":{"id":"e","type":"t","room":"room:1","sequence":}}"#;
    let draft = Draft::unnamed(Bytes::from(text), text.find('}').unwrap() as u32);
    let channel = cores.0[0].channel(AppIndex(0), "room:1");
    let _ = cores.0[0].append_all(vec![NamedDraft { channel, draft, skip: None }]);
    let sent = cores.settle();
    check(&sent);
    assert_eq!(BLOCKS.get(), CORES as u32, "a block is made once on each core");
}

#[test]
fn a_channel_is_compressed_once_on_each_core() {
    let mut cores = Cores::new();
    cores.open(|shard, conn, is_deflated| {
        shard.upgrade(conn, Dialect::Pusher);
        if is_deflated {
            shard.agree_to_deflate(conn);
        }
        shard.subscribe(conn, "news", None).unwrap();
    });
    let deflated = |cores: &Cores| cores.0.iter().map(|it| it.counters().deflated_frames).sum();
    let before: u64 = deflated(&cores);
    let frame = encode::text(format!(r#"{{"data":"{}"}}"#, "x".repeat(4_000)).as_bytes());
    let channel = cores.0[0].channel(AppIndex(0), "news");
    let publication = Publication { channel, frame, skip: None, counted_as: None };
    let _ = cores.0[0].publish(vec![publication]);
    let sent = cores.settle();
    check(&sent);
    assert_eq!(deflated(&cores) - before, CORES as u64, "compressed once on each core");
    assert_eq!(BLOCKS.get(), 0);
}
