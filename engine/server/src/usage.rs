//! What the process holds now, as JSON for people and scripts.
//!
//! Soketi's `memory` with its four fields, and besides it what each core has.

use serde::Serialize;

use crate::id::CoreId;
use crate::shard::Counters;

#[derive(Serialize)]
struct Usage {
    memory: Memory,
    connections: u64,
    subscriptions: u64,
    channels: u64,
    cores: Vec<Core>,
}

#[derive(Serialize)]
struct Memory {
    /// Bytes in memory.
    used: u64,
    /// Bytes that may be: the limit, or what the machine has.
    total: u64,
    free: u64,
    percent: f64,
}

#[derive(Serialize)]
struct Core {
    #[serde(rename = "core")]
    id: u8,
    sockets: u64,
    connections: u64,
    subscriptions: u64,
    channels: u64,
    mailbox_depth: u64,
    retained_bytes: u64,
}

/// The levels of all cores, and `used` bytes of `total`.
pub fn render(cores: &[(CoreId, Box<Counters>)], used: u64, total: u64) -> String {
    let sum = |value: fn(&Counters) -> u64| cores.iter().map(|(_, it)| value(it)).sum();
    let usage = Usage {
        memory: memory(used, total),
        connections: sum(|it| it.connections),
        subscriptions: sum(|it| it.subscriptions),
        channels: sum(|it| it.channels),
        cores: cores.iter().map(|(id, counters)| core(*id, counters)).collect(),
    };
    serde_json::to_string(&usage).expect("numbers always have a JSON form")
}

fn memory(used: u64, total: u64) -> Memory {
    #[expect(clippy::cast_precision_loss, reason = "a percentage for people")]
    let percent = if total > 0 { used as f64 / total as f64 * 100.0 } else { 0.0 };
    Memory { used, total, free: total.saturating_sub(used), percent }
}

fn core(id: CoreId, counters: &Counters) -> Core {
    Core {
        id: id.0,
        sockets: counters.sockets,
        connections: counters.connections,
        subscriptions: counters.subscriptions,
        channels: counters.channels,
        mailbox_depth: counters.mailbox_depth,
        retained_bytes: counters.retained_bytes,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_all_cores_hold_is_summed_up() {
        let counters = |connections| {
            Box::new(Counters { connections, channels: 2, sockets: 9, ..Counters::default() })
        };
        let cores = [(CoreId(0), counters(3)), (CoreId(1), counters(4))];
        assert_eq!(
            render(&cores, 50, 200),
            concat!(
                r#"{"memory":{"used":50,"total":200,"free":150,"percent":25.0},"#,
                r#""connections":7,"subscriptions":0,"channels":4,"cores":["#,
                r#"{"core":0,"sockets":9,"connections":3,"subscriptions":0,"channels":2,"#,
                r#""mailbox_depth":0,"retained_bytes":0},"#,
                r#"{"core":1,"sockets":9,"connections":4,"subscriptions":0,"channels":2,"#,
                r#""mailbox_depth":0,"retained_bytes":0}]}"#
            )
        );
    }

    #[test]
    fn more_than_there_is_leaves_nothing_free() {
        assert!(render(&[], 3, 2).contains(r#""free":0,"percent":150.0"#));
        assert!(render(&[], 3, 0).contains(r#""free":0,"percent":0.0"#));
    }
}
