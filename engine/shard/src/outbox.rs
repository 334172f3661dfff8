//! The bytes one connection has yet to send.
//!
//! An outbox holds shared segments, not copies: a message fanned out to 10,000 connections is
//! encoded once and referenced 10,000 times. It does not know sockets and it never waits. At most
//! one send is in flight; what is queued meanwhile leaves together in the next one, so a slow
//! socket makes few large sends and a fast one has no added latency.
//!
//! Invariant: `queued_bytes` equals the sum of the queued segments' weights, which count what their
//! bookkeeping takes: many tiny replies are as bounded as few large events.

use smallvec::SmallVec;

use crate::batch::{Joiner, Retained, Segment};

/// The most bytes that one send takes out of the queue when they must be copied together.
const SEND_BYTES_MAX: usize = 256 * 1024;

/// One connection's queue and its send in flight.
#[derive(Debug, Default)]
pub(super) struct Outbox {
    segments: SmallVec<[Segment; 1]>,
    queued_bytes: usize,
    in_flight_bytes: usize,
}

impl Outbox {
    /// Queue `segment` behind everything else.
    pub(super) fn push(&mut self, segment: Segment) {
        self.queued_bytes += segment.weight();
        self.segments.push(segment);
    }

    /// Take what the next send should carry, at most `segments_max` of what is queued; `None` while
    /// a send is in flight or none is due.
    pub(super) fn take(
        &mut self,
        segments_max: usize,
        joiner: &mut Joiner,
        retained: &Retained,
    ) -> Option<Segment> {
        if self.in_flight_bytes > 0 {
            return None;
        }
        let count = self.next_count().min(segments_max);
        let segment = match &self.segments[..count] {
            [] => return None,
            [only] => only.clone(),
            several => joiner.join(several, retained),
        };
        let taken = self.segments.drain(..count);
        self.queued_bytes -= taken.map(|segment| segment.weight()).sum::<usize>();
        self.release_spilled();
        self.in_flight_bytes = segment.len();
        Some(segment)
    }

    /// Count `bytes` of the send in flight as accepted by the peer's side of the socket.
    pub(super) fn landed(&mut self, bytes: usize) {
        assert!(bytes <= self.in_flight_bytes, "no more lands than was sent");
        self.in_flight_bytes -= bytes;
    }

    /// Throw away what is queued; the send in flight ends on a frame's end by itself.
    pub(super) fn discard(&mut self) {
        self.segments.clear();
        self.queued_bytes = 0;
        self.release_spilled();
    }

    /// Bytes not yet accepted by the socket, queued and in flight.
    pub(super) const fn bytes(&self) -> usize {
        self.queued_bytes + self.in_flight_bytes
    }

    /// Bytes that wait for the send in flight to end; 0 when there is none.
    pub(super) const fn stuck_bytes(&self) -> usize {
        if self.in_flight_bytes > 0 { self.queued_bytes } else { 0 }
    }

    /// Whether nothing is queued and nothing is in flight.
    pub(super) const fn is_idle(&self) -> bool {
        self.bytes() == 0
    }

    /// Whether a send could be started now.
    pub(super) const fn is_ready(&self) -> bool {
        self.in_flight_bytes == 0 && self.queued_bytes > 0
    }

    /// How many of the queued segments fit in one send; at least one if there is any.
    fn next_count(&self) -> usize {
        let mut bytes = 0;
        let fits = |segment: &&Segment| {
            bytes += segment.len();
            bytes <= SEND_BYTES_MAX
        };
        let count = self.segments.iter().take_while(fits).count();
        count.max(self.segments.len().min(1))
    }

    /// An idle connection keeps no spilled queue.
    fn release_spilled(&mut self) {
        if self.segments.is_empty() && self.segments.spilled() {
            self.segments = SmallVec::new();
        }
    }
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;

    use super::*;

    fn segment(bytes: usize, retained: &Retained) -> Segment {
        Segment::new(Bytes::from(vec![b'x'; bytes]), 1, retained)
    }

    #[test]
    fn what_queues_during_a_send_leaves_together() {
        let (mut joiner, retained) = (Joiner::default(), Retained::default());
        let mut outbox = Outbox::default();
        outbox.push(segment(10, &retained));
        let first = outbox.take(usize::MAX, &mut joiner, &retained).unwrap();
        outbox.push(segment(20, &retained));
        outbox.push(segment(30, &retained));
        assert!(outbox.take(usize::MAX, &mut joiner, &retained).is_none(), "one send at a time");
        outbox.landed(first.len());
        let second = outbox.take(usize::MAX, &mut joiner, &retained).unwrap();
        assert_eq!((second.len(), second.frames()), (50, 2));
        outbox.landed(49);
        assert!(!outbox.is_idle());
        outbox.landed(1);
        assert!(outbox.is_idle());
    }

    #[test]
    fn a_join_stops_at_the_limit_and_loses_nothing() {
        let (mut joiner, retained) = (Joiner::default(), Retained::default());
        let mut outbox = Outbox::default();
        let sizes = [SEND_BYTES_MAX, 1, 1];
        for bytes in sizes {
            outbox.push(segment(bytes, &retained));
        }
        let mut taken = Vec::new();
        while let Some(segment) = outbox.take(usize::MAX, &mut joiner, &retained) {
            outbox.landed(segment.len());
            taken.push(segment.len());
        }
        assert_eq!(taken, [SEND_BYTES_MAX, 2]);
    }

    #[test]
    fn many_tiny_replies_weigh_what_they_cost() {
        let retained = Retained::default();
        let mut outbox = Outbox::default();
        for _ in 0..1_000 {
            outbox.push(Segment::private(Bytes::from_static(b"\x8a\x00"), 1, &retained));
        }
        assert!(outbox.bytes() > 100_000, "{}", outbox.bytes());
        assert!(retained.bytes() > 100_000, "{}", retained.bytes());
    }

    #[test]
    fn discarding_keeps_the_send_in_flight() {
        let (mut joiner, retained) = (Joiner::default(), Retained::default());
        let mut outbox = Outbox::default();
        outbox.push(segment(5, &retained));
        let _ = outbox.take(usize::MAX, &mut joiner, &retained).unwrap();
        outbox.push(segment(7, &retained));
        outbox.discard();
        assert_eq!(outbox.bytes(), 5);
    }
}
