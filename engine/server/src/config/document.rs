//! A text in TOML: its tables, by line, and what is wrong with them.
//!
//! The parser goes on after a syntax error, and so do we, as long as the error is inside one value.
//! Nothing here stops at a problem: it is noted, and the value counts as missing.

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};
use std::ops::RangeInclusive;

use toml::Spanned;
use toml::de::{DeArray, DeTable, DeValue};

use super::field::Written;
use super::form::Form;
use super::keys::nearest;
use super::problem::{Fault, Problem, Source, ValueFault};

/// A text and its problems so far.
pub(super) struct Document {
    origin: Source,
    line_starts: Vec<usize>,
    /// Lines with a syntax error: what the parser made up for them is not judged.
    broken_lines: BTreeSet<usize>,
    problems: RefCell<Vec<Problem>>,
}

impl Document {
    /// Parse `text`, which is from `origin`.
    pub(super) fn parse(text: &str, origin: Source) -> (Self, Spanned<DeTable<'_>>) {
        let line_ends = text.match_indices('\n').map(|(offset, _)| offset + 1);
        let line_starts = std::iter::once(0).chain(line_ends).collect();
        let (broken_lines, problems) = (BTreeSet::new(), RefCell::default());
        let mut document = Self { origin, line_starts, broken_lines, problems };
        let (table, errors) = DeTable::parse_recoverable(text);
        for error in errors {
            let line = document.line(error.span().map_or(0, |span| span.start));
            if document.broken_lines.insert(line) {
                let fault = Fault::Syntax { message: error.message().to_owned() };
                document.report(document.origin.at_line(line), fault);
            }
        }
        (document, table)
    }

    /// Note that something is wrong.
    pub(super) fn report(&self, origin: Source, fault: impl Into<Fault>) {
        self.problems.borrow_mut().push(Problem { origin, fault: fault.into() });
    }

    /// Where the byte at `offset` stands.
    pub(super) fn source(&self, offset: usize) -> Source {
        self.origin.at_line(self.line(offset))
    }

    /// Whether the line of the byte at `offset` has a syntax error.
    pub(super) fn is_broken(&self, offset: usize) -> bool {
        self.broken_lines.contains(&self.line(offset))
    }

    /// Whether a line of `text` that begins a table has one: then it is open which table the lines
    /// below belong to.
    pub(super) fn is_header_broken(&self, text: &str) -> bool {
        let is_header = |line: usize| {
            text[self.line_starts[line - 1]..].trim_start_matches([' ', '\t']).starts_with('[')
        };
        self.broken_lines.iter().any(|line| is_header(*line))
    }

    /// The entries of `table`, whose name is `name` and which begins at `source`.
    pub(super) fn fields<'a>(
        &'a self,
        name: &str,
        source: Source,
        table: &'a DeTable<'a>,
    ) -> Fields<'a> {
        let entries = table.iter().map(|(key, value)| {
            let name = format!("{name}.{}", key.get_ref());
            let entry = Entry { document: self, name, start: key.span().start, value };
            (key.get_ref().as_ref(), entry)
        });
        let entries = entries.collect();
        Fields { document: self, name: name.to_owned(), source, entries, asked: Vec::new() }
    }

    /// One `value` of an array called `name`.
    pub(super) fn entry<'a>(&'a self, name: &str, value: &'a Spanned<DeValue<'a>>) -> Entry<'a> {
        Entry { document: self, name: name.to_owned(), start: value.span().start, value }
    }

    /// All that was wrong.
    pub(super) fn into_problems(self) -> Vec<Problem> {
        self.problems.into_inner()
    }

    /// The line of a byte offset, from 1.
    fn line(&self, offset: usize) -> usize {
        self.line_starts.partition_point(|start| *start <= offset)
    }
}

/// The entries of one table that nobody has asked for yet.
pub(super) struct Fields<'a> {
    document: &'a Document,
    name: String,
    source: Source,
    entries: BTreeMap<&'a str, Entry<'a>>,
    asked: Vec<String>,
}

impl<'a> Fields<'a> {
    /// The entry called `name`, if there is one.
    pub(super) fn take(&mut self, name: &str) -> Option<Entry<'a>> {
        self.asked.push(name.to_owned());
        self.entries.remove(name)
    }

    /// Take over the entries of `other`; one that is there already is reported.
    pub(super) fn merge(&mut self, other: Self) {
        for (name, entry) in other.entries {
            if self.entries.contains_key(name) {
                let other = format!("the column {name}");
                entry.report(Fault::Together { key: entry.name.clone(), other });
            } else {
                self.entries.insert(name, entry);
            }
        }
    }

    /// The text called `name`, which must be there and be of `form`.
    pub(super) fn needed_text(&mut self, name: &'static str, form: &Form) -> Option<String> {
        let entry = self.take(name);
        if entry.is_none() {
            self.report(Fault::MissingPart { of: self.name.clone(), part: name });
        }
        entry?.text_of(form)
    }

    /// The text called `name`, which must be of `form` if it is there.
    pub(super) fn text(&mut self, name: &str, form: &Form) -> Option<String> {
        self.take(name)?.text_of(form)
    }

    /// Note that something is wrong with the table as a whole.
    pub(super) fn report(&self, fault: impl Into<Fault>) {
        self.document.report(self.source.clone(), fault);
    }

    /// Where the table begins.
    pub(super) const fn source(&self) -> &Source {
        &self.source
    }

    /// Nobody asks for more: what is left is not known.
    pub(super) fn refuse_rest(self) {
        for (name, entry) in self.entries.into_iter().filter(|(_, entry)| !entry.is_broken()) {
            let nearest = nearest(name, self.asked.iter().cloned());
            let nearest = nearest.map(|known| format!("{}.{known}", self.name));
            entry.report(Fault::Unknown { name: entry.name.clone(), nearest });
        }
    }
}

/// One value and its place.
pub(super) struct Entry<'a> {
    document: &'a Document,
    /// The full name of its key.
    pub(super) name: String,
    start: usize,
    value: &'a Spanned<DeValue<'a>>,
}

impl<'a> Entry<'a> {
    /// The place in the document where the value stands.
    pub(super) fn source(&self) -> Source {
        self.document.source(self.start)
    }

    /// Note that something is wrong with it.
    pub(super) fn report(&self, fault: impl Into<Fault>) {
        self.document.report(self.source(), fault);
    }

    /// The value without its type, unless its line is broken.
    pub(super) fn written(&self) -> Option<Written<'a>> {
        (!self.is_broken()).then(|| written(self.value.get_ref()))
    }

    /// The value, which must be a string.
    pub(super) fn text(&self) -> Option<&'a str> {
        match self.value.get_ref() {
            _ if self.is_broken() => None,
            DeValue::String(text) => Some(text),
            _ => self.wrong_type("a string"),
        }
    }

    /// The value, which must be a string of `form`. One that is not is reported and kept, so that
    /// what else is wrong can be found.
    pub(super) fn text_of(&self, form: &Form) -> Option<String> {
        let text = self.text()?;
        if let Some(fault) = form.fault(&self.name, text) {
            self.report(fault);
        }
        Some(text.to_owned())
    }

    /// The values of an array, which may be `counts`; `wanted` says what it should be.
    pub(super) fn list(&self, wanted: &'static str, counts: RangeInclusive<usize>) -> Vec<Self> {
        let values = match self.value.get_ref() {
            _ if self.is_broken() => return Vec::new(),
            DeValue::Array(values) => values,
            _ => return self.wrong_type(wanted).unwrap_or_default(),
        };
        if !counts.contains(&values.len()) {
            let allowed = format!("{} to {}", counts.start(), counts.end());
            self.report(ValueFault::Count { key: self.name.clone(), count: values.len(), allowed });
        }
        let entry = |value: &'a Spanned<DeValue<'a>>| self.document.entry(&self.name, value);
        values.iter().take(*counts.end()).map(entry).collect()
    }

    /// The entries of the value, which must be a table.
    pub(super) fn table(&self) -> Option<Fields<'a>> {
        match self.value.get_ref() {
            _ if self.is_broken() => None,
            DeValue::Table(table) => Some(self.document.fields(&self.name, self.source(), table)),
            _ => self.wrong_type("a table"),
        }
    }

    /// The name and the value of each entry of the value, which must be a table.
    pub(super) fn pairs(&self) -> Vec<(&'a str, Self)> {
        self.table().map(|fields| fields.entries.into_iter().collect()).unwrap_or_default()
    }

    fn is_broken(&self) -> bool {
        self.document.is_broken(self.start)
    }

    /// Whatever stands there may be a secret: only its type is told.
    fn wrong_type<T>(&self, wanted: &str) -> Option<T> {
        let (wanted, found) = (wanted.to_owned(), type_name(self.value.get_ref()).to_owned());
        self.report(ValueFault::WrongType { key: self.name.clone(), wanted, found });
        None
    }
}

/// The items of an array that holds strings only, joined by commas.
pub(super) fn strings(array: &DeArray<'_>) -> Option<String> {
    let text = |item: &Spanned<DeValue<'_>>| match item.get_ref() {
        DeValue::String(text) => Some(text.clone().into_owned()),
        _ => None,
    };
    array.iter().map(text).collect::<Option<Vec<_>>>().map(|items| items.join(","))
}

/// A value of the parser as ours.
pub(super) fn written<'a>(value: &'a DeValue<'_>) -> Written<'a> {
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
