//! What the texts of an app may look like.
//!
//! Each form is judged by itself: whether two texts go together is judged elsewhere.

use http::Uri;

use super::problem::Fault;
use crate::setting::TextForm;

/// What a text may be.
pub(super) struct Form {
    /// In words, as in "must be ...".
    allowed: &'static str,
    /// Whether a text is that.
    is_met: fn(&str) -> bool,
    /// Whether it is masked where a configuration is printed.
    is_secret: bool,
}

impl Form {
    /// What is wrong with `text` as the value called `name`. The message does not repeat it.
    pub(super) fn fault(&self, name: &str, text: &str) -> Option<Fault> {
        let part = name.to_owned();
        if self.is_secret && !text.is_empty() && text.bytes().all(|byte| byte == b'*') {
            return Some(Fault::MaskedSecret { part });
        }
        (!(self.is_met)(text)).then_some(Fault::AppPart { part, allowed: self.allowed })
    }
}

/// What stands for a secret where a configuration is printed.
pub(super) const SECRET_MASK: &str = "********";

/// Ids and keys stand in paths, and keys before a colon in signatures: only characters that need
/// no escape in a URL (RFC 3986 section 2.3).
pub(super) static NAME: Form = Form {
    allowed: "1 to 128 letters, digits or any of - . _ ~",
    is_met: |text| {
        let is_allowed = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~".contains(&byte);
        (1..=NAME_MAX).contains(&text.len()) && text.bytes().all(is_allowed)
    },
    is_secret: false,
};

/// A secret with a line end is one that was read with too much around it.
pub(super) static SECRET: Form = Form {
    allowed: "1 to 256 bytes without control characters",
    is_met: |text| (1..=SECRET_MAX).contains(&text.len()) && is_printable(text),
    is_secret: true,
};

/// Where this server sends requests. A password would be shown wherever the URL is.
pub(super) static URL: Form = Form {
    allowed: "an http:// or https:// URL of at most 2048 bytes, without a user or a password",
    is_met: is_url,
    is_secret: false,
};

/// A host of the `Origin` header, or part of one.
pub(super) static ORIGIN: Form = Form {
    allowed: "a host such as example.com or *.example.com, with a port or http:// or https:// or \
              without, and without a path",
    is_met: is_origin,
    is_secret: false,
};

/// A part of a channel's name; empty is any.
pub(super) static CHANNEL_PART: Form = Form {
    allowed: "at most 200 letters, digits or any of # _ - = @ , . ;",
    is_met: |text| {
        let is_allowed = |byte: u8| byte.is_ascii_alphanumeric() || b"#_-=@,.;".contains(&byte);
        text.len() <= CHANNEL_PART_MAX && text.bytes().all(is_allowed)
    },
    is_secret: false,
};

/// Names of channels and rooms, `*` for any part of one.
pub(super) static CHANNEL_PATTERN: Form = Form {
    allowed: "1 to 200 letters, digits or any of # _ - = @ , . ; : *",
    is_met: |text| {
        let is_allowed = |byte: u8| byte.is_ascii_alphanumeric() || b"#_-=@,.;:*".contains(&byte);
        (1..=CHANNEL_PART_MAX).contains(&text.len()) && text.bytes().all(is_allowed)
    },
    is_secret: false,
};

/// A path of a file.
pub(super) static PATH: Form = Form {
    allowed: "the path of a file",
    is_met: |text| !text.is_empty() && is_printable(text),
    is_secret: false,
};

/// The value of a header that a webhook is sent with; it may be a token.
pub(super) static HEADER_VALUE: Form = Form {
    allowed: "1 to 1024 bytes of printable ASCII",
    is_met: |text| {
        let is_allowed = |byte: u8| byte == b' ' || byte.is_ascii_graphic();
        (1..=HEADER_VALUE_MAX).contains(&text.len()) && text.bytes().all(is_allowed)
    },
    is_secret: true,
};

/// The address of a listener.
pub(super) static ADDRESS: TextForm =
    TextForm::typed("IP address", "an IPv4 or IPv6 address, or localhost");

/// Addresses and networks.
pub(super) static NETWORKS: TextForm = TextForm {
    is_list: true,
    ..TextForm::typed("IP networks", "up to 64 addresses or networks, as one string or an array")
};

/// Who may read answers of the HTTP API.
pub(super) static ORIGINS: TextForm =
    TextForm::typed("origins", "* alone, origins such as https://example.com, or \"off\"");

/// The path of a file, or `off`; at most `PATH_MAX` of Linux, its end not counted.
pub(super) static OPTIONAL_PATH: TextForm = TextForm {
    parse: |text| {
        let is_path = (1..=4_095).contains(&text.len()) && is_printable(text);
        is_path.then(|| text.to_owned())
    },
    ..TextForm::typed("path", "1 to 4095 bytes without control characters, or \"off\"")
};

/// What keeps logs.
pub(super) static LOG_DRIVER: TextForm = TextForm::new("memory or file", |text| {
    ["memory", "file"].contains(&text).then(|| text.to_owned())
});

/// What a start does about files of logs that are damaged.
pub(super) static LOG_RECOVER: TextForm = TextForm::new("strict or skip", |text| {
    ["strict", "skip"].contains(&text).then(|| text.to_owned())
});

/// A directory.
pub(super) static DIRECTORY: TextForm = TextForm::new(
    "the path of a directory, of at most 2048 bytes without control characters",
    |text| {
        let is_good = !text.is_empty() && text.len() <= URL_MAX && is_printable(text);
        is_good.then(|| text.to_owned())
    },
);

/// The path of websockets. It may be any that the HTTP API leaves free.
pub(super) static SOCKET_PATH: TextForm = TextForm::new(
    "a path such as /app, of at most 128 letters, digits or any of - . _ ~ and single \
              slashes, and not under /apps, /broadcasting, /ready, /up or /usage",
    socket_path,
);

/// Where the table of apps is.
pub(super) static DATABASE_URL: TextForm = TextForm {
    mask: |text| {
        let Some((scheme, rest)) = text.split_once("://") else { return text.to_owned() };
        // The last one: a password may have an unescaped one of its own.
        match rest.rsplit_once('@') {
            Some((_, host)) if scheme != "sqlite" => format!("{scheme}://{SECRET_MASK}@{host}"),
            Some(_) | None => text.to_owned(),
        }
    },
    ..TextForm::new(
        "empty, postgres://user:password@host/database or sqlite://path, of at most 2048 \
              bytes, with the password itself and not its mask",
        |text| {
            let schemes = ["postgres://", "postgresql://", "sqlite:"];
            let is_known = schemes.iter().any(|it| text.len() > it.len() && text.starts_with(it));
            let is_masked = text.contains(SECRET_MASK) || text.contains("password=");
            let is_good = is_known && !is_masked && text.len() <= URL_MAX && is_printable(text);
            (text.is_empty() || is_good).then(|| text.to_owned())
        },
    )
};

/// The id of an app, or empty.
pub(super) static APP_ID: TextForm =
    TextForm::new("empty, or 1 to 128 letters, digits or any of - . _ ~", |text| {
        (text.is_empty() || (NAME.is_met)(text)).then(|| text.to_owned())
    });

/// The secret of tokens, or empty.
pub(super) static ZPS_SECRET: TextForm = TextForm {
    mask: |text| if text.is_empty() { String::new() } else { SECRET_MASK.to_owned() },
    ..TextForm::new("empty, or 1 to 256 bytes without control characters, and not a mask", |text| {
        let is_mask = !text.is_empty() && text.bytes().all(|byte| byte == b'*');
        let is_good = text.is_empty() || ((SECRET.is_met)(text) && !is_mask);
        is_good.then(|| text.to_owned())
    })
};

/// Scopes of rooms between commas.
pub(super) static ZPS_SCOPES: TextForm = TextForm::new(
    "empty, or scopes of rooms between commas, each of 1 to 64 letters, digits or any of \
              . _ -",
    |text| {
        let is_allowed = |byte: u8| byte.is_ascii_alphanumeric() || b"._-".contains(&byte);
        let is_scope = |it: &str| (1..=64).contains(&it.len()) && it.bytes().all(is_allowed);
        let scopes: Vec<&str> = text.split(',').map(str::trim).collect();
        let is_good = text.is_empty() || scopes.iter().all(|it| is_scope(it));
        is_good.then(|| scopes.join(","))
    },
);

/// Patterns of channels; between commas, so that none has one.
pub(super) static CHANNEL_PATTERNS: TextForm = TextForm::new(
    "empty, or up to 100 patterns between commas, each of 1 to 200 letters, digits or any \
              of # _ - = @ . ; : *",
    |text| {
        let patterns: Vec<&str> = text.split(',').map(str::trim).collect();
        let is_good =
            patterns.len() <= 100 && patterns.iter().all(|it| (CHANNEL_PATTERN.is_met)(it));
        (text.is_empty() || is_good).then(|| patterns.join(","))
    },
);

/// Names of JSON fields between commas.
pub(super) static FIELD_NAMES: TextForm = TextForm::new(
    "empty, or up to 100 names between commas, each of 1 to 128 bytes without control \
              characters",
    |text| {
        let is_name = |it: &&str| (1..=128).contains(&it.len()) && !it.contains(char::is_control);
        let names: Vec<&str> = text.split(',').map(str::trim).collect();
        let is_good = text.is_empty() || (names.len() <= 100 && names.iter().all(is_name));
        is_good.then(|| names.join(","))
    },
);

/// Who decides about rooms.
pub(super) static ZPS_AUTHORIZE: TextForm = TextForm::new("\"claims\" or \"open\"", |text| {
    matches!(text, "claims" | "open").then(|| text.to_owned())
});

const SOCKET_PATH_MAX: usize = 128;
const SOCKET_PATH_DEFAULT: &str = "/app";
/// What the HTTP API has at these names, or may come to have.
const TAKEN_PATHS: [&str; 5] = ["apps", "broadcasting", "ready", "up", "usage"];
const NAME_MAX: usize = 128;
const SECRET_MAX: usize = 256;
const URL_MAX: usize = 2048;
const HOST_MAX: usize = 253;
const CHANNEL_PART_MAX: usize = 200;
const HEADER_VALUE_MAX: usize = 1024;

/// With a slash in front and none behind; a lone slash is the default (spec seeds.md, S1-20).
fn socket_path(text: &str) -> Option<String> {
    let inner = text.strip_prefix('/').unwrap_or(text);
    let inner = inner.strip_suffix('/').unwrap_or(inner);
    if inner.is_empty() {
        return Some(SOCKET_PATH_DEFAULT.to_owned());
    }
    let is_allowed = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~".contains(&byte);
    let is_segment = |it: &str| !it.is_empty() && it.bytes().all(is_allowed);
    let first = inner.split('/').next().unwrap_or_default();
    let is_path = inner.len() < SOCKET_PATH_MAX && inner.split('/').all(is_segment);
    (is_path && !TAKEN_PATHS.contains(&first)).then(|| format!("/{inner}"))
}

fn is_printable(text: &str) -> bool {
    !text.chars().any(char::is_control)
}

fn is_url(text: &str) -> bool {
    let Ok(uri) = text.parse::<Uri>() else { return false };
    let Some(authority) = uri.authority() else { return false };
    let host = authority.host();
    let is_host = !host.is_empty() && authority.as_str().starts_with(host); // And not a user.
    let port = authority.as_str().strip_prefix(host).and_then(|rest| rest.strip_prefix(':'));
    text.len() <= URL_MAX
        && !text.contains('#')
        && matches!(uri.scheme_str(), Some("http" | "https"))
        && is_host
        && port.is_none_or(|port| port.parse::<u16>().is_ok())
}

fn is_origin(text: &str) -> bool {
    let scheme = ["https://", "http://"].into_iter().find_map(|it| text.strip_prefix(it));
    let authority = scheme.unwrap_or(text);
    let (host, port) = match authority.rsplit_once(':') {
        Some((host, port)) if !port.ends_with(']') => (host, Some(port)),
        Some(_) | None => (authority, None),
    };
    let is_address = host.starts_with('[') && host.ends_with(']');
    let inner = if is_address { &host[1..host.len() - 1] } else { host };
    let is_allowed = |byte: u8| match byte {
        b'-' | b'.' | b'_' | b'*' => true,
        b':' => is_address,
        _ => byte.is_ascii_alphanumeric(),
    };
    (1..=HOST_MAX).contains(&inner.len())
        && inner.bytes().all(is_allowed)
        && port.is_none_or(|port| port == "*" || port.parse::<u16>().is_ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(form: &Form, good: &[&str], bad: &[&str]) {
        for text in good {
            assert_eq!(form.fault("it", text), None, "{text}");
        }
        for text in bad {
            assert!(form.fault("it", text).is_some(), "{text}");
        }
    }

    #[test]
    fn a_url_is_http_with_a_host_and_no_password() {
        let longest = format!("http://a/{}", "b".repeat(URL_MAX - 9));
        check(
            &URL,
            &["http://a", "https://a.example:8443/b?c=d", "http://[::1]:80/", &longest],
            &[
                "",
                "a",
                "/a",
                "ftp://a",
                "http://",
                "http:///a",
                "http://u:p@a",
                "http://a b",
                "http://a:99999/",
                "http://a/#b",
                "http://\u{e4}",
                &(longest.clone() + "b"),
            ],
        );
    }

    #[test]
    fn an_origin_is_a_host_perhaps_with_scheme_and_port() {
        let longest = "a".repeat(HOST_MAX);
        check(
            &ORIGIN,
            &[
                "a.example",
                "*.a.example",
                "*",
                "https://a:8443",
                "localhost:*",
                "[::1]:80",
                &longest,
            ],
            &[
                "",
                "https://",
                "a/",
                "a/b",
                "a b",
                "ftp://a",
                "a:port",
                "[::1",
                &(longest.clone() + "a"),
            ],
        );
    }

    #[test]
    fn other_texts_hold_at_their_limits_and_not_one_past_them() {
        for (form, max) in [
            (&NAME, NAME_MAX),
            (&SECRET, SECRET_MAX),
            (&CHANNEL_PART, CHANNEL_PART_MAX),
            (&HEADER_VALUE, HEADER_VALUE_MAX),
        ] {
            check(form, &[&"a".repeat(max)], &[&"a".repeat(max + 1), "a\n"]);
        }
        check(&CHANNEL_PART, &["", "private-a@b"], &["a b", "a/b", "a:b"]);
        check(&PATH, &["a b/c.pem"], &["", "a\n"]);
    }

    #[test]
    fn a_socket_path_is_normalised() {
        for (text, path) in [
            ("/app", "/app"),
            ("app", "/app"),
            ("/", "/app"),
            ("//", "/app"),
            ("/a/b/", "/a/b"),
            (".ws", "/.ws"),
            ("application", "/application"),
        ] {
            assert_eq!(socket_path(text).as_deref(), Some(path), "{text}");
        }
        for text in ["/apps", "apps/1", "/up", "/a//b", "/a b", "/a?b", "///"] {
            assert_eq!(socket_path(text), None, "{text}");
        }
        assert!(socket_path(&format!("/{}", "a".repeat(SOCKET_PATH_MAX - 1))).is_some());
        assert!(socket_path(&format!("/{}", "a".repeat(SOCKET_PATH_MAX))).is_none());
    }

    #[test]
    fn who_a_database_is_asked_as_is_masked_and_the_mask_refused() {
        for (url, shown) in [
            ("", ""),
            ("sqlite://a.db", "sqlite://a.db"),
            ("postgres://host/db", "postgres://host/db"),
            ("sqlite://a@b.db", "sqlite://a@b.db"),
            ("postgres://token@host/db", "postgres://********@host/db"),
            ("postgresql://u:p:a@b@host:5/db", "postgresql://********@host:5/db"),
        ] {
            assert_eq!((DATABASE_URL.parse)(url).as_deref(), Some(url));
            assert_eq!((DATABASE_URL.mask)(url), shown);
            assert_eq!((DATABASE_URL.parse)(shown).is_some(), url == shown, "{shown}");
        }
        let longest = format!("sqlite:{}", "a".repeat(URL_MAX - 7));
        assert!((DATABASE_URL.parse)(&longest).is_some());
        for url in ["mysql://a", "sqlite:", "postgres://h/d?password=p", "a", &(longest + "a")] {
            assert_eq!((DATABASE_URL.parse)(url), None, "{url}");
        }
    }

    #[test]
    fn the_mask_of_a_secret_is_no_secret() {
        for form in [&SECRET, &HEADER_VALUE] {
            assert!(matches!(form.fault("it", SECRET_MASK), Some(Fault::MaskedSecret { .. })));
            assert_eq!(form.fault("it", "*a*"), None);
        }
    }
}
