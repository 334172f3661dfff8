//! The shards as the HTTP API sees them, from one core.

use std::future::Future;
use std::rc::Rc;
use std::time::Duration;

use super::core::{Core, now_unix_us};
use super::guarded::run_apart;
use super::memory;
use crate::api::{ApiConfig, Facts, Readiness, Reply, Shards};
use crate::shard::{Asked, Shard};
use crate::side::{Call, CallOutcome};

impl Shards for Rc<Core> {
    fn begin<A: 'static>(&self, begin: impl FnOnce(&mut Shard) -> Asked<A>) -> Reply<A> {
        self.answer(&self.with_shard(begin))
    }

    fn near<R>(&self, look: impl FnOnce(&mut Shard) -> R) -> R {
        self.with_shard(look)
    }

    fn call(&self, call: Call) -> Reply<CallOutcome> {
        Core::call(self, call)
    }

    /// The process does not end before it is done.
    fn apart<T: 'static>(
        &self,
        work: impl Future<Output = T> + 'static,
    ) -> impl Future<Output = T> {
        let open = self.open_request();
        run_apart(async move {
            let _open = open;
            work.await
        })
    }
}

impl Facts for Rc<Core> {
    fn config(&self) -> &ApiConfig {
        &self.setup.rest
    }

    fn now(&self) -> Duration {
        self.began.elapsed()
    }

    fn unix_us(&self) -> u64 {
        now_unix_us()
    }

    fn random(&self) -> u64 {
        getrandom::u64().unwrap_or_default() // Never fails once the system is up.
    }

    fn is_backlogged(&self) -> bool {
        Core::is_backlogged(self)
    }

    fn readiness(&self) -> Readiness {
        let max_bytes = u64::from(self.setup.config.server.memory_mib_max) << 20;
        let is_over_memory = max_bytes > 0 && memory::resident_bytes() > max_bytes;
        let timeout_ms = u64::from(self.setup.config.log.disk_timeout_s) * 1_000;
        let is_disk_silent = self.log.counters().is_some_and(|it| it.silent_ms() > timeout_ms);
        Readiness::of([
            (self.is_draining(), Readiness::Draining),
            (is_over_memory, Readiness::Memory),
            (is_disk_silent, Readiness::Disk),
            (Core::is_backlogged(self), Readiness::Backlogged),
        ])
    }

    fn calls_retried(&self) -> u64 {
        self.notices.counters().retried()
    }
}
