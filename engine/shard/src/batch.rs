//! Encoded frames on their way out, shared by every connection that gets them.
//!
//! A batch is made once per channel and turn and referenced by each subscriber's outbox, so the
//! cost of a subscriber is one reference count. Batches never leave their core: they count how many
//! bytes the core retains, and that count needs no atomic.

use std::cell::Cell;
use std::rc::Rc;

use bytes::Bytes;

/// What a batch costs besides its bytes: its own allocation and that of its bytes' owner, rounded
/// up.
///
/// A pong has two bytes of payload; without this a flood of pings would be all but free.
const BATCH_OVERHEAD_BYTES: usize = 128;

/// What one more reference to a batch costs: a place in an outbox.
const REFERENCE_OVERHEAD_BYTES: usize = size_of::<Segment>();

/// Bytes of all batches of one core that are alive, with what their bookkeeping takes.
#[derive(Clone, Debug, Default)]
pub struct Retained(Rc<Cell<usize>>);

impl Retained {
    /// The bytes retained now.
    pub fn bytes(&self) -> usize {
        self.0.get()
    }
}

/// Whole frames, back to back.
#[derive(Debug)]
struct Batch {
    bytes: Bytes,
    /// Whether one connection alone is sent these bytes.
    is_private: bool,
    retained: Retained,
}

impl Batch {
    const fn weight(bytes: usize) -> usize {
        bytes + BATCH_OVERHEAD_BYTES
    }
}

impl Drop for Batch {
    fn drop(&mut self) {
        self.retained.0.set(self.retained.0.get() - Self::weight(self.bytes.len()));
    }
}

/// A run of whole frames of a batch: what an outbox queues and a send transmits.
#[derive(Clone, Debug)]
pub struct Segment {
    batch: Rc<Batch>,
    start: u32,
    end: u32,
    frames: u32,
}

impl Segment {
    /// All of `bytes`, which hold `frames` whole frames, counted in `retained` while in use.
    ///
    /// # Panics
    /// If `bytes` is empty or longer than `u32::MAX`.
    pub fn new(bytes: Bytes, frames: u32, retained: &Retained) -> Self {
        Self::of(bytes, frames, false, retained)
    }

    /// All of `bytes`, which hold `frames` whole frames for one connection alone, counted in
    /// `retained` while in use.
    ///
    /// # Panics
    /// As [`new`](Self::new).
    pub fn private(bytes: Bytes, frames: u32, retained: &Retained) -> Self {
        Self::of(bytes, frames, true, retained)
    }

    fn of(bytes: Bytes, frames: u32, is_private: bool, retained: &Retained) -> Self {
        assert!(!bytes.is_empty(), "a segment holds at least one frame");
        let end = u32::try_from(bytes.len()).expect("a turn's frames are bounded far below 4 GiB");
        retained.0.set(retained.0.get() + Batch::weight(bytes.len()));
        let batch = Rc::new(Batch { bytes, is_private, retained: retained.clone() });
        Self { batch, start: 0, end, frames }
    }

    /// The part of this segment from byte `start` to `end`, which holds `frames` whole frames.
    pub(super) fn part(&self, start: u32, end: u32, frames: u32) -> Self {
        debug_assert!(start < end, "a part holds at least one frame");
        debug_assert!(self.start + end <= self.end, "a part lies inside its segment");
        let batch = Rc::clone(&self.batch);
        Self { batch, start: self.start + start, end: self.start + end, frames }
    }

    /// The length in bytes; never 0.
    #[allow(clippy::len_without_is_empty, reason = "a segment is never empty")]
    pub const fn len(&self) -> usize {
        (self.end - self.start) as usize
    }

    /// What the segment costs the core while it is queued, in bytes.
    pub(super) fn weight(&self) -> usize {
        let overhead =
            if self.batch.is_private { BATCH_OVERHEAD_BYTES } else { REFERENCE_OVERHEAD_BYTES };
        self.len() + overhead
    }

    /// How many frames these bytes are.
    pub const fn frames(&self) -> u32 {
        self.frames
    }

    /// Whether both are the same run of the same batch.
    pub(super) fn is_same(&self, other: &Self) -> bool {
        Rc::ptr_eq(&self.batch, &other.batch) && self.start == other.start && self.end == other.end
    }
}

impl AsRef<[u8]> for Segment {
    fn as_ref(&self) -> &[u8] {
        &self.batch.bytes[self.start as usize..self.end as usize]
    }
}

/// Makes one segment of several, once for all connections that have the same ones queued.
///
/// Subscribers of one channel that fell behind together hold the same list. The first of them pays
/// for the copy, the others share it.
#[derive(Debug, Default)]
pub(super) struct Joiner {
    last: Option<(Vec<Segment>, Segment)>,
}

impl Joiner {
    /// One segment with the bytes of all `segments`.
    pub(super) fn join(&mut self, segments: &[Segment], retained: &Retained) -> Segment {
        if let Some((sources, joined)) = &self.last
            && sources.len() == segments.len()
            && sources.iter().zip(segments).all(|(a, b)| a.is_same(b))
        {
            return joined.clone();
        }
        let mut bytes = Vec::with_capacity(segments.iter().map(Segment::len).sum());
        for segment in segments {
            bytes.extend_from_slice(segment.as_ref());
        }
        let frames = segments.iter().map(Segment::frames).sum();
        let joined = Segment::new(Bytes::from(bytes), frames, retained);
        self.last = Some((segments.to_vec(), joined.clone()));
        joined
    }

    /// Let go of the last join; called once a turn so that it outlives no one's need.
    pub(super) fn forget(&mut self) {
        self.last = None;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn retained_bytes_fall_with_the_last_reference() {
        let retained = Retained::default();
        let segment = Segment::new(Bytes::from_static(b"abcdef"), 2, &retained);
        let part = segment.part(3, 6, 1);
        drop(segment);
        assert_eq!((part.as_ref(), retained.bytes()), (&b"def"[..], 6 + BATCH_OVERHEAD_BYTES));
        drop(part);
        assert_eq!(retained.bytes(), 0);
    }

    #[test]
    fn equal_lists_share_one_join() {
        let retained = Retained::default();
        let list = [
            Segment::new(Bytes::from_static(b"ab"), 1, &retained),
            Segment::new(Bytes::from_static(b"cd"), 1, &retained),
        ];
        let mut joiner = Joiner::default();
        let first = joiner.join(&list, &retained);
        let second = joiner.join(&list, &retained);
        assert!(first.is_same(&second));
        assert_eq!((first.as_ref(), first.frames()), (&b"abcd"[..], 2));
        let third = joiner.join(&list[..1], &retained);
        assert!(!third.is_same(&first));
    }
}
