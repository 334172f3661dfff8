//! One configuration key: what it is called wherever it may be written, and where its value lives.

use super::Config;
use super::field::{Field, Written};
use super::problem::ValueFault;
use crate::app::AppPolicy;
use crate::setting::Row;

/// What every variable of ours begins with.
pub(super) const VARIABLE_PREFIX: &str = "URINGCAST_";

/// One thing to configure, apart from the apps.
pub(super) struct Key {
    /// The table of the file that holds it.
    pub(super) section: &'static str,
    /// Its name inside that table.
    pub(super) name: &'static str,
    /// All that is said of it.
    pub(super) row: &'static Row,
    /// Where it lives.
    pub(super) place: Place,
}

/// Where a key lives.
pub(super) enum Place {
    /// In the [`Config`].
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

    /// What `config` holds under this key, as it is written in a file; secrets are masked.
    pub(super) fn shown(&self, config: &Config) -> String {
        match &self.place {
            Place::Config(field) => field.shown(config),
            Place::Policy(field) => field.shown(&config.pusher),
        }
    }

    /// Put `written` into `config`, or say why it cannot stand there.
    pub(super) fn write(
        &self,
        config: &mut Config,
        written: Written<'_>,
    ) -> Result<(), ValueFault> {
        match &self.place {
            Place::Config(field) => field.write(config, written, &self.path()),
            Place::Policy(field) => field.write(&mut config.pusher, written, &self.path()),
        }
    }

    /// Its place on an app's policy, if it may stand in an app's own table.
    pub(super) const fn policy_field(&self) -> Option<&Field<AppPolicy>> {
        match &self.place {
            Place::Config(_) => None,
            Place::Policy(field) => Some(field),
        }
    }
}
