//! Requests in, actions or refusals out; every limit at its value and one past it.

use uringcast_proto::pusher::signature::{Credentials, sign_request};

use super::*;
use crate::app::{App, Apps};
use crate::id::{AppIndex, CoreId, SocketId};

const CREDENTIALS: Credentials<'_> = Credentials { key: "key-a", secret: "secret-a" };
const APP: AppIndex = AppIndex(1);
const NOW_UNIX_S: u64 = 1_700_000_000;

fn apps() -> Apps {
    let apps = [App::new("b", "key-b", "secret-b"), App::new("a", "key-a", "secret-a")];
    Apps::new(apps.into()).unwrap()
}

/// Sign and run one request as of [`NOW_UNIX_S`].
fn run(
    method: &str,
    path: &str,
    parameters: &[(&str, &str)],
    body: &str,
) -> Result<Action, RestError> {
    let query = sign_request(method, path, parameters, body.as_bytes(), CREDENTIALS, NOW_UNIX_S);
    run_signed(method, path, &query, body)
}

fn run_signed(method: &str, path: &str, query: &str, body: &str) -> Result<Action, RestError> {
    let config = RestConfig::default();
    let content_length = Some(body.len() as u64);
    let head = Head { method, path, query, content_length };
    route(&apps(), &config, &head, NOW_UNIX_S)?.finish(&config, body.as_bytes())
}

fn publish(body: &str) -> Result<Action, RestError> {
    run("POST", "/apps/a/events", &[], body)
}

fn publish_batch(events: &[String]) -> Result<Action, RestError> {
    let body = format!(r#"{{"batch":[{}]}}"#, events.join(","));
    run("POST", "/apps/a/batch_events", &[], &body)
}

fn get(path: &str, parameters: &[(&str, &str)]) -> Result<Action, RestError> {
    run("GET", path, parameters, "")
}

fn check_refused(result: Result<Action, RestError>, status: u16, words: &str) {
    let error = result.unwrap_err();
    assert_eq!((error.status(), error.to_string().contains(words)), (status, true), "{error}");
}

fn publications(result: Result<Action, RestError>) -> Vec<Publication> {
    match result.unwrap() {
        Action::Publish(publications) => publications,
        Action::Up
        | Action::Channels { .. }
        | Action::Channel { .. }
        | Action::Users { .. }
        | Action::Terminate { .. } => panic!("not a publish"),
    }
}

/// The payload of a short frame.
fn payload(publication: &Publication) -> &str {
    std::str::from_utf8(&publication.frame[2..]).unwrap()
}

fn event_json(name: &str, channel: &str, data: &str) -> String {
    format!(r#"{{"name":"{name}","channel":"{channel}","data":"{data}"}}"#)
}

#[test]
fn up_needs_no_signature() {
    assert_eq!(run_signed("GET", "/up", "", "").unwrap(), Action::Up);
    assert_eq!(run_signed("GET", "/up", "x=%ff", "").unwrap(), Action::Up);
}

#[test]
fn a_publish_becomes_one_frame_per_channel() {
    let body = r#"{"name":"e","channels":["x","private-y"],"data":"{\"n\": 1\/2}"}"#;
    let publications = publications(publish(body));
    let channels: Vec<_> = publications.iter().map(|it| (it.app, &*it.channel, it.skip)).collect();
    assert_eq!(channels, [(APP, "x", None), (APP, "private-y", None)]);
    assert_eq!(
        payload(&publications[1]),
        r#"{"event":"e","channel":"private-y","data":"{\"n\": 1\/2}"}"#
    );
}

#[test]
fn a_publish_may_leave_out_one_connection() {
    let socket_id = SocketId::new(CoreId(3), 4, 5);
    let body = format!(r#"{{"name":"e","channel":"x","data":"","socket_id":"{socket_id}"}}"#);
    assert_eq!(publications(publish(&body))[0].skip, Some(socket_id));
    let body = r#"{"name":"e","channel":"x","data":"","socket_id":"nobody"}"#;
    check_refused(publish(body), 400, "socket_id");
}

#[test]
fn a_batch_keeps_its_order() {
    let events = [event_json("e", "x", "1"), event_json("f", "y", "2"), event_json("g", "x", "3")];
    let publications = publications(publish_batch(&events));
    let payloads: Vec<_> = publications.iter().map(payload).collect();
    assert_eq!(
        payloads,
        [
            r#"{"event":"e","channel":"x","data":"1"}"#,
            r#"{"event":"f","channel":"y","data":"2"}"#,
            r#"{"event":"g","channel":"x","data":"3"}"#,
        ]
    );
}

#[test]
fn one_bad_event_refuses_the_whole_batch() {
    let good = event_json("e", "x", "1");
    let with = |bad: String| publish_batch(&[good.clone(), bad]);
    check_refused(with(event_json("e", "no spaces", "1")), 400, "channel name");
    check_refused(with(event_json("", "x", "1")), 400, "event name");
    check_refused(with(event_json("e", "x", &"d".repeat(10_241))), 413, "10241");
    check_refused(with(r#"{"name":"e","channel":"x","data":{}}"#.to_owned()), 400, "data must");
    let socket = r#"{"name":"e","channel":"x","data":"","socket_id":"1"}"#;
    check_refused(with(socket.to_owned()), 400, "socket_id");
}

#[test]
fn a_batch_has_at_most_10_events() {
    let events = |count| vec![event_json("e", "x", "1"); count];
    assert_eq!(publications(publish_batch(&events(10))).len(), 10);
    assert!(publications(publish_batch(&[])).is_empty());
    check_refused(publish_batch(&events(11)), 400, "11 events, at most 10");
}

#[test]
fn a_publish_names_at_most_100_channels() {
    let body = |count| {
        let channels = vec!["\"x\""; count].join(",");
        format!(r#"{{"name":"e","channels":[{channels}],"data":""}}"#)
    };
    assert_eq!(publications(publish(&body(100))).len(), 100);
    check_refused(publish(&body(101)), 400, "101 channels, at most 100");
    check_refused(publish(&body(0)), 400, "at least one channel");
}

#[test]
fn data_has_at_most_10_kib_once_decoded() {
    let body = |data: String| event_json("e", "x", &data);
    assert!(publish(&body("d".repeat(10_240))).is_ok());
    assert!(publish(&body("\\u0041".repeat(10_240))).is_ok());
    check_refused(publish(&body("d".repeat(10_241))), 413, "10241 bytes, at most 10240");
    check_refused(publish(&body("\\n".repeat(10_241))), 413, "10241 bytes, at most 10240");
}

#[test]
fn an_event_name_has_1_to_200_bytes() {
    let body = |name: String| event_json(&name, "x", "");
    assert!(publish(&body("n".repeat(200))).is_ok());
    assert!(publish(&body("\\u006e".repeat(200))).is_ok());
    check_refused(publish(&body("n".repeat(201))), 400, "201 bytes, at most 200");
    check_refused(publish(&body(String::new())), 400, "empty");
}

#[test]
fn a_channel_name_must_be_valid_and_may_begin_with_a_hash() {
    let body = |channel: &str| event_json("e", channel, "");
    assert!(publish(&body("#server-to-user-1")).is_ok());
    assert!(publish(&body(&"c".repeat(200))).is_ok());
    check_refused(publish(&body(&"c".repeat(201))), 400, "201 bytes, at most 200");
    check_refused(publish(&body("a/b")), 400, "'/'");
}

#[test]
fn a_body_may_have_its_limit_and_not_one_byte_more() {
    let bytes_max = RestConfig::default().body_bytes_max;
    let event = event_json("e", "x", "");
    let padded = |bytes: usize| format!("{event}{}", " ".repeat(bytes - event.len()));
    assert!(publish(&padded(bytes_max)).is_ok());
    check_refused(publish(&padded(bytes_max + 1)), 413, "more than 524288 bytes");
}

#[test]
fn an_announced_giant_is_refused_before_its_body() {
    let config = RestConfig::default();
    let query = sign_request("POST", "/apps/a/events", &[], b"x", CREDENTIALS, NOW_UNIX_S);
    let head = |content_length| Head {
        method: "POST",
        path: "/apps/a/events",
        query: &query,
        content_length,
    };
    let limit = config.body_bytes_max as u64;
    let check = |length| route(&apps(), &config, &head(length), NOW_UNIX_S).map(|_| Action::Up);
    assert!(check(Some(limit)).is_ok());
    assert!(check(None).is_ok());
    check_refused(check(Some(limit + 1)), 413, "the body");
}

/// Without a length the body is counted as it arrives, and once more at the end.
#[test]
fn an_unannounced_giant_is_refused_with_its_body() {
    let config = RestConfig::default();
    let body = vec![b' '; config.body_bytes_max + 1];
    let query = sign_request("POST", "/apps/a/events", &[], &body, CREDENTIALS, NOW_UNIX_S);
    let head = Head { method: "POST", path: "/apps/a/events", query: &query, content_length: None };
    let route = route(&apps(), &config, &head, NOW_UNIX_S).unwrap();
    check_refused(route.finish(&config, &body), 413, "the body");
}

#[test]
fn the_key_of_another_app_is_forbidden() {
    let other = Credentials { key: "key-b", secret: "secret-b" };
    let query = sign_request("GET", "/apps/a/channels", &[], b"", other, NOW_UNIX_S);
    check_refused(run_signed("GET", "/apps/a/channels", &query, ""), 403, "another app");
}

#[test]
fn a_stranger_is_refused_before_the_body() {
    let config = RestConfig::default();
    let path = "/apps/a/events";
    let check = |query: &str, words: &str| {
        let head = Head { method: "POST", path, query, content_length: Some(1) };
        check_refused(route(&apps(), &config, &head, NOW_UNIX_S).map(|_| Action::Up), 401, words);
    };
    let sign = |credentials, now| sign_request("POST", path, &[], b"x", credentials, now);
    check("", "auth_key is missing");
    check("auth_key=key-a", "auth_timestamp is missing");
    check(&sign(Credentials { key: "key-c", secret: "secret-c" }, NOW_UNIX_S), "auth_key");
    check(&sign(Credentials { key: "key-a", secret: "wrong" }, NOW_UNIX_S), "auth_signature");
    check(&sign(CREDENTIALS, NOW_UNIX_S - 601), "601 seconds");
    check(&sign(CREDENTIALS, NOW_UNIX_S + 601), "601 seconds");
    check("a=1&a=2", "ambiguous");
}

#[test]
fn another_body_than_the_signed_one_is_refused() {
    let path = "/apps/a/events";
    let query = sign_request("POST", path, &[], b"{}", CREDENTIALS, NOW_UNIX_S);
    check_refused(run_signed("POST", path, &query, "{ }"), 401, "body_md5");
    let query = sign_request("POST", path, &[], b"", CREDENTIALS, NOW_UNIX_S);
    check_refused(run_signed("POST", path, &query, "{}"), 401, "body_md5");
}

#[test]
fn a_get_may_sign_its_empty_body() {
    let md5 = ("body_md5", "d41d8cd98f00b204e9800998ecf8427e");
    assert!(get("/apps/a/channels", &[]).is_ok());
    assert!(get("/apps/a/channels", &[md5]).is_ok());
}

#[test]
fn a_body_that_is_not_the_expected_json_is_refused() {
    check_refused(publish("{"), 400, "not the JSON");
    check_refused(publish("[]"), 400, "not a JSON object");
    check_refused(publish(""), 400, "not the JSON");
    check_refused(publish(r#"{"channel":"x","data":""}"#), 400, "name must");
}

#[test]
fn reading_takes_a_prefix_and_attributes() {
    let info = Info { subscription_count: true, user_count: true };
    let prefix = Some("presence-".to_owned());
    let both = ("info", "user_count,subscription_count");
    assert_eq!(
        get("/apps/a/channels", &[("filter_by_prefix", "presence-"), both]).unwrap(),
        Action::Channels { app: APP, prefix, info }
    );
    assert_eq!(
        get("/apps/a/channels/x", &[both]).unwrap(),
        Action::Channel { app: APP, channel: "x".to_owned(), info }
    );
    assert_eq!(
        get("/apps/a/channels", &[("info", "user_counts")]).unwrap(),
        Action::Channels { app: APP, prefix: None, info: Info::default() }
    );
}

#[test]
fn a_channel_in_the_path_is_decoded_and_checked() {
    let channel = "presence-@,;=".to_owned();
    assert_eq!(
        get("/apps/a/channels/presence-%40%2C;=", &[]).unwrap(),
        Action::Channel { app: APP, channel: channel.clone(), info: Info::default() }
    );
    assert_eq!(
        get("/apps/a/channels/presence-%40%2C;=/users", &[]).unwrap(),
        Action::Users { app: APP, channel }
    );
    check_refused(get("/apps/a/channels/a%2Fb", &[]), 400, "'/'");
    check_refused(get("/apps/a/channels/a+b", &[]), 400, "'+'");
    check_refused(get("/apps/a/channels/%ff", &[]), 400, "UTF-8");
    check_refused(get("/apps/a/channels/", &[]), 400, "empty");
}

#[test]
fn only_presence_channels_have_users() {
    check_refused(get("/apps/a/channels/x/users", &[]), 400, "presence");
    check_refused(get("/apps/a/channels/private-x/users", &[]), 400, "presence");
}

#[test]
fn an_unknown_path_or_app_is_not_found() {
    for path in ["/", "", "/apps", "/apps/a", "/apps/a/", "/apps/a/event", "/apps/a/events/", "/x"]
    {
        check_refused(get(path, &[]), 404, "path");
    }
    check_refused(get("/apps/a/channels/x/members", &[]), 404, "path");
    check_refused(run("POST", "/apps/c/events", &[], "{}"), 404, "app");
}

#[test]
fn a_known_path_with_another_method_names_the_right_one() {
    for (method, path, allow) in [
        ("POST", "/up", "GET"),
        ("GET", "/apps/a/events", "POST"),
        ("PUT", "/apps/a/batch_events", "POST"),
        ("POST", "/apps/a/channels", "GET"),
        ("DELETE", "/apps/a/channels/x", "GET"),
        ("post", "/apps/a/events", "POST"),
    ] {
        let error = run(method, path, &[], "").unwrap_err();
        assert_eq!((error.status(), error.allow()), (405, Some(allow)), "{method} {path}");
    }
}

#[test]
fn a_users_connections_are_ended_by_a_post() {
    let post =
        |user: &str| run("POST", &format!("/apps/a/users/{user}/terminate_connections"), &[], "{}");
    for (segment, user) in [("12345", "12345"), ("auth0%7C%C3%A9%2F1", "auth0|\u{e9}/1")] {
        let expected = Action::Terminate { app: APP, user_id: user.to_owned() };
        assert_eq!(post(segment).unwrap(), expected);
    }
    assert!(post(&"a".repeat(128)).is_ok());
    check_refused(post(&"a".repeat(129)), 400, "1 to 128");
    check_refused(post(""), 400, "0 bytes");
    check_refused(get("/apps/a/users/1/terminate_connections", &[]), 405, "POST");
    check_refused(get("/apps/a/users/1", &[]), 404, "path");
}
