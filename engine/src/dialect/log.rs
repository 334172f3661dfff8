//! What Pusher clients are told about a channel's log: events of this server's own.

use bytes::Bytes;
use uringcast_proto::pusher::server;

use crate::log::Snapshot;

/// `uringcast:snapshot`: the state of `channel` as of an event; `null` if there is none.
pub(super) fn snapshot(channel: &str, snapshot: Option<&Snapshot>) -> Bytes {
    let data = snapshot.map_or_else(
        || "null".to_owned(),
        |it| format!(r#"{{"sequence":{},"state":{}}}"#, it.last_sequence, it.state_json),
    );
    event("\"uringcast:snapshot\"", channel, &data)
}

/// `uringcast:resumed`: what follows comes after event `sequence`.
pub(super) fn resumed(channel: &str, sequence: u64) -> Bytes {
    event("\"uringcast:resumed\"", channel, &format!(r#"{{"after":{sequence}}}"#))
}

/// An event whose `data` is a JSON value and not a string with one.
fn event(event_json: &str, channel: &str, data_json: &str) -> Bytes {
    server::event(event_json, channel, data_json, None)
}
