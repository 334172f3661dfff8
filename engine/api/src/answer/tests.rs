//! Every answer, byte for byte.

use uringcast_shard::Budget;

use super::super::admin::ready::Readiness;
use super::super::info::{ChannelInfo, Info, Occupancy};
use super::super::publish::Tell;
use super::*;

const ALL: Info = Info { subscription_count: true, user_count: true, cache: false };
const USERS: Info = Info { subscription_count: false, user_count: true, cache: false };

fn info(name: &str, subscription_count: u32, user_count: Option<u32>) -> ChannelInfo {
    ChannelInfo { name: name.to_owned(), subscription_count, user_count, cache: None }
}

fn check(answer: &HttpAnswer, status: u16, body: &str) {
    assert_eq!((answer.status, std::str::from_utf8(&answer.body).unwrap()), (status, body));
}

fn headers(answer: &HttpAnswer) -> Vec<String> {
    let line =
        |(name, value): &(HeaderName, HeaderValue)| format!("{name}: {}", value.to_str().unwrap());
    answer.headers.iter().map(line).collect()
}

fn spent(is_admitted: bool) -> Spent {
    Spent { is_admitted, limit: 10, remaining: 4, reset_s: 1, retry_after_s: 2 }
}

#[test]
fn what_has_nothing_to_tell_is_fixed() {
    check(&HttpAnswer::up(), 200, r#"{"health":"OK"}"#);
    check(&HttpAnswer::published(&Tell::Empty, &[]), 200, "{}");
    check(&HttpAnswer::published(&Tell::Accepted, &[]), 202, "{}");
    check(&HttpAnswer::terminated(), 200, "{}");
    check(&HttpAnswer::connections(7), 200, r#"{"connections":7}"#);
}

#[test]
fn readiness_names_its_cause() {
    check(&HttpAnswer::ready(Readiness::Ready), 200, r#"{"ready":true}"#);
    check(&HttpAnswer::ready(Readiness::Draining), 503, r#"{"ready":false,"cause":"draining"}"#);
    check(&HttpAnswer::ready(Readiness::Memory), 503, r#"{"ready":false,"cause":"memory"}"#);
    check(&HttpAnswer::ready(Readiness::Disk), 503, r#"{"ready":false,"cause":"disk"}"#);
    check(
        &HttpAnswer::ready(Readiness::Backlogged),
        503,
        r#"{"ready":false,"cause":"backlogged"}"#,
    );
}

#[test]
fn a_publish_tells_of_each_channel_what_was_asked() {
    let names = ["presence-a", "b", "presence-a"].map(str::to_owned).to_vec();
    let occupancy = |subscription_count, user_count| Occupancy { subscription_count, user_count };
    let counted = [(1, occupancy(3, None)), (2, occupancy(9, Some(9))), (0, occupancy(2, Some(1)))];
    check(
        &HttpAnswer::published(&Tell::Channels(names.clone(), ALL), &counted),
        200,
        concat!(
            r#"{"channels":{"presence-a":{"subscription_count":2,"user_count":1},"#,
            r#""b":{"subscription_count":3}}}"#
        ),
    );
    check(
        &HttpAnswer::published(&Tell::Channels(names, USERS), &counted),
        200,
        r#"{"channels":{"presence-a":{"user_count":1},"b":{}}}"#,
    );
}

#[test]
fn a_batch_tells_of_each_event_in_its_order() {
    let counted = [(2, Occupancy { subscription_count: 5, user_count: Some(4) })];
    let infos = vec![Info::default(), USERS, ALL];
    check(
        &HttpAnswer::published(&Tell::Batch((0..).zip(infos).collect()), &counted),
        200,
        r#"{"batch":[{},{},{"subscription_count":5,"user_count":4}]}"#,
    );
}

#[test]
fn channels_are_sorted_and_tell_only_what_was_asked() {
    let channels = || vec![info("presence-b", 3, Some(2)), info("a", 1, None)];
    check(
        &HttpAnswer::channels(channels(), Info::default()),
        200,
        r#"{"channels":{"a":{},"presence-b":{}}}"#,
    );
    check(
        &HttpAnswer::channels(channels(), USERS),
        200,
        r#"{"channels":{"a":{},"presence-b":{"user_count":2}}}"#,
    );
    check(
        &HttpAnswer::channels(channels(), ALL),
        200,
        concat!(
            r#"{"channels":{"a":{"subscription_count":1},"#,
            r#""presence-b":{"subscription_count":3,"user_count":2}}}"#
        ),
    );
    check(&HttpAnswer::channels(Vec::new(), ALL), 200, r#"{"channels":{}}"#);
}

#[test]
fn a_channel_is_occupied_by_its_subscriptions() {
    check(&HttpAnswer::channel(&info("a", 1, None), Info::default()), 200, r#"{"occupied":true}"#);
    check(
        &HttpAnswer::channel(&info("presence-a", 0, Some(0)), ALL),
        200,
        r#"{"occupied":false,"subscription_count":0,"user_count":0}"#,
    );
    check(
        &HttpAnswer::channel(&info("a", 2, None), ALL),
        200,
        r#"{"occupied":true,"subscription_count":2}"#,
    );
}

#[test]
fn a_cache_channel_tells_what_it_holds_and_for_how_long() {
    let cache = Info { cache: true, ..Info::default() };
    let empty = info("cache-a", 1, None);
    check(&HttpAnswer::channel(&empty, cache), 200, r#"{"occupied":true,"cache":null}"#);
    let full = ChannelInfo { cache: Some((r#""{\"x\":1}""#.to_owned(), 60)), ..empty };
    check(
        &HttpAnswer::channel(&full, cache),
        200,
        r#"{"occupied":true,"cache":{"data":"{\"x\":1}","ttl":60}}"#,
    );
    check(&HttpAnswer::channel(&full, Info::default()), 200, r#"{"occupied":true}"#);
}

#[test]
fn users_are_listed_as_objects() {
    let ids = ["1", "2"].map(Box::from);
    check(&HttpAnswer::users(&ids), 200, r#"{"users":[{"id":"1"},{"id":"2"}]}"#);
    check(&HttpAnswer::users(&[]), 200, r#"{"users":[]}"#);
}

#[test]
fn a_refusal_carries_its_status_twice_and_the_method_it_wants() {
    let not_presence = HttpAnswer::refused(&ApiError::NotPresence);
    check(&not_presence, 400, r#"{"error":"only presence channels have users","code":400}"#);
    assert!(not_presence.headers.is_empty());
    let method = HttpAnswer::refused(&ApiError::Method { allow: "POST" });
    check(&method, 405, r#"{"error":"this path takes POST only","code":405}"#);
    assert_eq!(headers(&method), ["allow: POST"]);
}

#[test]
fn the_websockets_path_answers_in_its_own_words() {
    let upgrade = HttpAnswer::refused(&ApiError::UpgradeRequired { path: "/app/k".to_owned() });
    check(
        &upgrade,
        426,
        concat!(
            r#"{"error":"Upgrade Required","#,
            r#""message":"Open this endpoint with a WebSocket upgrade request.","#,
            r#""path":"/app/k"}"#
        ),
    );
    assert_eq!(headers(&upgrade), ["upgrade: websocket", "connection: upgrade"]);
    let unknown = HttpAnswer::refused(&ApiError::SocketKeyUnknown);
    check(&unknown, 404, r#"{"error":"Socket app key not found."}"#);
}

#[test]
fn a_budget_is_told_with_success_and_with_refusal() {
    let left = ["x-ratelimit-limit: 10", "x-ratelimit-remaining: 4", "x-ratelimit-reset: 1"];
    assert_eq!(headers(&HttpAnswer::up().with_budget(Some(&spent(true)))), left);
    assert!(HttpAnswer::up().with_budget(None).headers.is_empty());
    let refused = HttpAnswer::refused(&ApiError::RateLimited(Budget::Read, spent(false)));
    check(&refused, 429, r#"{"error":"more than 10 a second, try again in 2 s","code":429}"#);
    assert_eq!(headers(&refused)[0], "retry-after: 2");
    assert_eq!(headers(&refused)[1..], left);
}

#[test]
fn a_replay_is_the_first_answer_and_says_so() {
    let first = HttpAnswer::published(&Tell::Accepted, &[]);
    let replayed = HttpAnswer::replayed(first.kept());
    check(&replayed, 202, "{}");
    assert_eq!(headers(&replayed), ["idempotency-replayed: true"]);
    assert!(first.headers.is_empty());
}
