//! The owner's part of dead letters: keeping, listing and forgetting them.
//!
//! With a log thread each change is stored with its next group, as cursors are. A letter is never
//! forgotten before the event that was published in its stead is kept: see who asks.

use crate::Refusal;
use crate::log::{DeadLetter, RecordKind};
use crate::message::ChannelName;
use crate::middleware::Operation;
use crate::owner::Owner;
use crate::route::Route;

impl Owner {
    /// Keep `letter` behind the others of `channel`; false, and counted, if there is no room.
    pub(super) fn keep_dead_letter(
        &mut self,
        route: &mut Route,
        channel: &ChannelName,
        letter: DeadLetter,
    ) -> bool {
        let frame = route.has_middleware().then(|| letter.draft.frame(0));
        if !route.allows(Operation::DlqWrite, channel, None, frame.as_ref()) {
            return false;
        }
        let record = route.config.log.is_durable.then(|| RecordKind::DeadLetter {
            id: letter.id.clone(),
            letter_json: letter.to_json(),
        });
        let is_kept = self.add_dead_letter_of(route, channel, letter);
        if is_kept
            && let Some(kind) = record
            && let Some(index) = self.logs.channels.find_name(channel)
        {
            self.store(route, index, kind);
        }
        is_kept
    }

    /// Keep `letter` behind the others of `channel` in memory, without storing it; false, and
    /// counted, if there is no room.
    pub(super) fn add_dead_letter_of(
        &mut self,
        route: &mut Route,
        channel: &ChannelName,
        letter: DeadLetter,
    ) -> bool {
        let letters_max = route.config.log.dead_letters_max;
        let bytes = letter.weight_bytes();
        let is_room = self.logs.dead_letter_bytes + bytes <= route.config.log.bytes_max / 4;
        let is_taken = is_room && route.has_log(channel);
        let is_kept = is_taken
            && self.open_log(route, channel, None).is_ok_and(|index| {
                let letters = self.log(index).dead_letters.get_or_insert_default();
                letters.push(letter, letters_max).is_ok()
            });
        if is_kept {
            self.logs.dead_letters += 1;
            self.logs.dead_letter_bytes += bytes;
            self.logs.bytes += bytes;
            self.make_room(route);
        } else {
            route.refuse(Refusal::LogDeadLetters);
        }
        is_kept
    }

    /// At most `limit` letters that were given up at `from_unix_ms` or later, oldest first.
    pub(super) fn list_dead_letters(
        &mut self,
        channel: &ChannelName,
        limit: u32,
        from_unix_ms: u64,
    ) -> Vec<DeadLetter> {
        let Some(index) = self.logs.channels.find_name(channel) else { return Vec::new() };
        let Some(letters) = &self.log(index).dead_letters else { return Vec::new() };
        letters.list(limit as usize, from_unix_ms).cloned().collect()
    }

    /// Forget the letters with these `ids`, or all; how many there were.
    pub(super) fn remove_dead_letters(
        &mut self,
        route: &mut Route,
        channel: &ChannelName,
        ids: Option<&[Box<str>]>,
    ) -> u32 {
        let Some(index) = self.logs.channels.find_name(channel) else { return 0 };
        let log = self.log(index);
        let Some(letters) = &mut log.dead_letters else { return 0 };
        let taken = match ids {
            Some(ids) => letters.take(ids),
            None => letters.take_all(),
        };
        if letters.is_empty() {
            log.dead_letters = None;
        }
        let bytes = taken.iter().map(DeadLetter::weight_bytes).sum::<usize>();
        self.logs.dead_letters -= taken.len();
        self.logs.dead_letter_bytes -= bytes;
        self.logs.bytes -= bytes;
        let count = taken.len() as u32;
        if route.config.log.is_durable {
            for DeadLetter { id, .. } in taken {
                self.store(route, index, RecordKind::DeadLetterGone { id });
            }
        }
        count
    }
}
