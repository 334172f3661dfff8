//! The websocket layer: what one frame costs to write, and one message to read.

use std::hint::black_box;

use criterion::{BatchSize, Criterion, Throughput, criterion_group, criterion_main};
use uringcast_proto::ws::{
    Opcode,
    assembler::{Assembler, Limits},
    client::FrameCursor,
    encode,
};

/// Bytes of a frame in the fan-out figures of the README, its header included.
const FRAME_BYTES: usize = 267;
const PAYLOAD_BYTES: usize = FRAME_BYTES - 4;
const BATCH_FRAMES: usize = 1000;
/// Bytes of a core's scratch buffer: a batch fits.
const SCRATCH_BYTES: usize = 512 * 1024;
const MASK: [u8; 4] = [0x37, 0xfa, 0x21, 0x3d];

fn encode_frames(c: &mut Criterion) {
    let payload = payload();
    let mut group = c.benchmark_group("ws/encode");
    group.bench_function("text", |b| b.iter(|| encode::text(black_box(&payload))));
    group.bench_function("text in two pieces", |b| {
        b.iter(|| {
            let (first, second) = black_box(&payload).split_at(100);
            let mut frame = encode::TextFrame::with_capacity(PAYLOAD_BYTES);
            frame.buffer().extend_from_slice(first);
            frame.buffer().extend_from_slice(second);
            frame.finish()
        });
    });
    let mut output = Vec::with_capacity(SCRATCH_BYTES);
    group.bench_function("masked", |b| {
        b.iter(|| {
            output.clear();
            encode::masked_into(Opcode::Text, black_box(&payload), MASK, &mut output);
            output.len()
        });
    });
    group.finish();
}

fn assemble_messages(c: &mut Criterion) {
    let stream = client_stream();
    assert!(stream.len() <= SCRATCH_BYTES);
    let mut group = c.benchmark_group("ws/assembler");
    group.throughput(Throughput::Elements(BATCH_FRAMES as u64));
    for (name, read_bytes) in [("one read", SCRATCH_BYTES), ("reads of 1448", 1448)] {
        group.bench_function(name, |b| {
            b.iter_batched_ref(
                || stream.clone(),
                |stream| {
                    let messages = assemble(stream, read_bytes);
                    assert_eq!(messages, BATCH_FRAMES);
                },
                BatchSize::LargeInput,
            );
        });
    }
    group.finish();
}

fn cut_server_frames(c: &mut Criterion) {
    let stream = encode::text(&payload()).repeat(BATCH_FRAMES);
    let mut group = c.benchmark_group("ws/client");
    group.throughput(Throughput::Elements(BATCH_FRAMES as u64));
    group.bench_function("frames", |b| {
        b.iter(|| {
            let mut cursor = FrameCursor::new();
            let mut input = black_box(&stream[..]);
            let mut frames = 0;
            while let Some(frame) = cursor.next(&mut input).expect("the stream is valid") {
                black_box(frame.payload);
                frames += 1;
            }
            assert_eq!(frames, BATCH_FRAMES);
        });
    });
    group.finish();
}

fn assemble(stream: &mut [u8], read_bytes: usize) -> usize {
    let mut assembler = Assembler::new();
    let mut messages = 0;
    for mut input in stream.chunks_mut(read_bytes) {
        while let Some(message) =
            assembler.next(&Limits::default(), None, &mut input).expect("the stream is valid")
        {
            black_box(message);
            messages += 1;
        }
    }
    messages
}

/// A client event about as long as the README's: ASCII JSON.
fn payload() -> Vec<u8> {
    let head = br#"{"event":"client-tick","channel":"private-room-17","data":""#;
    let mut payload = head.to_vec();
    payload.resize(PAYLOAD_BYTES - 2, b'x');
    payload.extend_from_slice(br#""}"#);
    payload
}

fn client_stream() -> Vec<u8> {
    let mut stream = Vec::new();
    for _ in 0..BATCH_FRAMES {
        encode::masked_into(Opcode::Text, &payload(), MASK, &mut stream);
    }
    stream
}

criterion_group!(benches, encode_frames, assemble_messages, cut_server_frames);
criterion_main!(benches);
