//! Settings: one row each, from which a struct, its `Default` and all that is said of it come.
//!
//! `table!` stands where the struct does. It knows no file, no variable and no flag: the
//! configuration lists the tables and goes over their rows.
//!
//! Invariant: `set` of what `value` has given changes nothing.

use std::net::{IpAddr, Ipv4Addr};

/// All that is the same of one setting wherever it is read, printed or documented.
#[must_use]
pub struct Row {
    /// The name under which it is written.
    pub name: &'static str,
    /// The comment of its field, line by line.
    doc: &'static str,
    /// Its type and its range.
    pub kind: Kind,
    /// The flag of `uringcast serve`, without dashes, for the few that have one.
    pub flag: Option<&'static str>,
    /// A second, shorter name in the environment; the long one wins.
    pub alias: Option<&'static str>,
    /// How many of the field's units are one of those that are written.
    pub times: u64,
}

/// What may be written for a setting.
pub enum Kind {
    /// A whole number from `min` to `max`, both included.
    Number {
        /// The least.
        min: u32,
        /// The greatest.
        max: u32,
        /// What one of it is.
        unit: &'static str,
    },
    /// `true` or `false`.
    Switch,
    /// A TCP port, or `off`.
    Port,
    /// A text of some form.
    Text(&'static TextForm),
}

/// What a text may be.
pub struct TextForm {
    /// What it is.
    pub unit: &'static str,
    /// What may stand there, in words.
    pub allowed: &'static str,
    /// The text as it is kept, or `None` if it cannot be used.
    pub parse: fn(&str) -> Option<String>,
    /// The text as it is shown, without secrets.
    pub mask: fn(&str) -> String,
    /// Whether it may also be an array of strings.
    pub is_list: bool,
    /// Whether a message may repeat one that cannot be used: no part of it is a secret.
    pub is_public: bool,
}

/// What one setting holds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Value {
    /// Of a [`Kind::Number`], or of a [`Kind::Port`] that is on.
    Number(u64),
    /// Of a [`Kind::Port`] or a path that is off.
    Off,
    /// Of a [`Kind::Switch`].
    Switch(bool),
    /// Of a [`Kind::Text`].
    Text(String),
}

/// The type of a field that is a setting.
pub trait Setting {
    /// What it holds.
    fn value(&self) -> Value;

    /// Hold `value`; false if it cannot, and then nothing has changed.
    fn set(&mut self, value: Value) -> bool;
}

/// A struct whose fields are settings, one for each of its `ROWS`.
pub trait Table {
    /// What the field of the row at `index` holds.
    fn value(&self, index: usize) -> Value;

    /// Have that field hold `value`; false if it cannot.
    fn set(&mut self, index: usize, value: Value) -> bool;
}

/// A whole number of `unit` from `min` to `max`, both included.
pub const fn number(min: u32, max: u32, unit: &'static str) -> Row {
    row(Kind::Number { min, max, unit })
}

/// A text of some form.
pub const fn text(form: &'static TextForm) -> Row {
    row(Kind::Text(form))
}

/// `true` or `false`.
pub const SWITCH: Row = row(Kind::Switch);

/// A TCP port, or `off`.
pub const PORT: Row = row(Kind::Port);

const fn row(kind: Kind) -> Row {
    Row { name: "", doc: "", kind, flag: None, alias: None, times: 1 }
}

impl Row {
    /// The row of the field called `field`, whose comment is `doc`. For `table!` alone.
    pub const fn of(mut self, field: &'static str, doc: &'static str) -> Self {
        if self.name.is_empty() {
            self.name = field;
        }
        self.doc = doc;
        self
    }

    /// It can also be set by the flag called `name`.
    pub const fn flag(mut self, name: &'static str) -> Self {
        self.flag = Some(name);
        self
    }

    /// It can also be set by the variable called `name`.
    pub const fn alias(mut self, name: &'static str) -> Self {
        self.alias = Some(name);
        self
    }

    /// It is written under `name`, in a unit that is `times` as large as the field's.
    pub const fn written(mut self, name: &'static str, times: u64) -> Self {
        self.name = name;
        self.times = times;
        self
    }

    /// The line for the operator: the first paragraph of the comment.
    pub fn summary(&self) -> String {
        let lines = self.doc.lines().map(str::trim).take_while(|line| !line.is_empty());
        lines.collect::<Vec<_>>().join(" ").replace('`', "")
    }

    /// What one of it is.
    pub const fn unit(&self) -> &'static str {
        match &self.kind {
            Kind::Number { unit, .. } => unit,
            Kind::Switch => "none",
            Kind::Port => "TCP port",
            Kind::Text(form) => form.unit,
        }
    }

    /// What may stand here, in words.
    pub fn allowed(&self) -> String {
        match &self.kind {
            Kind::Number { min, max, .. } => format!("{min} to {max}"),
            Kind::Switch => "true or false".into(),
            Kind::Port => format!("0 to {}, or \"off\"", u16::MAX),
            Kind::Text(form) => form.allowed.into(),
        }
    }
}

impl TextForm {
    /// A text of which `parse` makes what is kept; a message does not repeat it.
    pub const fn new(allowed: &'static str, parse: fn(&str) -> Option<String>) -> Self {
        let mask = str::to_owned;
        Self { unit: "none", allowed, parse, mask, is_list: false, is_public: false }
    }

    /// A text that is a `unit`, read by the type of its field.
    pub const fn typed(unit: &'static str, allowed: &'static str) -> Self {
        let form = Self::new(allowed, |text| Some(text.to_owned()));
        Self { unit, is_public: true, ..form }
    }
}

macro_rules! numbers {
    ($($number:ty)+) => {$(
        impl Setting for $number {
            fn value(&self) -> Value {
                Value::Number((*self).try_into().expect("no number is wider than 64 bits"))
            }

            fn set(&mut self, value: Value) -> bool {
                let Value::Number(number) = value else { return false };
                number.try_into().map(|number| *self = number).is_ok()
            }
        }
    )+};
}

numbers! { u16 u32 u64 usize }

impl Setting for bool {
    fn value(&self) -> Value {
        Value::Switch(*self)
    }

    fn set(&mut self, value: Value) -> bool {
        let Value::Switch(is_on) = value else { return false };
        *self = is_on;
        true
    }
}

impl Setting for Option<u16> {
    fn value(&self) -> Value {
        self.map_or(Value::Off, |port| Value::Number(port.into()))
    }

    fn set(&mut self, value: Value) -> bool {
        if value == Value::Off {
            *self = None;
            return true;
        }
        let mut port = 0;
        let is_port = Setting::set(&mut port, value);
        if is_port {
            *self = Some(port);
        }
        is_port
    }
}

impl Setting for String {
    fn value(&self) -> Value {
        Value::Text(self.clone())
    }

    fn set(&mut self, value: Value) -> bool {
        let Value::Text(text) = value else { return false };
        *self = text;
        true
    }
}

/// A path, or `off`.
impl Setting for Option<String> {
    fn value(&self) -> Value {
        self.clone().map_or(Value::Off, Value::Text)
    }

    fn set(&mut self, value: Value) -> bool {
        *self = match value {
            Value::Off => None,
            Value::Text(text) => (text != "off").then_some(text),
            Value::Number(_) | Value::Switch(_) => return false,
        };
        true
    }
}

impl Setting for IpAddr {
    fn value(&self) -> Value {
        Value::Text(self.to_string())
    }

    fn set(&mut self, value: Value) -> bool {
        let Value::Text(text) = value else { return false };
        let local = (text == "localhost").then_some(Self::V4(Ipv4Addr::LOCALHOST));
        let address = local.or_else(|| text.parse().ok());
        address.map(|address| *self = address).is_some()
    }
}

/// A struct from rows, with its `Default`, its `ROWS` and its `Table`.
///
/// Each row is `field: type = default, kind;` under a comment whose first paragraph is the line
/// for the operator and whose second says why the default is what it is. Fields that are no
/// settings stand in `besides`. With `const NAME`, the defaults are also a constant of that name.
#[doc(hidden)]
#[macro_export]
macro_rules! __table {
    (
        $(#[$meta:meta])*
        $visibility:vis struct $table:ident $(const $constant:ident)? {
            $($(#[doc = $doc:literal])+ $name:ident: $type:ty = $default:expr, $row:expr;)+
            $(besides {
                $($(#[$other_meta:meta])* $other:ident: $other_type:ty = $other_default:expr;)+
            })?
        }
    ) => {
        $(#[$meta])*
        $visibility struct $table {
            $(
                $(#[doc = $doc])+
                #[doc = concat!("\n\nDefault: `", stringify!($default), "`.")]
                pub $name: $type,
            )+
            $($($(#[$other_meta])* pub $other: $other_type,)+)?
        }

        impl $table {
            /// What is said of each setting, in their order.
            pub const ROWS: &'static [$crate::setting::Row] =
                &[$($row.of(stringify!($name), concat!($($doc, "\n"),+))),+];
        }

        impl $crate::setting::Table for $table {
            fn value(&self, index: usize) -> $crate::setting::Value {
                let settings: &[&dyn $crate::setting::Setting] = &[$(&self.$name),+];
                settings[index].value()
            }

            fn set(&mut self, index: usize, value: $crate::setting::Value) -> bool {
                let settings: &mut [&mut dyn $crate::setting::Setting] =
                    &mut [$(&mut self.$name),+];
                settings[index].set(value)
            }
        }

        $crate::__defaults! {
            $table $($constant)? {
                $($name: $default,)+
                $($($other: $other_default,)+)?
            }
        }
    };
}

/// The `Default` of a `table!`.
#[doc(hidden)]
#[macro_export]
macro_rules! __defaults {
    ($table:ident { $($name:ident: $default:expr,)+ }) => {
        impl Default for $table {
            fn default() -> Self {
                Self { $($name: $default),+ }
            }
        }
    };
    ($table:ident $constant:ident { $($name:ident: $default:expr,)+ }) => {
        impl $table {
            /// What holds where nothing is configured.
            pub const $constant: Self = Self { $($name: $default),+ };
        }

        impl Default for $table {
            fn default() -> Self {
                Self::$constant
            }
        }
    };
}

pub use __table as table;
