//! A dialect for tests of the shard that are about no dialect: it has no word for anything.

use crate::{DialectRow, Dialects, Nature, Traits};

pub(super) static PLAIN: Dialects = Dialects {
    rows: &[DialectRow {
        name: "plain",
        say: |_, _| 0,
        traits: |config, _| Traits {
            keep_alive_ms: u64::MAX,
            activity_ms: config.activity_timeout_ms,
            pong_ms: config.pong_timeout_ms,
            outbox_bytes_max: config.outbox_bytes_max,
        },
        own_form: None,
        closes_by_frame: true,
        follows_only_logs: false,
    }],
    nature: |_| Nature::default(),
    data_of: |_| None,
    emitted_unix_ms: |_| None,
    without_sequence: |_| None,
    dead_letter_id: |_, _| String::new(),
};
