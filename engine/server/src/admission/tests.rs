//! Requests in, an app or a refusal out: which check comes first, and what each is told.

use super::*;

const STRANGER: &str = "203.0.113.9";
const PROXY: &str = "10.0.0.1";

fn apps(edit: impl Fn(&mut App)) -> Apps {
    let mut app = App::new("b", "key-b", "secret-b");
    edit(&mut app);
    Apps::new(vec![App::new("a", "key-a", "secret-a"), app]).unwrap()
}

fn run(apps: &Apps, peer: &str, target: &str, headers: &[(&str, &str)]) -> Result<u16, Refused> {
    let headers = headers.iter().map(|(name, value)| (*name, value.as_bytes()));
    let request = Request::from_headers(target, headers);
    let proxies = private_networks();
    let rules = AdmissionRules {
        socket_path: "/app",
        trusted_proxies: &proxies,
        is_protocol_required: true,
        zps_app: None,
        sse_path: "/sse",
    };
    admit(apps, &rules, peer.parse().unwrap(), &request).map(|index| index.0)
}

#[test]
fn a_request_without_fault_finds_its_app() {
    let apps = apps(|_| {});
    for (target, index) in [("/app/key-a?protocol=7", 0), ("/app/app/key-b?protocol=5", 1)] {
        assert_eq!(run(&apps, STRANGER, target, &[]), Ok(index));
    }
}

#[test]
fn path_then_key_then_version_then_app_are_checked() {
    let disabled = apps(|app| app.policy.enabled = false);
    let check = |target: &str, expected| {
        assert_eq!(run(&disabled, STRANGER, target, &[]), Err(expected), "{target}");
    };
    check("/", Refused::PathUnknown);
    check("/nowhere/key-b?protocol=7", Refused::PathUnknown);
    check("/app/key-c", Refused::KeyUnknown);
    check("/app/key-b", Refused::ProtocolMissing);
    check("/app/key-b?protocol=x", Refused::ProtocolForm);
    check("/app/key-b?protocol=8", Refused::ProtocolUnsupported);
    check("/app/key-b?protocol=7&version=x", Refused::VersionForm);
    check("/app/key-b?protocol=7&version=8.6.0", Refused::AppDisabled);
}

#[test]
fn an_app_that_forces_tls_believes_trusted_proxies_only() {
    let apps = apps(|app| app.policy.force_tls = true);
    let target = "/app/key-b?protocol=7";
    let https = [("x-forwarded-PROTO", " https ")];
    assert_eq!(run(&apps, PROXY, target, &https), Ok(1));
    assert_eq!(run(&apps, STRANGER, target, &https), Err(Refused::TlsRequired));
    assert_eq!(run(&apps, PROXY, target, &[]), Err(Refused::TlsRequired));
    assert_eq!(run(&apps, PROXY, "/app/key-a?protocol=7", &[]), Ok(0), "another app does not");
    let both = [("X-Forwarded-Proto", "http"), ("X-Forwarded-Proto", "https")];
    assert_eq!(run(&apps, PROXY, target, &both), Err(Refused::TlsRequired), "the first counts");
}

#[test]
fn a_page_of_another_host_is_refused() {
    let apps = apps(|app| app.origins = vec!["example.com".to_owned()]);
    let target = "/app/key-b?protocol=7";
    assert_eq!(run(&apps, STRANGER, target, &[("origin", "https://example.com")]), Ok(1));
    assert_eq!(run(&apps, STRANGER, target, &[]), Ok(1));
    let evil = [("Origin", "https://evil.test")];
    assert_eq!(run(&apps, STRANGER, target, &evil), Err(Refused::Origin));
    assert_eq!(run(&apps, STRANGER, "/app/key-a?protocol=7", &evil), Ok(0));
}

#[test]
fn damaged_headers_match_nothing() {
    let request = Request::from_headers("/app/key-b", [("Origin", &b"https://\xff"[..])]);
    assert_eq!(request.origins, ["https://\u{fffd}"]);
    assert_eq!(request.query(), "");
}
