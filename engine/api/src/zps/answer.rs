//! Envelopes as zero-pub-sub's backend client gets them back.

use bytes::Bytes;
use uringcast_proto::zps::server;

use crate::answer::HttpAnswer;

/// The answer to events that were kept: the envelopes in their frames.
pub(super) fn events(frames: &[Bytes], is_array: bool) -> HttpAnswer {
    let envelopes = frames.iter().filter_map(|frame| server::envelope_of(frame));
    if is_array {
        return HttpAnswer::ok(array(envelopes, "[", "]"));
    }
    HttpAnswer::ok(envelopes.map(str::to_owned).next().unwrap_or_default().into())
}

pub(super) fn array<'a>(
    items: impl Iterator<Item = &'a str> + Clone,
    head: &'static str,
    tail: &'static str,
) -> Bytes {
    let bytes = items.clone().map(|item| item.len() + 1).sum::<usize>();
    let mut body = String::with_capacity(head.len() + bytes + tail.len());
    body.push_str(head);
    for (index, item) in items.enumerate() {
        body.push_str(if index == 0 { "" } else { "," });
        body.push_str(item);
    }
    body.push_str(tail);
    body.into()
}
