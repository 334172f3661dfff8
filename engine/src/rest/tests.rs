//! Requests in, actions or refusals out; every limit at its value and one past it.

use http::{HeaderMap, HeaderValue};
use uringcast_proto::pusher::signature::{Credentials, sign_request};

use super::*;
use crate::app::{App, AppPolicy, Apps};
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
    run_with(&apps(), &HeaderMap::new(), method, path, query, body)
}

fn run_with(
    apps: &Apps,
    headers: &HeaderMap,
    method: &str,
    path: &str,
    query: &str,
    body: &str,
) -> Result<Action, RestError> {
    let config = RestConfig::default();
    let content_length = Some(body.len() as u64);
    let head = Head { method, path, query, content_length, headers };
    route(apps, &config, &head, NOW_UNIX_S)?.finish(&config, body.as_bytes())
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

fn published(result: Result<Action, RestError>) -> Publish {
    match result.unwrap() {
        Action::Publish(publish) => publish,
        other => panic!("no publish: {other:?}"),
    }
}

fn publications(result: Result<Action, RestError>) -> Vec<Publication> {
    published(result).publications
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
    assert_eq!(run_signed("GET", "/ready", "", "").unwrap(), Action::Ready);
}

#[test]
fn a_publish_becomes_one_frame_per_channel() {
    let body = r#"{"name":"e","channels":["x","private-y"],"data":"{\"n\": 1\/2}"}"#;
    let Publish { app, publications, reply, once } = published(publish(body));
    assert_eq!((app, reply, once), (APP, Reply::Empty, None));
    let channels: Vec<_> = publications.iter().map(|it| (&*it.channel, it.skip)).collect();
    assert_eq!(channels, [("x", None), ("private-y", None)]);
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
    let headers = HeaderMap::new();
    let head = |content_length| Head {
        method: "POST",
        path: "/apps/a/events",
        query: &query,
        content_length,
        headers: &headers,
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
    let headers = HeaderMap::new();
    let (method, path, content_length) = ("POST", "/apps/a/events", None);
    let head = Head { method, path, query: &query, content_length, headers: &headers };
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
        let headers = HeaderMap::new();
        let (method, content_length) = ("POST", Some(1));
        let head = Head { method, path, query, content_length, headers: &headers };
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
    let info = Info { subscription_count: true, user_count: true, cache: false };
    let prefix = Some("presence-".to_owned());
    let both = ("info", "user_count,subscription_count");
    assert_eq!(
        get("/apps/a/channels", &[("filter_by_prefix", "presence-"), both]).unwrap(),
        Action::Channels { app: APP, prefix, info }
    );
    assert_eq!(
        get("/apps/a/channels/presence-x", &[both]).unwrap(),
        Action::Channel { app: APP, channel: "presence-x".to_owned(), info }
    );
    assert_eq!(get("/apps/a/connections", &[]).unwrap(), Action::Connections { app: APP });
}

#[test]
fn attributes_that_a_channel_cannot_have_are_refused() {
    check_refused(get("/apps/a/channels", &[("info", "user_counts")]), 400, "no such attribute");
    check_refused(get("/apps/a/channels", &[("info", "user_count")]), 400, "presence");
    check_refused(get("/apps/a/channels/x", &[("info", "user_count")]), 400, "presence");
    check_refused(get("/apps/a/channels/x", &[("info", "cache")]), 400, "cache channel");
}

#[test]
fn a_publish_may_ask_who_is_there() {
    let body = r#"{"name":"e","channels":["x","presence-y"],"data":"","info":"user_count"}"#;
    let Publish { publications, reply, .. } = published(publish(body));
    assert!(publications.iter().all(|it| it.is_counted));
    let info = Info { user_count: true, ..Info::default() };
    assert_eq!(reply, Reply::Channels(vec!["x".to_owned(), "presence-y".to_owned()], info));
    let refused =
        |info: &str| publish(&format!(r#"{{"name":"e","channel":"x","data":"","info":{info}}}"#));
    check_refused(refused(r#""users""#), 400, "no such attribute");
    check_refused(refused(r#""cache""#), 400, "cache channel");
    check_refused(refused("1"), 400, "not the JSON");
}

#[test]
fn each_event_of_a_batch_asks_for_itself() {
    let asking = r#"{"name":"e","channel":"x","data":"","info":"subscription_count"}"#.to_owned();
    let events = [event_json("e", "x", "1"), asking];
    let Publish { publications, reply, .. } = published(publish_batch(&events));
    assert_eq!([publications[0].is_counted, publications[1].is_counted], [false, true]);
    let info = Info { subscription_count: true, ..Info::default() };
    assert_eq!(reply, Reply::Batch(vec![Info::default(), info]));
    let unknown = r#"{"name":"e","channel":"x","data":"","info":"x"}"#.to_owned();
    check_refused(publish_batch(&[event_json("e", "x", "1"), unknown]), 400, "no such attribute");
}

#[test]
fn the_deprecated_way_to_publish_takes_the_body_as_data() {
    let run =
        |parameters: &[_], body: &str| run("POST", "/apps/a/channels/x/events", parameters, body);
    let socket_id = ("socket_id", "16777216.5");
    let Publish { publications, reply, .. } =
        published(run(&[("name", "e\""), socket_id], r#"{"n": 1}"#));
    assert_eq!(reply, Reply::Accepted);
    assert_eq!(publications[0].skip, Some(SocketId::new(CoreId(1), 0, 5)));
    assert_eq!(payload(&publications[0]), r#"{"event":"e\"","channel":"x","data":"{\"n\": 1}"}"#);
    check_refused(run(&[], "x"), 400, "event name");
    check_refused(run(&[("name", "e"), ("socket_id", "1")], "x"), 400, "socket_id");
    assert!(run(&[("name", "e")], &"d".repeat(10_240)).is_ok());
    check_refused(run(&[("name", "e")], &"d".repeat(10_241)), 413, "10241");
}

#[test]
fn a_user_is_terminated_by_a_name_of_1_to_128_bytes() {
    let run = |user: &str, body: &str| {
        run("POST", &format!("/apps/a/users/{user}/terminate_connections"), &[], body)
    };
    let user_id = "a/b c".to_owned();
    assert_eq!(run("a%2Fb%20c", "{}").unwrap(), Action::Terminate { app: APP, user_id });
    assert!(run(&"u".repeat(128), "").is_ok());
    check_refused(run(&"u".repeat(129), ""), 400, "129 bytes");
    check_refused(run("", ""), 400, "0 bytes");
}

/// The once of a publish with `header` and `id`.
fn once(header: Option<&str>, id: Option<&str>) -> Result<Option<Once>, RestError> {
    let id = id.map(|id| format!(r#","id":"{id}""#)).unwrap_or_default();
    once_of(&format!(r#"{{"name":"e","channel":"x","data":""{id}}}"#), header)
}

fn once_of(body: &str, header: Option<&str>) -> Result<Option<Once>, RestError> {
    let path = "/apps/a/events";
    let query = sign_request("POST", path, &[], body.as_bytes(), CREDENTIALS, NOW_UNIX_S);
    let mut headers = HeaderMap::new();
    if let Some(header) = header {
        headers.insert("idempotency-key", HeaderValue::from_bytes(header.as_bytes()).unwrap());
    }
    let action = run_with(&apps(), &headers, "POST", path, &query, body)?;
    Ok(published(Ok(action)).once)
}

#[test]
fn a_publish_may_have_a_key_in_its_head_or_in_its_body() {
    let text = |once: Option<Once>| once.map(|once| once.key.text.to_string());
    assert_eq!(text(once(Some("k"), None).unwrap()).as_deref(), Some("k"));
    assert_eq!(text(once(None, Some("k")).unwrap()).as_deref(), Some("k"));
    assert_eq!(text(once(Some("k"), Some("k")).unwrap()).as_deref(), Some("k"));
    assert_eq!(once(None, None).unwrap(), None);
    assert!(once(None, Some(&"k".repeat(128))).is_ok());
    let refused = |header, id, words| {
        check_refused(once(header, id).map(|_| Action::Up), 400, words);
    };
    let long = "k".repeat(129);
    refused(None, Some(&long), "129 bytes");
    refused(Some(""), None, "0 bytes");
    refused(Some("k"), Some("l"), "differ");
    refused(Some("k\u{e9}"), None, "visible ASCII");
}

#[test]
fn a_key_is_tied_to_what_is_published() {
    let fingerprint = |body: &str| once_of(body, Some("k")).unwrap().unwrap().fingerprint;
    let body = event_json("e", "x", "1");
    assert_eq!(fingerprint(&body), fingerprint(&body));
    assert_ne!(fingerprint(&body), fingerprint(&event_json("e", "x", "2")));
}

#[test]
fn keys_mean_nothing_to_an_app_without_a_window() {
    let policy = AppPolicy { idempotency_window_s: 0, ..AppPolicy::default() };
    let apps = Apps::new(vec![App { policy, ..App::new("a", "key-a", "secret-a") }]).unwrap();
    let (path, body) = ("/apps/a/events", r#"{"name":"e","channel":"x","data":"","id":"k"}"#);
    let query = sign_request("POST", path, &[], body.as_bytes(), CREDENTIALS, NOW_UNIX_S);
    let action = run_with(&apps, &HeaderMap::new(), "POST", path, &query, body);
    assert_eq!(published(action).once, None);
}

#[test]
fn an_app_that_is_switched_off_is_refused_once_its_server_is_known() {
    let policy = AppPolicy { enabled: false, ..AppPolicy::default() };
    let apps = Apps::new(vec![App { policy, ..App::new("a", "key-a", "secret-a") }]).unwrap();
    let path = "/apps/a/channels";
    let query = sign_request("GET", path, &[], b"", CREDENTIALS, NOW_UNIX_S);
    let run = |query: &str| run_with(&apps, &HeaderMap::new(), "GET", path, query, "");
    check_refused(run(&query), 403, "disabled");
    check_refused(run(""), 401, "auth_key");
}

#[test]
fn the_first_thing_wrong_is_the_one_told() {
    let config = RestConfig::default();
    let giant = config.body_bytes_max as u64 + 1;
    let check = |method, path, query: &str, status| {
        let headers = HeaderMap::new();
        let content_length = Some(giant);
        let head = Head { method, path, query, content_length, headers: &headers };
        check_refused(route(&apps(), &config, &head, NOW_UNIX_S).map(|_| Action::Up), status, "");
    };
    let sign = |path, credentials| sign_request("POST", path, &[], b"", credentials, NOW_UNIX_S);
    check("PUT", "/apps/c/no", "", 404);
    check("PUT", "/apps/c/events", "", 405);
    check("POST", "/apps/c/events", "", 404);
    check("POST", "/apps/a/events", "", 401);
    let other = Credentials { key: "key-b", secret: "secret-b" };
    check("POST", "/apps/a/events", &sign("/apps/a/events", other), 403);
    check("POST", "/apps/a/events", &sign("/apps/a/events", CREDENTIALS), 413);
    let path = "/apps/a/channels/no spaces/events";
    check("POST", path, &sign(path, CREDENTIALS), 413);
    check_refused(run("POST", path, &[("name", "")], "{"), 400, "channel name");
}

#[test]
fn the_websockets_path_is_no_part_of_the_api() {
    let upgrade = run_signed("GET", "/app/key-a", "protocol=7", "").unwrap_err();
    assert_eq!(upgrade.status(), 426);
    assert!(matches!(upgrade, RestError::UpgradeRequired { path } if path == "/app/key-a"));
    check_refused(run_signed("GET", "/app/app/key-b", "", ""), 426, "/app/app/key-b");
    check_refused(run_signed("GET", "/app/key-c", "", ""), 404, "key");
}

#[test]
fn what_may_be_read_may_be_asked_for_its_head() {
    assert_eq!(run_signed("HEAD", "/up", "", "").unwrap(), Action::Up);
    let connections = run("HEAD", "/apps/a/connections", &[], "");
    assert_eq!(connections.unwrap(), Action::Connections { app: APP });
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
        ("POST", "/up", "GET, HEAD"),
        ("POST", "/ready", "GET, HEAD"),
        ("GET", "/apps/a/events", "POST"),
        ("HEAD", "/apps/a/events", "POST"),
        ("PUT", "/apps/a/batch_events", "POST"),
        ("POST", "/apps/a/channels", "GET, HEAD"),
        ("DELETE", "/apps/a/channels/x", "GET, HEAD"),
        ("OPTIONS", "/apps/a/channels/x", "GET, HEAD"),
        ("GET", "/apps/a/channels/x/events", "POST"),
        ("GET", "/apps/a/users/u/terminate_connections", "POST"),
        ("POST", "/apps/a/connections", "GET, HEAD"),
        ("post", "/apps/a/events", "POST"),
    ] {
        let error = run(method, path, &[], "").unwrap_err();
        assert_eq!(error.status(), 405, "{method} {path}");
        assert!(matches!(error, RestError::Method { allow: it } if it == allow), "{error}");
    }
}
