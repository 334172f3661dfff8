//! What reading and writing frames allocates on the hot paths, counted by a global allocator.
//!
//! Counters are per thread, so that tests running beside each other do not meet in them.

use std::{
    alloc::{GlobalAlloc, Layout, System},
    cell::Cell,
};

use uringcast_proto::pusher::server;
use uringcast_proto::ws::{
    Opcode,
    assembler::{Assembler, Limits},
    deflate::{Deflater, Inflater},
    encode::{self, TextFrame},
};

thread_local! {
    static ALLOCATED: Cell<usize> = const { Cell::new(0) };
    static FREED: Cell<usize> = const { Cell::new(0) };
}

struct Counting;

// SAFETY: every call goes to the system allocator unchanged; the counters are plain cells without
// destructors, so that touching them neither allocates nor fails.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        ALLOCATED.set(ALLOCATED.get() + 1);
        // SAFETY: the caller keeps the contract of `GlobalAlloc::alloc`.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        FREED.set(FREED.get() + 1);
        // SAFETY: the caller keeps the contract of `GlobalAlloc::dealloc`.
        unsafe { System.dealloc(pointer, layout) }
    }
}

#[global_allocator]
static COUNTING: Counting = Counting;

/// The allocations and frees of `run` on this thread. A reallocation counts as one of each.
fn count<T>(run: impl FnOnce() -> T) -> (T, usize, usize) {
    let (allocated, freed) = (ALLOCATED.get(), FREED.get());
    let result = run();
    (result, ALLOCATED.get() - allocated, FREED.get() - freed)
}

/// Give all of `input` to `assembler`; gives the number of messages.
fn drain(assembler: &mut Assembler, mut input: &mut [u8]) -> usize {
    let mut messages = 0;
    while assembler
        .next(&Limits::default(), None, &mut input)
        .expect("the stream is valid")
        .is_some()
    {
        messages += 1;
    }
    messages
}

#[test]
fn an_event_is_one_allocation() {
    let data = format!("\"{}\"", "x".repeat(200));
    for user_id in [None, Some("ann")] {
        let event = || server::event("\"greeting\"", "presence-room", &data, user_id);
        let (_, allocated, freed) = count(event);
        assert_eq!((allocated, freed), (1, 0), "{user_id:?}");
    }
}

#[test]
fn a_frame_of_known_length_is_one_allocation() {
    for len in [0, 125, 126, 263, 65_535, 65_536] {
        let payload = vec![b'x'; len];
        let (frame, allocated, freed) = count(|| encode::text(&payload));
        assert_eq!((allocated, freed), (1, 0), "{len} bytes at once");
        let (written, allocated, freed) = count(|| {
            let mut frame = TextFrame::with_capacity(len);
            let (first, second) = payload.split_at(len / 3);
            frame.buffer().extend_from_slice(first);
            frame.buffer().extend_from_slice(second);
            frame.finish()
        });
        assert_eq!((allocated, freed), (1, 0), "{len} bytes in two pieces");
        assert_eq!(written, frame);
    }
}

#[test]
fn sharing_a_frame_allocates_its_count_once() {
    let frame = encode::text(b"shared");
    let (clones, allocated, _) = count(|| [frame.clone(), frame.clone(), frame.clone()]);
    assert_eq!(allocated, 1);
    assert_eq!(clones[2], frame);
}

#[test]
fn whole_frames_are_read_without_allocation() {
    let mut stream = Vec::new();
    for opcode in [Opcode::Text, Opcode::Binary, Opcode::Ping, Opcode::Pong] {
        encode::masked_into(opcode, &[b'x'; 120], [1, 2, 3, 4], &mut stream);
    }
    let mut assembler = Assembler::new();
    let (messages, allocated, freed) = count(|| drain(&mut assembler, &mut stream));
    assert_eq!((messages, allocated, freed), (4, 0, 0));
}

#[test]
fn compression_allocates_for_the_first_message_only() {
    let payload = b"words and words and words, again and again and again".repeat(20);
    let (mut deflater, mut inflater) = (Deflater::new(), Inflater::default());
    let mut frame = Vec::with_capacity(2 * payload.len());
    for is_first in [true, false, false] {
        frame.clear();
        let (packed, allocated, freed) = count(|| {
            let packed = deflater.frame_into(Opcode::Text, &payload, &mut frame);
            packed.expect("the payload becomes shorter")
        });
        assert!(is_first || (allocated, freed) == (0, 0), "{allocated} allocations to compress");
        let (message, allocated, freed) = count(|| {
            let message = inflater.message(&frame[frame.len() - packed..], payload.len());
            message.expect("the message was compressed above").len()
        });
        assert_eq!(message, payload.len());
        assert!(is_first || (allocated, freed) == (0, 0), "{allocated} allocations to read");
    }
}

#[test]
fn a_message_in_pieces_frees_all_it_allocated() {
    let mut stream = Vec::new();
    encode::masked_into(Opcode::Text, &[b'x'; 5000], [1, 2, 3, 4], &mut stream);
    let mut assembler = Assembler::new();
    let (messages, allocated, freed) =
        count(|| stream.chunks_mut(64).map(|piece| drain(&mut assembler, piece)).sum::<usize>());
    assert_eq!(messages, 1);
    assert!(allocated > 0, "a message in pieces is gathered");
    assert_eq!(allocated, freed);
    assert_eq!(assembler.retained_bytes(), 0);
}
