//! The shards as the HTTP API sees them, from one core.

use std::future::Future;
use std::rc::Rc;
use std::time::Duration;

use super::core::{Core, now_unix_us};
use super::guarded::run_apart;
use super::memory;
use crate::api::{ApiConfig, Call, CallOutcome, Facts, Readiness, Reply, Shards};
use crate::shard::{Asked, Shard};

/// All shards, as they are reached from one core.
#[derive(Clone)]
pub(super) struct AllShards(pub(super) Rc<Core>);

impl Shards for AllShards {
    fn begin<A: 'static>(&self, begin: impl FnOnce(&mut Shard) -> Asked<A>) -> Reply<A> {
        self.0.answer(&self.0.with_shard(begin))
    }

    fn near<R>(&self, look: impl FnOnce(&mut Shard) -> R) -> R {
        self.0.with_shard(look)
    }

    fn call(&self, call: Call) -> Reply<CallOutcome> {
        self.0.call(call)
    }

    /// The process does not end before it is done.
    fn apart<T: 'static>(
        &self,
        work: impl Future<Output = T> + 'static,
    ) -> impl Future<Output = T> {
        let open = self.0.open_request();
        run_apart(async move {
            let _open = open;
            work.await
        })
    }
}

impl Facts for AllShards {
    fn config(&self) -> &ApiConfig {
        &self.0.setup.rest
    }

    fn now(&self) -> Duration {
        self.0.began.elapsed()
    }

    fn unix_us(&self) -> u64 {
        now_unix_us()
    }

    fn random(&self) -> u64 {
        getrandom::u64().unwrap_or_default() // Never fails once the system is up.
    }

    fn is_backlogged(&self) -> bool {
        self.0.is_backlogged()
    }

    fn readiness(&self) -> Readiness {
        let max_bytes = u64::from(self.0.setup.config.server.memory_mib_max) << 20;
        let is_over_memory = max_bytes > 0 && memory::resident_bytes() > max_bytes;
        let timeout_ms = u64::from(self.0.setup.config.log.disk_timeout_s) * 1_000;
        let is_disk_silent = self.0.log.counters().is_some_and(|it| it.silent_ms() > timeout_ms);
        Readiness::of([
            (self.0.is_draining(), Readiness::Draining),
            (is_over_memory, Readiness::Memory),
            (is_disk_silent, Readiness::Disk),
            (self.0.is_backlogged(), Readiness::Backlogged),
        ])
    }

    fn calls_retried(&self) -> u64 {
        self.0.notices.counters().retried()
    }
}
