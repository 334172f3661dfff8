//! `GET /ready`: whether the process should get new clients, as load balancers ask.

use bytes::Bytes;

use crate::endpoint::{Asked, Endpoint, READ};
use crate::{ApiConfig, ApiError, HttpAnswer, Shards};

#[derive(Debug)]
pub(crate) struct Ready;

impl Endpoint for Ready {
    const PATH: &'static str = "/ready";
    const ALLOW: &'static str = READ;
    type Action = ();

    fn head(_: &Asked<'_>) -> Result<Self, ApiError> {
        Ok(Self)
    }

    fn body(self, _: &ApiConfig, _: &Bytes) -> Result<(), ApiError> {
        Ok(())
    }

    async fn answer((): (), shards: &impl Shards) -> Result<HttpAnswer, ApiError> {
        Ok(HttpAnswer::ready(shards.readiness()))
    }
}

impl HttpAnswer {
    /// Whether new clients should come, and why not.
    pub const fn ready(readiness: Readiness) -> Self {
        let (status, body) = readiness.answer();
        Self::new(status, Bytes::from_static(body.as_bytes()))
    }
}

/// Why it should not, or that it should; what lasts longer is greater.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Readiness {
    /// It should get new clients.
    Ready,
    /// So much waits between its cores that nothing new is taken in.
    Backlogged,
    /// The disk of its logs does not answer.
    Disk,
    /// It takes more memory than `server.memory_mib_max`.
    Memory,
    /// It is closing its connections.
    Draining,
}

impl Readiness {
    /// What is wrong first, of causes that each hold or not: what ends the process comes before
    /// what passes.
    pub fn of(causes: impl IntoIterator<Item = (bool, Self)>) -> Self {
        let found = causes.into_iter().filter(|(holds, _)| *holds).map(|(_, cause)| cause);
        found.max().unwrap_or(Self::Ready)
    }

    /// The status and the body of the answer.
    const fn answer(self) -> (u16, &'static str) {
        match self {
            Self::Ready => (200, r#"{"ready":true}"#),
            Self::Draining => (503, r#"{"ready":false,"cause":"draining"}"#),
            Self::Memory => (503, r#"{"ready":false,"cause":"memory"}"#),
            Self::Disk => (503, r#"{"ready":false,"cause":"disk"}"#),
            Self::Backlogged => (503, r#"{"ready":false,"cause":"backlogged"}"#),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_cause_that_lasts_longest_is_named() {
        let causes = [Readiness::Backlogged, Readiness::Disk, Readiness::Memory];
        for (count, expected) in (1..).zip(causes) {
            let holding = causes.map(|cause| (causes[..count].contains(&cause), cause));
            assert_eq!(Readiness::of(holding), expected);
        }
        assert_eq!(Readiness::of(causes.map(|cause| (false, cause))), Readiness::Ready);
        let draining = [(true, Readiness::Draining), (true, Readiness::Memory)];
        assert_eq!(Readiness::of(draining), Readiness::Draining);
    }
}
