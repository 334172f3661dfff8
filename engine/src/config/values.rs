//! From what was written to what is meant: one value, checked against its key.
//!
//! Flags and variables are text, whatever the key; in the file a number is not a string.

use std::net::{IpAddr, Ipv4Addr};

use super::Config;
use super::keys::{Field, Key};
use super::problem::ValueFault;

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
            Self::Other(kind) => (*kind).to_owned(),
        }
    }

    fn text(&self) -> Option<&str> {
        match self {
            Self::Text(text) | Self::String(text) => Some(text.trim()),
            Self::Integer(_) | Self::Boolean(_) | Self::Other(_) => None,
        }
    }

    fn number(&self) -> Option<i128> {
        match self {
            Self::Text(text) => text.trim().parse().ok(),
            Self::Integer(number) => Some(*number),
            Self::String(_) | Self::Boolean(_) | Self::Other(_) => None,
        }
    }

    fn switch(&self) -> Option<bool> {
        match self {
            Self::Text(text) => text.trim().parse().ok(),
            Self::Boolean(is_on) => Some(*is_on),
            Self::String(_) | Self::Integer(_) | Self::Other(_) => None,
        }
    }
}

impl Key {
    /// Put `written` into `config`, or say why it cannot stand there.
    pub(super) fn write(
        &self,
        config: &mut Config,
        written: Written<'_>,
    ) -> Result<(), ValueFault> {
        match self.field {
            Field::Address { set, .. } => set(config, self.address(written)?),
            Field::Number { min, max, set, .. } => {
                set(config, self.number(written, "a whole number", min, max)?);
            }
            Field::Switch { set, .. } => {
                let is_on = written.switch();
                set(config, is_on.ok_or_else(|| self.wrong_type(&self.allowed(), written))?);
            }
            Field::OptionalPort { set, .. } if written.text() == Some("off") => set(config, None),
            Field::OptionalPort { set, .. } => {
                let wanted = "a whole number or \"off\"";
                let port = self.number(written, wanted, 0, u32::from(u16::MAX))?;
                set(config, Some(port as u16));
            }
            Field::Origins { set, .. } => {
                let origins = written.text().map(str::parse);
                let wrong = || self.wrong_type(&self.allowed(), written);
                set(config, origins.ok_or_else(wrong)?.map_err(|_| wrong())?);
            }
        }
        Ok(())
    }

    fn address(&self, written: Written<'_>) -> Result<IpAddr, ValueFault> {
        match written.text() {
            Some("localhost") => Ok(IpAddr::V4(Ipv4Addr::LOCALHOST)),
            Some(text) => text.parse().map_err(|_| self.wrong_type(&self.allowed(), written)),
            None => Err(self.wrong_type(&self.allowed(), written)),
        }
    }

    fn number(
        &self,
        written: Written<'_>,
        wanted: &str,
        min: u32,
        max: u32,
    ) -> Result<u32, ValueFault> {
        let number = written.number().ok_or_else(|| self.wrong_type(wanted, written))?;
        match u32::try_from(number) {
            Ok(number) if (min..=max).contains(&number) => Ok(number),
            Ok(_) | Err(_) => Err(ValueFault::OutOfRange {
                key: self.path(),
                value: number.to_string(),
                allowed: self.allowed(),
                unit: self.unit,
            }),
        }
    }

    fn wrong_type(&self, wanted: &str, written: Written<'_>) -> ValueFault {
        ValueFault::WrongType {
            key: self.path(),
            wanted: wanted.to_owned(),
            found: written.description(),
        }
    }
}
