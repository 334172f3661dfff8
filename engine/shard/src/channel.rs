//! A channel on a core that has subscribers of it, and the events that wait for the turn's end.
//!
//! Events that arrive in one turn are put together into one run of bytes and handed to every
//! subscriber by reference. Who joins in the middle of a turn must see only what comes after, so
//! the run is sealed before the join takes effect.

use bytes::Bytes;

use crate::frames::Frames;
use crate::logged::LocalLog;
use crate::message::OwnedId;
use crate::outgoing_batch::NOWHERE;
use crate::word::DialectId;

/// The most bytes put together into one run; above it the run is sealed early.
pub(super) const RUN_BYTES_MAX: usize = 256 * 1024;

/// One subscriber of a channel: the connection's slot, and where it keeps the subscription.
#[derive(Clone, Copy, Debug)]
pub(super) struct Subscriber {
    pub(super) slot: u32,
    pub(super) index: u32,
}

/// The form in which a connection gets events.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Form {
    /// Websocket frames as they were made.
    Plain,
    /// Websocket frames, some of them compressed.
    Deflated,
    /// What this dialect makes of each message.
    Own(DialectId),
}

impl Form {
    /// Which of the joiners joins what a connection gets in this form.
    pub(super) const fn joiner(self) -> usize {
        match self {
            Self::Plain => 0,
            Self::Deflated => 1,
            Self::Own(_) => 2,
        }
    }
}

/// The subscribers of one channel on one core.
#[derive(Debug)]
pub(super) struct Channel {
    pub(super) subscribers: Vec<Subscriber>,
    /// How many of them agreed to compression.
    pub(super) deflated: u32,
    /// How many of them get events in their dialect's own form.
    pub(super) own_forms: u32,
    /// Subscriptions that are in no list: the owner has not answered, or they are catching up.
    pub(super) joining: u32,
    /// The owner's name for the channel, known since its first answer.
    pub(super) owned: Option<OwnedId>,
    /// Where events wait for the owner, see [`outgoing_batch`](super::outgoing_batch).
    pub(super) published_at: u32,
    /// Index into the shard's runs of this turn.
    pub(super) run: Option<u32>,
    /// What is known of its log, if anybody here follows that.
    pub(super) log: Option<Box<LocalLog>>,
}

impl Channel {
    pub(super) const fn new() -> Self {
        Self {
            subscribers: Vec::new(),
            deflated: 0,
            own_forms: 0,
            joining: 0,
            owned: None,
            published_at: NOWHERE,
            run: None,
            log: None,
        }
    }

    /// How many subscribers get events in `form`, which is not the plain one.
    pub(super) const fn count_mut(&mut self, form: Form) -> Option<&mut u32> {
        match form {
            Form::Plain => None,
            Form::Deflated => Some(&mut self.deflated),
            Form::Own(_) => Some(&mut self.own_forms),
        }
    }

    /// Whether nobody on this core needs the channel any more.
    pub(super) const fn is_vacant(&self) -> bool {
        self.subscribers.is_empty() && self.joining == 0
    }
}

/// Bytes of a run that one connection must not get.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Skip {
    pub(super) slot: u32,
    pub(super) start: u32,
    pub(super) end: u32,
    pub(super) frames: u32,
}

/// The events of one channel in one turn.
#[derive(Debug)]
pub(super) struct Run {
    /// The channel's index in the table of this core's channels.
    pub(super) local: u32,
    /// The last event of the channel's log that is not in it.
    pub(super) after: u64,
    frames: Frames,
    skips: Vec<Skip>,
    /// Where the last frame begins, if that is one of a log.
    last: u32,
}

impl Run {
    pub(super) const fn new(local: u32, after: u64) -> Self {
        Self { local, after, frames: Frames::new(), skips: Vec::new(), last: 0 }
    }

    /// Append one frame, withheld from the connection in slot `skip`.
    pub(super) fn push(&mut self, frame: Bytes, skip: Option<u32>) {
        self.last = self.bytes() as u32;
        self.push_all(Frames::one(frame), skip);
    }

    /// Append frames that are in no log, all withheld from the connection in slot `skip`.
    pub(super) fn push_all(&mut self, frames: Frames, skip: Option<u32>) {
        let start = self.bytes() as u32;
        let end = start + frames.len() as u32;
        if let Some(slot) = skip {
            self.push_skip(Skip { slot, start, end, frames: frames.count() });
        }
        self.frames.push(frames);
    }

    /// Append the frame that `write` appends, which is in no log, withheld from the connection in
    /// slot `skip`.
    #[inline]
    pub(super) fn write(&mut self, skip: u32, write: impl FnOnce(&mut Vec<u8>)) {
        let start = self.bytes() as u32;
        self.frames.write(write);
        let end = self.bytes() as u32;
        self.push_skip(Skip { slot: skip, start, end, frames: 1 });
    }

    /// Withhold the last frame from the connection in `slot`, too, unless it is already.
    pub(super) fn withhold(&mut self, slot: u32) {
        let (start, end) = (self.last, self.bytes() as u32);
        let mut of_last = self.skips.iter().rev().take_while(|skip| skip.end == end);
        if of_last.all(|skip| skip.slot != slot) {
            self.skips.push(Skip { slot, start, end, frames: 1 });
        }
    }

    /// Bytes in the run so far.
    pub(super) fn bytes(&self) -> usize {
        self.frames.len()
    }

    /// The finished run: its bytes, its frames, and what whom to withhold, sorted by slot.
    pub(super) fn finish(mut self) -> (Bytes, u32, Vec<Skip>) {
        self.skips.sort_unstable_by_key(|skip| (skip.slot, skip.start));
        let frames = self.frames.count();
        (self.frames.into_bytes(), frames, self.skips)
    }

    /// Remember a skip, grown into the one before where they touch.
    pub(super) fn push_skip(&mut self, skip: Skip) {
        if let Some(last) = self.skips.last_mut()
            && last.slot == skip.slot
            && last.end == skip.start
        {
            last.end = skip.end;
            last.frames += skip.frames;
            return;
        }
        self.skips.push(skip);
    }
}

/// What is left of `0..bytes` with `frames` frames when `skips`, sorted, are taken out.
pub(super) fn remainder(
    bytes: u32,
    frames: u32,
    skips: &[Skip],
) -> impl Iterator<Item = (u32, u32, u32)> {
    // Frames are counted in total, so the first part stands for all of them.
    let kept = frames - skips.iter().map(|skip| skip.frames).sum::<u32>();
    let starts = std::iter::once(0).chain(skips.iter().map(|skip| skip.end));
    let ends = skips.iter().map(|skip| skip.start).chain(std::iter::once(bytes));
    let parts = starts.zip(ends).filter(|(start, end)| start < end);
    let mut left = kept;
    parts.map(move |(start, end)| (start, end, std::mem::take(&mut left)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn run(frames: &[(&'static str, Option<u32>)]) -> (Bytes, u32, Vec<Skip>) {
        let mut run = Run::new(0, 0);
        for &(frame, skip) in frames {
            run.push(Bytes::from_static(frame.as_bytes()), skip);
        }
        run.finish()
    }

    #[test]
    fn a_single_frame_is_shared_and_not_copied() {
        let frame = Bytes::from(b"frame".to_vec());
        let mut run = Run::new(0, 0);
        run.push(frame.clone(), None);
        assert_eq!(run.finish().0.as_ptr(), frame.as_ptr());
    }

    #[test]
    fn a_senders_own_frames_are_left_out_and_the_rest_is_whole() {
        let (bytes, frames, skips) = run(&[("aa", Some(7)), ("bbb", None), ("c", Some(7))]);
        assert_eq!((&*bytes, frames), (&b"aabbbc"[..], 3));
        assert_eq!(remainder(6, 3, &skips).collect::<Vec<_>>(), [(2, 5, 1)]);
    }

    #[test]
    fn neighbouring_skips_become_one_and_may_leave_nothing() {
        let (_, _, skips) = run(&[("aa", Some(7)), ("b", Some(7))]);
        assert_eq!(skips, [Skip { slot: 7, start: 0, end: 3, frames: 2 }]);
        assert_eq!(remainder(3, 2, &skips).count(), 0);
    }

    #[test]
    fn a_frame_is_withheld_once_for_whatever_reasons() {
        let mut run = Run::new(0, 0);
        run.push(Bytes::from_static(b"a"), Some(1));
        (2..4).chain(1..4).for_each(|slot| run.withhold(slot));
        let (_, frames, skips) = run.finish();
        assert_eq!(skips.iter().map(|skip| skip.slot).collect::<Vec<_>>(), [1, 2, 3]);
        assert_eq!(remainder(1, frames, &skips[..1]).count(), 0);
    }

    #[test]
    fn skips_of_several_senders_are_sorted_by_slot() {
        let (_, _, skips) = run(&[("a", Some(9)), ("b", Some(2)), ("c", Some(9))]);
        assert_eq!(skips.iter().map(|skip| skip.slot).collect::<Vec<_>>(), [2, 9, 9]);
    }
}
