//! Whole frames of one channel, back to back, on their way to its subscribers.

use bytes::Bytes;
use uringcast_proto::ws::client::FrameCursor;

/// Room that the first two frames to be put together make for others of their kind.
const ROOM: usize = 4;

/// Frames, the first of which are shared as they came until there are more.
#[derive(Clone, Debug)]
pub struct Frames {
    bytes: Form,
    count: u32,
}

#[derive(Clone, Debug)]
enum Form {
    /// As they came: a reference and no copy.
    Shared(Bytes),
    /// Put together here.
    Joined(Vec<u8>),
}

impl Frames {
    /// No frames yet.
    pub(super) const fn new() -> Self {
        Self { bytes: Form::Shared(Bytes::new()), count: 0 }
    }

    /// One frame.
    pub(super) const fn one(frame: Bytes) -> Self {
        Self { bytes: Form::Shared(frame), count: 1 }
    }

    /// How many frames there are.
    pub(super) const fn count(&self) -> u32 {
        self.count
    }

    /// How many bytes they have together.
    pub(super) const fn len(&self) -> usize {
        match &self.bytes {
            Form::Shared(bytes) => bytes.len(),
            Form::Joined(bytes) => bytes.len(),
        }
    }

    /// Put `more` behind these.
    pub(super) fn push(&mut self, more: Self) {
        self.count += more.count;
        match (&mut self.bytes, more) {
            (Form::Shared(bytes), more) if bytes.is_empty() => self.bytes = more.bytes,
            (Form::Shared(bytes), more) => {
                let mut joined = Vec::with_capacity(ROOM * (bytes.len() + more.len()));
                joined.extend_from_slice(bytes);
                joined.extend_from_slice(more.as_bytes());
                self.bytes = Form::Joined(joined);
            }
            (Form::Joined(joined), more) => joined.extend_from_slice(more.as_bytes()),
        }
    }

    /// The same frames in a form that many may share.
    #[must_use]
    pub(super) fn share(self) -> Self {
        Self { count: self.count, bytes: Form::Shared(self.into_bytes()) }
    }

    /// All bytes.
    pub(super) fn into_bytes(self) -> Bytes {
        match self.bytes {
            Form::Shared(bytes) => bytes,
            Form::Joined(bytes) => Bytes::from(bytes),
        }
    }

    /// Each frame by itself, as a part of the shared bytes.
    pub fn each(self) -> impl Iterator<Item = Bytes> {
        let bytes = self.into_bytes();
        let (mut cursor, mut start) = (FrameCursor::new(), 0);
        std::iter::from_fn(move || {
            let mut rest = &bytes[start..];
            cursor.next(&mut rest).expect("the frames are our own")?;
            let end = bytes.len() - rest.len();
            let frame = bytes.slice(start..end);
            start = end;
            Some(frame)
        })
    }

    fn as_bytes(&self) -> &[u8] {
        match &self.bytes {
            Form::Shared(bytes) => bytes,
            Form::Joined(bytes) => bytes,
        }
    }
}

#[cfg(test)]
mod tests {
    use uringcast_proto::ws::{Opcode, encode};

    use super::*;

    fn frame(payload: &[u8]) -> Bytes {
        let mut frame = Vec::new();
        encode::header_into(Opcode::Text, payload.len(), &mut frame);
        frame.extend_from_slice(payload);
        Bytes::from(frame)
    }

    #[test]
    fn what_comes_alone_is_shared_and_not_copied() {
        let (one, mut frames) = (frame(b"one"), Frames::new());
        frames.push(Frames::one(one.clone()));
        assert_eq!(frames.into_bytes().as_ptr(), one.as_ptr());
    }

    #[test]
    fn frames_that_were_put_together_come_apart_again() {
        let several = [frame(b""), frame(&[b'x'; 126]), frame(b"three")];
        let (mut first, mut all) = (Frames::one(several[0].clone()), Frames::new());
        first.push(Frames::one(several[1].clone()));
        all.push(first.share());
        all.push(Frames::one(several[2].clone()));
        assert_eq!((all.count(), all.len()), (3, several.concat().len()));
        assert_eq!(all.each().collect::<Vec<_>>(), several);
    }
}
