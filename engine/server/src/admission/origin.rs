//! Which pages may connect.
//!
//! A browser says with every websocket where its page is from, and no page can change that. A
//! program can say anything, so one that says nothing is not a browser and is let in: whoever
//! wanted to lie would have done so.

/// Whether a client that sends `origins` may connect to an app that allows `patterns`, each of
/// which is a host, `host:port` or a whole origin, with `*` for any run of characters. None is all.
///
/// The page of a file or a sandbox says `null`, which only `*` matches.
pub(super) fn are_allowed(patterns: &[String], origins: &[String]) -> bool {
    let is_allowed = |origin: &String| patterns.iter().any(|it| is_match(it, origin));
    patterns.is_empty() || origins.iter().all(is_allowed)
}

fn is_match(pattern: &str, origin: &str) -> bool {
    let authority = origin.split_once("://").map_or(origin, |(_, authority)| authority);
    let (host, port) = split_port(authority);
    let subject = if pattern.contains("://") {
        origin
    } else if split_port(pattern).1.is_some() && port.is_some() {
        authority
    } else {
        host
    };
    glob(pattern.as_bytes(), subject.as_bytes())
}

/// The host, which is in brackets if it is an IPv6 address, and what follows its colon.
fn split_port(authority: &str) -> (&str, Option<&str>) {
    match authority.rsplit_once(':') {
        Some((host, port)) if !port.contains(']') => (host, Some(port)),
        Some(_) | None => (authority, None),
    }
}

/// Whether `pattern`, whose `*` stand for any run of bytes, matches all of `text`, without case.
///
/// Only the last `*` is ever tried again, so the work is at most the product of the lengths.
fn glob(pattern: &[u8], text: &[u8]) -> bool {
    let (mut at, mut seen) = (0, 0);
    let mut retry = None;
    while seen < text.len() {
        if pattern.get(at) == Some(&b'*') {
            at += 1;
            retry = Some((at, seen));
        } else if pattern.get(at).is_some_and(|byte| byte.eq_ignore_ascii_case(&text[seen])) {
            (at, seen) = (at + 1, seen + 1);
        } else if let Some((star, from)) = retry {
            (at, seen) = (star, from + 1);
            retry = Some((star, from + 1));
        } else {
            return false;
        }
    }
    pattern[at..].iter().all(|&byte| byte == b'*')
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(patterns: &[&str], allowed: &[&str], refused: &[&str]) {
        let patterns: Vec<String> = patterns.iter().map(ToString::to_string).collect();
        for (origins, expected) in [(allowed, true), (refused, false)] {
            for origin in origins {
                let found = are_allowed(&patterns, &[origin.to_string()]);
                assert_eq!(found, expected, "{origin:?} against {patterns:?}");
            }
        }
    }

    #[test]
    fn no_pattern_allows_every_origin() {
        check(&[], &["https://example.com", "null", ""], &[]);
    }

    #[test]
    fn a_client_without_an_origin_is_no_browser_and_allowed() {
        assert!(are_allowed(&["example.com".to_owned()], &[]));
    }

    #[test]
    fn a_host_is_that_host_with_any_scheme_and_port() {
        let allowed = ["https://example.com", "http://EXAMPLE.com:8080", "https://example.com:443"];
        let refused = [
            "https://www.example.com",
            "https://example.com.evil.test",
            "https://evilexample.com",
            "https://evil.test/example.com",
            "https://example.com@evil.test",
            "null",
            "",
            "://",
        ];
        check(&["example.com"], &allowed, &refused);
    }

    #[test]
    fn a_star_is_any_run_of_characters() {
        let refused = ["https://example.com", "https://a.example.org", "https://example.com.evil"];
        check(&["*.example.com"], &["https://a.example.com", "http://a.b.example.com:1"], &refused);
        check(&["app-*.test"], &["https://app-1.test", "https://app-.test"], &["https://app.test"]);
        check(&["*"], &["https://example.com", "null", "file://"], &[]);
        check(&["a*b*c"], &["http://abc", "http://axbxbxc"], &["http://acb", "http://ab"]);
    }

    #[test]
    fn a_port_or_a_scheme_counts_where_it_is_named() {
        let pattern = ["localhost:3000"];
        check(&pattern, &["http://localhost:3000"], &["http://localhost:3001", "http://localhost"]);
        let refused = ["http://example.com", "https://example.com:444"];
        check(&["https://example.com"], &["https://example.com"], &refused);
        check(&["[::1]:80"], &["http://[::1]:80"], &["http://[::1]:81", "http://[::1]"]);
        check(&["[::1]"], &["http://[::1]:81", "http://[::1]"], &["http://[::2]"]);
    }

    #[test]
    fn one_of_several_patterns_is_enough_and_every_origin_must_match_one() {
        check(&["a.test", "b.test"], &["http://a.test", "http://b.test"], &["http://c.test"]);
        let origins = ["http://a.test", "http://c.test"].map(str::to_owned);
        assert!(!are_allowed(&["a.test".to_owned()], &origins));
    }

    /// The work for a hostile origin stays in proportion.
    #[test]
    fn many_stars_do_not_make_the_match_explode() {
        let pattern = format!("{}b", "*a".repeat(60));
        check(&[&pattern], &[], &[&format!("http://{}", "a".repeat(8_000))]);
    }
}
