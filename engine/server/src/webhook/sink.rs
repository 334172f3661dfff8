//! One request to a sink, signed as webhooks are.

use std::time::Duration;

use uringcast_proto::zps::server;

use super::post::signed_headers;
use crate::api::Call;
use crate::app::App;
use crate::shard::SinkPost;

/// The request that brings the events of `post` to its sink: `{"room": ..., "events": [...]}`, each
/// event as subscribers get it, with the room's name once more in a header.
pub(crate) fn sink_call(app: &App, post: &SinkPost, timeout: Duration) -> Call {
    let room = serde_json::to_string(post.room.as_str()).expect("text always has a JSON form");
    let bytes = post.frames.iter().map(|frame| frame.len() + 1).sum::<usize>();
    let mut body = String::with_capacity(bytes + room.len() + 24);
    body.push_str(r#"{"room":"#);
    body.push_str(&room);
    body.push_str(r#","events":["#);
    let events = post.frames.iter().filter_map(|frame| server::envelope_of(frame));
    for (index, event) in events.enumerate() {
        body.push_str(if index == 0 { "" } else { "," });
        body.push_str(event);
    }
    body.push_str("]}");
    let mut headers = signed_headers(app, &post.sink.headers, &body);
    headers.push(("X-Uringcast-Sink".to_owned(), post.sink.name.clone()));
    Call { url: post.sink.url.clone(), body: body.into(), headers, timeout }
}
