//! Who has signed in: reading a signed `user_data`, and the channel that reaches one user.
//!
//! As for a member of a presence channel, a number is the same as its digits: app servers in many
//! languages have ids that are numbers.

use serde::Deserialize;
use serde_json::value::RawValue;

use super::presence::{MemberLimits, id_text};
use crate::json;

/// What the name of a user's own channel begins with; the user's id is the rest.
pub const USER_CHANNEL_PREFIX: &str = "#server-to-user-";

/// The user whose own channel is called `channel`; `None` if it is nobody's.
pub fn user_of_channel(channel: &str) -> Option<&str> {
    channel.strip_prefix(USER_CHANNEL_PREFIX).filter(|user_id| !user_id.is_empty())
}

/// The channel that reaches every connection of `user_id`.
pub fn user_channel(user_id: &str) -> String {
    format!("{USER_CHANNEL_PREFIX}{user_id}")
}

/// Whether a user has any connection that has signed in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OnlineStatus {
    /// The user has at least one.
    Online,
    /// The user has none.
    Offline,
}

impl OnlineStatus {
    /// The event that pusher-js makes of it.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Online => "online",
            Self::Offline => "offline",
        }
    }
}

/// A user as the app's server describes it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct User {
    /// Tells users of one app apart. Never empty.
    pub id: String,
    /// Any JSON value, exactly as the app's server wrote it; `{}` where it wrote none.
    pub user_info_json: String,
    /// Users whose coming and going this one wants to hear of, in the order given; no id is empty.
    pub watchlist: Vec<String>,
}

/// Why a `user_data` names no user.
///
/// Signing in fails, the connection survives. The data is signed, so the fault lies with the app's
/// own server.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum UserError {
    /// The text is not a JSON object.
    #[error("user_data is not a JSON object")]
    Json,
    /// `id` is missing, empty, or neither a string nor a number.
    #[error("user_data needs an id that is a string or a number, and not empty")]
    Id,
    /// `id` is too long.
    #[error("the id of user_data has {bytes} bytes, at most {bytes_max} are allowed")]
    IdLength {
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
    /// `watchlist` is not a list of ids.
    #[error("watchlist must be an array of user ids of 1 to {bytes_max} bytes")]
    Watchlist {
        /// The limit.
        bytes_max: usize,
    },
}

impl User {
    /// Read the decoded `user_data` of `pusher:signin`. How many users may be watched is not
    /// decided here.
    pub fn parse(user_data: &str, limits: MemberLimits) -> Result<Self, UserError> {
        let fields: Fields<'_> = json::object(user_data).ok_or(UserError::Json)?;
        let id = fields.id.and_then(|token| id_text(token.get()));
        let id = id.filter(|id| !id.is_empty()).ok_or(UserError::Id)?;
        let (bytes, bytes_max) = (id.len(), limits.user_id_bytes_max);
        if bytes > bytes_max {
            return Err(UserError::IdLength { bytes, bytes_max });
        }
        let watchlist = fields.watchlist.map_or(Some(Vec::new()), |token| ids(token, bytes_max));
        let watchlist = watchlist.ok_or(UserError::Watchlist { bytes_max })?;
        let user_info = fields.user_info.map_or("{}", RawValue::get);
        let (bytes, bytes_max) = (user_info.len(), limits.user_info_bytes_max);
        if bytes > bytes_max {
            return Err(UserError::UserInfoLength { bytes, bytes_max });
        }
        Ok(Self { id: id.into_owned(), user_info_json: user_info.to_owned(), watchlist })
    }
}

#[derive(Deserialize)]
struct Fields<'a> {
    #[serde(borrow)]
    id: Option<&'a RawValue>,
    #[serde(borrow, default, deserialize_with = "json::present")]
    user_info: Option<&'a RawValue>,
    #[serde(borrow)]
    watchlist: Option<&'a RawValue>,
}

/// The ids of a watchlist, each of 1 to `bytes_max` bytes.
fn ids(token: &RawValue, bytes_max: usize) -> Option<Vec<String>> {
    let tokens: Vec<&RawValue> = serde_json::from_str(token.get()).ok()?;
    let id = |token: &RawValue| {
        let id = id_text(token.get())?;
        (1..=bytes_max).contains(&id.len()).then(|| id.into_owned())
    };
    tokens.into_iter().map(id).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(user_data: &str) -> Result<User, UserError> {
        User::parse(user_data, MemberLimits::default())
    }

    fn user(id: &str, user_info_json: &str, watchlist: &[&str]) -> User {
        let watchlist = watchlist.iter().map(ToString::to_string).collect();
        User { id: id.to_owned(), user_info_json: user_info_json.to_owned(), watchlist }
    }

    #[test]
    fn a_user_has_an_id_and_perhaps_more() {
        assert_eq!(parse(r#"{"id":"12345"}"#), Ok(user("12345", "{}", &[])));
        assert_eq!(
            parse(r#"{"user_info":{ "name":"ann"},"id":"\u00e9","watchlist":["1","b\""],"x":1}"#),
            Ok(user("\u{e9}", r#"{ "name":"ann"}"#, &["1", "b\""]))
        );
        assert_eq!(
            parse(r#"{"id":"1","user_info":null,"watchlist":null}"#),
            Ok(user("1", "null", &[]))
        );
    }

    #[test]
    fn a_number_and_its_digits_are_the_same_user() {
        for id in ["10", "\"10\""] {
            let data = format!(r#"{{"id":{id},"watchlist":[{id},2,"x"]}}"#);
            assert_eq!(parse(&data), Ok(user("10", "{}", &["10", "2", "x"])), "{data}");
        }
    }

    #[test]
    fn other_ids_are_refused() {
        for id in ["null", "true", "{}", "[]", "\"\"", "\"\\ud800\""] {
            let data = format!(r#"{{"id":{id}}}"#);
            assert_eq!(parse(&data), Err(UserError::Id), "{data}");
        }
        assert_eq!(parse("{}"), Err(UserError::Id));
    }

    #[test]
    fn text_that_is_no_object_is_refused() {
        for data in ["", "x", "[]", "\"12345\"", "{\"id\":\"1\"", "{\"id\":\"1\",\"id\":\"2\"}"] {
            assert_eq!(parse(data), Err(UserError::Json), "{data}");
        }
    }

    #[test]
    fn an_id_may_have_128_bytes_and_not_one_more() {
        let data = |bytes| format!(r#"{{"id":"{}"}}"#, "a".repeat(bytes));
        assert!(parse(&data(128)).is_ok());
        assert_eq!(parse(&data(129)), Err(UserError::IdLength { bytes: 129, bytes_max: 128 }));
    }

    #[test]
    fn an_info_may_have_1024_bytes_and_not_one_more() {
        let data =
            |bytes: usize| format!(r#"{{"id":"1","user_info":"{}"}}"#, "a".repeat(bytes - 2));
        assert!(parse(&data(1024)).is_ok());
        let refused = UserError::UserInfoLength { bytes: 1025, bytes_max: 1024 };
        assert_eq!(parse(&data(1025)), Err(refused));
    }

    #[test]
    fn a_watchlist_has_ids_of_users_and_nothing_else() {
        let refused = Err(UserError::Watchlist { bytes_max: 128 });
        for watchlist in ["1", "{}", "\"1\"", "[true]", "[\"\"]", "[null]", "[[\"1\"]]"] {
            let data = format!(r#"{{"id":"1","watchlist":{watchlist}}}"#);
            assert_eq!(parse(&data), refused, "{data}");
        }
        let data = |bytes| format!(r#"{{"id":"1","watchlist":["{}"]}}"#, "a".repeat(bytes));
        assert!(parse(&data(128)).is_ok());
        assert_eq!(parse(&data(129)), refused);
    }

    #[test]
    fn a_users_channel_names_the_user() {
        assert_eq!(user_of_channel(&user_channel("ann")), Some("ann"));
        for name in ["#server-to-user-", "#server-to-user", "server-to-user-ann", "#ann", "ann"] {
            assert_eq!(user_of_channel(name), None, "{name}");
        }
    }
}
