//! What one subscriber of a room has received: every event once, in order, but for what the server
//! says is gone.

use serde::Deserialize;

/// What the subscriber has.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct Order {
    /// The last sequence received, or gone by the server's word.
    pub last: u64,
    /// Events received.
    pub received: u64,
    /// Events that the server has said are gone.
    pub announced_lost: u64,
}

/// What must not happen.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
pub enum OrderError {
    /// Events are missing, and nothing was said of them.
    #[error("event {found} came after event {last}")]
    Gap {
        /// The last event before it.
        last: u64,
        /// The one that came.
        found: u64,
    },
    /// An event came again, or too late.
    #[error("event {found} came again after event {last}")]
    Again {
        /// The last event before it.
        last: u64,
        /// The one that came.
        found: u64,
    },
}

impl Order {
    /// Event `sequence` has come.
    pub fn event(&mut self, sequence: u64) -> Result<(), OrderError> {
        let last = self.last;
        if sequence > last + 1 {
            return Err(OrderError::Gap { last, found: sequence });
        }
        if sequence <= last {
            return Err(OrderError::Again { last, found: sequence });
        }
        (self.last, self.received) = (sequence, self.received + 1);
        Ok(())
    }

    /// The server says that everything up to `sequence` is gone or known.
    pub fn fast_forward(&mut self, sequence: u64) {
        let lost = sequence.saturating_sub(self.last);
        self.announced_lost += lost;
        self.last += lost;
    }
}

/// The sequence in a message that says up to where a room's events are gone.
pub fn fast_forward_of(text: &[u8]) -> Option<u64> {
    #[derive(Deserialize)]
    #[serde(rename_all = "camelCase")]
    struct Snapshot {
        last_sequence: u64,
    }
    #[derive(Deserialize)]
    struct Message {
        snapshot: Snapshot,
    }
    serde_json::from_slice::<Message>(text).ok().map(|message| message.snapshot.last_sequence)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn order(sequences: &[u64]) -> Result<Order, OrderError> {
        let mut order = Order::default();
        sequences.iter().try_for_each(|sequence| order.event(*sequence))?;
        Ok(order)
    }

    #[test]
    fn every_event_once_in_order_is_fine() {
        let expected = Order { last: 3, received: 3, announced_lost: 0 };
        assert_eq!(order(&[1, 2, 3]), Ok(expected));
    }

    #[test]
    fn a_gap_a_repeated_and_a_swapped_event_are_found() {
        assert_eq!(order(&[2]), Err(OrderError::Gap { last: 0, found: 2 }));
        assert_eq!(order(&[1, 2, 4]), Err(OrderError::Gap { last: 2, found: 4 }));
        assert_eq!(order(&[1, 2, 2]), Err(OrderError::Again { last: 2, found: 2 }));
        assert_eq!(order(&[1, 2, 1]), Err(OrderError::Again { last: 2, found: 1 }));
    }

    #[test]
    fn what_the_server_says_is_gone_is_no_gap() {
        let mut order = order(&[1, 2]).unwrap();
        let text = br#"{"type":"snapshot","room":"a:b","snapshot":{"room":"a:b","lastSequence":7,
            "state":null,"createdAt":"2026-11-21T03:05:48.888Z"}}"#;
        order.fast_forward(fast_forward_of(text).unwrap());
        assert_eq!(order.event(8), Ok(()));
        assert_eq!(order, Order { last: 8, received: 3, announced_lost: 5 });
        order.fast_forward(4);
        assert_eq!((order.last, order.announced_lost), (8, 5));
        assert_eq!(fast_forward_of(br#"{"type":"snapshot","snapshot":null}"#), None);
    }
}
