//! Publishing with a secret, in ZinTrust's words.

use super::super::info::Info;
use super::*;

fn headers(pairs: &[(&'static str, &str)]) -> HeaderMap {
    let pair = |(name, value): &(&'static str, &str)| {
        (HeaderName::from_static(name), HeaderValue::from_str(value).unwrap())
    };
    pairs.iter().map(pair).collect()
}

const GOOD: [(&str, &str); 1] = [("authorization", "Bearer secret-a")];

fn send(headers: &HeaderMap, path: &str, body: &str) -> Result<Action, ApiError> {
    run_with(&apps(), headers, "POST", path, "", body)
}

fn publish(body: &str) -> Result<Action, ApiError> {
    send(&headers(&GOOD), "/apps/a/events", body)
}

fn check_answer(result: Result<Action, ApiError>, status: u16, body: &str) {
    let answer = HttpAnswer::refused(&result.unwrap_err());
    assert_eq!((answer.status, &*answer.body), (status, body.as_bytes()));
    let utf8 = (CONTENT_TYPE, HeaderValue::from_static("application/json; charset=utf-8"));
    assert!(answer.headers.contains(&utf8), "{:?}", answer.headers);
}

const BODY: &str = r#"{"event":"e","channel":"room","data":{"a":1}}"#;

#[test]
fn an_event_goes_out_with_its_data_as_text() {
    let Publish { app, publications, tell, .. } = published(publish(BODY));
    assert_eq!((app, publications.len()), (APP, 1));
    let expected = r#"{"event":"e","data":"{\"a\":1}","channel":"room"}"#;
    let found: serde_json::Value = serde_json::from_str(payload(&publications[0])).unwrap();
    assert_eq!(found, serde_json::from_str::<serde_json::Value>(expected).unwrap());
    let (channels, event) = (vec!["room".to_owned()], "e".to_owned());
    assert_eq!(tell, Tell::Deliveries { channels, event });
}

#[test]
fn either_header_has_the_secret_and_zintrusts_own_counts_first() {
    let own = "x-zintrust-socket-secret";
    let good: [&[(&str, &str)]; 5] = [
        &[(own, "secret-a")],
        &[("authorization", "bEARER  secret-a ")],
        &[(own, "secret-a"), ("authorization", "Bearer wrong")],
        &[(own, ""), ("authorization", "Bearer secret-a")],
        &[(own, "secret-a"), ("authorization", "Basic secret-a")],
    ];
    for pairs in good {
        assert!(send(&headers(pairs), "/apps/a/events", BODY).is_ok(), "{pairs:?}");
    }
    let bad: [&[(&str, &str)]; 4] = [
        &[(own, "wrong"), ("authorization", "Bearer secret-a")],
        &[("authorization", "Bearer secret-b")],
        &[("authorization", "Bearer ")],
        &[(own, "")],
    ];
    for pairs in bad {
        let error = r#"{"error":"Socket publish secret is invalid."}"#;
        check_answer(send(&headers(pairs), "/apps/a/events", BODY), 403, error);
    }
}

#[test]
fn an_app_may_have_a_publish_secret_of_its_own() {
    let mut app = App::new("a", "key-a", "secret-a");
    app.publish_secret = Some("other".into());
    let apps = Apps::new(vec![app]).unwrap();
    let send = |secret: &str| {
        let headers = headers(&[("authorization", &format!("Bearer {secret}"))]);
        run_with(&apps, &headers, "POST", "/apps/a/events", "", BODY)
    };
    assert!(send("other").is_ok());
    check_refused(send("secret-a"), 403, "Socket publish secret is invalid.");
}

#[test]
fn the_app_is_judged_before_the_secret_and_the_secret_before_the_body() {
    let error = r#"{"error":"Socket app id not found."}"#;
    let wrong = headers(&[("authorization", "Bearer wrong")]);
    check_answer(send(&wrong, "/apps/nobody/events", "?"), 404, error);
    check_answer(
        send(&wrong, "/apps/a/events", "?"),
        403,
        r#"{"error":"Socket publish secret is invalid."}"#,
    );
    for body in ["{}", r#"{"event":"e"}"#, r#"{"channel":"a"}"#, r#"{"name":"","channels":[]}"#] {
        let error = r#"{"error":"event/name and channel/channels are required."}"#;
        check_answer(publish(body), 400, error);
    }
    check_refused(publish("?"), 400, "not the JSON");
}

#[test]
fn a_request_with_parts_of_a_signature_is_pushers() {
    for query in ["auth_key=key-a", "auth_signature=00"] {
        let result = run_with(&apps(), &headers(&GOOD), "POST", "/apps/a/events", query, BODY);
        check_refused(result, 401, "missing");
    }
    check_refused(send(&HeaderMap::new(), "/apps/nobody/events", BODY), 404, "no app has this id");
    check_refused(send(&HeaderMap::new(), "/apps/a/events", BODY), 401, "auth_key is missing");
    let basic = headers(&[("authorization", "Basic secret-a")]);
    check_refused(send(&basic, "/apps/a/events", BODY), 401, "auth_key is missing");
    // The secret opens this one path.
    for path in ["/apps/a/batch_events", "/apps/a/users/1/terminate_connections"] {
        check_refused(send(&headers(&GOOD), path, BODY), 401, "auth_key is missing");
    }
}

#[test]
fn a_scope_is_a_prefix_that_may_be_there_already() {
    let channel = |scope: &str, channel: &str| {
        let body = format!(r#"{{"event":"e","channel":"{channel}","channel_scope":"{scope}"}}"#);
        publish(&body)
    };
    for (scope, name, found) in [
        ("public", "a", "a"),
        ("private", "a", "private-a"),
        ("private", "private-a", "private-a"),
        ("private", "private-encrypted-a", "private-encrypted-a"),
        ("presence", "a", "presence-a"),
        ("persistent", "a", "persistent-a"),
        ("persistent", "persistent-a", "persistent-a"),
    ] {
        assert_eq!(&*publications(channel(scope, name))[0].channel, found);
    }
    for (scope, name) in
        [("public", "private-a"), ("private", "presence-a"), ("presence", "persistent-a")]
    {
        let error = format!(
            "{{\"error\":\"Broadcast channel scope {scope} conflicts with fully-qualified channel \
             {name}.\"}}"
        );
        check_answer(channel(scope, name), 400, &error);
    }
    check_refused(channel("secret", "a"), 400, "public, private, presence or persistent");
}

#[test]
fn the_limits_of_the_app_hold_here_too() {
    check_refused(publish(r#"{"event":"e","channel":"no spaces"}"#), 400, "channel name");
    let body = r#"{"event":"e","channel":"a","socket_id":"x"}"#;
    check_refused(publish(body), 400, "socket_id must be");
    let data = |bytes| format!(r#"{{"event":"e","channel":"a","data":"{}"}}"#, "x".repeat(bytes));
    assert!(publish(&data(10_240)).is_ok());
    check_refused(publish(&data(10_241)), 413, "data");
}

/// The publish as it waits for the policy.
fn review(body: &str) -> Review {
    let mut app = App::new("a", "key-a", "secret-a");
    app.publish_policy_url = Some("http://policy".to_owned());
    let apps = Apps::new(vec![app]).unwrap();
    reviewed(run_with(&apps, &headers(&GOOD), "POST", "/apps/a/events", "", body))
}

#[test]
fn a_policy_is_shown_what_the_publisher_wants() {
    let found = review(BODY);
    assert_eq!(found.url(), "http://policy");
    assert_eq!(
        found.questions(),
        [concat!(
            r#"{"appId":"a","channels":["room"],"event":"e","data":{"a":1},"#,
            r#""socketId":null,"user":null}"#
        )]
    );
}

#[test]
fn a_policy_may_let_an_event_through_as_it_is() {
    let publish = review(BODY).decide([Some((200, &br#"{"allowed":true}"#[..]))]).unwrap();
    assert_eq!(Publish { app: APP, ..publish }, published(self::publish(BODY)));
}

#[test]
fn a_policy_may_rewrite_an_event() {
    let answer = r#"{"allowed":true,"channels":["b","c"],"event":"f","data":"x","socketId":"1.2"}"#;
    let publish = review(BODY).decide([Some((200, answer.as_bytes()))]).unwrap();
    let channels: Vec<&str> = publish.publications.iter().map(|it| &*it.channel).collect();
    assert_eq!(channels, ["b", "c"]);
    let publication = &publish.publications[0];
    assert_eq!(publication.skip.map(|id| id.to_string()).as_deref(), Some("1.2"));
    assert!(payload(publication).contains(r#""data":"x""#), "{}", payload(publication));
    let channels = channels.into_iter().map(str::to_owned).collect();
    assert_eq!(publish.tell, Tell::Deliveries { channels, event: "f".to_owned() });
}

#[test]
fn what_a_policy_does_not_allow_is_refused_in_its_words() {
    let refused = |answer: &str| {
        review(BODY)
            .decide([Some((200, answer.as_bytes()))])
            .map(|it| Action::Events(Publishing::Now(it)))
    };
    check_answer(refused(r#"{"allowed":false}"#), 403, r#"{"message":"Forbidden"}"#);
    let own = r#"{"allowed":false,"statusCode":422,"message":"no \"x\""}"#;
    check_answer(refused(own), 422, r#"{"message":"no \"x\""}"#);
    check_answer(
        refused(r#"{"allowed":false,"statusCode":200}"#),
        403,
        r#"{"message":"Forbidden"}"#,
    );
    let emptied = r#"{"error":"publish policy must return a non-empty event and channels."}"#;
    check_answer(refused(r#"{"allowed":true,"channels":[]}"#), 400, emptied);
    check_answer(refused(r#"{"allowed":true,"event":""}"#), 400, emptied);
    check_refused(refused(r#"{"allowed":true,"channels":["no spaces"]}"#), 400, "channel name");
}

#[test]
fn without_a_policys_answer_nothing_is_published() {
    let answers: [Option<(u16, &[u8])>; 5] = [
        None,
        Some((500, br#"{"allowed":true}"#)),
        Some((200, b"")),
        Some((200, b"{}")),
        Some((200, br#"{"allowed":"yes"}"#)),
    ];
    for answer in answers {
        let error = "{\"error\":\"The publish policy gave no answer that can be used; \
                     nothing was published.\"}";
        check_answer(
            review(BODY).decide([answer]).map(|it| Action::Events(Publishing::Now(it))),
            503,
            error,
        );
    }
}

#[test]
fn signed_publishes_are_reviewed_too() {
    let mut app = App::new("a", "key-a", "secret-a");
    app.publish_policy_url = Some("http://policy".to_owned());
    let apps = Apps::new(vec![app]).unwrap();
    let run = |path: &str, parameters: &[(&str, &str)], body: &str| {
        let query =
            sign_request("POST", path, parameters, body.as_bytes(), CREDENTIALS, NOW_UNIX_S);
        run_with(&apps, &HeaderMap::new(), "POST", path, &query, body)
    };
    let body = r#"{"name":"e","channel":"room","data":"x","socket_id":"1.2"}"#;
    let channel = run("/apps/a/channels/room/events", &[("name", "e"), ("socket_id", "1.2")], "x");
    for (action, tell) in
        [(run("/apps/a/events", &[], body), Tell::Empty), (channel, Tell::Accepted)]
    {
        let review = reviewed(action);
        assert_eq!(
            review.questions(),
            [concat!(
                r#"{"appId":"a","channels":["room"],"event":"e","data":"x","#,
                r#""socketId":"1.2","user":null}"#
            )]
        );
        let answer = br#"{"allowed":true,"event":"f"}"#;
        assert_eq!(review.decide([Some((200, &answer[..]))]).unwrap().tell, tell);
    }
}

/// A batch of two events, for the channels a and b, as it waits for the policy.
fn review_batch() -> Review {
    let mut app = App::new("a", "key-a", "secret-a");
    app.publish_policy_url = Some("http://policy".to_owned());
    let apps = Apps::new(vec![app]).unwrap();
    let event = |channel: &str, more: &str| {
        format!(r#"{{"name":"e","channel":"{channel}","data":"x"{more}}}"#)
    };
    let info = r#","info":"subscription_count","socket_id":"1.2""#;
    let body = format!(r#"{{"batch":[{},{}]}}"#, event("a", ""), event("b", info));
    let path = "/apps/a/batch_events";
    let query = sign_request("POST", path, &[], body.as_bytes(), CREDENTIALS, NOW_UNIX_S);
    reviewed(run_with(&apps, &HeaderMap::new(), "POST", path, &query, &body))
}

/// What becomes of that batch.
fn decided(answers: [Option<&str>; 2]) -> Result<Publish, ApiError> {
    let answers = answers.map(|answer| answer.map(|body| (200, body.as_bytes())));
    review_batch().decide(answers)
}

const ALLOWED: Option<&str> = Some(r#"{"allowed":true}"#);

#[test]
fn a_policy_is_asked_about_each_event_of_a_batch() {
    let questions = review_batch().questions();
    let expected = [("a", "null"), ("b", r#""1.2""#)].map(|(channel, socket_id)| {
        format!(
            "{{\"appId\":\"a\",\"channels\":[\"{channel}\"],\"event\":\"e\",\"data\":\"x\",\
             \"socketId\":{socket_id},\"user\":null}}"
        )
    });
    assert_eq!(questions, expected);
}

#[test]
fn a_batch_is_published_as_the_policy_wants_it() {
    let unchanged = decided([ALLOWED, ALLOWED]).unwrap();
    assert_eq!(unchanged.publications.len(), 2);
    let info = |is_any| Info { subscription_count: is_any, ..Info::default() };
    assert_eq!(unchanged.tell, Tell::Batch(vec![(0, info(false)), (1, info(true))]));
    let rewritten =
        decided([Some(r#"{"allowed":true,"channels":["c","d"],"data":"y"}"#), ALLOWED]).unwrap();
    let channels: Vec<&str> = rewritten.publications.iter().map(|it| &*it.channel).collect();
    assert_eq!(channels, ["c", "d", "b"]);
    assert!(payload(&rewritten.publications[1]).contains(r#""data":"y""#));
    assert_eq!(rewritten.publications[2], unchanged.publications[1]);
    // Its own answer still has one object for each event.
    assert_eq!(rewritten.tell, Tell::Batch(vec![(0, info(false)), (2, info(true))]));
}

#[test]
fn one_event_that_is_not_allowed_keeps_a_batch_back() {
    let refused = |answers| decided(answers).map(|it| Action::Events(Publishing::Now(it)));
    let own = Some(r#"{"allowed":false,"statusCode":422,"message":"no"}"#);
    check_answer(refused([ALLOWED, own]), 422, r#"{"message":"no"}"#);
    check_answer(refused([own, None]), 422, r#"{"message":"no"}"#);
    let name = Some(r#"{"allowed":true,"channels":["no spaces"]}"#);
    check_refused(refused([ALLOWED, name]), 400, "channel name");
    assert_eq!(refused([ALLOWED, None]).unwrap_err().status(), 503);
    let short = review_batch().decide([Some((200, &br#"{"allowed":true}"#[..]))]);
    assert_eq!(short.unwrap_err().status(), 503, "an event that nobody was asked about");
}
