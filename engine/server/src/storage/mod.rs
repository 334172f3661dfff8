//! What makes logs outlive the process: a thread that stores what cores hand over, and its files.
//!
//! A core hands over records and is told when they are durable (`commit`); where they go is behind
//! a [`Store`](store::Store), whose one implementation for real use is `file`. What is kept in
//! memory, and for whom, is the shards' to know (`log`).

pub mod commit;
pub mod counters;
pub mod file;
pub mod store;
