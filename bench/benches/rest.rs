//! The Pusher dialect: what one message of a client and one request of a publisher cost to read.

#![allow(clippy::unwrap_used, reason = "a benchmark's inputs are its own")]

use std::hint::black_box;

use criterion::{Criterion, criterion_group, criterion_main};
use uringcast_proto::pusher::auth;
use uringcast_proto::pusher::client::ClientMessage;
use uringcast_proto::pusher::presence::{Member, MemberLimits};
use uringcast_proto::pusher::rest::PublishBody;
use uringcast_proto::pusher::server;
use uringcast_proto::pusher::signature::{Credentials, Query, check_body, sign_request, verify};
use uringcast_proto::secret::Secret;

/// Events of one batch: as many as hosted Pusher takes.
const BATCH_EVENTS: usize = 10;
/// Bytes of one event's `data`, decoded.
const DATA_BYTES: usize = 300;
const CREDENTIALS: Credentials<'_> =
    Credentials { key: "278d425bdf160c739803", secret: "7ad3773142a6692b25b8" };
const NOW_UNIX_S: u64 = 1_353_088_179;
const PATH: &str = "/apps/3/batch_events";

fn requests(c: &mut Criterion) {
    let body = batch_body();
    let query = sign_request("POST", PATH, &[], &body, CREDENTIALS, NOW_UNIX_S);
    let secret = Secret::from(CREDENTIALS.secret);
    let check_head = |query: &str| {
        let query = Query::parse(query).unwrap();
        verify("POST", PATH, &query, CREDENTIALS.key, &secret, NOW_UNIX_S, 600).unwrap()
    };
    let verified = check_head(&query);
    let mut group = c.benchmark_group("rest/request");
    group.bench_function("signature of the head", |b| b.iter(|| check_head(black_box(&query))));
    group.bench_function("body_md5 of a batch of 10", |b| {
        b.iter(|| check_body(&verified, black_box(&body)).unwrap());
    });
    let publish = format!(r#"{{"name":"move","channels":["room-1"],"data":{}}}"#, data_token());
    group.bench_function("publish body", |b| {
        b.iter(|| PublishBody::parse(black_box(publish.as_bytes())).unwrap());
    });
    group.finish();
}

fn client_messages(c: &mut Criterion) {
    let public = r#"{"event":"pusher:subscribe","data":{"auth":"","channel":"room-1"}}"#;
    let channel_data = r#"{"user_id":"10","user_info":{"name":"Ann"}}"#;
    let channel = "presence-room-1";
    let auth = sign(channel, Some(channel_data));
    let token = serde_json::to_string(channel_data).unwrap();
    let data = format!(r#"{{"auth":"{auth}","channel_data":{token},"channel":"{channel}"}}"#);
    let presence = format!(r#"{{"event":"pusher:subscribe","data":{data}}}"#);
    let event = client_event();
    let mut group = c.benchmark_group("pusher/read");
    for (name, text) in [
        ("subscribe, public", public),
        ("subscribe, presence", &presence),
        ("client event of 300 bytes", &event),
        ("ping", r#"{"event":"pusher:ping","data":{}}"#),
    ] {
        group.bench_function(name, |b| b.iter(|| ClientMessage::parse(black_box(text)).unwrap()));
    }
    group.finish();
}

fn subscriptions(c: &mut Criterion) {
    let auth = sign("private-room-1", None);
    let secret = Secret::from(CREDENTIALS.secret);
    let mut group = c.benchmark_group("pusher/subscribe");
    group.bench_function("signature", |b| {
        b.iter(|| {
            let key = CREDENTIALS.key;
            auth::verify_channel(key, &secret, black_box(&auth), SOCKET_ID, "private-room-1", None)
        });
    });
    group.bench_function("member", |b| {
        let channel_data = r#"{"user_id":"10","user_info":{"name":"Ann"}}"#;
        b.iter(|| Member::parse(black_box(channel_data), MemberLimits::default()).unwrap());
    });
    group.finish();
}

fn frames(c: &mut Criterion) {
    let data = data_token();
    let mut group = c.benchmark_group("pusher/write");
    group.bench_function("event of 300 bytes", |b| {
        b.iter(|| server::event("\"client-move\"", "private-room-1", black_box(&data), None));
    });
    group.bench_function("roster of 100", |b| {
        let ids: Vec<String> = (0..100).map(|id| id.to_string()).collect();
        let members = || ids.iter().map(|id| (id.as_str(), r#"{"name":"Ann"}"#));
        b.iter(|| server::presence_subscription_succeeded("presence-room-1", members()));
    });
    group.finish();
}

const SOCKET_ID: &str = "1234.1234";

fn sign(channel: &str, channel_data: Option<&str>) -> String {
    auth::sign_channel(CREDENTIALS.key, CREDENTIALS.secret, SOCKET_ID, channel, channel_data)
}

/// A string token whose value is a JSON object, as publishers send it: its quotes are escaped.
fn data_token() -> String {
    let mut data =
        r#"{"id":184467,"x":12.5,"y":-3.25,"kind":"move","by":"ann","note":""#.to_owned();
    data.push_str(&"n".repeat(DATA_BYTES - data.len() - 2));
    data.push_str("\"}");
    serde_json::to_string(&data).unwrap()
}

fn client_event() -> String {
    let data = data_token();
    format!(r#"{{"event":"client-move","data":{data},"channel":"private-room-1"}}"#)
}

fn batch_body() -> Vec<u8> {
    let data = data_token();
    let events: Vec<String> = (0..BATCH_EVENTS)
        .map(|room| format!(r#"{{"name":"move","channel":"room-{room}","data":{data}}}"#))
        .collect();
    format!(r#"{{"batch":[{}]}}"#, events.join(",")).into_bytes()
}

criterion_group!(benches, requests, client_messages, subscriptions, frames);
criterion_main!(benches);
