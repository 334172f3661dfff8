//! The documented request, and everything that must break its signature.

use super::*;

const CREDENTIALS: Credentials<'_> =
    Credentials { key: "278d425bdf160c739803", secret: "7ad3773142a6692b25b8" };
const NOW_UNIX_S: u64 = 1_353_088_179;
const BODY: &[u8] = br#"{"name":"foo","channels":["project-3"],"data":"{\"some\":\"data\"}"}"#;
const DOCUMENTED: &str = "body_md5=ec365a775a4cd0599faeb73354201b6f&auth_version=1.0\
    &auth_key=278d425bdf160c739803&auth_timestamp=1353088179\
    &auth_signature=da454824c97ba181a32ccc17a72625ba02771f50b50e1e7430e47a1f3f457e6c";

fn check(query: &str, now_unix_s: u64) -> Result<Verified, SignatureError> {
    check_request("POST", "/apps/3/events", query, now_unix_s)
}

fn check_request(
    method: &str,
    path: &str,
    query: &str,
    now_unix_s: u64,
) -> Result<Verified, SignatureError> {
    let Credentials { key, secret } = CREDENTIALS;
    verify(method, path, &Query::parse(query)?, key, &secret.into(), now_unix_s, 600)
}

fn signed(parameters: &[(&str, &str)], body: &[u8]) -> String {
    sign_request("POST", "/apps/3/events", parameters, body, CREDENTIALS, NOW_UNIX_S)
}

#[test]
fn the_documented_request_is_accepted() {
    let verified = check(DOCUMENTED, NOW_UNIX_S).unwrap();
    assert_eq!(check_body(&verified, BODY), Ok(()));
}

#[test]
fn the_client_side_makes_the_documented_signature() {
    let query = signed(&[], BODY);
    let query = Query::parse(&query).unwrap();
    assert_eq!(query, Query::parse(DOCUMENTED).unwrap());
}

#[test]
fn the_timestamp_may_be_600_seconds_off_either_way_and_not_601() {
    for now_unix_s in [NOW_UNIX_S - 600, NOW_UNIX_S, NOW_UNIX_S + 600] {
        assert!(check(DOCUMENTED, now_unix_s).is_ok(), "{now_unix_s}");
    }
    for now_unix_s in [NOW_UNIX_S - 601, NOW_UNIX_S + 601] {
        let stale = SignatureError::TimestampStale { apart_s: 601, window_s: 600 };
        assert_eq!(check(DOCUMENTED, now_unix_s), Err(stale));
    }
}

#[test]
fn method_path_and_every_parameter_are_signed() {
    let other = Err(SignatureError::Signature);
    assert_eq!(check_request("GET", "/apps/3/events", DOCUMENTED, NOW_UNIX_S), other);
    assert_eq!(check_request("POST", "/apps/3/event", DOCUMENTED, NOW_UNIX_S), other);
    assert_eq!(check(&DOCUMENTED.replace("=ec36", "=ec37"), NOW_UNIX_S), other);
    assert_eq!(check(&DOCUMENTED.replace("=da45", "=da46"), NOW_UNIX_S), other);
    assert_eq!(check(&DOCUMENTED.replace("8179", "8178"), NOW_UNIX_S), other);
    assert_eq!(check(&format!("{DOCUMENTED}&info=user_count"), NOW_UNIX_S), other);
}

#[test]
fn a_missing_parameter_is_named() {
    for name in ["auth_key", "auth_timestamp", "auth_version", "auth_signature"] {
        let query = DOCUMENTED.replace(name, "x");
        assert_eq!(check(&query, NOW_UNIX_S), Err(SignatureError::Missing { name }));
    }
}

#[test]
fn key_version_and_timestamp_are_checked_before_the_signature() {
    let key = DOCUMENTED.replace("278d", "378d");
    assert_eq!(check(&key, NOW_UNIX_S), Err(SignatureError::Key));
    let version = DOCUMENTED.replace("1.0", "2.0");
    assert_eq!(check(&version, NOW_UNIX_S), Err(SignatureError::Version));
    for timestamp in ["soon", "-1", "1.5", ""] {
        let query = DOCUMENTED.replace("1353088179", timestamp);
        assert_eq!(check(&query, NOW_UNIX_S), Err(SignatureError::TimestampForm), "{timestamp}");
    }
}

#[test]
fn the_body_must_be_the_signed_one() {
    let verified = check(DOCUMENTED, NOW_UNIX_S).unwrap();
    assert_eq!(check_body(&verified, b"{}"), Err(SignatureError::BodyMd5));
    assert_eq!(check_body(&verified, b""), Err(SignatureError::BodyMd5));
}

#[test]
fn a_body_needs_a_digest_and_an_empty_one_may_have_it() {
    let bare = check(&signed(&[], b""), NOW_UNIX_S).unwrap();
    assert_eq!(check_body(&bare, b""), Ok(()));
    assert_eq!(check_body(&bare, b"{}"), Err(SignatureError::BodyMd5Missing));
    let empty_md5 = [("body_md5", "d41d8cd98f00b204e9800998ecf8427e")];
    let verified = check(&signed(&empty_md5, b""), NOW_UNIX_S).unwrap();
    assert_eq!(check_body(&verified, b""), Ok(()));
    assert_eq!(check_body(&verified, b"x"), Err(SignatureError::BodyMd5));
}

#[test]
fn values_are_signed_as_they_are_after_decoding() {
    let query = signed(&[("filter_by_prefix", "presence-@,;="), ("Info", "a b")], b"");
    assert!(query.contains("filter_by_prefix=presence-%40%2C%3B%3D"), "{query}");
    assert!(check(&query, NOW_UNIX_S).is_ok());
    assert!(check(&query.replace("%40", "@").replace("%20", "+"), NOW_UNIX_S).is_ok());
    let parsed = Query::parse(&query).unwrap();
    assert_eq!(parsed.value("filter_by_prefix"), Some("presence-@,;="));
    assert_eq!(parsed.value("info"), Some("a b"));
}

#[test]
fn keys_are_lower_cased_and_sorted() {
    let query = Query::parse("b=2&C=3&a=1&auth_signature=x").unwrap();
    assert_eq!(query.string_to_sign("GET", "/p"), "GET\n/p\na=1&b=2&c=3");
}

#[test]
fn a_list_is_signed_with_commas() {
    for text in ["info[]=a&x=1&info[]=b", "info%5B0%5D=a&x=1&info%5B1%5D=b"] {
        let query = Query::parse(text).unwrap();
        assert_eq!(query.string_to_sign("GET", "/p"), "GET\n/p\ninfo=a,b&x=1");
    }
}

#[test]
fn an_ambiguous_or_broken_query_is_refused() {
    for text in ["a=1&a=2", "a=1&A=1", "a=%ff"] {
        assert_eq!(Query::parse(text), Err(SignatureError::Query), "{text}");
    }
    assert_eq!(Query::parse("").unwrap().value("a"), None);
    assert_eq!(Query::parse("&a&").unwrap().value("a"), Some(""));
}
