//! How much a world's cores may keep and have unsent, decided by its seed.

use uringcast::log::LogLimits;
use uringcast::shard::ShardConfig;

use crate::random::Random;

/// Logs that a core may have, where that is less than there are rooms.
pub(crate) const LOGS_MAX: usize = 8;
/// For which a cursor is kept where none is forgotten.
pub(crate) const FOREVER_MS: u64 = 1 << 40;

pub(crate) fn config(random: &mut Random, seed: u64) -> ShardConfig {
    let log = LogLimits {
        is_durable: random.one_in(2),
        page_events_max: 1 + random.below(6),
        page_bytes_max: random.pick(&[200, 1_000, 64 << 10]),
        bytes_max: random.pick(&[20_000, 1 << 28]),
        channels_max: random.pick(&[LOGS_MAX, 100_000]),
        cursor_idle_ms: random.pick(&[1, FOREVER_MS]),
        ..LogLimits::default()
    };
    ShardConfig {
        cores: 1 + random.below(4),
        hash_seed: seed,
        turned_away_max: 1,
        activity_timeout_ms: 1 << 40,
        ping_interval_ms: 1 << 40,
        pong_timeout_ms: 3_000,
        outbox_bytes_soft: random.pick(&[800, 4_000]),
        outbox_stall_ms: 1 << 40,
        is_coalescing: random.pick(&[true, true, true, false]),
        cache_bytes_max: 1 << 20,
        log,
        ..ShardConfig::default()
    }
}
