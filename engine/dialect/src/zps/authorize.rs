//! Rooms that an app's own server decides about, besides the claims of tokens.
//!
//! Where an app has a `room_auth_url`, each action of each subscriber in each room is asked about
//! there, once in a while. The message that needs the answer is carried out when it is here, and
//! its connection's other messages after it. Without an answer nothing is allowed.

use std::fmt;
use std::sync::Arc;

use bytes::Bytes;
use jsonwebtoken::dangerous::insecure_decode;
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use uringcast_proto::zps::fingerprint::fingerprint;
use uringcast_shard::app::App;
use uringcast_shard::id::AppIndex;

use super::access::{AccessError, RoomAction, Shown};
use super::verdicts::{RoomKey, RoomQuestion, RoomVerdict};
use super::{Refused, Talk};

/// A client as its app's server is told of it.
#[derive(Clone, PartialEq)]
pub struct Caller {
    subscriber_id: Box<str>,
    token: Option<Box<str>>,
    /// Stands for both where answers are kept.
    fingerprint: Arc<str>,
}

/// Nothing is shown: it has a token, which lets its owner in.
impl fmt::Debug for Caller {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Caller").finish_non_exhaustive()
    }
}

impl Caller {
    /// A client that calls itself `subscriber_id`, which may be empty, and has sent this token.
    pub fn new(subscriber_id: &str, token: Option<&str>) -> Self {
        let parts = [subscriber_id, token.unwrap_or_default()];
        Self {
            subscriber_id: subscriber_id.into(),
            token: token.map(Box::from),
            fingerprint: fingerprint(&parts).into(),
        }
    }

    /// Whether it may do `action` with `room`, as a question for the server of `app` at `url`;
    /// `shown` is what was found out about the token.
    pub fn question(
        &self,
        (index, app): (AppIndex, &App),
        url: &str,
        shown: &Shown,
        action: RoomAction,
        room: &str,
    ) -> RoomQuestion {
        #[derive(Serialize)]
        #[serde(rename_all = "camelCase")]
        struct Body<'a> {
            app_id: &'a str,
            #[serde(skip_serializing_if = "str::is_empty")]
            subscriber_id: &'a str,
            room: &'a str,
            action: &'a str,
            #[serde(skip_serializing_if = "Option::is_none")]
            token: Option<&'a str>,
            #[serde(skip_serializing_if = "Option::is_none")]
            claims: Option<Box<RawValue>>,
        }
        let token = self.token.as_deref();
        let is_verified = matches!(shown, Shown::Claims(_));
        let body = Body {
            app_id: &app.id,
            subscriber_id: &self.subscriber_id,
            room,
            action: action.name(),
            token,
            // Its signature was checked when the client sent it.
            claims: token
                .filter(|_| is_verified)
                .and_then(|it| Some(insecure_decode::<Box<RawValue>>(it).ok()?.claims)),
        };
        let body = serde_json::to_vec(&body).expect("text always has a JSON form");
        let caller = Arc::clone(&self.fingerprint);
        let key = RoomKey { app: index, caller, action, room: room.into() };
        RoomQuestion { key, url: url.to_owned(), body: Bytes::from(body) }
    }
}

/// What an app's server has said: a status and a body, or nothing.
///
/// It allows by `{"authorized": true}` with a status of success, and denies by `false`, or with
/// 401 or 403. Whatever else it says is no answer.
pub fn verdict(answer: Option<(u16, &[u8])>) -> RoomVerdict {
    #[derive(Deserialize)]
    struct Verdict {
        authorized: bool,
    }
    match answer {
        Some((200..=299, body)) => match serde_json::from_slice(body) {
            Ok(Verdict { authorized: true }) => RoomVerdict::Allowed,
            Ok(Verdict { authorized: false }) => RoomVerdict::Denied,
            Err(_) => RoomVerdict::Unavailable,
        },
        Some((401 | 403, _)) => RoomVerdict::Denied,
        Some(_) | None => RoomVerdict::Unavailable,
    }
}

/// Why `room` may not be used after such a verdict.
pub fn accept(verdict: RoomVerdict, room: &str) -> Result<(), AccessError> {
    match verdict {
        RoomVerdict::Allowed => Ok(()),
        RoomVerdict::Denied => Err(AccessError::DeniedByApp(room.to_owned())),
        RoomVerdict::Unavailable => Err(AccessError::Unavailable(room.to_owned())),
        RoomVerdict::Busy => Err(AccessError::Busy(room.to_owned())),
    }
}

/// Whether the app's server allows `action` with `room`, if it is to be asked at all.
///
/// [`Refused::Asked`] if it has yet to answer: the message is carried out again then.
pub(super) fn check(talk: &mut Talk<'_>, room: &str, action: RoomAction) -> Result<(), Refused> {
    let app = talk.app();
    let Some(url) = &app.room_auth_url else { return Ok(()) };
    let Talk { shard, verdicts, state, conn, me, .. } = talk;
    // It is about the message that waited for it, which is this one.
    let decided = state.decided.take().filter(|it| it.0.action == action && *it.0.room == *room);
    if let Some(decided) = decided {
        return Ok(accept(decided.1, room)?);
    }
    let unknown = || Box::new(Caller::new(&me.subscriber_id, None)); // The URL is newer than it.
    let caller = &**state.caller.get_or_insert_with(unknown);
    let question = caller.question((state.app, app), url, &state.shown, action, room);
    match verdicts.ask(shard, *conn, question) {
        Some(verdict) => Ok(accept(verdict, room)?),
        None => Err(Refused::Asked),
    }
}

#[cfg(test)]
mod tests {
    use jsonwebtoken::{EncodingKey, Header, encode};
    use serde_json::{Value, json};

    use super::super::Access;
    use super::super::token::Verifier;
    use super::*;

    #[test]
    fn only_a_clear_yes_allows() {
        for (answer, expected) in [
            (Some((200, &br#"{"authorized":true,"more":1}"#[..])), RoomVerdict::Allowed),
            (Some((201, br#"{"authorized":true}"#)), RoomVerdict::Allowed),
            (Some((200, br#"{"authorized":false}"#)), RoomVerdict::Denied),
            (Some((401, b"")), RoomVerdict::Denied),
            (Some((403, br#"{"authorized":true}"#)), RoomVerdict::Denied),
            (Some((200, br#"{"authorized":"true"}"#)), RoomVerdict::Unavailable),
            (Some((200, b"true")), RoomVerdict::Unavailable),
            (Some((204, b"")), RoomVerdict::Unavailable),
            (Some((302, b"")), RoomVerdict::Unavailable),
            (Some((500, br#"{"authorized":true}"#)), RoomVerdict::Unavailable),
            (None, RoomVerdict::Unavailable),
        ] {
            assert_eq!(verdict(answer), expected, "{answer:?}");
        }
    }

    #[test]
    fn a_question_has_the_claims_of_a_token_that_was_checked() {
        let claims = json!({"sub": "ann", "exp": 9e9});
        let key = EncodingKey::from_secret(b"secret");
        let token = encode(&Header::default(), &claims, &key).unwrap();
        let access = Access {
            verifier: Some(Verifier::default().with_secret("secret")),
            ..Access::default()
        };
        let shown = access.admit(Some(&token), None, 0).unwrap();
        let app = App::new("app", "k", "s");
        let ask = |caller: &Caller, shown: &Shown| {
            let app = (AppIndex(3), &app);
            let question = caller.question(app, "http://a/", shown, RoomAction::Publish, "a:1");
            (question.key, serde_json::from_slice::<Value>(&question.body).unwrap())
        };
        let ann = Caller::new("ann", Some(&token));
        let (key, body) = ask(&ann, &shown);
        let expected = json!({
            "appId": "app", "subscriberId": "ann", "room": "a:1", "action": "publish",
            "token": token, "claims": claims,
        });
        assert_eq!((key.app, body), (AppIndex(3), expected));
        let (_, unchecked) = ask(&ann, &Shown::Nothing);
        assert_eq!((unchecked.get("claims"), &unchecked["token"]), (None, &json!(token)));
        let (other, nobody) = ask(&Caller::new("", None), &Shown::Nothing);
        assert_eq!(nobody, json!({"appId": "app", "room": "a:1", "action": "publish"}));
        assert_ne!(key.caller, other.caller);
    }
}
