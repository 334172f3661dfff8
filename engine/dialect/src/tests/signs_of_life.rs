//! Every cell of the table of signs of life: what each dialect is sent and when, by what its client
//! says and is sent.

use bytes::Bytes;
use uringcast_proto::pusher::server;
use uringcast_proto::sse;
use uringcast_proto::ws::encode;
use uringcast_shard::app::{App, Apps};
use uringcast_shard::id::ConnId;
use uringcast_shard::{Millis, Output, Shard, ShardConfig};

use super::world::{KEY, SECRET};
use crate::Dialect;

/// What a client does.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Client {
    /// It says nothing.
    Silent,
    /// It answers ping frames and nothing else.
    Answering,
    /// It says something each second.
    Talking,
}

/// An event, as it is sent each second to clients that are to be kept busy.
const EVENT: &[u8] = b"event";

/// A connection, and what it was sent at which second.
struct Life {
    shard: Shard,
    conn: ConnId,
    client: Client,
    told: Vec<(u64, &'static str)>,
    is_over: bool,
}

impl Life {
    fn begin(dialect: Dialect, client: Client) -> Self {
        Self::begin_with(ShardConfig::default(), dialect, client)
    }

    fn begin_with(config: ShardConfig, dialect: Dialect, client: Client) -> Self {
        let apps = Apps::new(vec![App::new("id", KEY, SECRET)]).unwrap();
        let mut shard = Shard::new(config, apps, &crate::DIALECTS, Millis(0));
        let conn = shard.open(1).unwrap();
        shard.upgrade(conn, dialect);
        Self { shard, conn, client, told: Vec::new(), is_over: false }
    }

    /// Let time go to `end_s`, in the steps of the core's clock.
    fn until(mut self, end_s: u64, is_busy: bool) -> Vec<(u64, &'static str)> {
        for tenth in 1..=end_s * 10 {
            self.shard.advance(Millis(tenth * 100));
            if tenth % 10 == 3 && is_busy {
                self.shard.send_as_is(self.conn, Bytes::from_static(EVENT));
            }
            if tenth % 10 == 5 && self.client == Client::Talking {
                self.shard.active(self.conn, 1);
            }
            self.carry_out(tenth / 10);
            if self.is_over {
                break;
            }
        }
        self.told
    }

    fn carry_out(&mut self, second: u64) {
        self.shard.end_turn();
        while let Some(output) = self.shard.poll_output() {
            match output {
                Output::Flush(conn) => {
                    let Some(segment) = self.shard.take_send(conn) else { continue };
                    self.shard.landed(conn, segment.len());
                    if segment.as_ref() != EVENT {
                        self.hear(second, segment.as_ref());
                    }
                }
                Output::Abort(_) => {
                    self.told.push((second, "cut"));
                    self.is_over = true;
                }
                other => panic!("{other:?} has nothing to do with it"),
            }
        }
    }

    fn hear(&mut self, second: u64, bytes: &[u8]) {
        let what = match bytes {
            encode::PING => "ping frame",
            server::PING => "both pings",
            sse::HEARTBEAT => "heartbeat",
            [0x88, _, 0x10, 0x69, ..] => "4201",
            other => panic!("{:?}", String::from_utf8_lossy(other)),
        };
        self.told.push((second, what));
        self.is_over = what == "4201";
        if self.client == Client::Answering && bytes.ends_with(encode::PING) {
            self.shard.active(self.conn, 6);
        }
    }
}

/// What a client is told that is sent nothing else, in four minutes.
fn idle(dialect: Dialect, client: Client) -> Vec<(u64, &'static str)> {
    Life::begin(dialect, client).until(240, false)
}

/// What a client is told to which an event goes each second, in four minutes.
fn busy(dialect: Dialect, client: Client) -> Vec<(u64, &'static str)> {
    Life::begin(dialect, client).until(240, true)
}

#[test]
fn a_client_of_pusher_is_asked_in_both_ways_and_closed() {
    let (frame, asked) = ("ping frame", "both pings");
    let silent = idle(Dialect::Pusher, Client::Silent);
    assert_eq!(silent, [(50, frame), (100, frame), (120, asked), (150, "4201")]);
    let answering = idle(Dialect::Pusher, Client::Answering);
    assert_eq!(answering, [50, 100, 150, 200].map(|second| (second, frame)));
    let talking = idle(Dialect::Pusher, Client::Talking);
    assert_eq!(talking, [50, 100, 150, 200].map(|second| (second, frame)));
    assert_eq!(busy(Dialect::Pusher, Client::Silent), [(120, asked), (150, "4201")]);
    assert_eq!(busy(Dialect::Pusher, Client::Answering), [(120, asked), (240, asked)]);
    assert_eq!(busy(Dialect::Pusher, Client::Talking), []);
}

#[test]
fn a_client_of_rooms_is_asked_by_a_ping_frame_and_cut() {
    let frames = |seconds: &[u64]| -> Vec<(u64, &'static str)> {
        seconds.iter().map(|&second| (second, "ping frame")).collect()
    };
    for sent in [idle, busy] {
        assert_eq!(sent(Dialect::Zps, Client::Silent), [(30, "ping frame"), (40, "cut")]);
        let answering = sent(Dialect::Zps, Client::Answering);
        assert_eq!(answering, frames(&[30, 60, 90, 120, 150, 180, 210, 240]));
    }
    assert_eq!(idle(Dialect::Zps, Client::Talking), frames(&[50, 100, 150, 200]));
    assert_eq!(busy(Dialect::Zps, Client::Talking), []);
}

/// Whether it is there its machine says, which the black-box tests of streams show.
#[test]
fn a_stream_has_heartbeats_while_it_is_sent_nothing_else() {
    for client in [Client::Silent, Client::Answering, Client::Talking] {
        let heartbeats: Vec<_> = (1..=16).map(|number| (number * 15, "heartbeat")).collect();
        assert_eq!(idle(Dialect::Sse, client), heartbeats);
        assert_eq!(busy(Dialect::Sse, client), []);
    }
}

#[test]
fn a_client_that_is_echoed_is_asked_by_a_ping_frame_and_closed() {
    let frame = "ping frame";
    let silent = idle(Dialect::Echo, Client::Silent);
    assert_eq!(silent, [(50, frame), (100, frame), (120, frame), (150, "4201")]);
    let answering = idle(Dialect::Echo, Client::Answering);
    assert_eq!(answering, [50, 100, 150, 200].map(|second| (second, frame)));
    let talking = idle(Dialect::Echo, Client::Talking);
    assert_eq!(talking, [50, 100, 150, 200].map(|second| (second, frame)));
    assert_eq!(busy(Dialect::Echo, Client::Silent), [(120, frame), (150, "4201")]);
    assert_eq!(busy(Dialect::Echo, Client::Answering), [(120, frame), (240, frame)]);
    assert_eq!(busy(Dialect::Echo, Client::Talking), []);
}

/// A socket that takes nothing is not told more and more; once it takes something, the silence
/// begins anew.
#[test]
fn what_cannot_be_sent_is_not_asked_again_and_again() {
    let config = ShardConfig { outbox_stall_ms: u64::MAX, ..ShardConfig::default() };
    let mut life = Life::begin_with(config, Dialect::Pusher, Client::Talking);
    life.shard.send_as_is(life.conn, Bytes::from_static(EVENT));
    life.shard.end_turn();
    assert!(matches!(life.shard.poll_output(), Some(Output::Flush(_))));
    let segment = life.shard.take_send(life.conn).unwrap();
    for second in 1..=110 {
        life.shard.advance(Millis(second * 1_000));
        life.shard.active(life.conn, 1);
        life.carry_out(second);
    }
    assert_eq!(life.told, []);
    life.shard.landed(life.conn, segment.len());
    for second in 111..=170 {
        life.shard.advance(Millis(second * 1_000));
        life.shard.active(life.conn, 1);
        life.carry_out(second);
    }
    assert_eq!(life.told, [(160, "ping frame")]);
}
