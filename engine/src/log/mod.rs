//! The event log of channels that keep their history.

pub mod commit;
pub mod counters;
pub mod file;
pub mod store;
