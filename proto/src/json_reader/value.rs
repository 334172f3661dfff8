//! Values of any kind: where they end, and that they are JSON up to there.
//!
//! One pass without recursion: what is open is a bit each.

use super::{space_end, string_end};

/// The objects and arrays that are open, the innermost last: a bit for each, 1 for an object,
/// behind a first 1. What is nested more deeply than there are bits is left to serde.
type Open = u64;

const NONE_OPEN: Open = 1;

/// Where the value ends that begins at `at`.
pub(super) fn value_end(bytes: &[u8], mut at: usize) -> Option<usize> {
    let mut open = NONE_OPEN;
    loop {
        at = match *bytes.get(at)? {
            b'"' => string_end(bytes, at)?,
            first @ (b'{' | b'[') => {
                let is_object = first == b'{';
                at = space_end(bytes, at + 1);
                if *bytes.get(at)? == close(is_object) {
                    at + 1
                } else if open <= Open::MAX / 2 {
                    open = open << 1 | Open::from(is_object);
                    at = if is_object { name_end(bytes, at)? } else { at };
                    continue;
                } else {
                    return None;
                }
            }
            _ => scalar_end(bytes, at)?,
        };
        if !is_another_next(bytes, &mut at, &mut open)? {
            return Some(at);
        }
    }
}

/// Go on behind a value: to the next one in what is open, or, false, to the end of all of it.
#[inline]
fn is_another_next(bytes: &[u8], at: &mut usize, open: &mut Open) -> Option<bool> {
    while *open != NONE_OPEN {
        let is_object = *open & 1 == 1;
        *at = space_end(bytes, *at);
        let found = *bytes.get(*at)?;
        *at += 1;
        if found == b',' {
            *at = space_end(bytes, *at);
            if is_object {
                *at = name_end(bytes, *at)?;
            }
            return Some(true);
        }
        if found != close(is_object) {
            return None;
        }
        *open >>= 1;
    }
    Some(false)
}

const fn close(is_object: bool) -> u8 {
    if is_object { b'}' } else { b']' }
}

/// Where the value begins behind the field's name at `at`.
fn name_end(bytes: &[u8], at: usize) -> Option<usize> {
    let colon = space_end(bytes, string_end(bytes, at)?);
    (*bytes.get(colon)? == b':').then(|| space_end(bytes, colon + 1))
}

/// Where the number, `true`, `false` or `null` ends that begins at `at`.
fn scalar_end(bytes: &[u8], at: usize) -> Option<usize> {
    let word: &[u8] = match bytes[at] {
        b't' => b"true",
        b'f' => b"false",
        b'n' => b"null",
        _ => return number_end(bytes, at),
    };
    bytes[at..].starts_with(word).then_some(at + word.len())
}

/// Where the number ends that begins at `at`.
fn number_end(bytes: &[u8], at: usize) -> Option<usize> {
    let whole = at + usize::from(bytes[at] == b'-');
    let mut end = digits_end(bytes, whole)?;
    if bytes[whole] == b'0' && end > whole + 1 {
        return None;
    }
    if bytes.get(end) == Some(&b'.') {
        end = digits_end(bytes, end + 1)?;
    }
    if matches!(bytes.get(end), Some(b'e' | b'E')) {
        let has_sign = matches!(bytes.get(end + 1), Some(b'+' | b'-'));
        end = digits_end(bytes, end + 1 + usize::from(has_sign))?;
    }
    Some(end)
}

/// Where the digits end that begin at `start`; none if there is not even one.
#[inline]
fn digits_end(bytes: &[u8], start: usize) -> Option<usize> {
    let mut end = start;
    while bytes.get(end).is_some_and(u8::is_ascii_digit) {
        end += 1;
    }
    (end > start).then_some(end)
}

#[cfg(test)]
mod tests {
    use serde_json::value::RawValue;

    use crate::json_reader::{Reader, slips};

    /// Whether it is read here, and then as by serde.
    fn check(text: &str) -> bool {
        let mut reader = Reader::new(text);
        let quick = reader.value_token().filter(|_| reader.end().is_some());
        let slow = serde_json::from_str::<&RawValue>(text).ok().map(RawValue::get);
        assert!(quick.is_none() || quick == slow, "{text}: {quick:?}, {slow:?}");
        quick.is_some()
    }

    const VALUES: [&str; 7] = [
        r#" {"a":{"b":[{},[],"\u00e9\\",[[1]]]},"c" : [ true ,null,{"d":false}], "":-0.5e+10 } "#,
        "[0,-1,12.25,1e9,2E-7,-0,[]]",
        r#"[{"a":1},{"b\"":"{[,:"}]"#,
        r#""text""#,
        "-17.5",
        "true",
        "{}",
    ];

    #[test]
    fn values_of_every_kind_are_read() {
        for text in VALUES {
            assert!(check(text), "{text}");
        }
    }

    #[test]
    fn what_is_read_is_what_serde_reads() {
        slips::each(&VALUES, |text| {
            check(text);
        });
    }

    #[test]
    fn what_is_no_value_is_not_read() {
        for text in [
            "",
            "-",
            "01",
            "-01",
            "1.",
            ".5",
            "1.e3",
            "1e",
            "1e+",
            "+1",
            "0x1",
            "NaN",
            "tru",
            "truefalse",
            "[1,]",
            "[,1]",
            "{\"a\"}",
            "{\"a\":1,}",
            "{1:2}",
            "[1}",
            "{\"a\":1]",
            "[",
            "{",
            "{\"a\":",
            "]",
            "[1]]",
        ] {
            assert!(!check(text), "{text}");
        }
    }

    /// All bits but the first, then one level more than that.
    #[test]
    fn nesting_is_followed_63_levels_deep_and_beyond_that_left_to_serde() {
        let nested = |levels: usize| "[".repeat(levels) + "1" + &"]".repeat(levels);
        assert!(check(&nested(63)));
        assert!(!check(&nested(64)));
    }
}
