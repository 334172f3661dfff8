//! The key under which a publish is carried out once, however often it is sent.

use std::sync::Arc;

use super::error::ApiError;

/// The longest key, in bytes: room for any id that is in use.
const KEY_BYTES_MAX: usize = 128;

/// The key of a publish: the header's or the body's, which must agree if both are there.
pub(super) fn key(header: Option<&str>, id: Option<&str>) -> Result<Option<Arc<str>>, ApiError> {
    let text = match (header, id) {
        (Some(header), Some(id)) if header != id => return Err(ApiError::IdempotencyKeys),
        (Some(text), _) | (None, Some(text)) => text,
        (None, None) => return Ok(None),
    };
    if !(1..=KEY_BYTES_MAX).contains(&text.len()) {
        return Err(ApiError::IdempotencyKey { bytes: text.len(), bytes_max: KEY_BYTES_MAX });
    }
    Ok(Some(Arc::from(text)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_has_1_to_128_bytes_and_only_one_form() {
        let long = "k".repeat(128);
        assert_eq!(key(Some(&long), None).unwrap().as_deref(), Some(&*long));
        assert_eq!(key(None, Some("a")).unwrap().as_deref(), Some("a"));
        assert_eq!(key(Some("a"), Some("a")).unwrap().as_deref(), Some("a"));
        assert_eq!(key(None, None).unwrap(), None);
        for (header, id) in [(None, Some("")), (Some(""), None), (Some("a"), Some("b"))] {
            assert_eq!(key(header, id).unwrap_err().status(), 400);
        }
        let error = key(None, Some(&"k".repeat(129))).unwrap_err();
        assert!(error.to_string().contains("129 bytes"), "{error}");
    }
}
