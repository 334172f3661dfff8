//! Which channels of an app have a log, from its tables.

use std::ops::RangeInclusive;

use super::super::document::{Entry, Fields};
use super::super::form::CHANNEL_PATTERN;
use super::super::problem::ValueFault;
use crate::app::HistoryRule;

/// All that the table has, if it says any; what is wrong with them is reported.
pub(super) fn read_all(fields: &mut Fields<'_>) -> Option<Vec<HistoryRule>> {
    let entry = fields.take("history")?;
    let tables = entry.list("an array of tables", 0..=RULES_MAX);
    Some(tables.iter().filter_map(read).collect())
}

fn read(entry: &Entry<'_>) -> Option<HistoryRule> {
    let mut fields = entry.table()?;
    let pattern = fields.needed_text("pattern", &CHANNEL_PATTERN).unwrap_or_default();
    let default = HistoryRule::new(pattern);
    let rule = HistoryRule {
        events_max: read_number(&mut fields, "events_max", EVENTS).unwrap_or(default.events_max),
        bytes_max: read_number(&mut fields, "bytes_max", BYTES).unwrap_or(default.bytes_max),
        ttl_s: read_number(&mut fields, "ttl_s", TTL_S).unwrap_or(default.ttl_s),
        catch_up: read_switch(&mut fields, "catch_up").unwrap_or(default.catch_up),
        ..default
    };
    fields.refuse_rest();
    Some(rule)
}

/// The number called `name`; one that is none or out of range is reported.
pub(super) fn read_number(
    fields: &mut Fields<'_>,
    name: &str,
    range: RangeInclusive<u32>,
) -> Option<u32> {
    number_of(&fields.take(name)?, range)
}

/// The number that `entry` holds; one that is none or out of range is reported.
pub(super) fn number_of(entry: &Entry<'_>, range: RangeInclusive<u32>) -> Option<u32> {
    let written = entry.written()?;
    let number = written.number().and_then(|number| u32::try_from(number).ok());
    let number = number.filter(|number| range.contains(number));
    if number.is_none() {
        let wanted = format!("{} to {}", range.start(), range.end());
        let found = written.description();
        entry.report(ValueFault::WrongType { key: entry.name.clone(), wanted, found });
    }
    number
}

fn read_switch(fields: &mut Fields<'_>, name: &str) -> Option<bool> {
    let entry = fields.take(name)?;
    let written = entry.written()?;
    let is_on = written.switch();
    if is_on.is_none() {
        let (wanted, found) = ("true or false".to_owned(), written.description());
        entry.report(ValueFault::WrongType { key: entry.name.clone(), wanted, found });
    }
    is_on
}

/// Patterns of one app: each may be compared with each new channel's name.
const RULES_MAX: usize = 100;
const EVENTS: RangeInclusive<u32> = 1..=100_000_000;
/// At least the largest event that there may be.
const BYTES: RangeInclusive<u32> = 65_536..=u32::MAX;
const TTL_S: RangeInclusive<u32> = 1..=31_536_000;
