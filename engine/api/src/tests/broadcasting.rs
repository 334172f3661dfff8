//! Signing subscriptions for clients, by each policy.

use jsonwebtoken::{Algorithm, EncodingKey, Header, encode};
use serde_json::{Value, json};
use uringcast_proto::pusher::auth::{verify_channel, verify_user};
use uringcast_shard::app::{AuthPolicy, JwtKey};

use super::*;

const PATH: &str = "/broadcasting/auth";

fn run(auth: AuthPolicy, headers: &[(&'static str, &str)], body: &str) -> Result<Action, ApiError> {
    run_at(PATH, auth, headers, body)
}

fn run_at(
    path: &str,
    auth: AuthPolicy,
    headers: &[(&'static str, &str)],
    body: &str,
) -> Result<Action, ApiError> {
    let mut app = App::new("a", "key-a", "secret-a");
    app.auth = auth;
    let pair = |(name, value): &(&'static str, &str)| {
        (HeaderName::from_static(name), HeaderValue::from_str(value).unwrap())
    };
    let headers = headers.iter().map(pair).collect();
    run_with(&Apps::new(vec![app]).unwrap(), &headers, "POST", path, "", body)
}

fn form(channel: &str) -> String {
    format!("socket_id=1.2&channel_name={channel}")
}

fn granting(answer: HttpAnswer) -> Action {
    Action::Auth(Signing::Granted(answer))
}

/// The answer's `channel_data`; its `auth` is checked.
fn granted(result: Result<Action, ApiError>, channel: &str) -> Option<String> {
    let Signing::Granted(answer) = signing(result) else { panic!("it is not granted") };
    channel_data(&answer, channel)
}

fn channel_data(answer: &HttpAnswer, channel: &str) -> Option<String> {
    let body: Value = serde_json::from_slice(&answer.body).unwrap();
    let data = body["channel_data"].as_str();
    let auth = body["auth"].as_str().unwrap();
    verify_channel("key-a", &"secret-a".into(), auth, "1.2", channel, data).unwrap();
    data.map(str::to_owned)
}

fn forbidden(result: Result<Action, ApiError>) {
    let answer = HttpAnswer::refused(&result.unwrap_err());
    assert_eq!((answer.status, &*answer.body), (403, &br#"{"message":"Forbidden"}"#[..]));
}

#[test]
fn nobody_is_signed_in_by_default() {
    forbidden(run(AuthPolicy::Deny, &[], &form("private-a")));
    check_refused(run(AuthPolicy::Deny, &[], ""), 400, "socket_id and channel_name are required.");
}

#[test]
fn everybody_is_in_development() {
    assert_eq!(granted(run(AuthPolicy::AllowAll, &[], &form("private-a")), "private-a"), None);
    let anybody = granted(run(AuthPolicy::AllowAll, &[], &form("presence-a")), "presence-a");
    assert_eq!(anybody.as_deref(), Some(r#"{"user_id":"1.2"}"#));
    let body =
        r#"{"socket_id":"1.2","channel_name":"presence-a","channel_data":" {\"user_id\":1} "}"#;
    let named = granted(run(AuthPolicy::AllowAll, &[], body), "presence-a");
    assert_eq!(named.as_deref(), Some(r#"{"user_id":1}"#));
}

#[test]
fn only_valid_names_of_guarded_channels_are_signed() {
    for channel in ["room", "persistent-a"] {
        forbidden(run(AuthPolicy::AllowAll, &[], &form(channel)));
    }
    for body in
        ["socket_id=1.2:private-b&channel_name=private-a", "socket_id=1&channel_name=private-a"]
    {
        check_refused(run(AuthPolicy::AllowAll, &[], body), 400, "socket_id must be");
    }
    for channel in ["private-a:b", "%23server-to-user-1"] {
        assert_eq!(run(AuthPolicy::AllowAll, &[], &form(channel)).unwrap_err().status(), 400);
    }
}

fn bearer(claims: &Value, secret: &str) -> String {
    let key = EncodingKey::from_secret(secret.as_bytes());
    format!("Bearer {}", encode(&Header::new(Algorithm::HS256), claims, &key).unwrap())
}

fn with_token(claims: &Value, body: &str) -> Result<Action, ApiError> {
    let policy = AuthPolicy::Jwt(JwtKey::Hs256("jwt-secret".into()));
    run(policy, &[("authorization", &bearer(claims, "jwt-secret"))], body)
}

fn claims() -> Value {
    json!({
        "sub": "ada", "channels": ["private-ada-*", "presence-*"], "user_info": {"name": "Ada"},
        "exp": NOW_UNIX_S + 60, "aud": "anybody",
    })
}

#[test]
fn a_token_names_the_channels_and_the_user() {
    assert_eq!(granted(with_token(&claims(), &form("private-ada-1")), "private-ada-1"), None);
    forbidden(with_token(&claims(), &form("private-bob-1")));
    let data = granted(with_token(&claims(), &form("presence-a")), "presence-a").unwrap();
    let expected = json!({"user_id": "ada", "user_info": {"name": "Ada"}});
    assert_eq!(serde_json::from_str::<Value>(&data).unwrap(), expected);
    let named = |user: &str| {
        let body = json!({"socket_id": "1.2", "channel_name": "presence-a",
            "channel_data": json!({"user_id": user}).to_string()});
        with_token(&claims(), &body.to_string())
    };
    assert!(granted(named("ada"), "presence-a").is_some());
    forbidden(named("bob"));
}

#[test]
fn a_token_of_another_key_time_or_algorithm_is_none() {
    let at = |name: &str, value: Value| {
        let mut claims = claims();
        claims[name] = value;
        with_token(&claims, &form("private-ada-1"))
    };
    // A minute of difference between the clocks is forgiven, and not a second more.
    assert!(at("exp", json!(NOW_UNIX_S - 59)).is_ok());
    forbidden(at("exp", json!(NOW_UNIX_S - 60)));
    forbidden(at("exp", Value::Null));
    assert!(at("nbf", json!(NOW_UNIX_S + 60)).is_ok());
    forbidden(at("nbf", json!(NOW_UNIX_S + 61)));
    let policy = || AuthPolicy::Jwt(JwtKey::Hs256("jwt-secret".into()));
    forbidden(run(policy(), &[], &form("private-ada-1")));
    let other = bearer(&claims(), "other");
    forbidden(run(policy(), &[("authorization", &other)], &form("private-ada-1")));
    let unsigned = "Bearer eyJhbGciOiJub25lIn0.eyJjaGFubmVscyI6WyIqIl0sImV4cCI6OTk5OTk5OTk5OX0.";
    forbidden(run(policy(), &[("authorization", unsigned)], &form("private-ada-1")));
}

fn ask(body: &str) -> Box<super::super::broadcasting::Question> {
    let policy = AuthPolicy::Webhook("http://app".to_owned());
    let headers = [("authorization", "Basic x"), ("cookie", "a=b"), ("x-other", "c")];
    match signing(run(policy, &headers, body)) {
        Signing::Consult(question) => question,
        other @ Signing::Granted(_) => panic!("nobody is asked: {other:?}"),
    }
}

#[test]
fn the_apps_server_is_asked_with_the_clients_credentials() {
    let question = ask(&form("private-a"));
    assert_eq!(question.url(), "http://app");
    assert_eq!(question.body(), r#"{"socket_id":"1.2","channel_name":"private-a"}"#);
    let headers = [("authorization", "Basic x"), ("cookie", "a=b")];
    assert_eq!(
        question.headers(),
        headers.map(|(name, value)| (name.to_owned(), value.to_owned()))
    );
}

#[test]
fn the_apps_server_allows_refuses_and_rewrites() {
    let decide = |status, body: &str| {
        ask(&form("presence-a")).decide(Some((status, body.as_bytes()))).map(granting)
    };
    assert_eq!(granted(decide(200, r#"{"authorized":true}"#), "presence-a"), None);
    for data in [r#""{\"user_id\":7}""#, r#"{"user_id":7}"#] {
        let body = format!(r#"{{"authorized":true,"channelData":{data}}}"#);
        let found = granted(decide(201, &body), "presence-a");
        assert_eq!(found.as_deref(), Some(r#"{"user_id":7}"#));
    }
    let Action::Auth(Signing::Granted(ready)) = decide(200, r#"{"auth":"k:s"}"#).unwrap() else {
        unreachable!()
    };
    assert_eq!(ready.body, r#"{"auth":"k:s"}"#);
    forbidden(decide(200, r#"{"authorized":false,"auth":"k:s"}"#));
    forbidden(decide(200, "{}"));
    for status in [302, 401, 403, 500] {
        forbidden(decide(status, r#"{"authorized":true}"#));
    }
    check_refused(decide(200, "ok"), 503, "no answer that can be used");
    let none = ask(&form("private-a")).decide(None).map(granting);
    check_refused(none, 503, "no answer that can be used");
}

#[test]
fn one_of_several_apps_is_named_by_key_or_id() {
    let mut app = App::new("a", "key-a", "secret-a");
    app.auth = AuthPolicy::AllowAll;
    let apps = Apps::new(vec![App::new("b", "key-b", "secret-b"), app]).unwrap();
    let ask = |headers: &HeaderMap, query: &str| {
        run_with(&apps, headers, "POST", PATH, query, &form("private-a"))
    };
    let none = HeaderMap::new();
    for query in ["app_key=key-a", "app_id=a"] {
        assert_eq!(granted(ask(&none, query), "private-a"), None);
    }
    let header = HeaderMap::from_iter([(
        HeaderName::from_static("x-app-key"),
        HeaderValue::from_static("key-a"),
    )]);
    assert_eq!(granted(ask(&header, ""), "private-a"), None);
    forbidden(ask(&none, "app_id=b"));
    check_refused(ask(&none, ""), 400, "Several apps");
    check_refused(ask(&none, "app_key=c"), 404, "Socket app key not found.");
}

#[test]
fn only_one_path_and_method_is_served() {
    let ask = |method, path| run_with(&apps(), &HeaderMap::new(), method, path, "", "");
    check_refused(ask("GET", PATH), 405, "POST");
    check_refused(ask("POST", "/broadcasting/other"), 404, "no such path");
}

const USER_PATH: &str = "/broadcasting/user-auth";

/// The user whom the answer signs in.
fn user(result: Result<Action, ApiError>) -> Value {
    let Signing::Granted(answer) = signing(result) else { panic!("it is not granted") };
    signed_user(&answer)
}

fn signed_user(answer: &HttpAnswer) -> Value {
    let body: Value = serde_json::from_slice(&answer.body).unwrap();
    let [auth, data] = ["auth", "user_data"].map(|name| body[name].as_str().unwrap());
    verify_user("key-a", &"secret-a".into(), auth, "1.2", data).unwrap();
    serde_json::from_str(data).unwrap()
}

#[test]
fn a_user_is_who_the_policy_says() {
    let ask = |auth, headers: &[_], body: &str| run_at(USER_PATH, auth, headers, body);
    forbidden(ask(AuthPolicy::Deny, &[], "socket_id=1.2"));
    check_refused(ask(AuthPolicy::AllowAll, &[], ""), 400, "socket_id is required.");
    check_refused(ask(AuthPolicy::AllowAll, &[], "socket_id=1"), 400, "socket_id must be");
    assert_eq!(user(ask(AuthPolicy::AllowAll, &[], "socket_id=1.2")), json!({"id": "1.2"}));
    let named = "socket_id=1.2&user_data=%7B%22id%22%3A%22x%22%7D";
    assert_eq!(user(ask(AuthPolicy::AllowAll, &[], named)), json!({"id": "x"}));

    let jwt = || AuthPolicy::Jwt(JwtKey::Hs256("jwt-secret".into()));
    forbidden(ask(jwt(), &[], named));
    let mut claims = claims();
    claims["watchlist"] = json!(["bob"]);
    let with = |claims: &Value| {
        let token = bearer(claims, "jwt-secret");
        run_at(USER_PATH, jwt(), &[("authorization", &token)], named)
    };
    let expected = json!({"id": "ada", "user_info": {"name": "Ada"}, "watchlist": ["bob"]});
    assert_eq!(user(with(&claims)), expected, "and not who the client says");
    claims["sub"] = Value::Null;
    forbidden(with(&claims));
}

#[test]
fn the_apps_server_says_who_a_user_is() {
    let ask = || {
        let policy = AuthPolicy::Webhook("http://app".to_owned());
        match signing(run_at(USER_PATH, policy, &[("cookie", "a=b")], "socket_id=1.2")) {
            Signing::Consult(question) => question,
            other @ Signing::Granted(_) => panic!("nobody is asked: {other:?}"),
        }
    };
    assert_eq!(ask().body(), r#"{"socket_id":"1.2"}"#);
    let decide = |status, body: &str| ask().decide(Some((status, body.as_bytes())));
    for data in [r#""{\"id\":\"u\"}""#, r#"{"id":"u"}"#] {
        for name in ["user_data", "userData"] {
            let body = format!(r#"{{"authorized":true,"{name}":{data}}}"#);
            assert_eq!(signed_user(&decide(200, &body).unwrap()), json!({"id": "u"}));
        }
    }
    let ready = decide(200, r#"{"auth":"k:s","user_data":"{}"}"#).unwrap();
    assert_eq!(ready.body, r#"{"auth":"k:s","user_data":"{}"}"#);
    forbidden(decide(403, r#"{"authorized":true}"#).map(granting));
    let nobody = decide(200, r#"{"authorized":true}"#).map(granting);
    check_refused(nobody, 503, "no answer that can be used");
}
