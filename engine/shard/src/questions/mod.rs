//! What can be asked of all cores, or of the one that knows, about channels, clients and counters.

mod channels;
mod clients;
mod numbers;

pub use channels::{ChannelOf, Channels, UsersOf};
pub use clients::{Connections, Reach, Terminate};
pub use numbers::{AllCounters, WorstLags};
