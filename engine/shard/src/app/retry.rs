//! How often something that failed is tried again, and with which pauses.

/// How the pauses between attempts grow.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Backoff {
    /// All are as long as the first one.
    Fixed,
    /// By the first pause each time.
    Linear,
    /// To twice the last one.
    #[default]
    Exponential,
}

/// A policy for attempts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RetryPolicy {
    /// How pauses grow. Default exponential, as the original of zero-pub-sub has it.
    pub backoff: Backoff,
    /// Attempts, the first included. Default 5.
    pub attempts_max: u32,
    /// The first pause, in milliseconds. Default 100, as the original of zero-pub-sub has it.
    pub delay_base_ms: u32,
    /// The longest one. Default 30,000: a server that was restarted is back by then.
    pub delay_max_ms: u32,
}

impl Default for RetryPolicy {
    fn default() -> Self {
        Self {
            backoff: Backoff::default(),
            attempts_max: 5,
            delay_base_ms: 100,
            delay_max_ms: 30_000,
        }
    }
}

impl RetryPolicy {
    /// The pause after so many failures, at least one, in milliseconds.
    pub fn delay_ms(&self, failures: u32) -> u64 {
        let base = u64::from(self.delay_base_ms);
        let failures = failures.max(1);
        let delay = match self.backoff {
            Backoff::Fixed => base,
            Backoff::Linear => base.saturating_mul(failures.into()),
            Backoff::Exponential => base.saturating_mul(1 << (failures - 1).min(32)),
        };
        delay.min(self.delay_max_ms.into())
    }
}

impl Backoff {
    /// Each with its name in the configuration.
    pub const NAMES: [(Self, &'static str); 3] =
        [(Self::Fixed, "fixed"), (Self::Linear, "linear"), (Self::Exponential, "exponential")];

    /// Its name in the configuration.
    pub fn name(self) -> &'static str {
        let named = Self::NAMES.into_iter().find(|(backoff, _)| *backoff == self);
        named.expect("NAMES has every backoff").1
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_grow_as_the_policy_says_up_to_the_longest() {
        let delays = |backoff| {
            let policy = RetryPolicy { backoff, delay_max_ms: 350, ..RetryPolicy::default() };
            [0, 1, 2, 3, 4, u32::MAX].map(|failures| policy.delay_ms(failures))
        };
        assert_eq!(delays(Backoff::Fixed), [100; 6]);
        assert_eq!(delays(Backoff::Linear), [100, 100, 200, 300, 350, 350]);
        assert_eq!(delays(Backoff::Exponential), [100, 100, 200, 350, 350, 350]);
    }

    #[test]
    fn without_a_pause_there_is_none() {
        let policy = RetryPolicy { delay_base_ms: 0, ..RetryPolicy::default() };
        assert_eq!(policy.delay_ms(9), 0);
    }
}
