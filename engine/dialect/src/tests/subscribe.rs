//! Subscribing, unsubscribing, and answers that come when nobody waits for them any more.

use serde_json::json;
use uringcast_proto::pusher::auth::sign_channel;
use uringcast_shard::{Shard, SubscribeError, Subscribed};

use super::transcript::check_on;
use super::world::{KEY, SECRET, World};

#[test]
fn who_unsubscribes_before_the_answer_never_sees_it() {
    let mut world = check_on(
        2,
        |_| {},
        "
        a: open on 0
        a> established
        mail: hold
        a: subscribe room-on-1
        a: unsubscribe room-on-1
        mail: release
        http: publish room-on-1 one
        http> published
        http: channels
        http> []
        ",
    );
    world.gone(0);
    world.settle();
    assert_nothing_is_left(&world);
}

#[test]
fn who_is_gone_before_the_answer_is_counted_out_again() {
    let world = check_on(
        2,
        |_| {},
        "
        a: open on 0
        a> established
        mail: hold
        a: subscribe presence-on-1 as ann
        a: gone
        mail: release
        http: users presence-on-1
        http> []
        ",
    );
    assert_nothing_is_left(&world);
}

#[test]
fn nobody_subscribes_while_being_closed() {
    let mut world = check_on(1, |_| {}, "a: ping\n a> pong");
    let conn = world.clients[0].conn;
    let shard = &mut world.shards[0];
    shard.on_peer_close(conn, None);
    assert_eq!(shard.subscribe(conn, "room", None), Err(SubscribeError::Closing));
    let subscribed: Option<Subscribed> = shard.subscribed(conn, "room");
    assert!(subscribed.is_none());
}

fn assert_nothing_is_left(world: &World) {
    assert!(world.shards.iter().all(Shard::is_vacant));
}

/// With the right signature in an answer, a refusal would let everybody in.
#[test]
fn a_refusal_names_what_was_to_be_signed_and_never_the_signature() {
    let mut world = check_on(1, |_| {}, "a: ping\n a> pong");
    let conn = world.clients[0].conn;
    let id = world.shards[0].socket_id(conn).unwrap().to_string();
    let data = r#"{"user_id":"1"}"#;
    let wrong = format!("{KEY}:{}", "0".repeat(64));
    let auths = ["", "x", ":", KEY, "key:", "other:00", &wrong];
    for (channel, data) in
        [("private-a", None), ("presence-a", Some(data)), ("private-encrypted-a", None)]
    {
        let right = sign_channel(KEY, SECRET, &id, channel, data);
        let signature = right.split_once(':').unwrap().1;
        for auth in auths {
            let mut asked = json!({"channel": channel, "auth": auth});
            if let Some(data) = data {
                asked["channel_data"] = data.into();
            }
            let text = json!({"event": "pusher:subscribe", "data": asked}).to_string();
            world.say(0, &text);
            world.shards[0].end_turn();
            let mut heard = String::new();
            while let Some(segment) = world.shards[0].take_send(conn) {
                heard.push_str(&String::from_utf8_lossy(segment.as_ref()));
                world.shards[0].landed(conn, segment.len());
            }
            assert!(heard.contains(&format!("{id}:{channel}")), "{auth}: {heard}");
            assert!(heard.contains(r#""code":null"#) && !heard.contains(signature), "{heard}");
        }
    }
}
