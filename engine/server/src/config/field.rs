//! One value: where it lives, what was written for it, and what is meant.
//!
//! Flags and variables are text, whatever the key; in the file a number is not a string.

use std::ops::RangeInclusive;

use super::print::quoted;
use super::problem::ValueFault;
use crate::setting::{Kind, Row, Table, Value};

/// A setting of a `T`, or of a part of it.
pub(super) struct Field<T> {
    /// All that is said of it.
    pub(super) row: &'static Row,
    /// The place of its row in the table.
    pub(super) index: usize,
    /// The table that it stands in.
    pub(super) table: fn(&T) -> &dyn Table,
    /// That table, to be changed.
    pub(super) table_mut: fn(&mut T) -> &mut dyn Table,
}

impl<T> Field<T> {
    /// What `holder` holds here, as it would be written.
    pub(super) fn value(&self, holder: &T) -> Value {
        match (self.table)(holder).value(self.index) {
            Value::Number(number) => Value::Number(number / self.row.times),
            value => value,
        }
    }

    /// What `holder` holds here, as it is written in a file; secrets are masked.
    pub(super) fn shown(&self, holder: &T) -> String {
        match self.value(holder) {
            Value::Number(number) => number.to_string(),
            Value::Off => quoted("off"),
            Value::Switch(is_on) => is_on.to_string(),
            Value::Text(text) => match &self.row.kind {
                Kind::Text(form) => quoted(&(form.mask)(&text)),
                Kind::Number { .. } | Kind::Switch | Kind::Port => quoted(&text),
            },
        }
    }

    /// Give `target` what `source` holds here.
    pub(super) fn copy(&self, source: &T, target: &mut T) {
        let value = (self.table)(source).value(self.index);
        let is_set = (self.table_mut)(target).set(self.index, value);
        debug_assert!(is_set, "a field takes what a field of its type has given");
    }

    /// Put `written` into `holder`, or say why it cannot stand there. A message calls it `path`.
    pub(super) fn write(
        &self,
        holder: &mut T,
        written: Written<'_>,
        path: &str,
    ) -> Result<(), ValueFault> {
        let value = match self.read(written, path)? {
            Value::Number(number) => Value::Number(number * self.row.times),
            value => value,
        };
        let is_set = (self.table_mut)(holder).set(self.index, value);
        if is_set { Ok(()) } else { Err(self.fault(written, path)) }
    }

    fn read(&self, written: Written<'_>, path: &str) -> Result<Value, ValueFault> {
        match &self.row.kind {
            Kind::Number { min, max, .. } => {
                self.number(written, path, "a whole number", *min..=*max)
            }
            Kind::Switch => {
                written.switch().map(Value::Switch).ok_or_else(|| self.fault(written, path))
            }
            Kind::Port if written.text() == Some("off") => Ok(Value::Off),
            Kind::Port => {
                self.number(written, path, "a whole number or \"off\"", 0..=u16::MAX.into())
            }
            Kind::Text(form) => {
                let text = match written {
                    Written::Strings(text) if form.is_list => Some(text),
                    _ => written.text(),
                };
                let text = text.and_then(form.parse);
                text.map(Value::Text).ok_or_else(|| self.fault(written, path))
            }
        }
    }

    fn number(
        &self,
        written: Written<'_>,
        path: &str,
        wanted: &str,
        range: RangeInclusive<u32>,
    ) -> Result<Value, ValueFault> {
        let number = written.number().ok_or_else(|| wrong_type(path, wanted, written))?;
        match u32::try_from(number) {
            Ok(number) if range.contains(&number) => Ok(Value::Number(number.into())),
            Ok(_) | Err(_) => Err(ValueFault::OutOfRange {
                key: path.to_owned(),
                value: number.to_string(),
                allowed: self.row.allowed(),
                unit: self.row.unit(),
            }),
        }
    }

    fn fault(&self, written: Written<'_>, path: &str) -> ValueFault {
        match &self.row.kind {
            // Part of it may be a secret: it is not repeated.
            Kind::Text(form) if !form.is_public => {
                ValueFault::Form { key: path.to_owned(), allowed: form.allowed }
            }
            Kind::Text(_) | Kind::Number { .. } | Kind::Switch | Kind::Port => {
                wrong_type(path, &self.row.allowed(), written)
            }
        }
    }
}

fn wrong_type(path: &str, wanted: &str, written: Written<'_>) -> ValueFault {
    ValueFault::WrongType {
        key: path.to_owned(),
        wanted: wanted.to_owned(),
        found: written.description(),
    }
}

/// A value as it was written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Written<'a> {
    /// On the command line or in the environment: it has no type of its own.
    Text(&'a str),
    /// A string of the file.
    String(&'a str),
    /// A whole number of the file.
    Integer(i128),
    /// A boolean of the file.
    Boolean(bool),
    /// An array of strings of the file, joined by commas.
    Strings(&'a str),
    /// Anything else of the file, by the name of its type.
    Other(&'static str),
}

impl Written<'_> {
    /// The words for it in "must be a number, not ...".
    pub(super) fn description(&self) -> String {
        match self {
            Self::Text(text) => format!("{text:?}"),
            Self::String(text) => format!("the string {text:?}"),
            Self::Integer(number) => format!("the number {number}"),
            Self::Boolean(_) => "a boolean".to_owned(),
            Self::Strings(text) => format!("the array [{text}]"),
            Self::Other(kind) => (*kind).to_owned(),
        }
    }

    fn text(&self) -> Option<&str> {
        match self {
            Self::Text(text) | Self::String(text) => Some(text.trim()),
            Self::Integer(_) | Self::Boolean(_) | Self::Strings(_) | Self::Other(_) => None,
        }
    }

    /// The whole number it is, if it is one.
    pub(super) fn number(&self) -> Option<i128> {
        match self {
            Self::Text(text) => text.trim().parse().ok(),
            Self::Integer(number) => Some(*number),
            Self::String(_) | Self::Boolean(_) | Self::Strings(_) | Self::Other(_) => None,
        }
    }

    /// What it says if it is `true` or `false`.
    pub(super) fn switch(&self) -> Option<bool> {
        match self {
            Self::Text(text) => text.trim().parse().ok(),
            Self::Boolean(is_on) => Some(*is_on),
            Self::String(_) | Self::Integer(_) | Self::Strings(_) | Self::Other(_) => None,
        }
    }
}
