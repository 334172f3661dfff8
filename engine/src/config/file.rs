//! The TOML file as a layer.
//!
//! The parser goes on after a syntax error, and so do we, as long as the error is inside one value.
//! An error in a table header leaves open which table the lines below belong to: then only the
//! syntax errors are reported.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use toml::Spanned;
use toml::de::{DeArray, DeTable, DeValue};

use super::apps::SourcedApp;
use super::draft::Draft;
use super::keys::{KEYS, Key, SECTIONS, nearest};
use super::problem::{Fault, Source, ValueFault};
use super::values::Written;
use crate::app::App;

/// Lay the file at `path` over `draft`.
pub(super) fn read(path: &Path, draft: &mut Draft) {
    match fs::read_to_string(path) {
        Ok(text) => File { path, text: &text, broken_lines: BTreeSet::new() }.read(draft),
        Err(error) => {
            let source = Source::File { path: path.to_owned(), line: None };
            draft.report(source, Fault::Unreadable { reason: error.to_string() });
        }
    }
}

struct File<'a> {
    path: &'a Path,
    text: &'a str,
    /// Lines with a syntax error: what the parser made up for them is not judged.
    broken_lines: BTreeSet<usize>,
}

impl File<'_> {
    fn read(mut self, draft: &mut Draft) {
        let (table, errors) = DeTable::parse_recoverable(self.text);
        for error in errors {
            let line = self.line(error.span().map_or(0, |span| span.start));
            if self.broken_lines.insert(line) {
                let fault = Fault::Syntax { message: error.message().to_owned() };
                draft.report(self.source(line), fault);
            }
        }
        if !self.broken_lines.iter().any(|line| self.is_header(*line)) {
            self.read_table("", table.get_ref(), draft);
        }
    }

    fn read_table(&self, prefix: &str, table: &DeTable<'_>, draft: &mut Draft) {
        for (name, value) in table {
            let path = format!("{prefix}{}", name.get_ref());
            let line = self.line(name.span().start);
            if self.broken_lines.contains(&line) {
                continue;
            }
            let index = KEYS.iter().position(|key| key.path() == path);
            match (index, value.get_ref()) {
                (Some(index), DeValue::Array(array)) => {
                    let strings = strings(array);
                    let written =
                        strings.as_deref().map_or(written(value.get_ref()), Written::Strings);
                    draft.set(index, written, self.source(line));
                }
                (Some(index), value) => draft.set(index, written(value), self.source(line)),
                (None, value) if path == "apps" => self.read_apps(value, line, draft),
                (None, DeValue::Table(inner)) if is_section(&path) || !inner.is_empty() => {
                    self.read_table(&format!("{path}."), inner, draft);
                }
                (None, value) => draft.report(self.source(line), misplaced(path, value)),
            }
        }
    }

    fn read_apps(&self, value: &DeValue<'_>, line: usize, draft: &mut Draft) {
        let mut apps = Vec::new();
        if let DeValue::Array(array) = value {
            apps.extend(array.iter().filter_map(|value| self.read_app(value, draft)));
        } else {
            draft.report(self.source(line), wrong_type("apps", "an array of tables", value));
        }
        draft.set_apps(apps);
    }

    fn read_app(&self, value: &Spanned<DeValue<'_>>, draft: &mut Draft) -> Option<SourcedApp> {
        let line = self.line(value.span().start);
        let DeValue::Table(table) = value.get_ref() else {
            draft.report(self.source(line), wrong_type("apps", "tables", value.get_ref()));
            return None;
        };
        let [mut id, mut key, mut secret] = [Part::Missing, Part::Missing, Part::Missing];
        for (name, value) in table {
            let line = self.line(name.span().start);
            let part = match name.get_ref().as_ref() {
                "id" => &mut id,
                "key" => &mut key,
                "secret" => &mut secret,
                other => {
                    let name = format!("apps.{other}");
                    let nearest = nearest(&name, APP_KEYS.map(str::to_owned).into_iter());
                    draft.report(self.source(line), Fault::Unknown { name, nearest });
                    continue;
                }
            };
            *part = self.read_part(name.get_ref(), value.get_ref(), line, draft);
        }
        let source = self.source(line);
        let mut text = |name, part: Part| part.text(name, &source, draft);
        let (id, key, secret) = (text("id", id), text("key", key), text("secret", secret));
        Some(SourcedApp { app: App::new(id?, key?, secret?), source })
    }

    fn read_part(&self, name: &str, value: &DeValue<'_>, line: usize, draft: &mut Draft) -> Part {
        if self.broken_lines.contains(&line) {
            return Part::Unusable;
        }
        if let DeValue::String(text) = value {
            return Part::Text(text.clone().into_owned());
        }
        let key = format!("apps.{name}");
        let (wanted, found) = ("a string".to_owned(), type_name(value).to_owned());
        draft.report(self.source(line), ValueFault::WrongType { key, wanted, found }.into());
        Part::Unusable
    }

    fn source(&self, line: usize) -> Source {
        Source::File { path: self.path.to_owned(), line: Some(line) }
    }

    /// The line of a byte offset, from 1.
    fn line(&self, offset: usize) -> usize {
        1 + self.text.bytes().take(offset).filter(|byte| *byte == b'\n').count()
    }

    fn is_header(&self, line: usize) -> bool {
        self.text.lines().nth(line - 1).is_some_and(|text| text.trim_start().starts_with('['))
    }
}

/// One part of an app, as the file has it.
enum Part {
    Missing,
    /// Reported where it stands.
    Unusable,
    Text(String),
}

impl Part {
    fn text(self, part: &'static str, source: &Source, draft: &mut Draft) -> Option<String> {
        match self {
            Self::Text(text) => Some(text),
            Self::Unusable => None,
            Self::Missing => {
                draft.report(source.clone(), Fault::MissingPart { part });
                None
            }
        }
    }
}

const APP_KEYS: [&str; 3] = ["apps.id", "apps.key", "apps.secret"];

fn is_section(path: &str) -> bool {
    SECTIONS.iter().any(|(section, _)| *section == path)
}

fn misplaced(path: String, value: &DeValue<'_>) -> Fault {
    if is_section(&path) {
        return wrong_type(&path, "a table", value);
    }
    let nearest = nearest(&path, KEYS.iter().map(Key::path));
    Fault::Unknown { name: path, nearest }
}

fn wrong_type(key: &str, wanted: &str, value: &DeValue<'_>) -> Fault {
    let found = written(value).description();
    ValueFault::WrongType { key: key.to_owned(), wanted: wanted.to_owned(), found }.into()
}

fn written<'a>(value: &'a DeValue<'_>) -> Written<'a> {
    match value {
        DeValue::String(text) => Written::String(text),
        DeValue::Integer(integer) => i128::from_str_radix(integer.as_str(), integer.radix())
            .map_or(Written::Other("a number beyond all ranges"), Written::Integer),
        DeValue::Boolean(is_on) => Written::Boolean(*is_on),
        DeValue::Float(_) | DeValue::Datetime(_) | DeValue::Array(_) | DeValue::Table(_) => {
            Written::Other(type_name(value))
        }
    }
}

/// The items of an array that holds strings only, joined by commas.
fn strings(array: &DeArray<'_>) -> Option<String> {
    let text = |item: &Spanned<DeValue<'_>>| match item.get_ref() {
        DeValue::String(text) => Some(text.clone().into_owned()),
        _ => None,
    };
    array.iter().map(text).collect::<Option<Vec<_>>>().map(|items| items.join(","))
}

const fn type_name(value: &DeValue<'_>) -> &'static str {
    match value {
        DeValue::String(_) => "a string",
        DeValue::Integer(_) => "a whole number",
        DeValue::Float(_) => "a float",
        DeValue::Boolean(_) => "a boolean",
        DeValue::Datetime(_) => "a date",
        DeValue::Array(_) => "an array",
        DeValue::Table(_) => "a table",
    }
}
