//! The TOML file as a layer.
//!
//! After a syntax error in a table's header only the syntax errors are reported: which table the
//! lines below belong to is open.

use std::fs;
use std::path::Path;

use toml::de::{DeTable, DeValue};

use super::apps;
use super::document::{Document, strings, written};
use super::draft::ConfigDraft;
use super::field::Written;
use super::key::Key;
use super::keys::{KEYS, SECTIONS, nearest};
use super::problem::{Fault, Source, ValueFault};

/// Lay the file at `path` over `draft`.
pub(super) fn read(path: &Path, draft: &mut ConfigDraft) {
    let source = Source::File { path: path.to_owned(), line: None };
    match fs::read_to_string(path) {
        Ok(text) => read_text(&text, source, draft),
        Err(error) => draft.report(source, Fault::Unreadable { reason: error.to_string() }),
    }
}

fn read_text(text: &str, source: Source, draft: &mut ConfigDraft) {
    let (document, table) = Document::parse(text, source);
    if !document.is_header_broken(text) {
        read_table(&document, "", table.get_ref(), draft);
    }
    draft.report_all(document.into_problems());
}

fn read_table(document: &Document, prefix: &str, table: &DeTable<'_>, draft: &mut ConfigDraft) {
    for (name, value) in table {
        let path = format!("{prefix}{}", name.get_ref());
        let start = name.span().start;
        if document.is_broken(start) {
            continue;
        }
        let source = document.source(start);
        let index = KEYS.iter().position(|key| key.path() == path);
        match (index, value.get_ref()) {
            (Some(index), DeValue::Array(array)) => {
                let strings = strings(array);
                let written = strings.as_deref().map_or(written(value.get_ref()), Written::Strings);
                draft.set(index, written, source);
            }
            (Some(index), value) => draft.set(index, written(value), source),
            (None, DeValue::Array(tables)) if path == "apps" => {
                draft.set_apps(apps::read(document, tables));
            }
            (None, value) if path == "apps" => {
                draft.report(source, wrong_type("apps", "an array of tables", value));
                draft.set_apps(Vec::new());
            }
            (None, DeValue::Table(inner)) if is_section(&path) || !inner.is_empty() => {
                read_table(document, &format!("{path}."), inner, draft);
            }
            (None, value) => draft.report(source, misplaced(path, value)),
        }
    }
}

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
