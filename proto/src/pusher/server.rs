//! What the server says: each function makes one complete, unmasked websocket text frame.
//!
//! Which messages carry `data` as a string and which as an object is not ours to choose: spec
//! pusher.md, double encoding. Raw JSON tokens given in are copied as they are; all other text is
//! escaped here.

use std::fmt::Write as _;

use bytes::Bytes;
use serde::Deserialize;
use serde_json::value::RawValue;

use super::user::OnlineStatus;
use crate::json::{escape_into, escaped};
use crate::json_frame::JsonFrame;
use crate::ws::client::FrameCursor;
use crate::ws::encode;

/// The first frame of every connection.
///
/// # Panics
/// If `activity_timeout_s` is 0: pusher-js would throw.
pub fn connection_established(socket_id: &str, activity_timeout_s: u16) -> Bytes {
    assert!(activity_timeout_s > 0, "pusher-js throws on an activity_timeout of 0");
    let data = format!(r#"{{"socket_id":"{socket_id}","activity_timeout":{activity_timeout_s}}}"#);
    internal("pusher:connection_established", None, &data)
}

/// `pusher:ping`, which the client answers with `pusher:pong`, and a ping frame behind it.
///
/// Some clients answer the one and some the other: the official ones in Java and Swift ignore
/// `pusher:ping`, and a few written by hand know no ping frames.
pub const PING: &[u8] = b"\x81\x17{\"event\":\"pusher:ping\"}\x89\x00";

/// The answer to a client's `pusher:ping`.
pub const fn pong() -> Bytes {
    Bytes::from_static(b"\x81\x21{\"event\":\"pusher:pong\",\"data\":{}}")
}

/// `pusher:error`. Before `connection_established` it makes the client close; after it, the client
/// only reports it.
pub fn error(code: Option<u16>, message: &str) -> Bytes {
    let code = code.map_or_else(|| "null".to_owned(), |code| code.to_string());
    JsonFrame::with_capacity(64 + message.len())
        .raw(r#"{"event":"pusher:error","data":{"code":"#)
        .raw(&code)
        .raw(r#","message":""#)
        .text(message)
        .raw(r#""}}"#)
        .finish()
}

/// A subscription to a channel without members is in place.
pub fn subscription_succeeded(channel: &str) -> Bytes {
    internal("pusher_internal:subscription_succeeded", Some(channel), "{}")
}

/// A subscription to a presence channel is in place; `members` are all of it, this one included,
/// as (`user_id`, `user_info` as JSON).
pub fn presence_subscription_succeeded<'a>(
    channel: &str,
    members: impl Iterator<Item = (&'a str, &'a str)> + Clone,
) -> Bytes {
    let mut ids = String::new();
    let mut hash = String::new();
    let mut count = 0_usize;
    for (user_id, user_info_json) in members {
        let comma = if count == 0 { "" } else { "," };
        let user_id = escaped(user_id);
        // Writing to a `String` cannot fail.
        let _ = write!(ids, "{comma}\"{user_id}\"");
        let _ = write!(hash, "{comma}\"{user_id}\":{}", value_or_empty(user_info_json));
        count += 1;
    }
    let data = format!(r#"{{"presence":{{"ids":[{ids}],"hash":{{{hash}}},"count":{count}}}}}"#);
    internal("pusher_internal:subscription_succeeded", Some(channel), &data)
}

/// There is no event for a new subscriber of a cache channel.
pub fn cache_miss(channel: &str) -> Bytes {
    JsonFrame::with_capacity(48 + channel.len())
        .raw(r#"{"event":"pusher:cache_miss","channel":""#)
        .text(channel)
        .raw(r#""}"#)
        .finish()
}

/// How many subscriptions a channel has.
pub fn subscription_count(channel: &str, count: u32) -> Bytes {
    let data = format!(r#"{{"subscription_count":{count}}}"#);
    internal("pusher_internal:subscription_count", Some(channel), &data)
}

/// A user joined a presence channel with their first connection.
pub fn member_added(channel: &str, user_id: &str, user_info_json: &str) -> Bytes {
    let user_id = escaped(user_id);
    let user_info = value_or_empty(user_info_json);
    let data = format!(r#"{{"user_id":"{user_id}","user_info":{user_info}}}"#);
    internal("pusher_internal:member_added", Some(channel), &data)
}

/// A user left a presence channel with their last connection.
pub fn member_removed(channel: &str, user_id: &str) -> Bytes {
    let data = format!(r#"{{"user_id":"{}"}}"#, escaped(user_id));
    internal("pusher_internal:member_removed", Some(channel), &data)
}

/// A client has signed in; `user_data` is the string that it sent. `data` is an object (spec
/// pusher.md, double encoding), and pusher-js parses the string in it.
pub fn signin_success(user_data: &str) -> Bytes {
    JsonFrame::with_capacity(64 + user_data.len() + user_data.len() / 8)
        .raw(r#"{"event":"pusher:signin_success","data":{"user_data":""#)
        .text(user_data)
        .raw(r#""}}"#)
        .finish()
}

/// Users on a client's watchlist have come or gone: each change with the users it is about, in the
/// order in which the client is to hear of them.
pub fn watchlist_events(changes: &[(OnlineStatus, Vec<&str>)]) -> Bytes {
    let ids_bytes: usize = changes.iter().flat_map(|(_, ids)| ids).map(|id| id.len() + 3).sum();
    let mut frame = JsonFrame::with_capacity(80 + 32 * changes.len() + ids_bytes)
        .raw(r#"{"event":"pusher_internal:watchlist_events","data":{"events":["#);
    for (index, (status, user_ids)) in changes.iter().enumerate() {
        let comma = if index == 0 { "" } else { "," };
        frame = frame.raw(comma).raw(r#"{"name":""#).raw(status.name()).raw(r#"","user_ids":["#);
        for (index, user_id) in user_ids.iter().enumerate() {
            frame = frame.raw(if index == 0 { "\"" } else { ",\"" }).text(user_id).raw("\"");
        }
        frame = frame.raw("]}");
    }
    frame.raw("]}}").finish()
}

/// A subscription was refused. `kind` is the `type` that Echo's error callback shows, such as
/// `AuthError`; `status` is an HTTP status.
pub fn subscription_error(channel: &str, kind: &str, message: &str, status: u16) -> Bytes {
    JsonFrame::with_capacity(112 + channel.len() + kind.len() + message.len())
        .raw(r#"{"event":"pusher:subscription_error","channel":""#)
        .text(channel)
        .raw(r#"","data":{"type":""#)
        .text(kind)
        .raw(r#"","error":""#)
        .text(message)
        .raw(r#"","status":"#)
        .raw(&status.to_string())
        .raw("}}")
        .finish()
}

/// An event on a channel. `event_json` and `data_json` are JSON tokens, copied unchanged;
/// `user_id` is the sender of a client event on a presence channel.
pub fn event(event_json: &str, channel: &str, data_json: &str, user_id: Option<&str>) -> Bytes {
    let mut frame = Vec::new();
    event_frame_into(&mut frame, event_json, channel, data_json, user_id);
    Bytes::from(frame)
}

/// Append the frame of an [`event`].
pub fn event_frame_into(
    output: &mut Vec<u8>,
    event_json: &str,
    channel: &str,
    data_json: &str,
    user_id: Option<&str>,
) {
    let user_id_bytes = user_id.map_or(0, |id| id.len() + r#","user_id":"""#.len());
    let fixed_bytes = r#"{"event":,"channel":"","data":}"#.len();
    let values_bytes = event_json.len() + channel.len() + data_json.len();
    encode::text_into(output, fixed_bytes + values_bytes + user_id_bytes, |text| {
        event_into(text, event_json, channel, data_json, user_id);
        text.push(b'}');
    });
}

/// Append the text of an [`event`] without its last brace.
pub(super) fn event_into(
    text: &mut Vec<u8>,
    event_json: &str,
    channel: &str,
    data_json: &str,
    user_id: Option<&str>,
) {
    text.extend_from_slice(br#"{"event":"#);
    text.extend_from_slice(event_json.as_bytes());
    text.extend_from_slice(br#","channel":""#);
    escape_into(text, channel);
    text.extend_from_slice(br#"","data":"#);
    text.extend_from_slice(data_json.as_bytes());
    if let Some(user_id) = user_id {
        text.extend_from_slice(br#","user_id":""#);
        escape_into(text, user_id);
        text.push(b'"');
    }
}

/// The JSON token that [`event`] was given as `data`, from the whole `frame`; `None` if it is no
/// frame of an event.
pub fn event_data(mut frame: &[u8]) -> Option<Box<str>> {
    #[derive(Deserialize)]
    struct Event<'a> {
        #[serde(borrow)]
        data: &'a RawValue,
    }
    let mut cursor = FrameCursor::new();
    let frame = cursor.next(&mut frame).ok()??;
    let event: Event<'_> = serde_json::from_slice(frame.payload).ok()?;
    Some(event.data.get().into())
}

/// A message of ours whose `data` is a string that holds `data_json`.
pub(super) fn internal(event: &str, channel: Option<&str>, data_json: &str) -> Bytes {
    // One eighth for the quotes that get a backslash is enough for all but tiny members.
    let text_bytes = event.len() + channel.map_or(0, str::len) + data_json.len();
    let mut frame = JsonFrame::with_capacity(64 + text_bytes + data_json.len() / 8)
        .raw(r#"{"event":""#)
        .text(event);
    if let Some(channel) = channel {
        frame = frame.raw(r#"","channel":""#).text(channel);
    }
    frame.raw(r#"","data":""#).text(data_json).raw(r#""}"#).finish()
}

/// Echo maps over the members' values, so each needs one.
const fn value_or_empty(user_info_json: &str) -> &str {
    if user_info_json.is_empty() { "{}" } else { user_info_json }
}

#[cfg(test)]
mod tests;
