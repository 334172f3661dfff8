//! Signatures of HTTP requests: what is signed, checking one and making one.
//!
//! A request is checked in two steps. [`verify`] needs the head only, so a stranger is refused
//! before a byte of the body is read; [`check_body`] then ties the body to the signed head.
//!
//! Signed is `METHOD\n/path\nkey=value&key=value`: keys lower-cased and sorted, values as they are
//! after URL decoding, every parameter but `auth_signature` (spec pusher.md, HTTP signature).

use std::borrow::Cow;

use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};

use crate::digest::{bytes_of_hex, is_hex_of, md5, md5_hex};
use crate::form;
use crate::secret::Secret;

/// A request's query parameters, decoded, in the order in which they are signed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Query<'a> {
    parameters: Vec<(Cow<'a, str>, Cow<'a, str>)>,
}

/// The key and the secret of an app.
#[derive(Clone, Copy)]
pub struct Credentials<'a> {
    /// The app's key, which is public.
    pub key: &'a str,
    /// Known to the app's servers and to this one.
    pub secret: &'a str,
}

/// A request whose head is signed.
#[derive(Clone, Debug, PartialEq, Eq)]
#[must_use = "the body is not checked yet"]
pub struct Verified {
    body_md5: Digest,
}

/// What the head says about the body.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Digest {
    /// It says nothing of the body.
    None,
    /// The body's MD5.
    Md5([u8; 16]),
    /// What is no MD5, and so that of no body.
    Malformed,
}

/// Why a request is not taken for the app's own. The peer sees a 401 with these words.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SignatureError {
    /// A parameter comes twice, or is not UTF-8 once decoded.
    #[error("the query string is ambiguous or not UTF-8")]
    Query,
    /// A parameter that every request needs is missing.
    #[error("the parameter {name} is missing")]
    Missing {
        /// The parameter's name.
        name: &'static str,
    },
    /// `auth_version` is not the only one there is.
    #[error("auth_version must be 1.0")]
    Version,
    /// `auth_key` is not the key of the app that the path names.
    #[error("auth_key is not the key of this app")]
    Key,
    /// `auth_timestamp` is not a number of seconds.
    #[error("auth_timestamp must be a number of seconds since 1970")]
    TimestampForm,
    /// `auth_timestamp` is too far from the server's clock. Expected from replayed requests and
    /// wrong clocks.
    #[error(
        "auth_timestamp is {apart_s} seconds from the server's time, at most {window_s} are allowed"
    )]
    TimestampStale {
        /// Seconds between the two.
        apart_s: u64,
        /// The limit.
        window_s: u64,
    },
    /// `auth_signature` does not match.
    #[error("auth_signature does not match")]
    Signature,
    /// There is a body and no `body_md5`, so nothing ties the body to the signature.
    #[error("the parameter body_md5 is missing, a request with a body needs it")]
    BodyMd5Missing,
    /// The body is not the one that was signed.
    #[error("body_md5 is not the MD5 of the body")]
    BodyMd5,
}

impl<'a> Query<'a> {
    /// Read the part of a URL behind its `?`.
    ///
    /// A list (`info[]=a&info[]=b` or `info[0]=a&info[1]=b`) becomes one parameter with its values
    /// joined by commas, which is how the libraries that send lists sign them.
    pub fn parse(text: &'a str) -> Result<Self, SignatureError> {
        let mut query = Self { parameters: Vec::with_capacity(8) };
        // One look at the whole saves the many small ones: a publisher's query has no escapes.
        let is_plain = memchr::memchr2(b'%', b'+', text.as_bytes()).is_none();
        let decode = if is_plain { |text| Ok(Cow::Borrowed(text)) } else { form::decode };
        let decode = |text| decode(text).map_err(|_| SignatureError::Query);
        for (key, value) in form::pairs(text) {
            query.add(decode(key)?, decode(value.unwrap_or_default())?)?;
        }
        // Stable, and no two keys are the same.
        query.parameters.sort_by(|(key, _), (other, _)| key.cmp(other));
        Ok(query)
    }

    /// The value of the parameter called `key`, in lower case.
    pub fn value(&self, key: &str) -> Option<&str> {
        self.parameters.iter().find(|(name, _)| name == key).map(|(_, value)| value.as_ref())
    }

    fn add(&mut self, key: Cow<'a, str>, value: Cow<'a, str>) -> Result<(), SignatureError> {
        let list = key.ends_with(']').then(|| key.split_once('[')).flatten();
        let is_list = list.is_some();
        let name = match list {
            Some((name, _)) => Cow::Owned(name.to_ascii_lowercase()),
            None if key.bytes().any(|byte| byte.is_ascii_uppercase()) => {
                Cow::Owned(key.to_ascii_lowercase())
            }
            None => key,
        };
        match self.parameters.iter_mut().find(|(other, _)| *other == name) {
            None => self.parameters.push((name, value)),
            Some((_, values)) if is_list => {
                let values = values.to_mut();
                values.push(',');
                values.push_str(&value);
            }
            Some(_) => return Err(SignatureError::Query),
        }
        Ok(())
    }

    fn required(&self, name: &'static str) -> Result<&str, SignatureError> {
        self.value(name).ok_or(SignatureError::Missing { name })
    }

    fn string_to_sign(&self, method: &str, path: &str) -> String {
        let parameters = self.parameters.iter().map(|(key, value)| key.len() + value.len() + 2);
        let bytes = method.len() + path.len() + 2 + parameters.sum::<usize>();
        let mut text = String::with_capacity(bytes);
        for part in [method, "\n", path, "\n"] {
            text.push_str(part);
        }
        let signed = self.parameters.iter().filter(|(key, _)| key != "auth_signature");
        for (index, (key, value)) in signed.enumerate() {
            if index > 0 {
                text.push('&');
            }
            text.push_str(key);
            text.push('=');
            text.push_str(value);
        }
        text
    }
}

/// Check the head of a request to the app of `app_key`: `path` as it stands in the request line,
/// without the query.
pub fn verify(
    method: &str,
    path: &str,
    query: &Query<'_>,
    app_key: &str,
    secret: &Secret,
    now_unix_s: u64,
    window_s: u64,
) -> Result<Verified, SignatureError> {
    let key = query.required("auth_key")?;
    let timestamp = query.required("auth_timestamp")?;
    let signature = query.required("auth_signature")?;
    if query.required("auth_version")? != AUTH_VERSION {
        return Err(SignatureError::Version);
    }
    if key != app_key {
        return Err(SignatureError::Key);
    }
    let timestamp: u64 = timestamp.parse().map_err(|_| SignatureError::TimestampForm)?;
    let apart_s = timestamp.abs_diff(now_unix_s);
    if apart_s > window_s {
        return Err(SignatureError::TimestampStale { apart_s, window_s });
    }
    if !is_hex_of(signature, &secret.sign(&[&query.string_to_sign(method, path)])) {
        return Err(SignatureError::Signature);
    }
    let body_md5 = match query.value("body_md5") {
        None => Digest::None,
        Some(text) => bytes_of_hex(text).map_or(Digest::Malformed, Digest::Md5),
    };
    Ok(Verified { body_md5 })
}

/// Check that `body` is the one that was signed. An empty body needs no `body_md5`, but may have
/// one: some libraries sign it for every request.
pub fn check_body(verified: &Verified, body: &[u8]) -> Result<(), SignatureError> {
    match verified.body_md5 {
        Digest::None if body.is_empty() => Ok(()),
        Digest::None => Err(SignatureError::BodyMd5Missing),
        // The sender knows both digests: how long it takes to compare them tells nothing.
        Digest::Md5(received) if received == md5(body) => Ok(()),
        Digest::Md5(_) | Digest::Malformed => Err(SignatureError::BodyMd5),
    }
}

/// The query string that signs a request: `parameters` and all that authentication adds.
pub fn sign_request(
    method: &str,
    path: &str,
    parameters: &[(&str, &str)],
    body: &[u8],
    credentials: Credentials<'_>,
    now_unix_s: u64,
) -> String {
    let own = |name, value: &str| (Cow::Borrowed(name), Cow::Owned(value.to_owned()));
    let mut query = Query {
        parameters: parameters
            .iter()
            .map(|&(name, value)| (Cow::Owned(name.to_ascii_lowercase()), Cow::Borrowed(value)))
            .collect(),
    };
    query.parameters.push(own("auth_key", credentials.key));
    query.parameters.push(own("auth_timestamp", &now_unix_s.to_string()));
    query.parameters.push(own("auth_version", AUTH_VERSION));
    if !body.is_empty() {
        query.parameters.push(own("body_md5", &md5_hex(body)));
    }
    query.parameters.sort_by(|(key, _), (other, _)| key.cmp(other));
    let signature =
        Secret::from(credentials.secret).sign_hex(&[&query.string_to_sign(method, path)]);
    query.parameters.push(own("auth_signature", &signature));
    query.parameters.iter().map(|(key, value)| encode(key, value)).collect::<Vec<_>>().join("&")
}

const AUTH_VERSION: &str = "1.0";

fn encode(key: &str, value: &str) -> String {
    let key = utf8_percent_encode(key, URL_ESCAPED);
    format!("{key}={}", utf8_percent_encode(value, URL_ESCAPED))
}

/// All but the unreserved characters of RFC 3986 section 2.3.
const URL_ESCAPED: &percent_encoding::AsciiSet =
    &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');

#[cfg(test)]
mod tests;
