//! Envelopes as the original server makes them, and what publishers may say about them.

use super::super::client::ClientMessage;
use super::*;

/// Moment of the original server's transcript.
const NOW: u64 = 1_795_230_348_888;

fn draft(event: &str) -> Result<RoomDraft, EventFault> {
    let text = format!(r#"{{"type":"publish","event":{event}}}"#);
    let ClientMessage::Publish(event) = ClientMessage::parse(&text).unwrap() else {
        panic!("no event: {text}");
    };
    event.draft(NOW, 35, Provider("redis"))
}

fn check(event: &str, sequence: u64, expected: &str) {
    let draft = draft(event).unwrap();
    let (head, tail) = draft.text.split_at(draft.sequence_at as usize);
    let text = [head, sequence.to_string().as_bytes(), tail].concat();
    assert_eq!(String::from_utf8(text).unwrap(), expected);
}

fn check_error(option: &str, expected: &str) {
    let event = format!(r#"{{"room":"a:b","type":"t","payload":1,{option}}}"#);
    assert_eq!(draft(&event).unwrap_err().to_string(), expected, "{option}");
}

/// Events of the original server's transcript.
#[test]
fn envelopes_are_those_of_the_original_server() {
    check(
        r#"{"type":"t","room":"chat:a","payload":{"x":1}}"#,
        1,
        concat!(
            r#"{"type":"event","data":{"id":"evt_mwptsqjc_0000000000z","type":"t","#,
            r#""room":"chat:a","sequence":1,"emittedAt":"2026-11-21T03:05:48.888Z","#,
            r#""expiresAt":"2026-11-22T03:05:48.888Z","payload":{"x":1},"#,
            r#""metadata":{"provider":"redis"}}}"#
        ),
    );
    check(
        concat!(
            r#"{"id":"enc","type":"t","room":"chat:dup","payload":"c","encrypted":true,"#,
            r#""ttlMs":1000,"metadata":{"tenantId":"t"}}"#
        ),
        2,
        concat!(
            r#"{"type":"event","data":{"id":"enc","type":"t","room":"chat:dup","sequence":2,"#,
            r#""emittedAt":"2026-11-21T03:05:48.888Z","expiresAt":"2026-11-21T03:05:49.888Z","#,
            r#""payload":"c","encrypted":true,"metadata":{"tenantId":"t","provider":"redis"}}}"#
        ),
    );
}

#[test]
fn a_sequence_that_the_publisher_names_is_ignored() {
    let draft = draft(r#"{"room":"a:b","type":"t","payload":1,"sequence":77}"#).unwrap();
    assert!(!String::from_utf8(draft.text).unwrap().contains("77"));
}

#[test]
fn times_may_be_given_as_texts_or_milliseconds() {
    let draft = draft(concat!(
        r#"{"room":"a:b","type":"t","payload":1,"emittedAt":"2026-11-21T03:05:48Z","#,
        r#""expiresAt":1795230350000,"ttlMs":1}"#
    ))
    .unwrap();
    assert_eq!(draft.emitted_unix_ms, NOW - 888);
    assert_eq!(draft.expires_unix_ms, 1_795_230_350_000);
}

#[test]
fn what_is_null_counts_as_missing() {
    let draft = draft(concat!(
        r#"{"room":"a:b","type":"t","payload":null,"id":null,"ttlMs":null,"emittedAt":null,"#,
        r#""expiresAt":null,"metadata":null,"encrypted":null}"#
    ))
    .unwrap();
    assert_eq!(draft.expires_unix_ms, NOW + TTL_MS);
    assert!(draft.text.ends_with(br#""payload":null,"metadata":{"provider":"redis"}}}"#));
}

#[test]
fn the_provider_is_ours_whatever_the_publisher_says() {
    for (metadata, expected) in [
        ("{}", r#"{"provider":"redis"}"#),
        ("{ }", r#"{"provider":"redis"}"#),
        (r#"{"provider":"x"}"#, r#"{"provider":"redis"}"#),
        (r#"{"b":[1, 2],"pr\u006fvider":1}"#, r#"{"b":[1, 2],"provider":"redis"}"#),
        (r#"{"b":"\"provider\""}"#, r#"{"b":"\"provider\"","provider":"redis"}"#),
        (r#"{"b":"\u00e9"}"#, r#"{"b":"\u00e9","provider":"redis"}"#),
    ] {
        let event = format!(r#"{{"room":"a:b","type":"t","payload":1,"metadata":{metadata}}}"#);
        let text = String::from_utf8(draft(&event).unwrap().text).unwrap();
        assert!(text.ends_with(&format!(r#""metadata":{expected}}}}}"#)), "{metadata}: {text}");
    }
}

#[test]
fn what_an_event_says_besides_is_checked() {
    let id = "Realtime message field event.id must be a non-empty string";
    check_error(r#""id":"""#, id);
    check_error(r#""id":5"#, id);
    check_error(
        r#""ttlMs":-1"#,
        "Realtime message field event.ttlMs must be a non-negative integer",
    );
    check_error(r#""emittedAt":"soon""#, "Invalid date value: soon");
    check_error(r#""expiresAt":-5"#, "Invalid date value: -5");
    check_error(r#""metadata":[]"#, "Realtime message field event.metadata must be an object");
    check_error(r#""encrypted":1"#, "Realtime message field event.encrypted must be a boolean");
}

#[test]
fn an_id_has_at_most_200_bytes() {
    for (bytes, is_allowed) in [(200, true), (201, false)] {
        let id = "i".repeat(bytes);
        let event = format!(r#"{{"room":"a:b","type":"t","payload":1,"id":"{id}"}}"#);
        assert_eq!(draft(&event).is_ok(), is_allowed);
    }
}

#[test]
fn an_ephemeral_event_has_no_sequence_and_no_end() {
    let text = concat!(
        r#"{"type":"publish_ephemeral","event":{"room":"chat:p","type":"typing","#,
        r#""payload":{"u":1}}}"#
    );
    let ClientMessage::PublishEphemeral(event) = ClientMessage::parse(text).unwrap() else {
        panic!("no event");
    };
    let frame = event.ephemeral(NOW, 35).unwrap();
    let expected = concat!(
        r#"{"type":"ephemeral","data":{"id":"eph_mwptsqjc_0000000000z","type":"typing","#,
        r#""room":"chat:p","emittedAt":"2026-11-21T03:05:48.888Z","payload":{"u":1}}}"#
    );
    assert_eq!(crate::ws::encode::payload(&frame), Some(expected.as_bytes()));
}
