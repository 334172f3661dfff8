//! The configuration as TOML with comments: what `uringcast config --print` shows.
//!
//! The text is a configuration file itself. Only the secrets are missing from it: their mask is
//! refused when the text is read again, so a printed file is never deployed by accident.

use std::fmt::{self, Write};

use super::apps::SECRET_MASK;
use super::keys::{KEYS, Key, SECTIONS};
use super::problem::Source;
use super::{Config, Effective};

impl fmt::Display for Effective {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("# The effective configuration of uringcast.\n")?;
        write_sections(f, &self.config, |index| Some(&self.sources[index]))?;
        if self.app_sources.is_empty() {
            return f.write_str(DEVELOPMENT_APP);
        }
        for (app, source) in self.config.apps.iter().zip(&self.app_sources) {
            writeln!(f, "\n[[apps]] # {}", one_line(source))?;
            writeln!(f, "id = \"{}\"", app.id)?;
            writeln!(f, "key = \"{}\"", app.primary().key)?;
            writeln!(f, "secret = \"{SECRET_MASK}\"")?;
        }
        Ok(())
    }
}

/// The example file: every key at its default.
#[cfg(test)]
pub(super) fn example() -> String {
    let mut text = String::from(EXAMPLE_HEAD);
    write_sections(&mut text, &Config::default(), |_| None).expect("a string takes any text");
    text.push_str(EXAMPLE_APPS);
    text
}

#[cfg(test)]
const EXAMPLE_HEAD: &str = "\
# The configuration of uringcast: every key with its default.
#
# Start with `uringcast serve --config FILE`. A flag wins over the environment, the environment over
# this file, this file over the defaults; keep only the keys you change. Unknown keys and values
# that cannot be used are all reported at once, and the server does not start (exit code 64).
# `uringcast config --print` takes the same options and shows each value with its source.
";

#[cfg(test)]
const EXAMPLE_APPS: &str = "
# The apps served, one table each. Unit: none. Default: the development app, whose id is app-id, key
# app-key and secret app-secret, and which is served on loopback only. Allowed: 1 to 1000 apps.
# Flag: --app id:key:secret. Environment: PUSHER_APP_ID, PUSHER_APP_KEY and PUSHER_APP_SECRET.
# A flag or the environment replaces all apps of this file.
#[[apps]]
# In the path of the HTTP API. 1 to 128 letters, digits or any of - . _ ~; no two apps share one.
#id = \"my-app\"
# In the path of websockets; public. As for id.
#key = \"my-key\"
# Signs requests and subscriptions; never leaves the server. 1 to 256 bytes.
#secret = \"change-me\"
";

/// Every section with every key; `source` says where a value came from, by its index in the table.
fn write_sections<'a>(
    out: &mut impl Write,
    config: &Config,
    source: impl Fn(usize) -> Option<&'a Source>,
) -> fmt::Result {
    for (section, doc) in SECTIONS {
        writeln!(out, "\n# {doc}\n[{section}]")?;
        let keys = KEYS.iter().enumerate().filter(|(_, key)| key.section == *section);
        for (index, key) in keys {
            write_documentation(out, key)?;
            write!(out, "{} = {}", key.name, key.value(config))?;
            match source(index) {
                Some(source) => writeln!(out, " # {}", one_line(source))?,
                None => writeln!(out)?,
            }
        }
    }
    Ok(())
}

fn write_documentation(out: &mut impl Write, key: &Key) -> fmt::Result {
    let default = key.value(&Config::default());
    writeln!(out, "\n# {}", key.doc)?;
    let (unit, allowed) = (key.unit, key.allowed());
    let line = format!("# Unit: {unit}. Default: {default}. Allowed: {allowed}.");
    if line.len() <= COLUMNS_MAX {
        writeln!(out, "{line}")?;
    } else {
        writeln!(out, "# Unit: {unit}. Default:\n# {default}.\n# Allowed: {allowed}.")?;
    }
    out.write_str("# ")?;
    if let Some(flag) = &key.flag {
        write!(out, "Flag: --{}. ", flag.name)?;
    }
    write!(out, "Environment: {}", key.variable())?;
    match key.alias {
        Some(alias) => writeln!(out, " or {alias}."),
        None => writeln!(out, "."),
    }
}

/// The widest line of the example file.
const COLUMNS_MAX: usize = 100;

/// A path may hold a line end, which would leave the comment.
fn one_line(source: &Source) -> String {
    source.to_string().replace(char::is_control, "?")
}

const DEVELOPMENT_APP: &str = "
# No app is configured: the development app is served, on loopback only.
# Its id is app-id, its key app-key, its secret app-secret.
";
