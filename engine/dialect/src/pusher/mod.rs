//! Pusher Channels, protocol 7: from a client's message to the shard, and the answers.
//!
//! A message that cannot be done gets a `pusher:error` that says why, and nothing else changes: the
//! connection and its other channels live on (spec pusher.md). Only who signs in with a signature
//! that is not right is closed.

mod client_event;
mod farewell;
mod log;
mod path;
mod refusals;
mod signin;
mod subscribe;
mod version;
mod words;

use uringcast_proto::pusher::client::ClientMessage;
use uringcast_proto::pusher::codes::Code;
use uringcast_proto::pusher::presence::MemberLimits;
use uringcast_proto::pusher::server;
use uringcast_shard::app::{App, AppPolicy};
use uringcast_shard::id::ConnId;
use uringcast_shard::{Refusal, Shard};

pub use farewell::turn_away;
pub use path::socket_key;
pub use version::check_version;
pub use words::say;

use client_event::ClientEvent;
use subscribe::Credentials;

/// Greet a client of `app` whose key is right: the first frame that it must see.
pub fn greet(shard: &mut Shard, app: &App, conn: ConnId) {
    shard.await_authorization(conn, app.policy.signin_timeout_s);
    let activity_timeout_s = (shard.config().activity_timeout_ms / 1_000) as u16;
    if let Some(id) = shard.socket_id(conn) {
        let frame = server::connection_established(&id.to_string(), activity_timeout_s);
        shard.send(conn, frame);
    }
}

/// Do what the text message of a client of `app` asks that is open.
pub fn on_text(shard: &mut Shard, app: &App, conn: ConnId, text: &str) {
    let message = match ClientMessage::parse(text) {
        Ok(message) => message,
        Err(error) => return complain(shard, conn, None, &error.to_string(), Refusal::Json),
    };
    match message {
        ClientMessage::Ping => shard.send(conn, server::pong()),
        ClientMessage::Pong => {} // Its arrival was noted already.
        ClientMessage::Subscribe { channel, auth, channel_data } => {
            let auth = Credentials { auth: auth.as_deref(), channel_data: channel_data.as_deref() };
            subscribe::on_subscribe(shard, app, conn, &channel, auth);
        }
        ClientMessage::Signin { auth, user_data } => {
            signin::on_signin(shard, app, conn, &auth, &user_data);
        }
        ClientMessage::Unsubscribe { channel } => shard.unsubscribe(conn, &channel),
        ClientMessage::Event { event, event_name, channel, data } => {
            let event =
                ClientEvent { event, name_bytes: event_name.len(), channel: &channel, data };
            client_event::on_event(shard, app, conn, &event);
        }
        ClientMessage::Log(message) => log::on_message(shard, app, conn, message),
        ClientMessage::Unknown { event } => {
            let text = format!("unknown event {:?}", shorten(&event));
            complain(shard, conn, None, &text, Refusal::Json);
        }
    }
}

/// Answer a binary message: the protocol has none.
pub fn on_binary(shard: &mut Shard, conn: ConnId) {
    complain(shard, conn, None, "binary messages are not supported", Refusal::Json);
}

fn complain(shard: &mut Shard, conn: ConnId, code: Option<Code>, text: &str, refusal: Refusal) {
    shard.refuse(refusal);
    shard.send(conn, server::error(code.map(Code::value), text));
}

/// What a presence channel's member may be.
pub const fn member_limits(policy: &AppPolicy) -> MemberLimits {
    MemberLimits {
        user_id_bytes_max: policy.presence_user_id_max as usize,
        user_info_bytes_max: policy.presence_user_info_bytes_max as usize,
    }
}

/// The start of a client's text, for an answer that is not longer than it need be.
fn shorten(text: &str) -> &str {
    const SHOWN_BYTES_MAX: usize = 200;
    &text[..text.floor_char_boundary(SHOWN_BYTES_MAX)]
}
