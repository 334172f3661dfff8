//! Credentials with an end: the time of the world decides when it has come.

use uringcast_proto::ws::Opcode;
use uringcast_proto::ws::client::FrameCursor;
use uringcast_shard::app::{App, Apps};
use uringcast_shard::id::ConnId;
use uringcast_shard::{Millis, Output, Refusal, Shard, ShardConfig};

use super::world::{KEY, SECRET};
use crate::Dialect;

/// When the tests begin, in seconds since 1970.
const NOW: u64 = 1_800_000_000;

/// A connection at a time that is told, and what it was sent.
struct Life {
    shard: Shard,
    conn: ConnId,
    sent: Vec<u8>,
}

impl Life {
    fn begin(dialect: Dialect) -> Self {
        let apps = Apps::new(vec![App::new("id", KEY, SECRET)]).unwrap();
        let mut shard = Shard::new(ShardConfig::default(), apps, &crate::DIALECTS, Millis(0));
        shard.set_unix_ms(NOW * 1_000);
        let conn = shard.open(1).unwrap();
        shard.upgrade(conn, dialect);
        shard.authorize(conn);
        Self { shard, conn, sent: Vec::new() }
    }

    /// Let `seconds` go by, in which the world's clock goes on by `unix_seconds`; the client is
    /// there all the time.
    fn wait(&mut self, seconds: u64, unix_seconds: u64) {
        let (start, unix_ms) = (self.shard.now(), self.shard.unix_ms());
        for tenth in 1..=seconds * 10 {
            self.shard.set_unix_ms(unix_ms + tenth * 100 * unix_seconds / seconds);
            self.shard.advance(start.plus(tenth * 100));
            self.shard.active(self.conn, 1);
            self.carry_out();
        }
    }

    fn carry_out(&mut self) {
        self.shard.end_turn();
        while let Some(output) = self.shard.poll_output() {
            if let Output::Flush(conn) = output
                && let Some(segment) = self.shard.take_send(conn)
            {
                self.sent.extend_from_slice(segment.as_ref());
                self.shard.landed(conn, segment.len());
            }
        }
    }

    fn is_open(&mut self) -> bool {
        self.shard.speaks(self.conn).is_some()
    }

    /// The texts that it was sent, and how it was closed.
    fn last_words(&self) -> Vec<String> {
        let (mut cursor, mut bytes, mut words) = (FrameCursor::new(), &*self.sent, Vec::new());
        while let Some(frame) = cursor.next(&mut bytes).unwrap() {
            match frame.opcode {
                Opcode::Text => words.push(String::from_utf8_lossy(frame.payload).into_owned()),
                Opcode::Close => {
                    let code = u16::from_be_bytes([frame.payload[0], frame.payload[1]]);
                    words.push(format!("{code} {}", String::from_utf8_lossy(&frame.payload[2..])));
                }
                _ => {}
            }
        }
        words
    }
}

#[test]
fn a_client_of_rooms_is_told_and_closed_with_4401() {
    let mut life = Life::begin(Dialect::Zps);
    life.shard.expire_at(life.conn, Some(NOW + 5));
    life.wait(4, 4);
    assert!(life.is_open());
    life.wait(2, 2);
    assert!(!life.is_open());
    assert_eq!(
        life.last_words(),
        [
            r#"{"type":"error","message":"Authentication token has expired"}"#,
            r#"{"type":"error","message":"Realtime authentication failed","code":"4401"}"#,
            "4401 Realtime authentication failed",
        ]
    );
    assert_eq!(life.shard.counters().refusals.of(Refusal::TokenExpired), 1);
}

#[test]
fn a_stream_is_told_and_ends() {
    let mut life = Life::begin(Dialect::Sse);
    life.shard.expire_at(life.conn, Some(NOW + 5));
    life.wait(4, 4);
    assert_eq!(String::from_utf8_lossy(&life.sent), "");
    life.wait(2, 2);
    let sent = String::from_utf8_lossy(&life.sent);
    assert_eq!(sent, "event: error\ndata: Authentication token has expired\n\n");
    assert!(!life.is_open());
}

/// No credential of these has an end today; should one get it, this is what comes of it.
#[test]
fn others_are_closed_with_4009() {
    for dialect in [Dialect::Pusher, Dialect::Echo] {
        let mut life = Life::begin(dialect);
        life.shard.expire_at(life.conn, Some(NOW + 5));
        life.wait(6, 6);
        let last = life.last_words().pop();
        assert_eq!(last.as_deref(), Some("4009 Authentication token has expired"));
    }
}

#[test]
fn what_is_shown_later_counts() {
    let mut life = Life::begin(Dialect::Zps);
    life.shard.expire_at(life.conn, Some(NOW + 5));
    life.wait(3, 3);
    life.shard.expire_at(life.conn, Some(NOW + 20));
    life.wait(15, 15);
    life.shard.expire_at(life.conn, None);
    life.wait(60, 60);
    assert!(life.is_open());
    life.shard.expire_at(life.conn, Some(NOW));
    life.wait(1, 1);
    assert!(!life.is_open());
}

/// The shard's own clock stands still while the process is stopped, and a clock may be set.
#[test]
fn the_time_of_the_world_decides() {
    let mut life = Life::begin(Dialect::Zps);
    life.shard.expire_at(life.conn, Some(NOW + 3_600));
    life.wait(1, 3_600);
    assert!(life.shard.has_expired(life.conn), "its next message closes it");
    life.wait(103, 103); // A turn of the wheel.
    assert!(!life.is_open());

    let mut life = Life::begin(Dialect::Zps);
    life.shard.expire_at(life.conn, Some(NOW + 10));
    life.wait(100, 5);
    assert!(life.is_open());
    life.wait(6, 6);
    assert!(!life.is_open());
}

/// Nothing that has no end, or one too far to be told, is ever closed for it.
#[test]
fn what_has_no_end_stays_open() {
    for end in [None, Some(u64::MAX), Some(u64::from(u32::MAX) + 1)] {
        let mut life = Life::begin(Dialect::Zps);
        life.shard.expire_at(life.conn, end);
        life.wait(200, 1_000_000);
        assert!(life.is_open(), "{end:?}");
    }
}
