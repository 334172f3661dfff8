//! Whole frames of one channel, back to back, on their way to its subscribers.

use bytes::Bytes;
use uringcast_proto::ws::client::FrameCursor;

/// Room for frames like the first that is made when a second one is put behind it.
const ROOM: usize = 8;

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
        match &self.bytes {
            Form::Shared(bytes) if bytes.is_empty() => self.bytes = more.bytes,
            _ => self.joined().extend_from_slice(more.as_bytes()),
        }
        self.count += more.count;
    }

    /// Put the frame that `write` appends behind these. Alone it is shared as it was written.
    #[inline]
    pub(super) fn write(&mut self, write: impl FnOnce(&mut Vec<u8>)) {
        write(self.joined());
        self.count += 1;
    }

    /// Where to put the next frames.
    #[inline]
    fn joined(&mut self) -> &mut Vec<u8> {
        if self.count == 1 || matches!(self.bytes, Form::Shared(_)) {
            self.make_room();
        }
        let Form::Joined(joined) = &mut self.bytes else { unreachable!("joined above") };
        joined
    }

    /// Join what is shared, with room for more; what was written has no room for more, either.
    #[inline(never)]
    fn make_room(&mut self) {
        match &mut self.bytes {
            Form::Shared(bytes) => {
                let mut joined = Vec::with_capacity(ROOM * bytes.len());
                joined.extend_from_slice(bytes);
                self.bytes = Form::Joined(joined);
            }
            Form::Joined(joined) => joined.reserve((ROOM - 1) * joined.len()),
        }
    }

    /// These frames in a form that many may share.
    #[must_use]
    pub(super) fn share(self) -> Self {
        Self { count: self.count, bytes: Form::Shared(self.into_bytes()) }
    }

    /// The bytes of all frames, one behind the other.
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
    fn what_is_written_alone_is_shared_and_not_copied() {
        let mut frames = Frames::new();
        frames.write(|bytes| bytes.extend_from_slice(&frame(b"one")));
        let written = frames.as_bytes().as_ptr();
        assert_eq!(frames.into_bytes().as_ptr(), written);
    }

    #[test]
    fn frames_may_be_written_and_put_in_turn() {
        let several = [frame(b"one"), frame(b"two"), frame(&[b'x'; 300]), frame(b"four")];
        for written in 0..16_u8 {
            let mut all = Frames::new();
            for (index, one) in several.iter().enumerate() {
                if written >> index & 1 == 1 {
                    all.write(|bytes| bytes.extend_from_slice(one));
                } else {
                    all.push(Frames::one(one.clone()));
                }
            }
            assert_eq!((all.count(), all.len()), (4, several.concat().len()));
            assert_eq!(all.each().collect::<Vec<_>>(), several, "{written:04b}");
        }
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
