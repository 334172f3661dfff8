//! One value: its type and range, what was written for it, and what is meant.
//!
//! Flags and variables are text, whatever the key; in the file a number is not a string.
//!
//! Invariant: `set` of any value inside the range followed by `get` gives the same value back.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr};
use std::ops::RangeInclusive;

use ipnet::IpNet;

use super::print::quoted;
use super::problem::ValueFault;
use crate::rest::Origins;

/// What a key of a `T` may hold, and where in it.
pub(super) enum Field<T> {
    /// An IP address.
    Address { get: fn(&T) -> IpAddr, set: fn(&mut T, IpAddr) },
    /// A whole number from `min` to `max`, both included.
    Number { min: u32, max: u32, get: fn(&T) -> u32, set: fn(&mut T, u32) },
    /// `true` or `false`.
    Switch { get: fn(&T) -> bool, set: fn(&mut T, bool) },
    /// A TCP port, or `off`.
    OptionalPort { get: fn(&T) -> Option<u16>, set: fn(&mut T, Option<u16>) },
    /// IP networks.
    Networks { get: fn(&T) -> &[IpNet], set: fn(&mut T, Vec<IpNet>) },
    /// Origins of web pages.
    Origins { get: fn(&T) -> &Origins, set: fn(&mut T, Origins) },
    /// The path of a file, or `off`.
    OptionalPath { get: fn(&T) -> Option<&str>, set: fn(&mut T, Option<String>) },
    /// A text of some form.
    Text { form: &'static TextForm, get: fn(&T) -> &str, set: fn(&mut T, String) },
}

/// What a [`Field::Text`] may be.
pub(super) struct TextForm {
    /// What may stand there, in words.
    pub(super) allowed: &'static str,
    /// The text as it is kept, or `None` if it cannot be used.
    pub(super) parse: fn(&str) -> Option<String>,
    /// The text as it is shown, without secrets.
    pub(super) mask: fn(&str) -> String,
}

/// The value of one key, as it is written in a file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Value {
    /// The value of a [`Field::Address`].
    Address(IpAddr),
    /// The value of a [`Field::Number`], or of a [`Field::OptionalPort`] that is on.
    Number(u32),
    /// The value of a [`Field::OptionalPort`] or a [`Field::OptionalPath`] that is off.
    Off,
    /// The value of a [`Field::Switch`].
    Switch(bool),
    /// The value of a [`Field::Networks`].
    Networks(Vec<IpNet>),
    /// The value of a [`Field::Origins`].
    Origins(Origins),
    /// The value of a [`Field::OptionalPath`] that is on.
    Path(String),
    /// The value of a [`Field::Text`], as it is shown.
    Text(String),
}

impl fmt::Display for Value {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Address(address) => write!(f, "\"{address}\""),
            Self::Number(number) => write!(f, "{number}"),
            Self::Off => f.write_str("\"off\""),
            Self::Switch(is_on) => write!(f, "{is_on}"),
            Self::Origins(origins) => write!(f, "\"{origins}\""),
            Self::Networks(networks) => {
                let networks: Vec<_> = networks.iter().map(ToString::to_string).collect();
                write!(f, "\"{}\"", networks.join(", "))
            }
            Self::Path(text) | Self::Text(text) => f.write_str(&quoted(text)),
        }
    }
}

/// What a message calls a key.
pub(super) struct Named<'a> {
    /// The key's full name.
    pub(super) path: &'a str,
    /// What one of it is.
    pub(super) unit: &'static str,
}

impl<T> Field<T> {
    /// What `holder` holds here.
    pub(super) fn value(&self, holder: &T) -> Value {
        match self {
            Self::Address { get, .. } => Value::Address(get(holder)),
            Self::Number { get, .. } => Value::Number(get(holder)),
            Self::Switch { get, .. } => Value::Switch(get(holder)),
            Self::Networks { get, .. } => Value::Networks(get(holder).to_vec()),
            Self::Origins { get, .. } => Value::Origins(get(holder).clone()),
            Self::OptionalPort { get, .. } => {
                get(holder).map_or(Value::Off, |port| Value::Number(u32::from(port)))
            }
            Self::OptionalPath { get, .. } => {
                get(holder).map_or(Value::Off, |path| Value::Path(path.to_owned()))
            }
            Self::Text { form, get, .. } => Value::Text((form.mask)(get(holder))),
        }
    }

    /// Give `target` what `source` holds here.
    pub(super) fn copy(&self, source: &T, target: &mut T) {
        match self {
            Self::Address { get, set } => set(target, get(source)),
            Self::Number { get, set, .. } => set(target, get(source)),
            Self::Switch { get, set } => set(target, get(source)),
            Self::OptionalPort { get, set } => set(target, get(source)),
            Self::Networks { get, set } => set(target, get(source).to_vec()),
            Self::Origins { get, set } => set(target, get(source).clone()),
            Self::OptionalPath { get, set } => set(target, get(source).map(str::to_owned)),
            Self::Text { get, set, .. } => set(target, get(source).to_owned()),
        }
    }

    /// What may stand here, in words.
    pub(super) fn allowed(&self) -> String {
        match self {
            Self::Address { .. } => "an IPv4 or IPv6 address, or localhost".into(),
            Self::Number { min, max, .. } => format!("{min} to {max}"),
            Self::Switch { .. } => "true or false".into(),
            Self::OptionalPort { .. } => format!("0 to {}, or \"off\"", u16::MAX),
            Self::OptionalPath { .. } => {
                format!("1 to {PATH_BYTES_MAX} bytes without control characters, or \"off\"")
            }
            Self::Origins { .. } => {
                "* alone, origins such as https://example.com, or \"off\"".into()
            }
            Self::Networks { .. } => {
                format!("up to {NETWORKS_MAX} addresses or networks, as one string or an array")
            }
            Self::Text { form, .. } => form.allowed.into(),
        }
    }

    /// Put `written` into `holder`, or say why it cannot stand there.
    pub(super) fn write(
        &self,
        holder: &mut T,
        written: Written<'_>,
        named: &Named<'_>,
    ) -> Result<(), ValueFault> {
        match self {
            Self::Address { set, .. } => set(holder, self.address(written, named)?),
            Self::Number { min, max, set, .. } => {
                set(holder, self.number(written, named, "a whole number", *min..=*max)?);
            }
            Self::Switch { set, .. } => {
                let is_on = written.switch();
                set(holder, is_on.ok_or_else(|| named.wrong_type(&self.allowed(), written))?);
            }
            Self::OptionalPort { set, .. } if written.text() == Some("off") => set(holder, None),
            Self::OptionalPort { set, .. } => {
                let wanted = "a whole number or \"off\"";
                let port = self.number(written, named, wanted, 0..=u32::from(u16::MAX))?;
                set(holder, Some(port as u16));
            }
            Self::Networks { set, .. } => set(holder, self.networks(written, named)?),
            Self::Origins { set, .. } => {
                let wrong = || named.wrong_type(&self.allowed(), written);
                let origins = written.text().map(str::parse).ok_or_else(wrong)?;
                set(holder, origins.map_err(|_| wrong())?);
            }
            Self::OptionalPath { set, .. } => {
                let is_path = |text: &&str| {
                    (1..=PATH_BYTES_MAX).contains(&text.len()) && !text.contains(char::is_control)
                };
                let path = written.text().filter(is_path);
                let path = path.ok_or_else(|| named.wrong_type(&self.allowed(), written))?;
                set(holder, (path != "off").then(|| path.to_owned()));
            }
            Self::Text { form, set, .. } => {
                let text = written.text().and_then(form.parse);
                // Part of it may be a secret: it is not repeated.
                let (key, allowed) = (named.path.to_owned(), form.allowed);
                set(holder, text.ok_or(ValueFault::Form { key, allowed })?);
            }
        }
        Ok(())
    }

    fn address(&self, written: Written<'_>, named: &Named<'_>) -> Result<IpAddr, ValueFault> {
        match written.text() {
            Some("localhost") => Ok(IpAddr::V4(Ipv4Addr::LOCALHOST)),
            Some(text) => text.parse().map_err(|_| named.wrong_type(&self.allowed(), written)),
            None => Err(named.wrong_type(&self.allowed(), written)),
        }
    }

    /// Addresses and networks, in an array or between commas.
    fn networks(&self, written: Written<'_>, named: &Named<'_>) -> Result<Vec<IpNet>, ValueFault> {
        let wrong = || named.wrong_type(&self.allowed(), written);
        let text = match written {
            Written::Text(text) | Written::String(text) | Written::Strings(text) => text,
            Written::Integer(_) | Written::Boolean(_) | Written::Other(_) => return Err(wrong()),
        };
        let items = text.split(',').map(str::trim).filter(|item| !item.is_empty());
        let networks: Option<Vec<IpNet>> = items.map(network).collect();
        networks.filter(|it| it.len() <= NETWORKS_MAX).ok_or_else(wrong)
    }

    fn number(
        &self,
        written: Written<'_>,
        named: &Named<'_>,
        wanted: &str,
        range: RangeInclusive<u32>,
    ) -> Result<u32, ValueFault> {
        let number = written.number().ok_or_else(|| named.wrong_type(wanted, written))?;
        match u32::try_from(number) {
            Ok(number) if range.contains(&number) => Ok(number),
            Ok(_) | Err(_) => Err(ValueFault::OutOfRange {
                key: named.path.to_owned(),
                value: number.to_string(),
                allowed: self.allowed(),
                unit: named.unit,
            }),
        }
    }
}

/// The most networks under one key: each is compared with the address of each new connection.
pub(super) const NETWORKS_MAX: usize = 64;

/// The longest path: `PATH_MAX` of Linux, its end not counted.
const PATH_BYTES_MAX: usize = 4_095;

/// A network, or one address as a network of its own.
fn network(text: &str) -> Option<IpNet> {
    let whole = text.parse::<IpAddr>().map(IpNet::from).ok();
    whole.or_else(|| text.parse().ok()).map(|network| network.trunc())
}

impl Named<'_> {
    fn wrong_type(&self, wanted: &str, written: Written<'_>) -> ValueFault {
        ValueFault::WrongType {
            key: self.path.to_owned(),
            wanted: wanted.to_owned(),
            found: written.description(),
        }
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
