//! The form that streams of server-sent events get: blocks of text instead of websocket frames.
//!
//! A stream subscribes like any other connection. Whatever it is told is made as a websocket frame
//! first, which is what everybody else gets, and becomes a block when it is queued; a channel's run
//! does so once for all streams among its subscribers.
//!
//! Invariant: both forms hold the same frames in the same order, so what is withheld from a stream
//! has a place in each.

use bytes::Bytes;
use uringcast_proto::ws::client::FrameCursor;

use super::deflate::{Packed, Sealed};
use super::local::Local;
use super::route::Route;
use super::{Segment, Shard};
use crate::id::ConnId;

impl Packed {
    /// The blocks of the frames of `run`, each of which `block_into` appends.
    fn blocks(run: &[u8], block_into: fn(&[u8], &mut Vec<u8>)) -> Self {
        let (mut cursor, mut rest) = (FrameCursor::new(), run);
        let mut packed = Self { bytes: Vec::with_capacity(run.len() * 5 / 4), ends: Vec::new() };
        while let Some(frame) = cursor.next(&mut rest).expect("a run holds frames of our own") {
            block_into(frame.payload, &mut packed.bytes);
            packed.ends.push(((run.len() - rest.len()) as u32, packed.bytes.len() as u32));
        }
        packed
    }
}

impl Shard {
    /// Queue `bytes` on a stream as they are: the head of its response, or a block.
    pub fn send_text(&mut self, conn: ConnId, bytes: Bytes) {
        self.local.send_as_is(&mut self.route, conn, bytes);
    }
}

impl Local {
    /// The form for streams of a run of the channel at `local`, if there are any among its
    /// subscribers here.
    pub(super) fn stream_form(
        &mut self,
        route: &Route,
        local: u32,
        plain: &Sealed,
    ) -> Option<Sealed> {
        if self.channels.at(local).value.streams == 0 {
            return None;
        }
        let packed = Packed::blocks(plain.segment.as_ref(), route.dialects.block_into);
        let skips = plain.skips.iter().map(|skip| packed.translate(skip)).collect();
        let frames = plain.segment.frames();
        let segment = Segment::new(Bytes::from(packed.bytes), frames, &self.retained);
        Some(Sealed { segment, skips })
    }
}

impl Route {
    /// The blocks of `frames`, which are whole.
    pub(super) fn blocks(&self, frames: &[u8]) -> Bytes {
        Packed::blocks(frames, self.dialects.block_into).bytes.into()
    }
}

#[cfg(test)]
mod tests {
    use uringcast_proto::sse;
    use uringcast_proto::ws::encode;

    use super::*;
    use crate::channel::Skip;

    fn event(sequence: u32, payload: &str) -> Bytes {
        let data = format!(
            r#"{{"id":"e","type":"t","room":"a:1","sequence":{sequence},"payload":"{payload}"}}"#
        );
        encode::text(format!(r#"{{"type":"event","data":{data}}}"#).as_bytes())
    }

    #[test]
    fn each_frame_is_a_block_and_what_is_withheld_is_the_same_event() {
        let frames = [event(1, "x"), event(2, &"y".repeat(300)), event(3, "z")];
        let packed = Packed::blocks(&frames.concat(), sse::message_into);
        let text = String::from_utf8(packed.bytes.clone()).unwrap();
        let ids: Vec<&str> = text.lines().filter_map(|line| line.strip_prefix("id: ")).collect();
        assert_eq!(ids, ["a%3A1@1", "a%3A1@2", "a%3A1@3"]);
        let (start, end) = (frames[0].len() as u32, (frames[0].len() + frames[1].len()) as u32);
        let skip = packed.translate(&Skip { slot: 1, start, end, frames: 1 });
        let withheld = &text[skip.start as usize..skip.end as usize];
        assert!(withheld.starts_with("id: a%3A1@2\n") && withheld.ends_with("\n\n"));
        assert_eq!(text.matches("\n\n").count(), 3);
    }
}
