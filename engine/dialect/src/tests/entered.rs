//! Users whom zero-pub-sub's connections enter into rooms: who is told of them, and how often.

use std::collections::HashMap;

use uringcast_proto::ws::assembler::Message;
use uringcast_proto::ws::client::FrameCursor;
use uringcast_shard::app::{App, AppPolicy, Apps, ZpsPolicy};
use uringcast_shard::id::{AppIndex, ConnId};
use uringcast_shard::log::LogLimits;
use uringcast_shard::{Millis, Output, Refusal, Shard, ShardConfig};

use crate::{Dialect, Rules, Session, Speaker, zps};

/// One core whose clients read all that they are sent.
struct Room {
    shard: Shard,
    speaker: Speaker,
    sessions: HashMap<ConnId, Session>,
    heard: Vec<(ConnId, String)>,
}

impl Room {
    fn new(edit: impl FnOnce(&mut LogLimits)) -> Self {
        let zps = ZpsPolicy {
            max_messages_per_window: 0,
            max_subscriptions: 100_000,
            max_socket_buffered_bytes: u32::MAX,
            ..ZpsPolicy::default()
        };
        let policy = AppPolicy { zps, ..AppPolicy::default() };
        let app = App { policy, ..App::new("id", "key", "secret") };
        let mut log = LogLimits::default();
        edit(&mut log);
        let (outbox_bytes_soft, outbox_bytes_max) = (1 << 30, 1 << 30); // Nobody is slow here.
        let config =
            ShardConfig { outbox_bytes_soft, outbox_bytes_max, log, ..ShardConfig::default() };
        let apps = Apps::new(vec![app]).unwrap();
        let shard = Shard::new(config, apps, &crate::DIALECTS, Millis(0));
        let speaker = Speaker::new(Rules::new(shard.apps()));
        Self { shard, speaker, sessions: HashMap::new(), heard: Vec::new() }
    }

    fn connect(&mut self, name: &str) -> ConnId {
        let conn = self.shard.open(1).unwrap();
        assert!(self.shard.enter(conn, AppIndex(0), true).is_none());
        self.shard.upgrade(conn, Dialect::Zps);
        let session = zps::greet(&mut self.shard, &self.speaker.rules, conn, AppIndex(0), false);
        self.sessions.insert(conn, session);
        self.say(conn, &format!(r#"{{"type":"init","subscriberId":"{name}"}}"#));
        conn
    }

    fn say(&mut self, conn: ConnId, text: &str) {
        let session = self.sessions.get_mut(&conn).unwrap();
        session.hear(&mut self.shard, &mut self.speaker, conn, Message::Text(text));
    }

    fn enter(&mut self, conn: ConnId, user: &str, metadata: &str) {
        let more = format!(r#""metadata":{{"n":{metadata}}},"lastSeenAt":"then""#);
        let user = format!(r#"{{"userId":"{user}",{more}}}"#);
        let head = r#""type":"presence_enter","room":"r:1""#;
        self.say(conn, &format!(r#"{{{head},"user":{user}}}"#));
    }

    fn leave(&mut self, conn: ConnId, user: &str) {
        let head = r#""type":"presence_leave","room":"r:1""#;
        self.say(conn, &format!(r#"{{{head},"userId":"{user}"}}"#));
    }

    fn subscribe(&mut self, conn: ConnId) {
        self.say(conn, r#"{"type":"subscribe","room":"r:1"}"#);
    }

    /// End the turn; what `conn` hears: of a roster its users, of all else its type.
    fn turn(&mut self, conn: ConnId) -> Vec<String> {
        self.shard.end_turn();
        while let Some(output) = self.shard.poll_output() {
            let Output::Flush(conn) = output else { continue };
            while let Some(segment) = self.shard.take_send(conn) {
                let (mut cursor, mut bytes) = (FrameCursor::new(), segment.as_ref());
                while let Some(frame) = cursor.next(&mut bytes).unwrap() {
                    self.heard.push((conn, line(frame.payload)));
                }
                let length = segment.len();
                self.shard.landed(conn, length);
            }
        }
        let heard = std::mem::take(&mut self.heard).into_iter();
        heard.filter(|(who, _)| *who == conn).map(|(_, line)| line).collect()
    }
}

fn line(payload: &[u8]) -> String {
    let message: serde_json::Value = serde_json::from_slice(payload).unwrap();
    if let Some(users) = message["users"].as_array() {
        let users = users.iter().map(|user| user["userId"].as_str().unwrap());
        return format!("[{}]", users.collect::<Vec<_>>().join(" "));
    }
    let of_event = &message["data"]["type"];
    let kind = if of_event.is_null() { &message["type"] } else { of_event };
    match message["message"].as_str() {
        Some(text) => format!("{}: {text}", kind.as_str().unwrap()),
        None => kind.as_str().unwrap().to_owned(),
    }
}

#[test]
fn a_room_is_told_once_a_turn_who_is_in_it_and_of_each_who_came() {
    let mut room = Room::new(|_| {});
    let (ann, bob) = (room.connect("ann"), room.connect("bob"));
    room.subscribe(ann);
    room.turn(ann);
    let users: Vec<String> = (0..99).map(|user| format!("u{user}")).collect();
    for user in &users {
        room.enter(bob, user, "1");
    }
    let heard = room.turn(ann);
    assert_eq!(heard[0], format!("[{}]", users.join(" ")));
    assert_eq!(heard[1..], vec!["presence.enter"; 99]);
    room.shard.advance(Millis(100));
    room.leave(bob, "u1");
    room.enter(bob, "u0", "2");
    assert_eq!(room.turn(ann)[1..], ["presence.leave", "presence.enter"]);
    assert_eq!(room.turn(ann), [""; 0]);
}

#[test]
fn who_subscribes_in_the_turn_of_an_entry_knows_who_is_there_in_the_end() {
    let mut room = Room::new(|_| {});
    let (ann, bob) = (room.connect("ann"), room.connect("bob"));
    room.turn(ann);
    room.enter(bob, "u1", "1");
    room.subscribe(ann);
    room.enter(bob, "u2", "1");
    let heard = room.turn(ann);
    assert_eq!(heard[..3], ["subscribed", "[u1]", "[u1 u2]"]);
    assert_eq!(heard[3..], ["presence.enter", "presence.enter"]);
}

#[test]
fn what_nobody_has_changed_is_not_told_again() {
    let mut room = Room::new(|_| {});
    let ann = room.connect("ann");
    room.subscribe(ann);
    room.turn(ann);
    room.leave(ann, "nobody");
    assert_eq!(room.turn(ann), ["presence.leave"]);
}

/// They are listed in the order in which they came, as the connection has them that entered them
/// last, and are there as long as anybody has entered them.
#[test]
fn a_user_whom_two_connections_have_entered_is_listed_once() {
    let mut room = Room::new(|_| {});
    let (ann, bob) = (room.connect("ann"), room.connect("bob"));
    room.subscribe(ann);
    room.enter(ann, "u1", "1");
    room.enter(ann, "u2", "1");
    room.enter(bob, "u1", "2");
    assert_eq!(room.turn(ann)[2], "[u2 u1]");
    room.leave(bob, "u1");
    assert_eq!(room.turn(ann), ["[u1 u2]", "presence.leave"]);
    room.leave(ann, "u1");
    assert_eq!(room.turn(ann), ["[u2]", "presence.leave"]);
}

/// The work is counted, not timed: with 20,000 users a look at each for each of them would be
/// 400 million.
#[test]
fn as_much_is_done_for_many_who_leave_at_once_as_they_are() {
    const USERS: u64 = 20_000;
    let mut room = Room::new(|log| {
        log.entered_max = USERS as usize;
        log.entered_bytes_max = usize::MAX;
    });
    let ann = room.connect("ann");
    let leaving: Vec<ConnId> = (0..8).map(|name| room.connect(&name.to_string())).collect();
    room.turn(ann);
    for user in 0..USERS {
        room.enter(leaving[user as usize % 8], &format!("u{user}"), "1");
    }
    room.turn(ann);
    room.subscribe(ann);
    room.turn(ann);
    let before = room.shard.counters();
    for conn in leaving {
        room.shard.closed(conn, None);
    }
    let heard = room.turn(ann);
    let after = room.shard.counters();
    assert_eq!(heard.iter().filter(|line| *line == "presence.leave").count() as u64, USERS);
    assert_eq!(heard[0], "[]");
    assert_eq!(after.rosters - before.rosters, 1);
    assert_eq!(after.roster_users, before.roster_users);
    assert_eq!(before.roster_users, 0, "nobody was there to be told of those who came");
}

/// A long roster does not come more often than a subscriber can be expected to read it; the last
/// one always comes.
#[test]
fn a_long_roster_is_told_less_often_and_the_last_one_in_the_end() {
    let mut room = Room::new(|_| {});
    let (ann, bob) = (room.connect("ann"), room.connect("bob"));
    room.subscribe(ann);
    room.turn(ann);
    let long = format!("{:?}", "x".repeat(1_000 - 24));
    for user in 0..100 {
        room.enter(bob, &format!("u{user}"), &long);
        let heard = room.turn(ann);
        let expected =
            if user == 0 { &["[u0]", "presence.enter"][..] } else { &["presence.enter"] };
        assert_eq!(heard, expected);
    }
    assert_eq!(room.shard.counters().rosters, 1, "no time has gone by");
    let rosters = |heard: Vec<String>| -> Vec<usize> {
        let rosters = heard.iter().filter(|line| line.starts_with('['));
        rosters.map(|line| line.split(' ').count()).collect()
    };
    room.shard.advance(Millis(1_000));
    assert_eq!(rosters(room.turn(ann)), [100]);
    room.shard.advance(Millis(2_000));
    assert_eq!(rosters(room.turn(ann)), [0; 0]);
}

#[test]
fn a_room_has_as_many_bytes_of_users_as_it_may_and_not_one_more() {
    let user = r#"{"userId":"u1","metadata":{"n":1},"lastSeenAt":"then"}"#;
    for (entered_bytes_max, is_full) in [(2 * user.len(), false), (2 * user.len() - 1, true)] {
        let mut room = Room::new(|log| log.entered_bytes_max = entered_bytes_max);
        let ann = room.connect("ann");
        room.subscribe(ann);
        room.enter(ann, "u1", "1");
        room.turn(ann);
        room.enter(ann, "u2", "1");
        let heard = room.turn(ann);
        if is_full {
            let text = format!("r:1: the users of the room take {entered_bytes_max} bytes");
            assert_eq!(heard, [format!("error: {text}, which is all that they may")]);
            assert_eq!(room.shard.counters().refusals.of(Refusal::LogEnteredBytes), 1);
            // Who is there may say less of themselves, and not more.
            room.enter(ann, "u1", &"1".repeat(2 * user.len()));
            assert_eq!(room.turn(ann).len(), 1);
        } else {
            assert_eq!(heard, ["[u1 u2]", "presence.enter"]);
        }
        room.leave(ann, "u1");
        room.enter(ann, "u3", "1");
        let left = if is_full { "[u3]" } else { "[u2 u3]" };
        assert_eq!(room.turn(ann), [left, "presence.leave", "presence.enter"]);
    }
}
