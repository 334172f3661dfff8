//! What an app has a limited amount of, and what a request takes of it.

use crate::app::AppPolicy;
use crate::id::AppIndex;

/// What an app has a limited amount of.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Budget {
    /// `publish_rate`: events, counted once for each channel they go to.
    Publish,
    /// `read_rate`: requests that publish nothing.
    Read,
}

/// What one request takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Cost {
    /// The app whose budget it is taken from.
    pub app: AppIndex,
    /// The budget that it is taken from.
    pub budget: Budget,
    /// How much is taken.
    pub amount: u32,
}

impl Budget {
    /// What `policy` allows for each second; 0 is no limit.
    pub const fn per_second(self, policy: &AppPolicy) -> u32 {
        match self {
            Self::Publish => policy.publish_rate,
            Self::Read => policy.read_rate,
        }
    }
}
