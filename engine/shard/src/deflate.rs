//! The compressed form of a run, for the subscribers that agreed to `permessage-deflate`.
//!
//! A channel counts those of its subscribers here that did. Where there are any, a run that is
//! sealed is compressed, each frame as a message of its own and once for all of them; every
//! subscriber then gets one form or the other. What is for one connection alone is not compressed.
//!
//! Invariant: both forms hold the same frames in the same order, so what is withheld from a sender
//! has a place in each.

use bytes::Bytes;
use uringcast_proto::ws::Opcode;
use uringcast_proto::ws::client::FrameCursor;
use uringcast_proto::ws::deflate::Deflater;
use uringcast_proto::ws::encode;

use crate::channel::Skip;
use crate::counters::Counters;
use crate::id::ConnId;
use crate::local::Local;
use crate::route::Route;
use crate::{Segment, Shard};

/// One form of a run, and what of it is withheld from whom, sorted by slot.
#[derive(Debug)]
pub(super) struct Sealed {
    pub(super) segment: Segment,
    pub(super) skips: Vec<Skip>,
}

/// A run in another form: some of its frames compressed, or all of them as blocks of text.
pub(super) struct Packed {
    pub(super) bytes: Vec<u8>,
    /// Where each frame ends, first in the run as it was, then in `bytes`.
    pub(super) ends: Vec<(u32, u32)>,
}

impl Packed {
    /// Compress the frames of `run` whose payload has at least `bytes_min` bytes, where that makes
    /// them shorter; `None` if it does so with none.
    fn new(
        deflater: &mut Deflater,
        counters: &mut Counters,
        run: &[u8],
        bytes_min: usize,
    ) -> Option<Self> {
        let (mut cursor, mut rest) = (FrameCursor::new(), run);
        let mut packed = Self { bytes: Vec::new(), ends: Vec::new() };
        let (mut copied, mut start) = (0, 0); // Of the run.
        while let Some(frame) = cursor.next(&mut rest).expect("a run holds frames of our own") {
            let end = run.len() - rest.len();
            if frame.payload.len() >= bytes_min {
                let whole = packed.bytes.len();
                packed.bytes.extend_from_slice(&run[copied..start]);
                match deflater.frame_into(frame.opcode, frame.payload, &mut packed.bytes) {
                    Some(bytes) => {
                        counters.deflated(frame.payload.len(), bytes);
                        copied = end;
                    }
                    None => packed.bytes.truncate(whole),
                }
            }
            let packed_end = packed.bytes.len() + (end - copied);
            packed.ends.push((end as u32, packed_end as u32));
            start = end;
        }
        if packed.bytes.is_empty() {
            return None;
        }
        packed.bytes.extend_from_slice(&run[copied..]);
        packed.bytes.shrink_to_fit();
        Some(packed)
    }

    /// The part of these bytes that holds the frames that `skip` names in the run.
    pub(super) fn translate(&self, skip: &Skip) -> Skip {
        let (start, end) = (self.place_of(skip.start), self.place_of(skip.end));
        Skip { start, end, ..*skip }
    }

    /// Where the frame begins that begins at `place` of the run.
    fn place_of(&self, place: u32) -> u32 {
        if place == 0 {
            return 0;
        }
        let found = self.ends.binary_search_by_key(&place, |&(end, _)| end);
        self.ends[found.expect("withheld parts end where frames end")].1
    }
}

impl Shard {
    /// The handshake of `conn` agreed to compression; it is subscribed to nothing yet.
    pub fn agree_to_deflate(&mut self, conn: ConnId) {
        let Some(connection) = self.local.connection(conn) else { return };
        assert!(connection.channels.is_empty(), "its channels count who agreed");
        connection.is_deflated = true;
    }

    /// Queue one message for `conn` alone, compressed if that was agreed to and makes it shorter.
    pub fn send_message(&mut self, conn: ConnId, opcode: Opcode, payload: &[u8]) {
        let is_deflated = self.local.connection(conn).is_some_and(|it| it.is_deflated);
        let mut frame = Vec::new();
        if is_deflated
            && let Some(bytes) =
                self.local.deflater.get_or_insert_default().frame_into(opcode, payload, &mut frame)
        {
            self.route.counters.deflated(payload.len(), bytes);
        } else {
            frame.reserve_exact(encode::header_bytes(payload.len()) + payload.len());
            encode::header_into(opcode, payload.len(), &mut frame);
            frame.extend_from_slice(payload);
        }
        self.local.send(&mut self.route, conn, Bytes::from(frame));
    }
}

impl Local {
    /// The compressed form of a run of the channel at `local`, if any subscriber here would get it
    /// and any of its frames becomes shorter.
    pub(super) fn deflate(
        &mut self,
        route: &mut Route,
        local: u32,
        plain: &Sealed,
    ) -> Option<Sealed> {
        let entry = self.channels.at(local);
        if entry.value.deflated == 0 {
            return None;
        }
        let app = route.apps.app(entry.name.app());
        let bytes_min = app.policy.deflate_bytes_min as usize;
        let deflater = self.deflater.get_or_insert_default();
        let run = plain.segment.as_ref();
        let packed = Packed::new(deflater, &mut route.counters, run, bytes_min)?;
        let skips = plain.skips.iter().map(|skip| packed.translate(skip)).collect();
        let frames = plain.segment.frames();
        let segment = Segment::new(Bytes::from(packed.bytes), frames, &self.retained);
        Some(Sealed { segment, skips })
    }
}

#[cfg(test)]
mod tests {
    use uringcast_proto::ws::deflate::Inflater;

    use super::*;

    fn pack(payloads: &[String], bytes_min: usize) -> (Vec<u8>, Option<Packed>, Counters) {
        let run: Vec<Bytes> = payloads.iter().map(|text| encode::text(text.as_bytes())).collect();
        let (run, mut counters) = (run.concat(), Counters::default());
        let packed = Packed::new(&mut Deflater::new(), &mut counters, &run, bytes_min);
        (run, packed, counters)
    }

    /// The payloads in `bytes`, and whether each was compressed.
    fn unpack(mut bytes: &[u8]) -> Vec<(bool, String)> {
        let (mut cursor, mut inflater) = (FrameCursor::deflated(), Inflater::default());
        let mut payloads = Vec::new();
        while let Some(frame) = cursor.next(&mut bytes).unwrap() {
            let payload = if frame.is_compressed {
                inflater.message(frame.payload, 1 << 20).unwrap()
            } else {
                frame.payload
            };
            payloads.push((frame.is_compressed, String::from_utf8(payload.to_vec()).unwrap()));
        }
        payloads
    }

    #[test]
    fn every_frame_is_a_message_of_its_own_and_short_ones_are_left_alone() {
        let payloads = ["a".repeat(200), "b".repeat(99), "c".repeat(100), "d".repeat(5)];
        let (run, packed, counters) = pack(&payloads, 100);
        let packed = packed.unwrap();
        let expected = [true, false, true, false].into_iter().zip(payloads).collect::<Vec<_>>();
        assert_eq!(unpack(&packed.bytes), expected);
        assert_eq!((counters.deflated_frames, counters.deflate_bytes_before), (2, 300));
        assert!(counters.deflate_bytes_after < 50 && packed.bytes.len() < run.len());
    }

    #[test]
    fn a_run_in_which_nothing_becomes_shorter_has_no_other_form() {
        let (_, packed, counters) = pack(&["x".repeat(99), "y".repeat(99)], 100);
        assert!(packed.is_none());
        let (_, packed, _) = pack(&["no".to_owned(), String::new()], 0);
        assert!(packed.is_none());
        assert_eq!(counters.deflated_frames, 0);
    }

    #[test]
    fn what_is_withheld_is_the_same_frames_in_both_forms() {
        let payloads = ["a".repeat(10), "b".repeat(200), "c".repeat(10), "d".repeat(300)];
        let (_, packed, _) = pack(&payloads, 100);
        let packed = packed.unwrap();
        for (first, last) in [(0, 0), (0, 1), (1, 1), (1, 2), (2, 3), (0, 3)] {
            let start = if first == 0 { 0 } else { packed.ends[first - 1].0 };
            let (slot, frames) = (7, (last - first) as u32 + 1);
            let skip = Skip { slot, start, end: packed.ends[last].0, frames };
            let Skip { slot, start, end, frames: same } = packed.translate(&skip);
            assert_eq!((slot, same), (7, frames));
            let withheld = unpack(&packed.bytes[start as usize..end as usize]);
            let withheld: Vec<String> = withheld.into_iter().map(|(_, payload)| payload).collect();
            assert_eq!(withheld, payloads[first..=last]);
        }
    }
}
