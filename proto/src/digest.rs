//! MD5, and digests as lower-case hex, the form in which Pusher sends them.

use md5::{Digest, Md5};
use subtle::ConstantTimeEq;

use crate::json::HEX_DIGITS;

/// MD5 of `bytes`.
pub(super) fn md5(bytes: &[u8]) -> [u8; 16] {
    Md5::digest(bytes).into()
}

/// Hex MD5 of `bytes`.
pub(super) fn md5_hex(bytes: &[u8]) -> String {
    hex(&md5(bytes))
}

/// Whether `received` is `expected` in lower-case hex, in a time that does not depend on where they
/// differ.
pub(super) fn is_hex_of<const N: usize>(received: &str, expected: &[u8; N]) -> bool {
    bytes_of_hex::<N>(received).is_some_and(|received| received.ct_eq(expected).into())
}

/// The bytes that `text` is the lower-case hex of, and no other form.
pub(super) fn bytes_of_hex<const N: usize>(text: &str) -> Option<[u8; N]> {
    let (digits, []) = text.as_bytes().as_chunks::<2>() else { return None };
    let digits: &[[u8; 2]; N] = digits.try_into().ok()?;
    // What the peer sent is no secret: the way through it may depend on it.
    let bytes = digits.map(|[high, low]| (value(high) << 4) | value(low));
    let is_hex = digits.as_flattened().iter().fold(true, |all, &digit| all & is_digit(digit));
    is_hex.then_some(bytes)
}

const fn is_digit(byte: u8) -> bool {
    byte.is_ascii_digit() | matches!(byte, b'a'..=b'f')
}

/// What a digit stands for.
const fn value(digit: u8) -> u8 {
    (digit & 0x0f) + 9 * (digit >> 6)
}

/// Whether two digests are the same, in a time that does not depend on where they differ.
pub(super) fn same(expected: &str, received: &str) -> bool {
    expected.as_bytes().ct_eq(received.as_bytes()).into()
}

pub(super) fn hex(bytes: &[u8]) -> String {
    let digit = |nibble: u8| HEX_DIGITS[usize::from(nibble)];
    let mut text = Vec::with_capacity(bytes.len() * 2);
    for byte in bytes {
        text.extend_from_slice(&[digit(byte >> 4), digit(byte & 15)]);
    }
    String::from_utf8(text).expect("hex digits are ASCII")
}

#[cfg(test)]
mod tests {
    use super::*;

    /// RFC 1321 section A.5.
    #[test]
    fn md5_matches_the_rfc() {
        assert_eq!(md5_hex(b""), "d41d8cd98f00b204e9800998ecf8427e");
        assert_eq!(md5_hex(b"abc"), "900150983cd24fb0d6963f7d28e17f72");
    }

    #[test]
    fn a_digest_is_known_by_its_lower_case_hex_only() {
        let bytes = [0x00, 0x09, 0x9a, 0xaf, 0xf0, 0xff];
        assert_eq!(bytes_of_hex(&hex(&bytes)), Some(bytes));
        assert!(is_hex_of("00099aaff0ff", &bytes));
        for text in ["00099aaff0fe", "00099AAFF0FF", "00099aaff0f", "00099aaff0ff0", ""] {
            assert!(!is_hex_of(text, &bytes), "{text:?}");
        }
        for byte in 0..=0x7f_u8 {
            let text = [b'0', byte];
            let found = bytes_of_hex::<1>(std::str::from_utf8(&text).unwrap());
            let digit = HEX_DIGITS.iter().position(|&digit| digit == byte);
            assert_eq!(found, digit.map(|value| [value as u8]), "{byte}");
        }
    }

    #[test]
    fn digests_of_another_length_or_case_differ() {
        assert!(same("ab", "ab"));
        assert!(!same("ab", "ac"));
        assert!(!same("ab", "abc"));
        assert!(!same("ab", "AB"));
    }
}
