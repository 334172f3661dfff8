//! Publishes that name themselves.

use uringcast_shard::Once;

use super::*;

/// The once of a publish with `header` and `id`.
fn once(header: Option<&str>, id: Option<&str>) -> Result<Option<Once>, ApiError> {
    let id = id.map(|id| format!(r#","id":"{id}""#)).unwrap_or_default();
    once_of(&format!(r#"{{"name":"e","channel":"x","data":""{id}}}"#), header)
}

fn once_of(body: &str, header: Option<&str>) -> Result<Option<Once>, ApiError> {
    let path = "/apps/a/events";
    let query = sign_request("POST", path, &[], body.as_bytes(), CREDENTIALS, NOW_UNIX_S);
    let mut headers = HeaderMap::new();
    if let Some(header) = header {
        headers.insert("idempotency-key", HeaderValue::from_bytes(header.as_bytes()).unwrap());
    }
    let action = run_with(&apps(), &headers, "POST", path, &query, body)?;
    Ok(published(Ok(action)).once)
}

#[test]
fn a_publish_may_have_a_key_in_its_head_or_in_its_body() {
    let text = |once: Option<Once>| once.map(|once| once.key.text.to_string());
    assert_eq!(text(once(Some("k"), None).unwrap()).as_deref(), Some("k"));
    assert_eq!(text(once(None, Some("k")).unwrap()).as_deref(), Some("k"));
    assert_eq!(text(once(Some("k"), Some("k")).unwrap()).as_deref(), Some("k"));
    assert_eq!(once(None, None).unwrap(), None);
    assert!(once(None, Some(&"k".repeat(128))).is_ok());
    let refused = |header, id, words| {
        check_refused(once(header, id).map(|_| Action::Up(())), 400, words);
    };
    let long = "k".repeat(129);
    refused(None, Some(&long), "129 bytes");
    refused(Some(""), None, "0 bytes");
    refused(Some("k"), Some("l"), "differ");
    refused(Some("k\u{e9}"), None, "visible ASCII");
}

#[test]
fn a_key_is_tied_to_what_is_published() {
    let fingerprint = |body: &str| once_of(body, Some("k")).unwrap().unwrap().fingerprint;
    let body = event_json("e", "x", "1");
    assert_eq!(fingerprint(&body), fingerprint(&body));
    assert_ne!(fingerprint(&body), fingerprint(&event_json("e", "x", "2")));
}

#[test]
fn keys_mean_nothing_to_an_app_without_a_window() {
    let policy = AppPolicy { idempotency_window_s: 0, ..AppPolicy::default() };
    let apps = Apps::new(vec![App { policy, ..App::new("a", "key-a", "secret-a") }]).unwrap();
    let (path, body) = ("/apps/a/events", r#"{"name":"e","channel":"x","data":"","id":"k"}"#);
    let query = sign_request("POST", path, &[], body.as_bytes(), CREDENTIALS, NOW_UNIX_S);
    let action = run_with(&apps, &HeaderMap::new(), "POST", path, &query, body);
    assert_eq!(published(action).once, None);
}
