//! Apps from the rows of a database.
//!
//! A row is a table of the file in another form: its columns and its settings are judged as one,
//! and what is wrong is named in the same words.

use std::fmt;

use super::apps::{self, AppOrigin, SourcedApp};
use super::document::Document;
use super::print::quoted;
use super::problem::{Fault, Problem, Problems, Source};
use super::rules::Judged;
use super::{Config, Effective};
use crate::app::App;

/// The largest settings of one app, in bytes: far above what all keys take.
const SETTINGS_BYTES_MAX: usize = 64 * 1024;

/// One row of the table `apps`.
#[derive(Clone, PartialEq, Eq)]
pub struct AppRow {
    /// As `id` in the file.
    pub id: String,
    /// As `key` in the file; none if the settings have `keys`.
    pub key: Option<String>,
    /// As `secret` in the file; none if the settings have `keys`.
    pub secret: Option<String>,
    /// As `enabled` in the file.
    pub is_enabled: bool,
    /// All other keys of an app's table, in TOML, or in JSON if it begins with a brace.
    pub settings: String,
}

/// The secret is not shown, nor the settings, which may have some.
impl fmt::Debug for AppRow {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AppRow").field("id", &self.id).finish_non_exhaustive()
    }
}

impl Config {
    /// Whether apps are read from a database, too.
    pub const fn has_database(&self) -> bool {
        !self.registry.url.is_empty()
    }
}

impl Effective {
    /// The apps that are configured, and those of `rows`.
    ///
    /// # Errors
    /// Everything that is wrong with the rows, or with both together.
    pub fn apps_with(&self, rows: &[AppRow]) -> Result<Vec<App>, Problems> {
        let mut problems = Vec::new();
        let mut found: Vec<SourcedApp> = Vec::new();
        for row in rows {
            found.extend(read(row, &mut problems));
        }
        for app in &mut found {
            app.settle(&self.config);
        }
        let judged = Judged { config: &self.config, sources: &self.sources };
        problems.extend(judged.app_breaches(&vec![false; self.sources.len()], &found));
        // Without an origin it is the development app.
        let origins = self.app_origins.iter().cloned();
        let origins = origins.chain(std::iter::repeat(AppOrigin::new(Source::Default)));
        let configured = self.config.apps.iter().cloned().zip(origins);
        let mut all: Vec<_> = configured.map(|(app, origin)| SourcedApp { app, origin }).collect();
        all.extend(found);
        problems.extend(apps::problems(&all, self.config.registry.apps_max as usize));
        if problems.is_empty() {
            return Ok(all.into_iter().map(|it| it.app).collect());
        }
        Err(Problems(problems))
    }
}

/// The app of one row, as far as it has an id and a key; what is wrong goes to `problems`.
fn read(row: &AppRow, problems: &mut Vec<Problem>) -> Option<SourcedApp> {
    let source = Source::Row { id: row.id.clone() };
    let settings = settings(row, problems)?;
    let columns_text = columns(row);
    let (columns, columns_table) = Document::parse(&columns_text, source.clone());
    let (document, table) = Document::parse(&settings.text, settings.source);
    let mut app = None;
    if !document.is_header_broken(&settings.text) {
        let mut fields = columns.fields("apps", source.clone(), columns_table.get_ref());
        fields.merge(document.fields("apps", source, table.get_ref()));
        app = apps::read_table(fields);
    }
    problems.extend(columns.into_problems());
    problems.extend(document.into_problems());
    app
}

/// The columns as TOML. What it quotes, it reads again.
fn columns(row: &AppRow) -> String {
    let id = format!("id = {}\nenabled = {}\n", quoted(&row.id), row.is_enabled);
    let line = |name, value: &Option<String>| {
        value.as_ref().map(|value| format!("{name} = {}\n", quoted(value)))
    };
    let pair = [line("key", &row.key), line("secret", &row.secret)];
    std::iter::once(id).chain(pair.into_iter().flatten()).collect()
}

/// The settings as TOML, and what to name as their place.
struct Settings {
    text: String,
    source: Source,
}

fn settings(row: &AppRow, problems: &mut Vec<Problem>) -> Option<Settings> {
    let id = row.id.clone();
    if row.settings.trim_start().starts_with('{') && row.settings.len() <= SETTINGS_BYTES_MAX {
        let text = match json_to_toml(&row.settings) {
            Ok(text) => text,
            Err(message) => {
                problems
                    .push(Problem { origin: Source::Row { id }, fault: Fault::Json { message } });
                return None;
            }
        };
        // The lines of the TOML are not those of the JSON, so none is named.
        return Some(Settings { text, source: Source::Row { id } });
    }
    if row.settings.len() > SETTINGS_BYTES_MAX {
        let (part, allowed) = ("the column settings".to_owned(), "at most 65536 bytes");
        problems
            .push(Problem { origin: Source::Row { id }, fault: Fault::AppPart { part, allowed } });
        return None;
    }
    Some(Settings { text: row.settings.clone(), source: Source::Settings { id, line: None } })
}

fn json_to_toml(json: &str) -> Result<String, String> {
    let table: toml::Table = serde_json::from_str(json).map_err(|error| error.to_string())?;
    toml::to_string(&table).map_err(|error| error.to_string())
}
