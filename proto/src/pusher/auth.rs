//! Signatures of subscriptions and of signing in: `auth = "key:hex"`.
//!
//! The app's own server makes them, this server checks them. A signature holds for one socket
//! only, because the socket's id is signed (spec pusher.md, auth strings).

use crate::digest::same;
use crate::secret::Secret;

/// Why an `auth` string is refused.
///
/// The subscription fails, the connection and its other channels live on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum AuthError {
    /// The string is not a key and a signature joined by a colon. A client bug.
    #[error("auth must be the app key and a signature, joined by a colon")]
    Form,
    /// The key is not the one of the app that the connection belongs to.
    #[error("auth is signed for another app key")]
    Key,
    /// The signature does not match. Expected from attackers and from signatures made for an
    /// earlier connection.
    #[error("the signature does not match")]
    Signature,
}

/// The `auth` string that lets `socket_id` subscribe to `channel`.
pub fn sign_channel(
    key: &str,
    secret: &str,
    socket_id: &str,
    channel: &str,
    channel_data: Option<&str>,
) -> String {
    format!("{key}:{}", channel_signature(&secret.into(), socket_id, channel, channel_data))
}

/// Check the `auth` string of a subscription; `channel_data` is the string exactly as received.
pub fn verify_channel(
    key: &str,
    secret: &Secret,
    auth: &str,
    socket_id: &str,
    channel: &str,
    channel_data: Option<&str>,
) -> Result<(), AuthError> {
    verify(key, auth, || channel_signature(secret, socket_id, channel, channel_data))
}

/// Whether a secret that was sent as it is, is the expected one, in a time that does not depend on
/// where they differ.
pub fn verify_secret(expected: &str, received: &str) -> bool {
    same(expected, received)
}

/// The `auth` string that signs `socket_id` in as the user of `user_data`.
pub fn sign_user(key: &str, secret: &str, socket_id: &str, user_data: &str) -> String {
    format!("{key}:{}", user_signature(&secret.into(), socket_id, user_data))
}

/// Check the `auth` string of `pusher:signin`; `user_data` is the string exactly as received.
pub fn verify_user(
    key: &str,
    secret: &Secret,
    auth: &str,
    socket_id: &str,
    user_data: &str,
) -> Result<(), AuthError> {
    verify(key, auth, || user_signature(secret, socket_id, user_data))
}

fn verify(key: &str, auth: &str, expected: impl FnOnce() -> String) -> Result<(), AuthError> {
    let (received_key, signature) = auth.split_once(':').ok_or(AuthError::Form)?;
    if received_key != key {
        return Err(AuthError::Key);
    }
    if same(&expected(), signature) { Ok(()) } else { Err(AuthError::Signature) }
}

fn channel_signature(
    secret: &Secret,
    socket_id: &str,
    channel: &str,
    channel_data: Option<&str>,
) -> String {
    match channel_data {
        Some(data) => secret.sign_hex(&[socket_id, ":", channel, ":", data]),
        None => secret.sign_hex(&[socket_id, ":", channel]),
    }
}

fn user_signature(secret: &Secret, socket_id: &str, user_data: &str) -> String {
    secret.sign_hex(&[socket_id, "::user::", user_data])
}

#[cfg(test)]
mod tests {
    use super::*;

    const KEY: &str = "278d425bdf160c739803";
    const SECRET: &str = "7ad3773142a6692b25b8";
    const SOCKET: &str = "1234.1234";

    fn auth(signature: &str) -> String {
        format!("{KEY}:{signature}")
    }

    fn check_channel(channel: &str, channel_data: Option<&str>, signature: &str) {
        assert_eq!(sign_channel(KEY, SECRET, SOCKET, channel, channel_data), auth(signature));
        let verdict =
            verify_channel(KEY, &SECRET.into(), &auth(signature), SOCKET, channel, channel_data);
        assert_eq!(verdict, Ok(()));
    }

    #[test]
    fn a_private_channel_signs_as_documented() {
        check_channel(
            "private-foobar",
            None,
            "58df8b0c36d6982b82c3ecf6b4662e34fe8c25bba48f5369f135bf843651c3a4",
        );
    }

    /// The documentation prints the second signature under the first data; both are right here.
    #[test]
    fn a_presence_channel_signs_its_data() {
        check_channel(
            "presence-foobar",
            Some(r#"{"user_id":10,"user_info":{"name":"Mr. Channels"}}"#),
            "31935e7d86dba64c2a90aed31fdc61869f9b22ba9d8863bba239c03ca481bc80",
        );
        check_channel(
            "presence-foobar",
            Some(r#"{"user_id":10,"user_info":{"name":"Mr. Pusher"}}"#),
            "afaed3695da2ffd16931f457e338e6c9f2921fa133ce7dac49f529792be6304c",
        );
    }

    #[test]
    fn signing_in_signs_the_user_data() {
        let signature = "4708d583dada6a56435fb8bc611c77c359a31eebde13337c16ab43aa6de336ba";
        let user_data = r#"{"id":"12345"}"#;
        assert_eq!(sign_user(KEY, SECRET, SOCKET, user_data), auth(signature));
        assert_eq!(verify_user(KEY, &SECRET.into(), &auth(signature), SOCKET, user_data), Ok(()));
        let other = verify_user(KEY, &SECRET.into(), &auth(signature), SOCKET, r#"{"id":"12346"}"#);
        assert_eq!(other, Err(AuthError::Signature));
    }

    #[test]
    fn anything_signed_that_changes_breaks_the_signature() {
        let good = sign_channel(KEY, SECRET, SOCKET, "presence-a", Some("{}"));
        let verify = |socket, channel, data| {
            verify_channel(KEY, &SECRET.into(), &good, socket, channel, data)
        };
        assert_eq!(verify(SOCKET, "presence-a", Some("{}")), Ok(()));
        assert_eq!(verify("1234.1235", "presence-a", Some("{}")), Err(AuthError::Signature));
        assert_eq!(verify(SOCKET, "presence-b", Some("{}")), Err(AuthError::Signature));
        assert_eq!(verify(SOCKET, "presence-a", Some("{ }")), Err(AuthError::Signature));
        assert_eq!(verify(SOCKET, "presence-a", None), Err(AuthError::Signature));
    }

    #[test]
    fn a_wrong_key_and_a_wrong_form_are_told_apart_from_a_wrong_signature() {
        let verify =
            |auth: &str| verify_channel(KEY, &SECRET.into(), auth, SOCKET, "private-a", None);
        assert_eq!(verify("other:00"), Err(AuthError::Key));
        assert_eq!(verify(""), Err(AuthError::Form));
        assert_eq!(verify(KEY), Err(AuthError::Form));
        assert_eq!(verify(&auth("")), Err(AuthError::Signature));
        assert_eq!(verify(&auth(&"0".repeat(64))), Err(AuthError::Signature));
    }
}
