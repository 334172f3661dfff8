//! Server frames as the original server sends them.

use super::*;
use crate::ws::client::FrameCursor;

/// Moment of the original server's transcript.
const NOW: u64 = 1_795_230_348_888;

fn check(frame: &Bytes, expected: &str) {
    let mut bytes = &frame[..];
    let mut cursor = FrameCursor::new();
    let found = cursor.next(&mut bytes).unwrap().unwrap();
    assert_eq!(std::str::from_utf8(found.payload).unwrap(), expected);
    serde_json::from_str::<serde_json::Value>(expected).unwrap();
}

#[test]
fn frames_are_those_of_the_original_server() {
    check(&ready("s1"), r#"{"type":"ready","subscriberId":"s1"}"#);
    check(&subscribed("chat:a"), r#"{"type":"subscribed","room":"chat:a"}"#);
    check(&unsubscribed("bad"), r#"{"type":"unsubscribed","room":"bad"}"#);
    check(&acks(&[("chat:1", 1)]), r#"{"type":"ack","room":"chat:1","sequence":1}"#);
    check(&error("a \"b\""), r#"{"type":"error","message":"a \"b\""}"#);
    check(
        &closing_error(Code::RateLimit),
        r#"{"type":"error","message":"Realtime rate limit exceeded","code":"4408"}"#,
    );
    check(&snapshot("a:e", None), r#"{"type":"snapshot","room":"a:e","snapshot":null}"#);
}

#[test]
fn a_snapshot_has_its_room_sequence_state_and_time() {
    let json = snapshot_json("a:e", 3, r#"{"n":3}"#, NOW);
    check(
        &snapshot("a:e", Some(&json)),
        concat!(
            r#"{"type":"snapshot","room":"a:e","snapshot":{"room":"a:e","lastSequence":3,"#,
            r#""state":{"n":3},"createdAt":"2026-11-21T03:05:48.888Z"}}"#
        ),
    );
    check(
        &fast_forward("a:e", 9, NOW),
        concat!(
            r#"{"type":"snapshot","room":"a:e","snapshot":{"room":"a:e","lastSequence":9,"#,
            r#""state":null,"createdAt":"2026-11-21T03:05:48.888Z"}}"#
        ),
    );
}

#[test]
fn presence_is_a_list_and_an_event() {
    let user =
        PresentUser { user_id: "u1".into(), metadata: Some(r#"{"n":1}"#), last_seen_at: None };
    let user = user_json(&user, NOW);
    let expected = r#"{"userId":"u1","metadata":{"n":1},"lastSeenAt":"2026-11-21T03:05:48.888Z"}"#;
    assert_eq!(user, expected);
    check(
        &presence("chat:p", [&*user, &*user].into_iter()),
        &format!(r#"{{"type":"presence","room":"chat:p","users":[{user},{user}]}}"#),
    );
    check(&presence("c:p", [].into_iter()), r#"{"type":"presence","room":"c:p","users":[]}"#);
    let enter = PresenceChange::Enter { user_json: &user };
    check(
        &presence_change("eph_1", "chat:p", enter, Some("p1"), NOW),
        &format!(
            concat!(
                r#"{{"type":"ephemeral","data":{{"id":"eph_1","type":"presence.enter","#,
                r#""room":"chat:p","emittedAt":"2026-11-21T03:05:48.888Z","#,
                r#""payload":{{"user":{}}},"metadata":{{"producer":"p1"}}}}}}"#
            ),
            user
        ),
    );
    let leave = PresenceChange::Leave { user_id: "u1" };
    check(
        &presence_change("eph_2", "chat:p", leave, Some("p1"), NOW),
        concat!(
            r#"{"type":"ephemeral","data":{"id":"eph_2","type":"presence.leave","#,
            r#""room":"chat:p","emittedAt":"2026-11-21T03:05:48.888Z","#,
            r#""payload":{"userId":"u1"},"metadata":{"producer":"p1"}}}"#
        ),
    );
}

#[test]
fn when_a_user_was_last_seen_may_be_said() {
    let user =
        PresentUser { user_id: "u\"".into(), metadata: None, last_seen_at: Some("\"then\"") };
    assert_eq!(user_json(&user, NOW), r#"{"userId":"u\"","lastSeenAt":"then"}"#);
}

#[test]
fn a_replay_holds_the_envelopes_of_frames() {
    let event = |envelope: &str| encode::text(format!("{EVENT_HEAD}{envelope}}}").as_bytes());
    let frames = [event(r#"{"sequence":4}"#), event(&format!(r#"{{"x":"{}"}}"#, "y".repeat(300)))];
    let expected = format!(
        r#"{{"type":"replay","room":"a:b","events":[{{"sequence":4}},{{"x":"{}"}}]}}"#,
        "y".repeat(300)
    );
    check(&replay("a:b", frames.iter().map(|frame| &frame[..])), &expected);
    check(&replay("a:b", [].into_iter()), r#"{"type":"replay","room":"a:b","events":[]}"#);
    assert_eq!(envelope_of(&ready("s")), None);
}

/// The hot frames cost one allocation of exactly their size.
#[test]
fn hot_frames_are_announced_exactly() {
    for frame in [ready("abc"), subscribed("chat:1"), unsubscribed("chat:1")] {
        let bytes: Vec<u8> = frame.clone().into();
        assert_eq!(bytes.capacity(), frame.len());
    }
}

fn acks(acks: &[(&str, u64)]) -> Bytes {
    let mut frames = Vec::new();
    for (room, sequence) in acks {
        ack_into(&mut frames, room, *sequence);
    }
    frames.into()
}

#[test]
fn acks_are_written_one_behind_the_other() {
    let long = "x".repeat(100);
    let written = acks(&[("chat:1", 0), ("a:\"", 10), (&long, u64::MAX)]);
    let expected = [
        r#"{"type":"ack","room":"chat:1","sequence":0}"#.to_owned(),
        r#"{"type":"ack","room":"a:\"","sequence":10}"#.to_owned(),
        format!(r#"{{"type":"ack","room":"{long}","sequence":18446744073709551615}}"#),
    ];
    let frames: Vec<Bytes> = expected.iter().map(|text| encode::text(text.as_bytes())).collect();
    assert_eq!(written, frames.concat());
}
