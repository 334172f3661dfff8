//! What holds of a shard between turns, checked while debugging.

use crate::Shard;
use crate::channel::Form;
use crate::hear::Waiting;

impl Shard {
    /// Every list that points at another points back. Linear in everything: only when debugging.
    pub(super) fn debug_check_invariants(&self) {
        if !cfg!(debug_assertions) || self.local.connections.len() > 64 {
            return;
        }
        let soft = self.route.config.outbox_bytes_soft;
        for (slot, connection) in &self.local.connections {
            let is_waiting = connection.is_open() && connection.waiting != Waiting::No;
            let may_be_heard = connection.may_be_heard(soft, self.local.are_cores_backlogged);
            debug_assert!(!(is_waiting && may_be_heard), "slot {slot} waits for nothing");
            debug_assert_eq!(connection.channels.len(), connection.subscriptions.len());
            debug_assert!(connection.is_open() || connection.channels.is_empty(), "slot {slot}");
        }
        self.local.debug_check_users();
        self.local.debug_check_watchers();
        for entry in self.local.channels.iter() {
            debug_assert!(!entry.value.is_vacant(), "a vacant channel was kept");
            let count = |is_it: fn(Form) -> bool| {
                let slots = entry.value.subscribers.iter().map(|it| it.slot as usize);
                slots.filter(|&slot| is_it(self.local.connections[slot].form())).count()
            };
            debug_assert_eq!(entry.value.deflated as usize, count(|form| form == Form::Deflated));
            debug_assert_eq!(
                entry.value.own_forms as usize,
                count(|form| matches!(form, Form::Own(_)))
            );
            for (position, subscriber) in entry.value.subscribers.iter().enumerate() {
                let connection = &self.local.connections[subscriber.slot as usize];
                let subscription = &connection.subscriptions[subscriber.index as usize];
                debug_assert_eq!(subscription.position as usize, position);
            }
        }
    }
}
