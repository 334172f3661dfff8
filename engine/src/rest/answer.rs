//! What the peer gets back: a status and a JSON body.

use bytes::Bytes;
use uringcast_proto::pusher::rest::{
    ChannelAttributes, PUBLISHED_BODY, UP_BODY, channel_body, channels_body, error_body, users_body,
};

use super::action::{ChannelInfo, Info};
use super::error::RestError;

/// One response. Its content type is `application/json`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Answer {
    /// The HTTP status.
    pub status: u16,
    /// JSON.
    pub body: Bytes,
    /// The value of the `allow` header, if there must be one.
    pub allow: Option<&'static str>,
}

impl Answer {
    /// To [`Action::Up`](super::Action::Up).
    pub const fn up() -> Self {
        Self::ok(Bytes::from_static(UP_BODY.as_bytes()))
    }

    /// To [`Action::Publish`](super::Action::Publish), once every publication is queued.
    pub const fn published() -> Self {
        Self::ok(Bytes::from_static(PUBLISHED_BODY.as_bytes()))
    }

    /// To [`Action::Channels`](super::Action::Channels): the occupied channels, in any order, that
    /// begin with the prefix asked for.
    pub fn channels(mut channels: Vec<ChannelInfo>, info: Info) -> Self {
        channels.sort_unstable_by(|one, other| one.name.cmp(&other.name));
        let channels =
            channels.iter().map(|channel| (channel.name.as_str(), channel.attributes(info)));
        Self::ok(channels_body(channels).into())
    }

    /// To [`Action::Channel`](super::Action::Channel).
    pub fn channel(channel: &ChannelInfo, info: Info) -> Self {
        let occupied = channel.subscription_count > 0;
        Self::ok(channel_body(occupied, channel.attributes(info)).into())
    }

    /// To [`Action::Users`](super::Action::Users): each user once.
    pub fn users(user_ids: &[String]) -> Self {
        Self::ok(users_body(user_ids.iter().map(String::as_str)).into())
    }

    /// To [`Action::Terminate`](super::Action::Terminate), once every core has been told.
    pub const fn terminated() -> Self {
        Self::ok(Bytes::from_static(PUBLISHED_BODY.as_bytes()))
    }

    /// To a request that is refused.
    pub fn refused(error: &RestError) -> Self {
        let status = error.status();
        let body = error_body(&error.to_string(), status).into();
        Self { status, body, allow: error.allow() }
    }

    const fn ok(body: Bytes) -> Self {
        Self { status: 200, body, allow: None }
    }
}

impl ChannelInfo {
    fn attributes(&self, info: Info) -> ChannelAttributes {
        ChannelAttributes {
            subscription_count: info.subscription_count.then_some(self.subscription_count),
            user_count: self.user_count.filter(|_| info.user_count),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ALL: Info = Info { subscription_count: true, user_count: true };

    fn info(name: &str, subscription_count: u32, user_count: Option<u32>) -> ChannelInfo {
        ChannelInfo { name: name.to_owned(), subscription_count, user_count }
    }

    fn check(answer: &Answer, status: u16, body: &str) {
        assert_eq!((answer.status, std::str::from_utf8(&answer.body).unwrap()), (status, body));
    }

    #[test]
    fn up_and_published_are_fixed() {
        check(&Answer::up(), 200, r#"{"health":"OK"}"#);
        check(&Answer::published(), 200, "{}");
    }

    #[test]
    fn channels_are_sorted_and_tell_only_what_was_asked() {
        let channels = || vec![info("presence-b", 3, Some(2)), info("a", 1, None)];
        let users = Info { user_count: true, ..Info::default() };
        check(
            &Answer::channels(channels(), Info::default()),
            200,
            r#"{"channels":{"a":{},"presence-b":{}}}"#,
        );
        check(
            &Answer::channels(channels(), users),
            200,
            r#"{"channels":{"a":{},"presence-b":{"user_count":2}}}"#,
        );
        check(
            &Answer::channels(channels(), ALL),
            200,
            concat!(
                r#"{"channels":{"a":{"subscription_count":1},"#,
                r#""presence-b":{"subscription_count":3,"user_count":2}}}"#
            ),
        );
        check(&Answer::channels(Vec::new(), ALL), 200, r#"{"channels":{}}"#);
    }

    #[test]
    fn a_channel_is_occupied_by_its_subscriptions() {
        check(&Answer::channel(&info("a", 1, None), Info::default()), 200, r#"{"occupied":true}"#);
        check(
            &Answer::channel(&info("presence-a", 0, Some(0)), ALL),
            200,
            r#"{"occupied":false,"subscription_count":0,"user_count":0}"#,
        );
        check(
            &Answer::channel(&info("a", 2, None), ALL),
            200,
            r#"{"occupied":true,"subscription_count":2}"#,
        );
    }

    #[test]
    fn users_are_listed_as_objects() {
        let ids = ["1".to_owned(), "2".to_owned()];
        check(&Answer::users(&ids), 200, r#"{"users":[{"id":"1"},{"id":"2"}]}"#);
        check(&Answer::users(&[]), 200, r#"{"users":[]}"#);
    }

    #[test]
    fn a_refusal_carries_its_status_twice_and_the_method_it_wants() {
        let not_presence = Answer::refused(&RestError::NotPresence);
        check(&not_presence, 400, r#"{"error":"only presence channels have users","code":400}"#);
        assert_eq!(not_presence.allow, None);
        let method = Answer::refused(&RestError::Method { allow: "POST" });
        check(&method, 405, r#"{"error":"this path takes POST only","code":405}"#);
        assert_eq!(method.allow, Some("POST"));
    }
}
