//! Who decides about subscriptions that this server signs, from the keys of an app's table.

use std::fs;

use super::super::document::{Entry, Fields};
use super::super::form::{PATH, SECRET, URL};
use super::super::keys::nearest;
use super::super::problem::{Fault, ValueFault};
use crate::app::{AuthPolicy, JwtKey};

/// What `auth` and the keys that go with it say, and the file that the public key was read from.
pub(super) fn read(fields: &mut Fields<'_>) -> (AuthPolicy, Option<String>) {
    let auth = fields.take("auth");
    let mode = auth.as_ref().map_or(Some("deny"), mode);
    let jwt = JWT_KEYS.map(|name| fields.take(name));
    let url = fields.take("auth_url");
    if mode.is_some_and(|mode| mode != "jwt") {
        for entry in jwt.iter().flatten() {
            unused(entry, "jwt");
        }
    }
    if let Some(entry) = url.as_ref().filter(|_| mode.is_some_and(|mode| mode != "webhook")) {
        unused(entry, "webhook");
    }
    let policy = match (mode, &auth, &url) {
        (Some("allow-all"), ..) => AuthPolicy::AllowAll,
        (Some("jwt"), Some(auth), _) => return read_jwt(auth, &jwt),
        (Some("webhook"), Some(auth), None) => needs(auth, "apps.auth_url"),
        (Some("webhook"), _, Some(url)) => {
            url.text_of(&URL).map_or(AuthPolicy::Deny, AuthPolicy::Webhook)
        }
        _ => AuthPolicy::Deny,
    };
    (policy, None)
}

/// The names of the policies, as `auth` has them.
pub(super) const MODES: [&str; 4] = ["deny", "allow-all", "jwt", "webhook"];

const JWT_KEYS: [&str; 2] = ["jwt_secret", "jwt_public_key_file"];

fn mode(entry: &Entry<'_>) -> Option<&'static str> {
    let text = entry.text()?;
    let mode = MODES.into_iter().find(|mode| *mode == text);
    if mode.is_none() {
        entry.report(ValueFault::Choice {
            key: entry.name.clone(),
            value: text.to_owned(),
            allowed: "\"deny\", \"allow-all\", \"jwt\" or \"webhook\"".to_owned(),
            nearest: nearest(text, MODES.map(str::to_owned).into_iter()),
        });
    }
    mode
}

fn read_jwt(auth: &Entry<'_>, keys: &[Option<Entry<'_>>; 2]) -> (AuthPolicy, Option<String>) {
    match keys {
        [None, None] => (needs(auth, "apps.jwt_secret or apps.jwt_public_key_file"), None),
        [Some(secret), Some(file)] => {
            file.report(Fault::Together { key: file.name.clone(), other: secret.name.clone() });
            (AuthPolicy::Deny, None)
        }
        [Some(secret), None] => {
            let secret = secret.text_of(&SECRET).unwrap_or_default();
            (AuthPolicy::Jwt(JwtKey::Hs256(secret.into())), None)
        }
        [None, Some(file)] => {
            let path = file.text_of(&PATH).unwrap_or_default();
            let pem = read_public_key(file, &path).unwrap_or_default();
            (AuthPolicy::Jwt(JwtKey::Rs256(pem)), Some(path))
        }
    }
}

fn read_public_key(entry: &Entry<'_>, path: &str) -> Option<String> {
    let key = entry.name.clone();
    match fs::read_to_string(path) {
        Ok(pem) if is_public_key(&pem) => return Some(pem),
        Ok(_) => {
            entry.report(Fault::AppPart { part: key, allowed: "a file with a public key in PEM" });
        }
        Err(error) => entry.report(Fault::UnreadableFile { key, reason: error.to_string() }),
    }
    None
}

/// A private key here would be a secret in the wrong place.
fn is_public_key(pem: &str) -> bool {
    let kinds = ["-----BEGIN PUBLIC KEY-----", "-----BEGIN RSA PUBLIC KEY-----"];
    kinds.iter().any(|kind| pem.trim_start().starts_with(kind))
}

fn unused(entry: &Entry<'_>, mode: &'static str) {
    let needs = format!("apps.auth is \"{mode}\"");
    entry.report(Fault::Unused { key: entry.name.clone(), unless: needs });
}

fn needs(auth: &Entry<'_>, needed: &'static str) -> AuthPolicy {
    let value = auth.text().unwrap_or_default().to_owned();
    auth.report(Fault::Needs { key: auth.name.clone(), value, needed });
    AuthPolicy::Deny
}
