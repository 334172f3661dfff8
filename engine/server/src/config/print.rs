//! The configuration as TOML with comments: what `uringcast config --print` shows.
//!
//! The text is a configuration file itself. Only the secrets are missing from it: their mask is
//! refused when the text is read again, so a printed file is never deployed by accident.

use std::fmt::{self, Write};

use super::apps;
use super::key::Key;
use super::keys::{KEYS, SECTIONS};
use super::problem::Source;
use super::{Config, Effective};

impl fmt::Display for Effective {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("# The effective configuration of uringcast.\n")?;
        write_sections(f, &self.config, |index| Some(&self.sources[index]))?;
        if self.app_origins.is_empty() && self.config.has_database() {
            return f.write_str(DATABASE_APPS);
        }
        if self.app_origins.is_empty() {
            return f.write_str(DEVELOPMENT_APP);
        }
        let mut apps = self.config.apps.iter().zip(&self.app_origins);
        apps.try_for_each(|(app, origin)| apps::write(f, app, origin))
    }
}

/// Every section with every key; `source` says where a value came from, by its index in the table.
pub(super) fn write_sections<'a>(
    out: &mut impl Write,
    config: &Config,
    source: impl Fn(usize) -> Option<&'a Source>,
) -> fmt::Result {
    for (section, doc) in SECTIONS {
        writeln!(out, "\n# {doc}\n[{section}]")?;
        let keys = KEYS.iter().enumerate().filter(|(_, key)| key.section == *section);
        for (index, key) in keys {
            write_documentation(out, key)?;
            write!(out, "{} = {}", key.name, key.shown(config))?;
            match source(index) {
                Some(source) => writeln!(out, " # {}", one_line(source))?,
                None => writeln!(out)?,
            }
        }
    }
    Ok(())
}

fn write_documentation(out: &mut impl Write, key: &Key) -> fmt::Result {
    let default = key.shown(&Config::default());
    writeln!(out, "\n# {}", key.row.summary())?;
    let (unit, allowed) = (key.row.unit(), key.row.allowed());
    let line = format!("# Unit: {unit}. Default: {default}. Allowed: {allowed}.");
    if line.len() <= COLUMNS_MAX {
        writeln!(out, "{line}")?;
    } else {
        writeln!(out, "# Unit: {unit}. Default:\n# {default}.\n# Allowed: {allowed}.")?;
    }
    out.write_str("# ")?;
    if let Some(flag) = key.row.flag {
        write!(out, "Flag: --{flag}. ")?;
    }
    write!(out, "Environment: {}", key.variable())?;
    match key.row.alias {
        Some(alias) => writeln!(out, " or {alias}."),
        None => writeln!(out, "."),
    }
}

/// The widest line of the example file.
const COLUMNS_MAX: usize = 100;

/// A path may hold a line end, which would leave the comment.
pub(super) fn one_line(source: &Source) -> String {
    source.to_string().replace(char::is_control, "?")
}

/// `text` as a string of the file.
pub(super) fn quoted(text: &str) -> String {
    toml::Value::String(text.to_owned()).to_string()
}

const DEVELOPMENT_APP: &str = "
# No app is configured: the development app is served, on loopback only.
# Its id is app-id, its key app-key, its secret app-secret.
";

const DATABASE_APPS: &str = "
# No app is configured here: those of the database are served.
";
