//! Events in the form that a dialect gives them: blocks of a stream of server-sent events, for one.
//!
//! A connection of such a dialect subscribes like any other. Whatever it is told is made as a
//! websocket frame first, which is what everybody else gets, and is put into the dialect's own form
//! when it is queued: of a channel's run once for each such dialect among its subscribers here.
//!
//! Invariant: both forms hold the same events in the same order, so what is withheld from a
//! connection has a place in each.

use bytes::Bytes;
use uringcast_proto::ws::client::FrameCursor;

use crate::batch::Retained;
use crate::channel::Form;
use crate::deflate::{Packed, Sealed};
use crate::id::ConnId;
use crate::route::Route;
use crate::word::OwnForm;
use crate::{DialectId, Segment, Shard};

/// One run in the forms of several dialects, each made when the first connection wants it.
pub(super) struct OwnForms(Vec<(DialectId, Option<Sealed>)>);

impl OwnForms {
    /// None has been wanted yet.
    pub(super) const fn new() -> Self {
        Self(Vec::new())
    }

    /// The run in the form of `dialect`, which `make` makes; `None` if nothing of it has one.
    pub(super) fn of(
        &mut self,
        dialect: DialectId,
        make: impl FnOnce() -> Option<Sealed>,
    ) -> Option<&Sealed> {
        let made = self.0.iter().position(|(of, _)| *of == dialect);
        let index = made.unwrap_or_else(|| {
            self.0.push((dialect, make()));
            self.0.len() - 1
        });
        self.0[index].1.as_ref()
    }
}

impl Packed {
    /// The messages of `run` as `own_form` appends them.
    fn in_own_form(run: &[u8], own_form: OwnForm) -> Self {
        let (mut cursor, mut rest) = (FrameCursor::new(), run);
        let mut packed = Self { bytes: Vec::with_capacity(run.len() * 5 / 4), ends: Vec::new() };
        while let Some(frame) = cursor.next(&mut rest).expect("a run holds frames of our own") {
            own_form(frame.payload, &mut packed.bytes);
            packed.ends.push(((run.len() - rest.len()) as u32, packed.bytes.len() as u32));
        }
        packed
    }
}

impl Sealed {
    /// This run, of websocket frames, in the form of `dialect`, if anything of it has one.
    pub(super) fn in_own_form(
        &self,
        route: &Route,
        dialect: DialectId,
        retained: &Retained,
    ) -> Option<Self> {
        let own_form = route.row(dialect).own_form?;
        let packed = Packed::in_own_form(self.segment.as_ref(), own_form);
        if packed.bytes.is_empty() {
            return None;
        }
        let skips = self.skips.iter().map(|skip| packed.translate(skip)).collect();
        let segment = Segment::new(packed.bytes.into(), self.segment.frames(), retained);
        Some(Self { segment, skips })
    }
}

impl Shard {
    /// Queue `bytes` on `conn` as they are, which is in its dialect's own form.
    pub fn send_as_is(&mut self, conn: ConnId, bytes: Bytes) {
        self.local.send_as_is(&mut self.route, conn, bytes);
    }
}

impl Route {
    /// Whole websocket `frames` as a connection gets them whose form is `form`. What is for one
    /// connection alone is not compressed.
    pub(super) fn in_form(&self, form: Form, frames: Bytes) -> Bytes {
        match form {
            Form::Plain | Form::Deflated => frames,
            Form::Own(dialect) => match self.row(dialect).own_form {
                Some(own_form) => Packed::in_own_form(&frames, own_form).bytes.into(),
                None => frames,
            },
        }
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
        let packed = Packed::in_own_form(&frames.concat(), sse::message_into);
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
