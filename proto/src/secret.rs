//! An app's secret, ready to sign and to check with.

use std::fmt;
use std::ops::Deref;

use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;

use crate::digest::hex;

/// A secret, with what HMAC makes of it before it sees any text: a third of what a check of a
/// request costs, paid once.
#[derive(Clone)]
pub struct Secret {
    text: Box<str>,
    keyed: Hmac<Sha256>,
}

impl Secret {
    /// HMAC-SHA256 of the concatenated `parts`.
    pub(super) fn sign(&self, parts: &[&str]) -> [u8; 32] {
        let mut mac = self.keyed.clone();
        for part in parts {
            mac.update(part.as_bytes());
        }
        mac.finalize().into_bytes().into()
    }

    /// HMAC-SHA256 of the concatenated `parts`, as lower-case hex.
    pub(super) fn sign_hex(&self, parts: &[&str]) -> String {
        hex(&self.sign(parts))
    }
}

impl From<&str> for Secret {
    fn from(text: &str) -> Self {
        Self::from(text.to_owned())
    }
}

impl From<String> for Secret {
    fn from(text: String) -> Self {
        let keyed = Hmac::new_from_slice(text.as_bytes()).expect("HMAC takes a key of any length");
        Self { text: text.into(), keyed }
    }
}

impl Deref for Secret {
    type Target = str;

    fn deref(&self) -> &str {
        &self.text
    }
}

impl PartialEq for Secret {
    fn eq(&self, other: &Self) -> bool {
        self.text == other.text
    }
}

impl Eq for Secret {}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// RFC 4231 section 4.3, test case 2.
    #[test]
    fn signatures_match_the_rfc_however_often_a_secret_signs() {
        let secret = Secret::from("Jefe");
        for _ in 0..2 {
            assert_eq!(
                secret.sign_hex(&["what do ya want ", "for nothing?"]),
                "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843"
            );
        }
    }

    #[test]
    fn a_secret_is_not_shown() {
        assert_eq!(format!("{:?}", Secret::from("Jefe")), "Secret");
    }
}
