//! Group commit: what cores hand over to be stored, and what they are told of it.
//!
//! Cores never wait. Each hands over the records of a turn as one [`Batch`]; the log thread puts
//! what has come into one group, stores it at once, and tells each core how many more of its
//! records are durable. Records of one core are stored, and answered for, in the order in which
//! they were handed over.

use std::sync::Arc;

use super::store::Record;
use crate::id::CoreId;

/// What one core hands over at a time.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Batch {
    /// The core that is to be told.
    pub core: CoreId,
    /// How many [`Logged::Failed`] the core had been told of when it made this.
    ///
    /// What was made before it heard of a failure is not stored: it continues what has failed.
    pub epoch: u32,
    /// What is to be stored, in this order.
    pub records: Vec<Record>,
}

/// What has become of records that a core handed over.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Logged {
    /// The next `records` of those that the core has handed over and not heard of are durable.
    Synced {
        /// How many.
        records: usize,
    },
    /// Nothing that the core has handed over and not heard of is stored, nor will be. The core
    /// takes its logs back to their last durable sequences and counts one more epoch.
    Failed {
        /// Why, for the operator.
        reason: Arc<str>,
    },
}
