//! One configuration key: what it is called wherever it may be written, and where its value lives.

use super::Config;
use super::field::{Field, Named, Value, Written};
use super::flags::Options;
use super::problem::ValueFault;
use crate::app::AppPolicy;

/// What every variable of ours begins with.
pub(super) const VARIABLE_PREFIX: &str = "URINGCAST_";

/// One thing to configure, apart from the apps.
pub(super) struct Key {
    /// The table of the file that holds it.
    pub(super) section: &'static str,
    /// Its name inside that table.
    pub(super) name: &'static str,
    /// What one of it is.
    pub(super) unit: &'static str,
    /// One line for the operator.
    pub(super) doc: &'static str,
    /// The flag of `uringcast serve`, for the few keys that have one.
    pub(super) flag: Option<Flag>,
    /// A second, shorter name in the environment; the long one wins.
    pub(super) alias: Option<&'static str>,
    /// Where it lives, its type and its range.
    pub(super) place: Place,
}

/// A key's place on the command line.
pub(super) struct Flag {
    /// The long flag, without dashes.
    pub(super) name: &'static str,
    /// What was given for it.
    pub(super) text: fn(&Options) -> &Option<String>,
}

/// Where a key lives.
pub(super) enum Place {
    /// In the [`Config`], under the section of its name.
    Config(Field<Config>),
    /// On the policy: what all apps have in the sections `pusher` and `zps`, one app's own in its
    /// table.
    Policy(Field<AppPolicy>),
}

impl Key {
    /// The full name: `section.name`.
    pub(super) fn path(&self) -> String {
        format!("{}.{}", self.section, self.name)
    }

    /// The full name where an app has a value of its own.
    pub(super) fn path_in_app(&self) -> String {
        match self.app_table() {
            None => format!("apps.{}", self.name),
            Some(table) => format!("apps.{table}.{}", self.name),
        }
    }

    /// The table in an app's own table that may hold it; `None` if that is the app's table itself.
    pub(super) fn app_table(&self) -> Option<&'static str> {
        (self.section != "pusher").then_some(self.section)
    }

    /// The name in the environment: `URINGCAST_SECTION_NAME`.
    pub(super) fn variable(&self) -> String {
        format!("{VARIABLE_PREFIX}{}_{}", self.section, self.name).to_ascii_uppercase()
    }

    /// What `config` holds under this key.
    pub(super) fn value(&self, config: &Config) -> Value {
        match &self.place {
            Place::Config(field) => field.value(config),
            Place::Policy(field) => field.value(&config.pusher),
        }
    }

    /// What may stand under this key, in words.
    pub(super) fn allowed(&self) -> String {
        match &self.place {
            Place::Config(field) => field.allowed(),
            Place::Policy(field) => field.allowed(),
        }
    }

    /// Put `written` into `config`, or say why it cannot stand there.
    pub(super) fn write(
        &self,
        config: &mut Config,
        written: Written<'_>,
    ) -> Result<(), ValueFault> {
        let named = Named { path: &self.path(), unit: self.unit };
        match &self.place {
            Place::Config(field) => field.write(config, written, &named),
            Place::Policy(field) => field.write(&mut config.pusher, written, &named),
        }
    }

    /// Its place on an app's policy, if it may stand in an app's own table.
    pub(super) const fn policy_field(&self) -> Option<&Field<AppPolicy>> {
        match &self.place {
            Place::Config(_) => None,
            Place::Policy(field) => Some(field),
        }
    }

    pub(super) const fn flag(
        mut self,
        name: &'static str,
        text: fn(&Options) -> &Option<String>,
    ) -> Self {
        self.flag = Some(Flag { name, text });
        self
    }

    pub(super) const fn alias(mut self, alias: &'static str) -> Self {
        self.alias = Some(alias);
        self
    }
}
