//! The exact bytes of every server message.

use serde_json::{Value, json};
use tungstenite::protocol::frame::FrameHeader;

use super::*;
use crate::pusher::user::OnlineStatus::{Offline, Online};

/// The payload of a frame, after checking that its header is that of one final text frame.
fn payload(frame: &Bytes) -> &str {
    let mut cursor = std::io::Cursor::new(frame);
    let (header, payload_bytes) = FrameHeader::parse(&mut cursor).unwrap().unwrap();
    assert_eq!(header, FrameHeader { opcode: 1.into(), ..FrameHeader::default() });
    let payload = &frame[cursor.position() as usize..];
    assert_eq!(payload.len() as u64, payload_bytes);
    std::str::from_utf8(payload).unwrap()
}

fn check(frame: &Bytes, expected: &str) {
    assert_eq!(payload(frame), expected);
    serde_json::from_str::<Value>(expected).unwrap();
}

/// The value inside a message's doubly encoded `data`.
fn data(frame: &Bytes) -> Value {
    let message: Value = serde_json::from_str(payload(frame)).unwrap();
    serde_json::from_str(message["data"].as_str().unwrap()).unwrap()
}

#[test]
fn connection_established_encodes_its_data_twice() {
    check(
        &connection_established("123.456", 120),
        concat!(
            r#"{"event":"pusher:connection_established","#,
            r#""data":"{\"socket_id\":\"123.456\",\"activity_timeout\":120}"}"#
        ),
    );
}

#[test]
fn ping_and_pong_are_fixed() {
    let (event, frame) = PING.split_at(PING.len() - 2);
    check(&Bytes::from_static(event), r#"{"event":"pusher:ping"}"#);
    assert_eq!(frame, encode::PING);
    check(&pong(), r#"{"event":"pusher:pong","data":{}}"#);
}

#[test]
fn an_error_has_an_object_and_perhaps_a_code() {
    check(
        &error(Some(4009), "no \"way\""),
        r#"{"event":"pusher:error","data":{"code":4009,"message":"no \"way\""}}"#,
    );
    check(&error(None, "x"), r#"{"event":"pusher:error","data":{"code":null,"message":"x"}}"#);
}

#[test]
fn subscription_succeeded_has_an_empty_object_in_a_string() {
    check(
        &subscription_succeeded("news"),
        r#"{"event":"pusher_internal:subscription_succeeded","channel":"news","data":"{}"}"#,
    );
}

#[test]
fn a_roster_lists_ids_infos_and_their_count() {
    let members = [("1", r#"{"name":"ann"}"#), ("2", "")];
    check(
        &presence_subscription_succeeded("presence-a", members.into_iter()),
        concat!(
            r#"{"event":"pusher_internal:subscription_succeeded","channel":"presence-a","data":"#,
            concat!(
                r#""{\"presence\":{\"ids\":[\"1\",\"2\"],\"hash\":{\"1\":{\"nam"#,
                r#"e\":\"ann\"},\"2\":{}},"#
            ),
            r#"\"count\":2}}"}"#
        ),
    );
}

#[test]
fn an_empty_roster_has_an_object_and_not_an_array() {
    let frame = presence_subscription_succeeded("presence-a", std::iter::empty());
    assert_eq!(data(&frame), json!({"presence": {"ids": [], "hash": {}, "count": 0}}));
}

#[test]
fn a_hostile_user_id_stays_inside_its_string() {
    let id = "\"},\\\n\u{e9}";
    let frame = presence_subscription_succeeded("presence-a", [(id, "1")].into_iter());
    assert_eq!(data(&frame)["presence"]["hash"], json!({id: 1}));
    assert_eq!(
        data(&member_added("presence-a", id, "[]")),
        json!({"user_id": id, "user_info": []})
    );
    assert_eq!(data(&member_removed("presence-a", id)), json!({"user_id": id}));
}

#[test]
fn members_come_and_go() {
    check(
        &member_added("presence-a", "1", r#"{"name":"ann"}"#),
        concat!(
            r#"{"event":"pusher_internal:member_added","channel":"presence-a","#,
            r#""data":"{\"user_id\":\"1\",\"user_info\":{\"name\":\"ann\"}}"}"#
        ),
    );
    check(
        &member_added("presence-a", "1", ""),
        concat!(
            r#"{"event":"pusher_internal:member_added","channel":"presence-a","#,
            r#""data":"{\"user_id\":\"1\",\"user_info\":{}}"}"#
        ),
    );
    check(
        &member_removed("presence-a", "1"),
        concat!(
            r#"{"event":"pusher_internal:member_removed","channel":"presence-a","#,
            r#""data":"{\"user_id\":\"1\"}"}"#
        ),
    );
}

#[test]
fn signing_in_is_answered_with_the_data_as_it_came_in_an_object() {
    check(
        &signin_success(r#"{"id":"12345"}"#),
        r#"{"event":"pusher:signin_success","data":{"user_data":"{\"id\":\"12345\"}"}}"#,
    );
}

#[test]
fn watchlist_events_are_in_an_object_and_in_order() {
    check(
        &watchlist_events(&[(Online, vec!["1", "\"2"]), (Offline, vec!["3"]), (Online, vec![])]),
        concat!(
            r#"{"event":"pusher_internal:watchlist_events","data":{"events":["#,
            r#"{"name":"online","user_ids":["1","\"2"]},{"name":"offline","user_ids":["3"]},"#,
            r#"{"name":"online","user_ids":[]}]}}"#
        ),
    );
}

#[test]
fn a_refused_subscription_says_why() {
    check(
        &subscription_error("private-a", "AuthError", "bad", 401),
        concat!(
            r#"{"event":"pusher:subscription_error","channel":"private-a","#,
            r#""data":{"type":"AuthError","error":"bad","status":401}}"#
        ),
    );
}

#[test]
fn an_event_copies_its_tokens_unchanged() {
    check(
        &event(r#""\u0065""#, "news", r#""{\"a\":1\/2}""#, None),
        r#"{"event":"\u0065","channel":"news","data":"{\"a\":1\/2}"}"#,
    );
    check(
        &event(r#""client-a""#, "presence-a", "{ }", Some("1\"")),
        r#"{"event":"client-a","channel":"presence-a","data":{ },"user_id":"1\""}"#,
    );
}

#[test]
fn an_event_gives_its_data_back() {
    for data in [r#""{\"a\":1\/2}""#, r#"{"data":"no"}"#, "[1.0, null]", "\"\u{e9}\""] {
        let frame = event(r#""\"data\":1""#, "news", data, Some("data"));
        assert_eq!(event_data(&frame).as_deref(), Some(data));
    }
    let long = format!("\"{}\"", "x".repeat(70_000));
    assert_eq!(event_data(&event("\"e\"", "news", &long, None)).as_deref(), Some(&*long));
    assert_eq!(event_data(&encode::text(br#"{"event":"e"}"#)), None);
    assert_eq!(event_data(b"\x81"), None);
}

#[test]
fn a_cache_miss_names_its_channel_and_nothing_else() {
    check(&cache_miss("cache-a"), r#"{"event":"pusher:cache_miss","channel":"cache-a"}"#);
}

#[test]
fn a_subscription_count_is_encoded_twice() {
    check(
        &subscription_count("news", 3),
        concat!(
            r#"{"event":"pusher_internal:subscription_count","channel":"news","#,
            r#""data":"{\"subscription_count\":3}"}"#
        ),
    );
}

/// The header changes its form at 125 and at 65,535 bytes of payload.
#[test]
fn the_header_fits_the_length() {
    let fixed_bytes = payload(&event("\"e\"", "c", "\"\"", None)).len();
    for payload_bytes in [fixed_bytes, 125, 126, 127, 65_535, 65_536, 70_000] {
        let data = format!("\"{}\"", "x".repeat(payload_bytes - fixed_bytes));
        assert_eq!(payload(&event("\"e\"", "c", &data, None)).len(), payload_bytes);
    }
}
