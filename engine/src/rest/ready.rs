//! Whether the process should get new clients, as load balancers ask.

/// Why it should not, or that it should.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Readiness {
    /// It should.
    Ready,
    /// It is closing its connections.
    Draining,
    /// It takes more memory than `server.memory_mib_max`.
    Memory,
    /// So much waits between its cores that nothing new is taken in.
    Backlogged,
}

impl Readiness {
    /// What is wrong first: what ends the process comes before what passes.
    pub const fn new(is_draining: bool, is_over_memory: bool, is_backlogged: bool) -> Self {
        match (is_draining, is_over_memory, is_backlogged) {
            (true, ..) => Self::Draining,
            (false, true, _) => Self::Memory,
            (false, false, true) => Self::Backlogged,
            (false, false, false) => Self::Ready,
        }
    }

    /// The status and the body of the answer.
    pub(super) const fn answer(self) -> (u16, &'static str) {
        match self {
            Self::Ready => (200, r#"{"ready":true}"#),
            Self::Draining => (503, r#"{"ready":false,"cause":"draining"}"#),
            Self::Memory => (503, r#"{"ready":false,"cause":"memory"}"#),
            Self::Backlogged => (503, r#"{"ready":false,"cause":"backlogged"}"#),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_cause_that_lasts_longest_is_named() {
        assert_eq!(Readiness::new(false, false, false), Readiness::Ready);
        assert_eq!(Readiness::new(false, false, true), Readiness::Backlogged);
        assert_eq!(Readiness::new(false, true, true), Readiness::Memory);
        assert_eq!(Readiness::new(true, true, true), Readiness::Draining);
    }
}
