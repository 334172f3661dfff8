//! What the head of a request decides before its body is read.

use super::*;

#[test]
fn up_needs_no_signature() {
    assert_eq!(run_signed("GET", "/up", "", "").unwrap(), Action::Up(()));
    assert_eq!(run_signed("GET", "/up", "x=%ff", "").unwrap(), Action::Up(()));
    assert_eq!(run_signed("GET", "/ready", "", "").unwrap(), Action::Ready(()));
}

#[test]
fn an_announced_giant_is_refused_before_its_body() {
    let config = ApiConfig::default();
    let query = sign_request("POST", "/apps/a/events", &[], b"x", CREDENTIALS, NOW_UNIX_S);
    let headers = HeaderMap::new();
    let head = |content_length| Head {
        method: "POST",
        path: "/apps/a/events",
        query: &query,
        content_length,
        headers: &headers,
    };
    let limit = config.body_bytes_max as u64;
    let check = |length| route(&apps(), &config, &head(length), NOW_UNIX_S).map(|_| Action::Up(()));
    assert!(check(Some(limit)).is_ok());
    assert!(check(None).is_ok());
    check_refused(check(Some(limit + 1)), 413, "the body");
}

/// Without a length the body is counted as it arrives, and once more at the end.
#[test]
fn an_unannounced_giant_is_refused_with_its_body() {
    let config = ApiConfig::default();
    let body = vec![b' '; config.body_bytes_max + 1];
    let query = sign_request("POST", "/apps/a/events", &[], &body, CREDENTIALS, NOW_UNIX_S);
    let headers = HeaderMap::new();
    let (method, path, content_length) = ("POST", "/apps/a/events", None);
    let head = Head { method, path, query: &query, content_length, headers: &headers };
    let route = route(&apps(), &config, &head, NOW_UNIX_S).unwrap();
    check_refused(route.finish(&config, &body.into()), 413, "the body");
}

#[test]
fn the_key_of_another_app_is_forbidden() {
    let other = Credentials { key: "key-b", secret: "secret-b" };
    let query = sign_request("GET", "/apps/a/channels", &[], b"", other, NOW_UNIX_S);
    check_refused(run_signed("GET", "/apps/a/channels", &query, ""), 403, "another app");
}

#[test]
fn a_stranger_is_refused_before_the_body() {
    let config = ApiConfig::default();
    let path = "/apps/a/events";
    let check = |query: &str, words: &str| {
        let headers = HeaderMap::new();
        let (method, content_length) = ("POST", Some(1));
        let head = Head { method, path, query, content_length, headers: &headers };
        check_refused(
            route(&apps(), &config, &head, NOW_UNIX_S).map(|_| Action::Up(())),
            401,
            words,
        );
    };
    let sign = |credentials, now| sign_request("POST", path, &[], b"x", credentials, now);
    check("", "auth_key is missing");
    check("auth_key=key-a", "auth_timestamp is missing");
    check(&sign(Credentials { key: "key-c", secret: "secret-c" }, NOW_UNIX_S), "auth_key");
    check(&sign(Credentials { key: "key-a", secret: "wrong" }, NOW_UNIX_S), "auth_signature");
    check(&sign(CREDENTIALS, NOW_UNIX_S - 601), "601 seconds");
    check(&sign(CREDENTIALS, NOW_UNIX_S + 601), "601 seconds");
    check("a=1&a=2", "ambiguous");
}

/// The libraries sign the path that they have built, or the one that their client sends.
#[test]
fn a_path_may_be_signed_with_its_escapes_or_without() {
    let [sent, built] = ["auth0%7Cn%20%C3%A9", "auth0|n \u{e9}"]
        .map(|user| format!("/apps/a/users/{user}/terminate_connections"));
    for signed in [&sent, &built] {
        let query = sign_request("POST", signed, &[], b"", CREDENTIALS, NOW_UNIX_S);
        let Action::Terminate(_) = run_signed("POST", &sent, &query, "").unwrap() else {
            panic!("another endpoint");
        };
    }
    let other = sign_request("POST", "/apps/a/users/x", &[], b"", CREDENTIALS, NOW_UNIX_S);
    check_refused(run_signed("POST", &sent, &other, ""), 401, "auth_signature");
}

#[test]
fn another_body_than_the_signed_one_is_refused() {
    let path = "/apps/a/events";
    let query = sign_request("POST", path, &[], b"{}", CREDENTIALS, NOW_UNIX_S);
    check_refused(run_signed("POST", path, &query, "{ }"), 401, "body_md5");
    let query = sign_request("POST", path, &[], b"", CREDENTIALS, NOW_UNIX_S);
    check_refused(run_signed("POST", path, &query, "{}"), 401, "body_md5");
}

#[test]
fn a_get_may_sign_its_empty_body() {
    let md5 = ("body_md5", "d41d8cd98f00b204e9800998ecf8427e");
    assert!(get("/apps/a/channels", &[]).is_ok());
    assert!(get("/apps/a/channels", &[md5]).is_ok());
}

#[test]
fn an_app_that_is_switched_off_is_refused_once_its_server_is_known() {
    let policy = AppPolicy { enabled: false, ..AppPolicy::default() };
    let apps = Apps::new(vec![App { policy, ..App::new("a", "key-a", "secret-a") }]).unwrap();
    let path = "/apps/a/channels";
    let query = sign_request("GET", path, &[], b"", CREDENTIALS, NOW_UNIX_S);
    let run = |query: &str| run_with(&apps, &HeaderMap::new(), "GET", path, query, "");
    check_refused(run(&query), 403, "disabled");
    check_refused(run(""), 401, "auth_key");
}

#[test]
fn the_first_thing_wrong_is_the_one_told() {
    let config = ApiConfig::default();
    let giant = config.body_bytes_max as u64 + 1;
    let check = |method, path, query: &str, status| {
        let headers = HeaderMap::new();
        let content_length = Some(giant);
        let head = Head { method, path, query, content_length, headers: &headers };
        check_refused(
            route(&apps(), &config, &head, NOW_UNIX_S).map(|_| Action::Up(())),
            status,
            "",
        );
    };
    let sign = |path, credentials| sign_request("POST", path, &[], b"", credentials, NOW_UNIX_S);
    check("PUT", "/apps/c/no", "", 404);
    check("PUT", "/apps/c/events", "", 405);
    check("POST", "/apps/c/events", "", 404);
    check("POST", "/apps/a/events", "", 401);
    let other = Credentials { key: "key-b", secret: "secret-b" };
    check("POST", "/apps/a/events", &sign("/apps/a/events", other), 403);
    check("POST", "/apps/a/events", &sign("/apps/a/events", CREDENTIALS), 413);
    let path = "/apps/a/channels/no spaces/events";
    check("POST", path, &sign(path, CREDENTIALS), 413);
    check_refused(run("POST", path, &[("name", "")], "{"), 400, "channel name");
}

#[test]
fn the_websockets_path_is_no_part_of_the_api() {
    let upgrade = run_signed("GET", "/app/key-a", "protocol=7", "").unwrap_err();
    assert_eq!(upgrade.status(), 426);
    assert!(matches!(upgrade, ApiError::UpgradeRequired { path } if path == "/app/key-a"));
    check_refused(run_signed("GET", "/app/app/key-b", "", ""), 426, "/app/app/key-b");
    check_refused(run_signed("GET", "/app/key-c", "", ""), 404, "key");
}

/// Reverb and Soketi put all behind a prefix, and the SDKs sign it with the rest of the path.
#[test]
fn the_socket_path_covers_the_api_and_is_signed() {
    let config = ApiConfig { socket_path: "/ws".to_owned(), ..ApiConfig::default() };
    let headers = HeaderMap::new();
    let check = |path: &str, signed: &str| {
        let query = sign_request("GET", signed, &[], b"", CREDENTIALS, NOW_UNIX_S);
        let (method, content_length) = ("GET", None);
        let head = Head { method, path, query: &query, content_length, headers: &headers };
        let accepted = route(&apps(), &config, &head, NOW_UNIX_S);
        accepted.map(|_| ()).map_err(|error| error.status())
    };
    for path in ["/ws/apps/a/channels", "/apps/a/channels", "/ws/apps/a/channels/x"] {
        assert_eq!(check(path, path), Ok(()), "{path}");
    }
    assert_eq!(check("/ws/apps/a/channels", "/apps/a/channels"), Err(401));
    for path in ["/ws/ws/apps/a/channels", "/wsapps/a/channels", "/other/apps/a/channels"] {
        assert_eq!(check(path, path), Err(404), "{path}");
    }
}

#[test]
fn an_unknown_path_or_app_is_not_found() {
    for path in ["/", "", "/apps", "/apps/a", "/apps/a/", "/apps/a/event", "/apps/a/events/", "/x"]
    {
        check_refused(get(path, &[]), 404, "path");
    }
    check_refused(get("/apps/a/channels/x/members", &[]), 404, "path");
    check_refused(run("POST", "/apps/c/events", &[], "{}"), 404, "app");
}

#[test]
fn a_known_path_with_another_method_names_the_right_one() {
    for (method, path, allow) in [
        ("POST", "/up", "GET, HEAD"),
        ("POST", "/ready", "GET, HEAD"),
        ("GET", "/apps/a/events", "POST"),
        ("HEAD", "/apps/a/events", "POST"),
        ("PUT", "/apps/a/batch_events", "POST"),
        ("POST", "/apps/a/channels", "GET, HEAD"),
        ("DELETE", "/apps/a/channels/x", "GET, HEAD"),
        ("OPTIONS", "/apps/a/channels/x", "GET, HEAD"),
        ("GET", "/apps/a/channels/x/events", "POST"),
        ("GET", "/apps/a/users/u/terminate_connections", "POST"),
        ("POST", "/apps/a/connections", "GET, HEAD"),
        ("post", "/apps/a/events", "POST"),
    ] {
        let error = run(method, path, &[], "").unwrap_err();
        assert_eq!(error.status(), 405, "{method} {path}");
        assert!(matches!(error, ApiError::Method { allow: it } if it == allow), "{error}");
    }
}
