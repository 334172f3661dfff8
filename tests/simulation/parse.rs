//! From the bytes that land at a client to what it hears.

use std::collections::BTreeSet;

use serde_json::Value;
use uringcast_proto::ws::Opcode;
use uringcast_proto::ws::client::{Frame, FrameCursor};
use uringcast_proto::ws::deflate::Inflater;
use uringcast_proto::ws::encode::header_bytes;

use crate::history::Heard;

/// More than the longest message of any world.
const MESSAGE_BYTES_MAX: usize = 1 << 20;

/// One connection's inbound bytes.
pub(crate) struct Ear {
    cursor: FrameCursor,
    inflater: Inflater,
    received_bytes: usize,
    heard_bytes: usize,
}

impl Default for Ear {
    fn default() -> Self {
        let (cursor, inflater) = (FrameCursor::deflated(), Inflater::default());
        Self { cursor, inflater, received_bytes: 0, heard_bytes: 0 }
    }
}

impl Ear {
    /// Take bytes as they land, cut anywhere; what they complete is added to `heard`.
    pub(crate) fn receive(&mut self, mut bytes: &[u8], heard: &mut Vec<Heard>) {
        self.received_bytes += bytes.len();
        while let Some(frame) = self.cursor.next(&mut bytes).expect("the frames are valid") {
            self.heard_bytes += header_bytes(frame.payload.len()) + frame.payload.len();
            heard.push(if frame.is_compressed {
                let payload = self.inflater.message(frame.payload, MESSAGE_BYTES_MAX);
                let payload = payload.expect("the frame is a message of its own");
                parse(&Frame { is_compressed: false, payload, ..frame })
            } else {
                parse(&frame)
            });
        }
    }

    /// Whether no frame has begun and not ended.
    pub(crate) const fn is_between_frames(&self) -> bool {
        self.received_bytes == self.heard_bytes
    }
}

/// The channel and the id of the event in one whole frame.
pub(crate) fn event(mut frame: &[u8]) -> (String, u64) {
    let mut cursor = FrameCursor::new();
    let frame = cursor.next(&mut frame).expect("a valid frame").expect("a whole frame");
    match parse(&frame) {
        Heard::Event { channel, id } => (channel, id),
        other => panic!("{other:?} is no event"),
    }
}

fn parse(frame: &Frame<'_>) -> Heard {
    assert!(frame.is_final, "the server does not fragment");
    match frame.opcode {
        Opcode::Text => message(&serde_json::from_slice(frame.payload).expect("valid JSON")),
        Opcode::Close => {
            let code = frame.payload.first_chunk().map(|code| u16::from_be_bytes(*code));
            Heard::Close { code }
        }
        Opcode::Ping => Heard::Ping,
        Opcode::Continuation | Opcode::Binary | Opcode::Pong => {
            panic!("the dialect sends no {:?}", frame.opcode)
        }
    }
}

fn message(message: &Value) -> Heard {
    let text = |field: &str| message[field].as_str().unwrap_or_default();
    let channel = text("channel").to_owned();
    match text("event") {
        "pusher:connection_established" => Heard::Established,
        "pusher:ping" => Heard::Ping,
        "pusher:pong" => Heard::Pong,
        "pusher:error" => Heard::Error,
        "pusher:subscription_error" => {
            // The owner's refusal ends an attempt, a refusal at once has made none.
            let is_owners = string(&message["data"]["error"]).contains("full");
            if is_owners { Heard::Refused { channel } } else { Heard::Error }
        }
        "pusher_internal:subscription_succeeded" => {
            let ids = inner(message)["presence"]["ids"].as_array().cloned();
            let strings = |ids: Vec<Value>| -> BTreeSet<String> {
                ids.iter().map(|id| string(id).to_owned()).collect()
            };
            Heard::Succeeded { channel, members: ids.map(strings) }
        }
        "pusher:signin_success" => Heard::SignedIn,
        "pusher_internal:watchlist_events" => Heard::Watchlist { changes: changes(message) },
        "pusher:cache_miss" => Heard::Missed { channel },
        "pusher_internal:subscription_count" => {
            let count = inner(message)["subscription_count"].as_u64().expect("a number");
            Heard::Counted { channel, count: count as u32 }
        }
        "pusher_internal:member_added" => Heard::Added { channel, user: user(message) },
        "pusher_internal:member_removed" => Heard::Removed { channel, user: user(message) },
        name => {
            let id = name.trim_start_matches("client-").parse();
            Heard::Event { channel, id: id.unwrap_or_else(|_| panic!("unexpected {message}")) }
        }
    }
}

/// What the server itself says has its data encoded twice.
fn inner(message: &Value) -> Value {
    serde_json::from_str(string(&message["data"])).expect("data holds JSON")
}

/// Each user of a watchlist's events with what has become of it.
fn changes(message: &Value) -> Vec<(String, bool)> {
    let array = |value: &Value| value.as_array().expect("an array").clone();
    let events = array(&message["data"]["events"]);
    let changes = events.iter().flat_map(|event| {
        let is_online = match string(&event["name"]) {
            "online" => true,
            "offline" => false,
            other => panic!("{other} is no status"),
        };
        array(&event["user_ids"]).into_iter().map(move |id| (string(&id).to_owned(), is_online))
    });
    changes.collect()
}

fn user(message: &Value) -> String {
    string(&inner(message)["user_id"]).to_owned()
}

fn string(value: &Value) -> &str {
    value.as_str().expect("the protocol has a string here")
}
