//! Large JSON bodies, read as the server reads them and as simd-json would.
//!
//! What publishers send is relayed as the token that they sent, so the server finds the tokens and
//! leaves them alone. simd-json finds the structure faster, but decodes every string in place, so
//! what is relayed must be encoded again. `docs/json.md` has the table.

#![allow(clippy::unwrap_used, reason = "a benchmark's inputs are its own")]

use std::hint::black_box;

use criterion::{BatchSize, BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use serde::Deserialize;
use simd_json::base::{ValueAsArray, ValueAsObject};
use simd_json::prelude::Writable;
use uringcast_proto::pusher::rest::BatchBody;
use uringcast_proto::zps::http::{Events, SnapshotBody};

const KIB: usize = 1024;
const SIZES: [usize; 4] = [KIB, 10 * KIB, 100 * KIB, KIB * KIB];

/// The longest `data` of an event that the server takes by default.
const DATA_BYTES_MAX: usize = 10 * KIB;

/// The longest payload of a room's event that the server takes by default.
const PAYLOAD_BYTES_MAX: usize = 64 * KIB;

fn batches(c: &mut Criterion) {
    compare(
        c,
        "bodies/batch of Pusher",
        batch,
        |body| {
            let batch = BatchBody::parse(body).unwrap();
            batch.events.iter().map(|item| item.event.data_json.len()).sum()
        },
        |body| {
            let batch: SimdBatch<'_> = simd_json::serde::from_slice(body).unwrap();
            let mut token = Vec::with_capacity(DATA_BYTES_MAX);
            batch
                .batch
                .iter()
                .map(|event| {
                    black_box((event.name, event.channel));
                    encode_again(&mut token, event.data)
                })
                .sum()
        },
    );
}

fn room_events(c: &mut Criterion) {
    for (name, payload_bytes) in [("short payloads", 200), ("long payloads", PAYLOAD_BYTES_MAX)] {
        let name = format!("bodies/room's events, {name}");
        compare(
            c,
            &name,
            |bytes| events(bytes, payload_bytes),
            |body| {
                let events = Events::parse(std::str::from_utf8(body).unwrap(), 100_000).unwrap();
                events.events.len()
            },
            |body| {
                let value = simd_json::to_borrowed_value(body).unwrap();
                let events = value.as_array().unwrap();
                let payloads = events.iter().map(|event| &event.as_object().unwrap()["payload"]);
                payloads.map(|payload| black_box(payload.encode()).len()).sum()
            },
        );
    }
}

fn snapshots(c: &mut Criterion) {
    compare(
        c,
        "bodies/snapshot",
        snapshot,
        |body| {
            let body = SnapshotBody::parse(std::str::from_utf8(body).unwrap()).unwrap();
            black_box(body);
            1
        },
        |body| {
            let value = simd_json::to_borrowed_value(body).unwrap();
            black_box(value.as_object().unwrap()["state"].encode()).len()
        },
    );
}

/// Time both ways to read bodies of about so many bytes.
fn compare(
    c: &mut Criterion,
    name: &str,
    body: impl Fn(usize) -> Vec<u8>,
    ours: impl Fn(&mut [u8]) -> usize,
    simd: impl Fn(&mut [u8]) -> usize,
) {
    let mut group = c.benchmark_group(name);
    for bytes in SIZES {
        let body = body(bytes);
        group.throughput(Throughput::Bytes(body.len() as u64));
        for (way, read) in [("tokens", &ours as &dyn Fn(&mut [u8]) -> usize), ("simd-json", &simd)]
        {
            group.bench_function(BenchmarkId::new(way, body.len()), |b| {
                b.iter_batched_ref(|| body.clone(), |body| read(body), BatchSize::LargeInput);
            });
        }
    }
    group.finish();
}

#[derive(Deserialize)]
struct SimdBatch<'a> {
    #[serde(borrow)]
    batch: Vec<SimdEvent<'a>>,
}

#[derive(Deserialize)]
struct SimdEvent<'a> {
    name: &'a str,
    channel: &'a str,
    data: &'a str,
}

fn encode_again(token: &mut Vec<u8>, data: &str) -> usize {
    token.clear();
    serde_json::to_writer(&mut *token, data).unwrap();
    black_box(&token).len()
}

/// A JSON object of about `bytes` bytes, as applications send it.
fn object(bytes: usize) -> String {
    let mut object = r#"{"id":184467,"kind":"move","points":["#.to_owned();
    while object.len() < bytes {
        object.push_str(r#"{"x":12.5,"y":-3.25,"by":"ann \"the one\""},"#);
    }
    object.push_str("null]}");
    object
}

fn batch(bytes: usize) -> Vec<u8> {
    let data_bytes = (bytes / 4).clamp(200, DATA_BYTES_MAX * 4 / 5); // Its quotes are escaped.
    let data = serde_json::to_string(&object(data_bytes)).unwrap();
    let events: Vec<String> = (0..bytes.div_ceil(data.len()).max(1))
        .map(|room| format!(r#"{{"name":"move","channel":"room-{room}","data":{data}}}"#))
        .collect();
    format!(r#"{{"batch":[{}]}}"#, events.join(",")).into_bytes()
}

fn events(bytes: usize, payload_bytes: usize) -> Vec<u8> {
    let payload = object(payload_bytes.min(bytes));
    let events: Vec<String> = (0..bytes.div_ceil(payload.len()).max(1))
        .map(|at| format!(r#"{{"id":"e{at}","type":"moved","room":"game:1","payload":{payload}}}"#))
        .collect();
    format!("[{}]", events.join(",")).into_bytes()
}

fn snapshot(bytes: usize) -> Vec<u8> {
    let state = object(bytes);
    format!(r#"{{"room":"game:1","lastSequence":9,"state":{state}}}"#).into_bytes()
}

criterion_group!(benches, batches, room_events, snapshots);
criterion_main!(benches);
