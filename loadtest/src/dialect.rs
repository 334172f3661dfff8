//! What a server wants to hear: the few places where servers differ for the same load.
//!
//! Whatever the dialect, an event is published as one websocket text or one HTTP body, and it must
//! arrive at every subscriber; the bytes of both are the same. So one client measures all servers,
//! and what it costs itself is the same for each.

use std::time::{SystemTime, UNIX_EPOCH};

use uringcast_proto::pusher::auth;
use uringcast_proto::pusher::signature::{self, Credentials};

use crate::endpoint::App;
use crate::message::Message;
use crate::publish::http::Route;

/// The name of the message with which a server of topics says that a connection is subscribed.
const READY: &str = "ready";

/// How to speak to a server.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Dialect {
    /// The Pusher protocol, version 7, as this application: subscriptions by message and signed
    /// where the channel is private, publishes by client event or signed request.
    Pusher(App),
    /// zero-pub-sub: who connects says who it is, nothing is signed. The text is that of this run
    /// alone, and part of every subscriber's name.
    Zps(String),
    /// The least that a server of topics can do: the path of the upgrade names the topics, a text
    /// frame or a body that is published goes out to its topic as it came in, nothing is signed.
    Topics,
}

impl Dialect {
    /// The path that a subscriber of `channels` asks to upgrade.
    pub fn upgrade_path(&self, channels: &[String]) -> String {
        match self {
            Self::Pusher(app) => {
                let version = env!("CARGO_PKG_VERSION");
                format!("/app/{}?protocol=7&client=loadtest&version={version}", app.key)
            }
            Self::Zps(_) => "/".to_owned(),
            Self::Topics => format!("/topics/{}", channels.join(",")),
        }
    }

    /// What a connection says first, the `index`th of those that subscribe to `channels` or, if
    /// there are none, publish.
    pub fn hello(&self, index: usize, channels: &[String]) -> Option<String> {
        let Self::Zps(run) = self else { return None };
        let kind = if channels.is_empty() { "publisher" } else { "subscriber" };
        Some(format!(r#"{{"type":"init","subscriberId":"load-{run}-{kind}-{index}"}}"#))
    }

    /// The socket id, empty where there is none, if this message greets a new connection.
    pub fn greeting(&self, message: &Message<'_>) -> Option<String> {
        match self {
            Self::Pusher(_) => message.socket_id(),
            Self::Zps(_) | Self::Topics => (message.event == READY).then(String::new),
        }
    }

    /// The message that subscribes a greeted connection, where it takes one.
    pub fn subscribe(&self, socket_id: &str, channel: &str) -> Option<String> {
        let app = match self {
            Self::Pusher(app) => app,
            Self::Zps(_) => return Some(format!(r#"{{"type":"subscribe","room":"{channel}"}}"#)),
            Self::Topics => return None,
        };
        let private = channel.starts_with("private-");
        let sign = || auth::sign_channel(&app.key, &app.secret, socket_id, channel, None);
        let auth = private.then(sign).unwrap_or_default();
        let data = serde_json::json!({ "channel": channel, "auth": auth });
        Some(serde_json::json!({ "event": "pusher:subscribe", "data": data }).to_string())
    }

    /// Whether this message says that a subscription has begun.
    pub fn is_subscribed(&self, message: &Message<'_>) -> bool {
        match self {
            Self::Pusher(_) => message.event == "pusher_internal:subscription_succeeded",
            Self::Zps(_) => message.event == "subscribed",
            Self::Topics => false, // It takes no message that subscribes.
        }
    }

    /// What a websocket that publishes into `channels` has to be subscribed to itself.
    pub fn publisher_channels(&self, channels: Vec<String>) -> Vec<String> {
        match self {
            Self::Pusher(_) => channels,
            Self::Zps(_) | Self::Topics => Vec::new(),
        }
    }

    /// The path to which requests publish.
    pub fn publish_path(&self, route: Route) -> String {
        match self {
            Self::Pusher(app) => format!("/apps/{}/{}", app.id, route.name()),
            Self::Zps(_) | Self::Topics => format!("/{}", route.name()),
        }
    }

    /// What a body calls the event's name. A server of topics delivers the body itself, so there it
    /// is what a delivery calls it.
    pub const fn event_key(&self) -> &'static str {
        match self {
            Self::Pusher(_) => "name",
            Self::Zps(_) | Self::Topics => "event",
        }
    }

    /// What has to be behind the path for this body: a signature with its question mark, or
    /// nothing.
    pub fn query(&self, path: &str, body: &[u8]) -> String {
        let Self::Pusher(App { key, secret, .. }) = self else { return String::new() };
        let unix = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |time| time.as_secs());
        let credentials = Credentials { key, secret };
        format!("?{}", signature::sign_request("POST", path, &[], body, credentials, unix))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pusher() -> Dialect {
        Dialect::Pusher("app-id:app-key:app-secret".parse().unwrap())
    }

    #[test]
    fn topics_are_named_by_the_path_and_take_no_message() {
        let channels = ["a".to_owned(), "b".to_owned()];
        assert_eq!(Dialect::Topics.upgrade_path(&channels), "/topics/a,b");
        assert_eq!(Dialect::Topics.subscribe("", "a"), None);
        assert_eq!(Dialect::Topics.publisher_channels(channels.to_vec()), Vec::<String>::new());
        assert_eq!(Dialect::Topics.publish_path(Route::Events), "/events");
        assert_eq!(Dialect::Topics.query("/events", b"{}"), "");
    }

    #[test]
    fn private_channels_of_pusher_are_signed_and_public_ones_are_not() {
        let auth = |channel| {
            let text = pusher().subscribe("1.2", channel).unwrap();
            let message: serde_json::Value = serde_json::from_str(&text).unwrap();
            message["data"]["auth"].as_str().unwrap().to_owned()
        };
        assert!(auth("private-a").starts_with("app-key:"));
        assert_eq!(auth("a"), "");
    }

    #[test]
    fn who_speaks_zps_says_so_first_and_signs_nothing() {
        let zps = Dialect::Zps("7".to_owned());
        let rooms = ["load:7_0".to_owned()];
        let hello = |channels| zps.hello(3, channels).unwrap();
        assert_eq!(hello(&rooms), r#"{"type":"init","subscriberId":"load-7-subscriber-3"}"#);
        assert_eq!(hello(&[]), r#"{"type":"init","subscriberId":"load-7-publisher-3"}"#);
        let subscribe = zps.subscribe("", "load:7_0").unwrap();
        assert_eq!(subscribe, r#"{"type":"subscribe","room":"load:7_0"}"#);
        let answer = Message::parse(br#"{"type":"subscribed","room":"load:7_0"}"#).unwrap();
        assert!(zps.is_subscribed(&answer));
        assert_eq!(pusher().hello(3, &rooms), None);
    }

    #[test]
    fn each_dialect_has_a_greeting_of_its_own() {
        let ready = Message::parse(br#"{"event":"ready"}"#).unwrap();
        assert_eq!(Dialect::Topics.greeting(&ready).as_deref(), Some(""));
        assert_eq!(pusher().greeting(&ready), None);
    }
}
