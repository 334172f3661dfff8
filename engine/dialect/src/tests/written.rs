//! Client events that are written straight into their channel's run, against those that get a frame
//! of their own because the app's server is told of each.

use uringcast_shard::app::{App, AppPolicy, Apps, Webhook};
use uringcast_shard::id::{AppIndex, ConnId};
use uringcast_shard::{ChannelName, Member, Millis, Output, Publication, Shard, ShardConfig};

use crate::{Dialect, Rules, Session, Speaker};
use uringcast_proto::pusher::server;
use uringcast_proto::ws::assembler::Message;
use uringcast_proto::ws::client::FrameCursor;

const CHANNELS: [&str; 3] = ["private-a", "private-b", "presence-c"];
const CLIENTS: u32 = 4;

/// A core and its clients.
struct Side {
    shard: Shard,
    speaker: Speaker,
    conns: Vec<ConnId>,
}

fn side(webhooks: Vec<Webhook>) -> Side {
    let policy = AppPolicy { client_event_rate: 0, ..AppPolicy::default() };
    let app = App { policy, webhooks, ..App::new("id", "key", "secret") };
    let apps = Apps::new(vec![app]).unwrap();
    let mut shard = Shard::new(ShardConfig::default(), apps, &crate::DIALECTS, Millis(0));
    let mut connect = |client| {
        let conn = shard.open(client).unwrap();
        shard.upgrade(conn, Dialect::Pusher);
        conn
    };
    let conns = (0..CLIENTS).map(&mut connect).collect();
    let speaker = Speaker::new(Rules::new(shard.apps()));
    Side { shard, speaker, conns }
}

/// The texts that each client is sent in this turn.
fn sent(shard: &mut Shard) -> Vec<Vec<String>> {
    let mut sent = vec![Vec::new(); CLIENTS as usize];
    shard.end_turn();
    while let Some(output) = shard.poll_output() {
        let Output::Flush(conn) = output else { continue };
        while let Some(segment) = shard.take_send(conn) {
            let (mut cursor, mut rest) = (FrameCursor::new(), segment.as_ref());
            while let Some(frame) = cursor.next(&mut rest).unwrap() {
                let text = String::from_utf8(frame.payload.to_vec()).unwrap();
                // Who is there is told in any order.
                let is_roster = text.contains(r#"\"presence\":"#);
                sent[conn.slot as usize].push(if is_roster { String::new() } else { text });
            }
            shard.landed(conn, segment.len());
        }
    }
    sent
}

/// Do the `number`th of the things that can happen, to one client and one channel.
fn act(side: &mut Side, number: usize, client: u32, channel: &str) {
    let Side { shard, speaker, conns } = side;
    let conn = conns[client as usize];
    let member = || Member { user_id: format!("user {client}").into(), user_info: "1".into() };
    match number % 16 {
        0..2 => {
            let member = channel.starts_with("presence-").then(member);
            let _ = shard.subscribe(conn, channel, member);
        }
        2 => shard.unsubscribe(conn, channel),
        3 => {
            let frame = server::event(r#""e""#, channel, &number.to_string(), None);
            let channel = ChannelName::new(
                AppIndex(0),
                channel,
                crate::nature(channel),
                shard.config().hash_seed,
            );
            shard.publish(vec![Publication { channel, frame, skip: None, counted_as: None }]);
        }
        _ => {
            let data = "x".repeat(number % 300);
            let text =
                format!(r#"{{"event":"client-e","channel":"{channel}","data":"{number} {data}"}}"#);
            Session::Pusher.hear(shard, speaker, conn, Message::Text(&text));
        }
    }
}

#[test]
fn an_event_that_is_written_into_its_run_looks_like_one_with_a_frame_of_its_own() {
    let mut random = 7_u64;
    let mut below = |bound: usize| {
        random = random.wrapping_mul(0x5851_f42d_4c95_7f2d).wrapping_add(1);
        (random >> 33) as usize % bound
    };
    let (mut written, mut framed) = (side(Vec::new()), side(vec![Webhook::default()]));
    let mut events = 0;
    for turn in 0..500 {
        for _ in 0..below(12) {
            let (number, client, channel) = (below(10_000), below(4) as u32, CHANNELS[below(3)]);
            act(&mut written, number, client, channel);
            act(&mut framed, number, client, channel);
        }
        let (written, framed) = (sent(&mut written.shard), sent(&mut framed.shard));
        assert_eq!(written, framed, "turn {turn}");
        events += written.concat().iter().filter(|text| text.contains("client-e")).count();
    }
    assert!(events > 1_000, "only {events} events were sent");
    let (written, framed) = (written.shard.counters(), framed.shard.counters());
    assert_eq!(written.publishes, framed.publishes);
    assert_eq!(written.deliveries, framed.deliveries);
}
