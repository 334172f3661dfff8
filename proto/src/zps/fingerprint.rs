//! A short name for a list of texts, some of which are secret.

use std::fmt::Write;

use sha2::{Digest, Sha256};

/// 64 hexadecimal digits: SHA-256 of the parts, each behind its length, so that no two lists are
/// alike by where one part ends and the next begins.
pub fn fingerprint(parts: &[&str]) -> String {
    let mut hash = Sha256::new();
    for part in parts {
        hash.update((part.len() as u64).to_le_bytes());
        hash.update(part.as_bytes());
    }
    let mut digits = String::with_capacity(64);
    for byte in hash.finalize() {
        let _ = write!(digits, "{byte:02x}"); // A string takes all.
    }
    digits
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lists_differ_by_their_parts_and_by_where_those_end() {
        let all = [&["ab", "c"][..], &["a", "bc"], &["abc"], &["ab", "c", ""], &["ab", "d"], &[]];
        let mut names: Vec<String> = all.map(fingerprint).into();
        assert_eq!(fingerprint(&["ab", "c"]), names[0]);
        assert!(names.iter().all(|name| name.len() == 64));
        names.sort_unstable();
        names.dedup();
        assert_eq!(names.len(), all.len());
    }
}
