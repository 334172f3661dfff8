//! What the operator may ask, on a port of its own and without a signature.

use std::rc::Rc;

use bytes::Bytes;
use http_body_util::Full;
use hyper::{Response, StatusCode};

use super::super::core::Core;
use super::super::memory;
use super::super::shards::AllShards;
use super::{not_found, respond_with, text};
use crate::api::{Facts, HttpAnswer, Shards};
use crate::metrics::{self, Threads};
use crate::shard::{AllCounters, WorstLags};
use crate::{standard_error, usage};

/// Answer a request for `path` on the metrics port.
pub(super) async fn respond(core: &Rc<Core>, path: &str) -> Response<Full<Bytes>> {
    let shards = AllShards(Rc::clone(core));
    match path {
        "/metrics" => {
            let counters = shards.ask(AllCounters).await;
            let lags = shards.ask(WorstLags(core.setup.config.log.lag_series_max)).await;
            let threads = Threads {
                webhooks: core.notices.counters(),
                log: core.log.counters(),
                lines: &core.setup.lines,
                log_lines_dropped: standard_error::lines_dropped(),
            };
            let text_of_all = metrics::render(counters, &lags, &core.apps(), &threads);
            text(StatusCode::OK, metrics::CONTENT_TYPE, text_of_all.into())
        }
        "/usage" => {
            let limit_bytes = u64::from(core.setup.config.server.memory_mib_max) << 20;
            let total = if limit_bytes > 0 { limit_bytes } else { memory::machine_bytes() };
            let body =
                usage::render(&shards.ask(AllCounters).await, memory::resident_bytes(), total);
            text(StatusCode::OK, "application/json", body.into())
        }
        "/ready" => respond_with(HttpAnswer::ready(shards.readiness()), Vec::new()),
        _ => not_found(),
    }
}
