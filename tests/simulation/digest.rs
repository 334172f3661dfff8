//! A number for all that the clients of many worlds have received.
//!
//! A change that is meant to change nothing leaves it as it is; `SEEDS=n` chooses the worlds, and
//! `--no-capture` shows the number.

use std::hash::{DefaultHasher, Hash, Hasher};

/// What has been received so far, in each client's order.
#[derive(Default)]
pub(crate) struct Digest(DefaultHasher);

impl Digest {
    /// The client with this number has received these, in this order.
    pub(crate) fn add(&mut self, client: usize, received: impl Hash) {
        (client, received).hash(&mut self.0);
    }

    /// Say what it is of `worlds`.
    #[expect(clippy::print_stdout, reason = "it is for whoever runs the worlds")]
    pub(crate) fn print(&self, worlds: u64) {
        println!("digest of {worlds} worlds: {:016x}", self.0.finish());
    }
}
