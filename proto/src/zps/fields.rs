//! Fields of a message as the raw tokens that came in, and what they must be.
//!
//! Nothing is parsed twice but short strings and numbers: payloads stay as they came. A field that
//! is named twice counts with its last value, as in JavaScript, and one that is `null` is there.

use std::borrow::Cow;
use std::fmt;
use std::marker::PhantomData;

use serde::de::value::MapAccessDeserializer;
use serde::de::{IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde::{Deserialize, Deserializer};
use serde_json::value::RawValue;

use super::client::{ClientMessageError, Expected};
use crate::json;

/// The largest whole number that JavaScript tells from its neighbours, 2 to the power of 53 less 1.
pub(super) const SAFE_INTEGER_MAX: u64 = (1 << 53) - 1;

/// A field that may be missing.
pub(super) type Raw<'a> = Option<&'a RawValue>;

/// Declare a struct of the named fields of a JSON object, all of them optional.
macro_rules! fields {
    ($(#[$doc:meta])* $name:ident { $($key:literal => $field:ident: $type:ty,)* }) => {
        $(#[$doc])*
        #[derive(Debug, Default)]
        pub(super) struct $name<'a> { $(pub(super) $field: Option<$type>,)* }

        impl<'de> serde::Deserialize<'de> for $name<'de> {
            fn deserialize<D: serde::Deserializer<'de>>(input: D) -> Result<Self, D::Error> {
                struct Visitor;
                impl<'a> serde::de::Visitor<'a> for Visitor {
                    type Value = $name<'a>;

                    fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                        f.write_str("an object")
                    }

                    fn visit_map<M: serde::de::MapAccess<'a>>(
                        self,
                        mut map: M,
                    ) -> Result<Self::Value, M::Error> {
                        let mut fields = $name::default();
                        while let Some(key) = map.next_key::<crate::json::Text<'_>>()? {
                            match &*key.0 {
                                $($key => fields.$field = Some(map.next_value()?),)*
                                _ => drop(map.next_value::<serde::de::IgnoredAny>()?),
                            }
                        }
                        Ok(fields)
                    }
                }
                input.deserialize_map(Visitor)
            }
        }
    };
}
pub(super) use fields;

/// An object, or any other value.
#[derive(Debug)]
pub(super) enum Object<T> {
    Is(T),
    IsNot,
}

impl<'de, T: Deserialize<'de>> Deserialize<'de> for Object<T> {
    fn deserialize<D: Deserializer<'de>>(input: D) -> Result<Self, D::Error> {
        input.deserialize_any(ObjectVisitor(PhantomData))
    }
}

struct ObjectVisitor<T>(PhantomData<T>);

impl<'de, T: Deserialize<'de>> Visitor<'de> for ObjectVisitor<T> {
    type Value = Object<T>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("any value")
    }

    fn visit_map<M: MapAccess<'de>>(self, map: M) -> Result<Self::Value, M::Error> {
        T::deserialize(MapAccessDeserializer::new(map)).map(Object::Is)
    }

    fn visit_seq<S: SeqAccess<'de>>(self, mut seq: S) -> Result<Self::Value, S::Error> {
        while seq.next_element::<IgnoredAny>()?.is_some() {}
        Ok(Object::IsNot)
    }

    fn visit_bool<E>(self, _: bool) -> Result<Self::Value, E> {
        Ok(Object::IsNot)
    }

    fn visit_i64<E>(self, _: i64) -> Result<Self::Value, E> {
        Ok(Object::IsNot)
    }

    fn visit_u64<E>(self, _: u64) -> Result<Self::Value, E> {
        Ok(Object::IsNot)
    }

    fn visit_f64<E>(self, _: f64) -> Result<Self::Value, E> {
        Ok(Object::IsNot)
    }

    fn visit_str<E>(self, _: &str) -> Result<Self::Value, E> {
        Ok(Object::IsNot)
    }

    fn visit_unit<E>(self) -> Result<Self::Value, E> {
        Ok(Object::IsNot)
    }
}

/// A string that has at least one character.
pub(super) fn text<'a>(
    raw: Raw<'a>,
    field: &'static str,
) -> Result<Cow<'a, str>, ClientMessageError> {
    let text = raw.and_then(|raw| json::string(raw.get())).filter(|text| !text.is_empty());
    text.ok_or(ClientMessageError::Field { field, expected: Expected::Text })
}

/// A string, if the field is there.
pub(super) fn text_if_any<'a>(
    raw: Raw<'a>,
    field: &'static str,
) -> Result<Option<Cow<'a, str>>, ClientMessageError> {
    let Some(raw) = raw else { return Ok(None) };
    let error = ClientMessageError::Field { field, expected: Expected::String };
    json::string(raw.get()).map(Some).ok_or(error)
}

/// An array of strings with at least one character each, if the field is there.
pub(super) fn texts_if_any<'a>(
    raw: Raw<'a>,
    field: &'static str,
) -> Result<Option<Vec<Cow<'a, str>>>, ClientMessageError> {
    let Some(raw) = raw else { return Ok(None) };
    let texts: Option<Vec<json::Text<'a>>> = serde_json::from_str(raw.get()).ok();
    let texts = texts.map(|texts| texts.into_iter().map(|text| text.0).collect::<Vec<_>>());
    let texts = texts.filter(|texts| texts.iter().all(|text| !text.is_empty()));
    texts.map(Some).ok_or(ClientMessageError::Field { field, expected: Expected::Texts })
}

/// A whole number from 0 on.
pub(super) fn number(raw: Raw<'_>, field: &'static str) -> Result<u64, ClientMessageError> {
    let number = raw.and_then(|raw| whole_number(raw.get()));
    number.ok_or(ClientMessageError::Field { field, expected: Expected::WholeNumber })
}

/// A whole number from 0 on, if the field is there.
pub(super) fn number_if_any(
    raw: Raw<'_>,
    field: &'static str,
) -> Result<Option<u64>, ClientMessageError> {
    if raw.is_none() { Ok(None) } else { number(raw, field).map(Some) }
}

/// A whole number from 1 on, if the field is there.
pub(super) fn positive_if_any(
    raw: Raw<'_>,
    field: &'static str,
) -> Result<Option<u64>, ClientMessageError> {
    let Some(raw) = raw else { return Ok(None) };
    let number = whole_number(raw.get()).filter(|&number| number > 0);
    let error = ClientMessageError::Field { field, expected: Expected::PositiveNumber };
    number.map(Some).ok_or(error)
}

/// The number that `token` is, if JavaScript would call it a safe integer that is not below 0.
#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "checked before")]
#[expect(clippy::cast_precision_loss, reason = "safe integers are exact in a double")]
pub(super) fn whole_number(token: &str) -> Option<u64> {
    if token.len() < 16 && token.bytes().all(|byte| byte.is_ascii_digit()) {
        return token.parse().ok();
    }
    // Another way to write one, such as 1e3, 1.0 or -0.
    let number: f64 = serde_json::from_str(token).ok()?;
    let is_safe = (0.0..=SAFE_INTEGER_MAX as f64).contains(&number) && number.fract() == 0.0;
    is_safe.then_some(number as u64)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whole_numbers_are_javascripts_safe_integers_from_0_on() {
        for (token, expected) in [
            ("0", Some(0)),
            ("-0", Some(0)),
            ("7.0", Some(7)),
            ("1e3", Some(1000)),
            ("999999999999999", Some(999_999_999_999_999)),
            ("9007199254740991", Some(SAFE_INTEGER_MAX)),
            ("9007199254740992", None),
            ("-1", None),
            ("1.5", None),
            ("1e300", None),
            ("\"1\"", None),
            ("null", None),
            ("", None),
        ] {
            let expected = if token.is_empty() { None } else { expected };
            assert_eq!(whole_number(token).filter(|_| !token.is_empty()), expected, "{token}");
        }
    }
}
