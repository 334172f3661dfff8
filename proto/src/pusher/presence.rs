//! Who a member of a presence channel is: reading a signed `channel_data`.
//!
//! The id is a string from here on, even where the app's server wrote a number: pusher-js uses it
//! as an object key, which makes the two the same. `user_info` is never looked into.

use std::borrow::Cow;

use serde::Deserialize;
use serde_json::value::RawValue;

use crate::json;
use crate::limits::{PUSHER_USER_ID_BYTES_MAX, PUSHER_USER_INFO_BYTES_MAX};

/// One user of a presence channel.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Member {
    /// Tells users of one channel apart. Never empty.
    pub user_id: String,
    /// Any JSON value, exactly as the app's server wrote it; `{}` where it wrote none.
    pub user_info_json: String,
}

/// How large a member may be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MemberLimits {
    /// Bytes of the decoded `user_id`. Default 128.
    pub user_id_bytes_max: usize,
    /// Bytes of `user_info` as JSON. Default 1 KiB: each subscriber is sent all of them.
    pub user_info_bytes_max: usize,
}

impl Default for MemberLimits {
    fn default() -> Self {
        Self {
            user_id_bytes_max: PUSHER_USER_ID_BYTES_MAX,
            user_info_bytes_max: PUSHER_USER_INFO_BYTES_MAX,
        }
    }
}

/// Why a `channel_data` names no member.
///
/// The subscription fails, the connection survives. The data is signed, so the fault lies with the
/// app's own server.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum MemberError {
    /// The text is not a JSON object.
    #[error("channel_data is not a JSON object")]
    Json,
    /// `user_id` is missing, empty, or neither a string nor a number.
    #[error("channel_data needs a user_id that is a string or a number")]
    UserId,
    /// `user_id` is too long.
    #[error("user_id has {bytes} bytes, at most {bytes_max} are allowed")]
    UserIdLength {
        /// Bytes of the decoded id.
        bytes: usize,
        /// The limit.
        bytes_max: usize,
    },
    /// `user_info` is too long.
    #[error("user_info has {bytes} bytes, at most {bytes_max} are allowed")]
    UserInfoLength {
        /// Bytes of the JSON.
        bytes: usize,
        /// The limit.
        bytes_max: usize,
    },
}

impl Member {
    /// Read the decoded `channel_data` of a subscription.
    pub fn parse(channel_data: &str, limits: MemberLimits) -> Result<Self, MemberError> {
        let fields: Fields<'_> = json::object(channel_data).ok_or(MemberError::Json)?;
        let user_id = fields.user_id.and_then(|token| id_text(token.get()));
        let user_id = user_id.filter(|id| !id.is_empty()).ok_or(MemberError::UserId)?;
        if user_id.len() > limits.user_id_bytes_max {
            let (bytes, bytes_max) = (user_id.len(), limits.user_id_bytes_max);
            return Err(MemberError::UserIdLength { bytes, bytes_max });
        }
        let user_info_json = fields.user_info.map_or("{}", RawValue::get);
        if user_info_json.len() > limits.user_info_bytes_max {
            let (bytes, bytes_max) = (user_info_json.len(), limits.user_info_bytes_max);
            return Err(MemberError::UserInfoLength { bytes, bytes_max });
        }
        Ok(Self { user_id: user_id.into_owned(), user_info_json: user_info_json.to_owned() })
    }
}

#[derive(Deserialize)]
struct Fields<'a> {
    #[serde(borrow)]
    user_id: Option<&'a RawValue>,
    #[serde(borrow, default, deserialize_with = "json::present")]
    user_info: Option<&'a RawValue>,
}

/// A string's text, or a number's digits as they were written.
pub(super) fn id_text(token: &str) -> Option<Cow<'_, str>> {
    match token.as_bytes().first()? {
        b'-' | b'0'..=b'9' => Some(Cow::Borrowed(token)),
        _ => json::string(token),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(channel_data: &str) -> Result<Member, MemberError> {
        Member::parse(channel_data, MemberLimits::default())
    }

    fn member(user_id: &str, user_info_json: &str) -> Member {
        Member { user_id: user_id.to_owned(), user_info_json: user_info_json.to_owned() }
    }

    #[test]
    fn a_number_and_its_digits_are_the_same_user() {
        let info = r#"{"name": "Mr. Channels"}"#;
        for id in ["10", "\"10\""] {
            let data = format!(r#"{{"user_id":{id},"user_info":{info}}}"#);
            assert_eq!(parse(&data), Ok(member("10", info)));
        }
    }

    #[test]
    fn user_info_is_any_value_or_an_empty_object() {
        assert_eq!(parse(r#"{"user_id":"a"}"#), Ok(member("a", "{}")));
        for info in ["null", "[1, 2]", "\"x\"", "0", "{ }"] {
            let data = format!(r#"{{"user_id":"a","user_info":{info}}}"#);
            assert_eq!(parse(&data), Ok(member("a", info)));
        }
    }

    #[test]
    fn an_id_is_decoded() {
        assert_eq!(parse(r#"{"user_id":"\u00e9\""}"#), Ok(member("\u{e9}\"", "{}")));
    }

    #[test]
    fn other_ids_are_refused() {
        for id in ["null", "true", "{}", "[1]", "\"\"", "\"\\ud800\""] {
            let data = format!(r#"{{"user_id":{id}}}"#);
            assert_eq!(parse(&data), Err(MemberError::UserId), "{data}");
        }
        assert_eq!(parse("{}"), Err(MemberError::UserId));
    }

    #[test]
    fn text_that_is_no_object_is_refused() {
        for data in ["", "x", "[]", "1", "[\"a\",{}]"] {
            assert_eq!(parse(data), Err(MemberError::Json), "{data}");
        }
    }

    #[test]
    fn an_id_may_have_128_bytes_and_not_one_more() {
        let data = |bytes| format!(r#"{{"user_id":"{}"}}"#, "a".repeat(bytes));
        assert!(parse(&data(128)).is_ok());
        assert_eq!(
            parse(&data(129)),
            Err(MemberError::UserIdLength { bytes: 129, bytes_max: 128 })
        );
    }

    #[test]
    fn an_info_may_have_1024_bytes_and_not_one_more() {
        let data =
            |bytes: usize| format!(r#"{{"user_id":1,"user_info":"{}"}}"#, "a".repeat(bytes - 2));
        assert!(parse(&data(1024)).is_ok());
        assert_eq!(
            parse(&data(1025)),
            Err(MemberError::UserInfoLength { bytes: 1025, bytes_max: 1024 })
        );
    }
}
