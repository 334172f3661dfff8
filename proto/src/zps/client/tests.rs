use super::*;

fn check(text: &str, expected: ClientMessage<'_>) {
    assert_eq!(ClientMessage::parse(text), Ok(expected), "{text}");
}

fn check_error(text: &str, expected: &str) {
    let error = ClientMessage::parse(text).map_err(|error| error.to_string());
    assert_eq!(error, Err(expected.to_owned()), "{text}");
}

/// Messages and answers as the original server's transcript has them.
#[test]
fn errors_are_those_of_the_original_server() {
    for (text, expected) in [
        ("xx", "Realtime message must be valid JSON"),
        ("[]", "Realtime message must include a type"),
        ("{}", "Realtime message must include a type"),
        (r#"{"type":"nope"}"#, "Unknown realtime message type: nope"),
        (r#"{"type":"ping"}"#, "Unknown realtime message type: ping"),
        (r#"{"type":"init"}"#, "Realtime message field subscriberId must be a non-empty string"),
        (
            r#"{"type":"init","subscriberId":"s","token":5}"#,
            "Realtime message field token must be a string",
        ),
        (r#"{"type":"publish"}"#, "publish.event must be an object"),
        (
            r#"{"type":"publish","event":{"room":"chat:1","type":"t"}}"#,
            "publish.event must include payload",
        ),
        (
            r#"{"type":"publish","event":{"room":"chat:1","type":"","payload":1}}"#,
            "Realtime message field event.type must be a non-empty string",
        ),
        (
            r#"{"type":"replay_request","room":"chat:hist","fromSequence":-1}"#,
            "Realtime message field fromSequence must be a non-negative integer",
        ),
        (
            r#"{"type":"replay_request","room":"chat:hist","fromSequence":0,"limit":0}"#,
            "Realtime message field limit must be a positive integer",
        ),
        (
            r#"{"type":"ack","room":"chat:hist"}"#,
            "Realtime message field sequence must be a non-negative integer",
        ),
        (
            r#"{"type":"subscribe","room":"chat:x","sync":"bogus"}"#,
            r#"Realtime message field sync must be "events" or "snapshot""#,
        ),
        (
            r#"{"type":"presence_enter","room":"chat:p","user":{}}"#,
            "Realtime message field user.userId must be a non-empty string",
        ),
    ] {
        check_error(text, expected);
    }
}

#[test]
fn fields_are_checked_in_the_original_servers_order() {
    for (text, expected) in [
        (r#"{"type":5}"#, "Realtime message must include a type"),
        ("null", "Realtime message must include a type"),
        ("\"x\"", "Realtime message must include a type"),
        (
            r#"{"type":"subscribe","room":["a",""],"eventTypes":1}"#,
            "Realtime message field room must be a string array",
        ),
        (
            r#"{"type":"subscribe","room":1,"eventTypes":1}"#,
            "Realtime message field room must be a non-empty string",
        ),
        (
            r#"{"type":"subscribe","room":"a","eventTypes":null,"fromSequence":null}"#,
            "Realtime message field eventTypes must be a string array",
        ),
        (
            r#"{"type":"subscribe","room":"a","fromSequence":null,"sync":1}"#,
            "Realtime message field fromSequence must be a non-negative integer",
        ),
        (r#"{"type":"publish","event":[1]}"#, "publish.event must be an object"),
        (r#"{"type":"publish_ephemeral","event":null}"#, "publish.event must be an object"),
        (
            r#"{"type":"publish","event":{}}"#,
            "Realtime message field event.room must be a non-empty string",
        ),
        (r#"{"type":"presence_enter"}"#, "Realtime message field room must be a non-empty string"),
        (r#"{"type":"presence_enter","room":"a"}"#, "presence_enter.user must be an object"),
        (
            r#"{"type":"presence_enter","room":"a","user":{"userId":"u","metadata":[]}}"#,
            "presence_enter.user.metadata must be an object",
        ),
        (
            r#"{"type":"presence_leave","room":"a","userId":1}"#,
            "Realtime message field userId must be a string",
        ),
        (
            r#"{"type":"ack","sequence":-1}"#,
            "Realtime message field room must be a non-empty string",
        ),
        (
            r#"{"type":"replay_request","room":"a","toSequence":-1,"fromSequence":1,"limit":0}"#,
            "Realtime message field toSequence must be a non-negative integer",
        ),
    ] {
        check_error(text, expected);
    }
}

#[test]
fn an_init_has_a_subscriber_and_maybe_a_token() {
    let init = |token: Option<&'static str>| ClientMessage::Init {
        subscriber_id: "s".into(),
        token: token.map(Cow::from),
    };
    check(r#"{"type":"init","subscriberId":"s"}"#, init(None));
    check(r#"{"token":"","subscriberId":"s","type":"init"}"#, init(Some("")));
}

#[test]
fn a_subscription_names_one_room_or_several() {
    let subscribe = |rooms: &[&'static str]| Subscribe {
        rooms: rooms.iter().copied().map(Cow::from).collect(),
        event_types: None,
        from_sequence: None,
        with_snapshot: false,
    };
    check(
        r#"{"type":"subscribe","room":"chat:a","sync":"events"}"#,
        ClientMessage::Subscribe(subscribe(&["chat:a"])),
    );
    check(
        r#"{"type":"subscribe","room":["chat:a","bad"]}"#,
        ClientMessage::Subscribe(subscribe(&["chat:a", "bad"])),
    );
    check(r#"{"type":"subscribe","room":[]}"#, ClientMessage::Subscribe(subscribe(&[])));
    check(
        r#"{"type":"subscribe","room":"a","eventTypes":["x"],"fromSequence":7,"sync":"snapshot"}"#,
        ClientMessage::Subscribe(Subscribe {
            event_types: Some(vec!["x".into()]),
            from_sequence: Some(7),
            with_snapshot: true,
            ..subscribe(&["a"])
        }),
    );
}

#[test]
fn a_published_event_keeps_its_tokens_and_borrows_its_names() {
    let text = concat!(
        r#"{"type":"publish","event":{"room":"chat:1","type":"t","sequence":9,"payload": [1, "#,
        r#""\ud800"] ,"id":"i","ttlMs":5,"metadata":{"a" :1},"encrypted":true}}"#
    );
    let ClientMessage::Publish(event) = ClientMessage::parse(text).unwrap() else {
        panic!("no event: {text}");
    };
    assert!(matches!(event.room, Cow::Borrowed("chat:1")));
    assert!(matches!(event.event_type, Cow::Borrowed("t")));
    assert_eq!(event.payload, r#"[1, "\ud800"]"#);
    assert_eq!(event.more.metadata, Some(r#"{"a" :1}"#));
    assert_eq!(Event::parse(&text[26..text.len() - 1]), Ok(event));
}

#[test]
fn a_payload_may_be_null_and_its_keys_may_be_escaped() {
    let text = r#"{"type":"publish","event":{"r\u006fom":"a","type":"t","payload":null}}"#;
    let ClientMessage::Publish(event) = ClientMessage::parse(text).unwrap() else {
        panic!("no event");
    };
    assert_eq!((&*event.room, event.payload), ("a", "null"));
}

#[test]
fn what_is_said_twice_counts_as_said_last() {
    check(
        r#"{"type":"nope","room":"x","room":"a","type":"unsubscribe"}"#,
        ClientMessage::Unsubscribe { room: "a".into() },
    );
}

#[test]
fn presence_has_a_user_and_leaving_may_have_one() {
    check(
        r#"{"type":"presence_enter","room":"a","user":{"userId":"u","metadata":{"n":1}}}"#,
        ClientMessage::PresenceEnter {
            room: "a".into(),
            user: PresentUser {
                user_id: "u".into(),
                metadata: Some(r#"{"n":1}"#),
                last_seen_at: None,
            },
        },
    );
    check(
        r#"{"type":"presence_leave","room":"a"}"#,
        ClientMessage::PresenceLeave { room: "a".into(), user_id: None },
    );
}

#[test]
fn an_ack_and_a_replay_request_have_whole_numbers() {
    check(
        r#"{"type":"ack","room":"a","sequence":3}"#,
        ClientMessage::Ack { room: "a".into(), sequence: 3 },
    );
    check(
        r#"{"type":"replay_request","room":"a","fromSequence":0,"toSequence":3,"limit":2,"eventTypes":["odd"]}"#,
        ClientMessage::Replay(Replay {
            room: "a".into(),
            from_sequence: 0,
            to_sequence: Some(3),
            event_types: Some(vec!["odd".into()]),
            limit: Some(2),
        }),
    );
}
