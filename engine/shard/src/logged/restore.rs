//! Logs that outlive the process: taking them in at the start, and giving records back in order.

use std::sync::Arc;

use bytes::Bytes;

use super::sinks::SINK_PREFIX;
use crate::log::stored::{StoredCursor, StoredLog};
use crate::log::{DeadLetter, Entry, Evicted, History, Snapshot};
use crate::message::ChannelName;
use crate::owner::Owner;
use crate::route::Route;
use crate::{LogRecord, Output, Refusal, Shard};

impl Shard {
    /// Take in what is stored of `channel`, which this core owns and whose app keeps a log of it.
    ///
    /// For a shard that nobody has used: nothing is told to anybody, and nothing is stored again.
    pub fn restore_log(&mut self, channel: &ChannelName, stored: StoredLog) {
        let Ok(index) = self.owner.make_log(&mut self.route, channel) else {
            // Fewer channels may have a log than before: the numbers, at least, are kept.
            return self.restore_floor(stored.last_sequence);
        };
        self.owner.log(index).is_stored = true;
        // Without an event the log may begin above the numbers of one that was dropped.
        let last =
            if stored.last_sequence == 0 { self.owner.logs.floor } else { stored.last_sequence };
        let first = stored.events.first().map_or(last + 1, |it| it.sequence);
        self.owner.log(index).history = History::after(first - 1);
        for event in stored.events {
            self.owner.fill_hole(&mut self.route, index, event.sequence);
            let event_type = event.event_type;
            let (id, expires_unix_ms, frame) = (event.id, event.expires_unix_ms, event.frame);
            self.owner.keep(
                &mut self.route,
                index,
                Entry { id, event_type, expires_unix_ms, frame, skip: None },
            );
        }
        self.owner.fill_hole(&mut self.route, index, last + 1);
        let cursors_max = self.route.config.log.cursors_max;
        let is_of_sink = |it: &StoredCursor| it.subscriber_id.starts_with(SINK_PREFIX);
        let (of_sinks, cursors): (Vec<_>, Vec<_>) =
            stored.cursors.into_iter().partition(is_of_sink);
        let now = self.route.unix_ms;
        for StoredCursor { subscriber_id, sequence, used_unix_ms } in cursors {
            let used_unix_ms = if used_unix_ms == 0 { now } else { used_unix_ms };
            let cursors = &mut self.owner.log(index).cursors;
            // Those above a limit that was lowered begin anew.
            let _ = cursors.restore(&subscriber_id, sequence, used_unix_ms, cursors_max);
        }
        if let Some(snapshot) = stored.snapshot
            && let Ok(state_json) = String::from_utf8(snapshot.state.into())
        {
            let (last_sequence, created_unix_ms) =
                (snapshot.last_sequence, snapshot.created_unix_ms);
            let state_json = state_json.into_boxed_str();
            let snapshot = Snapshot { last_sequence, state_json, created_unix_ms };
            self.owner.logs.snapshot_bytes += snapshot.weight_bytes();
            self.owner.logs.bytes += snapshot.weight_bytes();
            self.owner.log(index).snapshot = Some(Box::new(snapshot));
        }
        for letter in stored.dead_letters {
            // Those above a limit that was lowered stay in the files and are counted.
            match DeadLetter::from_json(&letter.entry) {
                Some(letter) => _ = self.owner.add_dead_letter_of(&mut self.route, channel, letter),
                None => self.route.refuse(Refusal::LogDeadLetters),
            }
        }
        self.owner.restore_sinks(&mut self.route, index, &of_sinks);
        self.route.counters.log_appends = 0; // Nobody has published these.
    }

    /// No log that is made from here on gives a number up to `floor`.
    pub fn restore_floor(&mut self, floor: u64) {
        self.owner.logs.floor = self.owner.logs.floor.max(floor);
    }

    /// The records that wait to be handed to the log thread, oldest first; they are taken out.
    pub fn take_log_records(&mut self) -> Vec<LogRecord> {
        let mut records = Vec::new();
        let mut others = std::mem::take(&mut self.route.outputs);
        for output in others.drain(..) {
            match output {
                Output::Log(record) => records.push(record),
                other => self.route.outputs.push_back(other),
            }
        }
        records
    }
}

impl Owner {
    /// Put events that are gone in the places up to `next`: a history has no holes.
    fn fill_hole(&mut self, route: &mut Route, index: u32, next: u64) {
        let missing = next - self.log(index).history.last_sequence() - 1;
        let events_max = u64::from(self.log(index).rule.events_max);
        if missing > events_max {
            // All that is in front of so large a hole would have to make room for it.
            let before = (self.log(index).history.len(), self.log(index).history.bytes());
            self.log(index).history = History::after(next - 1);
            return self.count_history(route, before, (0, 0), Evicted::default());
        }
        for _ in 0..missing {
            let event_type = Arc::from("");
            let (id, frame) = (Box::from(""), Bytes::new());
            self.keep(
                route,
                index,
                Entry { id, event_type, expires_unix_ms: 0, frame, skip: None },
            );
        }
    }
}
