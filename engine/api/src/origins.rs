//! Lists of origins of web pages.

use std::fmt;
use std::str::FromStr;

use uringcast_shard::setting::{Setting, Value};

/// The origins whose pages may read answers: `http.cors_origins`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Origins {
    /// No page may read answers.
    None,
    /// Every page may, without cookies.
    Any,
    /// Pages of these may, with cookies.
    Listed(Vec<String>),
}

/// An origin that is not `scheme://host[:port]`.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is not an origin such as https://example.com")]
pub struct OriginError(pub String);

impl FromStr for Origins {
    type Err = OriginError;

    /// Read a list with commas: `*` alone for all, `off` for none.
    fn from_str(text: &str) -> Result<Self, OriginError> {
        let origins = text.split(',').map(str::trim).filter(|origin| !origin.is_empty());
        let origins: Vec<String> = origins.map(str::to_ascii_lowercase).collect();
        match &*origins {
            [] => Ok(Self::None),
            [off] if off == "off" => Ok(Self::None),
            [any] if any == "*" => Ok(Self::Any),
            _ => match origins.iter().find(|origin| !is_origin(origin)) {
                Some(other) => Err(OriginError(other.clone())),
                None => Ok(Self::Listed(origins)),
            },
        }
    }
}

impl fmt::Display for Origins {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::None => f.write_str("off"),
            Self::Any => f.write_str("*"),
            Self::Listed(origins) => f.write_str(&origins.join(", ")),
        }
    }
}

/// A list between commas, `*` or `off`.
impl Setting for Origins {
    fn value(&self) -> Value {
        Value::Text(self.to_string())
    }

    fn set(&mut self, value: Value) -> bool {
        let Value::Text(text) = value else { return false };
        text.parse().map(|origins| *self = origins).is_ok()
    }
}

/// Whether a browser, or an app that is made of pages, may send `text` as an origin (RFC 6454
/// section 6.2), in lower case: `capacitor://localhost` is one, too.
fn is_origin(text: &str) -> bool {
    let Some((scheme, host)) = text.split_once("://") else { return false };
    let is_allowed = |byte: u8| byte.is_ascii_alphanumeric() || b"-._:[]".contains(&byte);
    let is_scheme = |byte: u8| byte.is_ascii_alphanumeric() || b"+-.".contains(&byte);
    let is_named = scheme.starts_with(|first: char| first.is_ascii_alphabetic());
    is_named && scheme.bytes().all(is_scheme) && !host.is_empty() && host.bytes().all(is_allowed)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_list_has_origins_or_one_star() {
        assert_eq!(" , ".parse(), Ok(Origins::None));
        assert_eq!(Origins::None.to_string().parse(), Ok(Origins::None));
        assert_eq!("*".parse(), Ok(Origins::Any));
        let listed = "HTTPS://Example.COM,http://[::1]:80".parse::<Origins>().unwrap();
        assert_eq!(listed.to_string(), "https://example.com, http://[::1]:80");
        assert_eq!(listed.to_string().parse(), Ok(listed));
        let apps = "capacitor://localhost, tauri://localhost, chrome-extension://abc, x+y-z.1://a";
        assert_eq!(apps.parse::<Origins>().unwrap().to_string(), apps);
        for text in ["://a", "1a://b", "a b://c", "a:/b", "file://"] {
            assert!(text.parse::<Origins>().is_err(), "{text}");
        }
        for text in
            ["example.com", "https://", "https://a/b", "https://a, *", "https://a b", "null"]
        {
            assert!(text.parse::<Origins>().is_err(), "{text}");
        }
    }
}
