//! The state of what a channel is about, so that a newcomer need not read all that led to it.

/// A channel's state as of one of its events.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Snapshot {
    /// The last event that the state has taken in; 0 for none.
    pub last_sequence: u64,
    /// JSON, relayed untouched.
    pub state_json: Box<str>,
    /// When it was made.
    pub created_unix_ms: u64,
}

/// A state larger than `log.snapshot_bytes_max`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the snapshot has {bytes} bytes, at most {bytes_max} are allowed")]
pub struct SnapshotTooLarge {
    /// The size of the state, in bytes.
    pub bytes: usize,
    /// The limit.
    pub bytes_max: usize,
}

impl Snapshot {
    /// About how much memory it takes, in bytes.
    pub const fn weight_bytes(&self) -> usize {
        size_of::<Self>() + self.state_json.len()
    }

    /// Check its size against the limit.
    ///
    /// # Errors
    /// If it is larger.
    pub const fn check(&self, bytes_max: usize) -> Result<(), SnapshotTooLarge> {
        let bytes = self.state_json.len();
        if bytes > bytes_max { Err(SnapshotTooLarge { bytes, bytes_max }) } else { Ok(()) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_snapshot_of_exactly_the_limit_is_taken_and_one_byte_more_is_not() {
        let snapshot = Snapshot { last_sequence: 1, state_json: "1234".into(), created_unix_ms: 0 };
        assert_eq!(snapshot.check(4), Ok(()));
        assert_eq!(snapshot.check(3), Err(SnapshotTooLarge { bytes: 4, bytes_max: 3 }));
    }
}
