//! Who is let in, and to which rooms.

use jsonwebtoken::{Algorithm, EncodingKey, Header, encode};
use serde_json::{Value, json};
use uringcast_shard::app::App;

use super::super::token::{KeyError, Verifier};
use super::*;

const NOW: u64 = 1_800_000_000;
const SECRET: &str = "a secret";

fn token(claims: &Value) -> String {
    let key = EncodingKey::from_secret(SECRET.as_bytes());
    encode(&Header::new(Algorithm::HS256), claims, &key).unwrap()
}

fn access() -> Access {
    Access { verifier: Some(Verifier::default().with_secret(SECRET)), ..Access::default() }
}

fn shown(rooms: &Value) -> Shown {
    let token = token(&json!({"exp": NOW + 1, "rooms": rooms}));
    access().admit(Some(&token), None, NOW).unwrap()
}

fn check(access: &Access, shown: &Shown, room: &str, action: RoomAction) -> String {
    access.check(shown, room, action).map_or_else(|error| error.to_string(), |_| "yes".to_owned())
}

#[test]
fn without_keys_everybody_is_let_in_whatever_the_token() {
    let access = Access::default();
    assert_eq!(access.admit(Some("x"), None, NOW), Ok(Shown::Nothing));
    assert_eq!(access.admit(None, None, NOW), Ok(Shown::Nothing));
    assert_eq!(check(&access, &Shown::Nothing, "chat:1", RoomAction::Publish), "yes");
}

#[test]
fn a_token_is_needed_and_must_be_right_and_of_now() {
    let access = access();
    for token in [None, Some("")] {
        assert_eq!(access.admit(token, None, NOW), Err(TokenError::Missing));
    }
    let other_key = EncodingKey::from_secret(b"another");
    let forged = encode(&Header::default(), &json!({"exp": NOW + 1}), &other_key).unwrap();
    for token in [
        "x".to_owned(),
        forged,
        token(&json!({})),
        token(&json!({"exp": NOW - 60})),
        token(&json!({"exp": NOW + 1, "nbf": NOW + 61})),
        token(&json!({"exp": NOW + 1, "rooms": "chat:1"})),
    ] {
        assert_eq!(access.admit(Some(&token), None, NOW), Err(TokenError::Invalid), "{token}");
    }
    assert!(access.admit(Some(&token(&json!({"exp": NOW - 59}))), None, NOW).is_ok());
}

/// The end is the first second at which the token would be refused.
#[test]
fn what_is_shown_has_the_end_of_its_token() {
    let end = |exp: Value| {
        access().admit(Some(&token(&json!({"exp": exp}))), None, NOW).unwrap().end_unix_s()
    };
    assert_eq!(end(json!(NOW - 59)), Some(NOW + 1));
    assert_eq!(end(json!(1_800_000_000.5)), Some(NOW + 61));
    assert_eq!(end(json!(1e300)), Some(u64::MAX));
    assert_eq!(Shown::AppKey.end_unix_s(), None);
    assert_eq!(Shown::Nothing.end_unix_s(), None);
}

#[test]
fn a_token_opens_the_rooms_that_it_names_for_what_it_names() {
    let shown = shown(&json!(["chat:a*", {"room": "log:*", "actions": ["subscribe", "ack"]}]));
    let access = access();
    for (room, action, expected) in [
        ("chat:ab", RoomAction::Publish, "yes"),
        ("chat:b", RoomAction::Subscribe, "Access denied for room: chat:b"),
        ("chat:*", RoomAction::Subscribe, "Access denied for room: chat:*"),
        ("log:1", RoomAction::Subscribe, "yes"),
        ("log:*", RoomAction::Subscribe, "yes"),
        ("log:1", RoomAction::Ack, "yes"),
        ("log:1", RoomAction::Publish, "Access denied for room: log:1"),
        ("log:1", RoomAction::Replay, "Access denied for room: log:1"),
        ("bad", RoomAction::Replay, "Invalid realtime room: bad"),
    ] {
        assert_eq!(check(&access, &shown, room, action), expected, "{room} {action:?}");
    }
    let open = Access { is_open: true, ..access };
    assert_eq!(check(&open, &shown, "any:1", RoomAction::Publish), "yes");
}

#[test]
fn the_scope_is_checked_after_the_claims_are_there_and_before_what_they_say() {
    let access = Access { scopes: ["chat".into()].into(), ..access() };
    let shown = shown(&json!([]));
    let of = |shown, room| check(&access, shown, room, RoomAction::Subscribe);
    assert_eq!(of(&shown, "admin:1"), "Room scope is not allowed: admin");
    assert_eq!(of(&shown, "chat:1"), "Access denied for room: chat:1");
    assert_eq!(of(&Shown::Nothing, "admin:1"), "Access denied for room: admin:1");
}

#[test]
fn the_apps_key_lets_in_and_opens_rooms_only_if_the_operator_says_so() {
    let app = App::new("id", "key", "secret");
    let access = access();
    assert_eq!(access.admit(Some("key"), Some(&app), NOW), Ok(Shown::AppKey));
    assert_eq!(access.admit(Some("key"), None, NOW), Err(TokenError::Invalid));
    assert_eq!(access.admit(Some("secret"), Some(&app), NOW), Err(TokenError::Invalid));
    let denied = "Access denied for room: chat:1";
    assert_eq!(check(&access, &Shown::AppKey, "chat:1", RoomAction::Ack), denied);
    let open = Access { is_app_key_good: true, ..access };
    assert_eq!(check(&open, &Shown::AppKey, "chat:1", RoomAction::Ack), "yes");
}

#[test]
fn a_key_set_has_a_key_for_each_id() {
    // "k" is the base64url of the secret.
    let set = json!({"keys": [
        {"kty": "oct", "kid": "old", "alg": "HS256", "k": "b3RoZXI"},
        {"kty": "oct", "kid": "new", "alg": "HS256", "k": "YSBzZWNyZXQ"},
    ]});
    let verifier = Verifier::default().with_key_set(&set.to_string()).unwrap();
    let signed = |id: &str| {
        let header = Header { kid: Some(id.to_owned()), ..Header::new(Algorithm::HS256) };
        let key = EncodingKey::from_secret(SECRET.as_bytes());
        encode(&header, &json!({"exp": NOW + 1}), &key).unwrap()
    };
    assert!(verifier.verify(&signed("new"), NOW).is_some());
    assert!(verifier.verify(&signed("old"), NOW).is_none());
    assert!(verifier.verify(&token(&json!({"exp": NOW + 1})), NOW).is_none());
}

#[test]
fn keys_that_cannot_be_used_are_refused() {
    let with_set = |json: &str| Verifier::default().with_key_set(json).unwrap_err();
    assert_eq!(with_set("x"), KeyError::KeySet);
    assert_eq!(with_set(r#"{"keys":[]}"#), KeyError::KeySet);
    let curve = r#"{"keys":[{"kty":"EC","crv":"P-256","x":"AA","y":"AA"}]}"#;
    assert_eq!(with_set(curve), KeyError::Kind(0));
    assert_eq!(Verifier::default().with_pem("x").unwrap_err(), KeyError::Pem);
}
