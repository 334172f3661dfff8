//! The apps of a configuration: their form, and what may not occur twice.
//!
//! A layer that names any app replaces the apps of the layers below it: an app in the file cannot
//! slip into a process that was started with `--app`.

use super::APPS_MAX;
use super::problem::{Fault, Problem, Source};
use crate::app::App;

/// An app and where it was written.
#[derive(Clone)]
pub(super) struct SourcedApp {
    /// The app.
    pub(super) app: App,
    /// Its place.
    pub(super) source: Source,
}

/// What stands for a secret where a configuration is printed.
pub(super) const SECRET_MASK: &str = "********";

/// `id:key:secret`; the secret may have colons of its own.
pub(super) fn from_flag(text: &str) -> Option<App> {
    let mut parts = text.splitn(3, ':').map(str::to_owned);
    Some(App::new(parts.next()?, parts.next()?, parts.next()?))
}

/// All that is wrong with the apps of one layer.
pub(super) fn problems(apps: &[SourcedApp]) -> Vec<Problem> {
    let mut problems = Vec::new();
    for (index, SourcedApp { app, source }) in apps.iter().enumerate() {
        let before = &apps[..index.min(APPS_MAX)];
        let faults = part_faults(app).into_iter().chain(same_faults(app, before));
        problems.extend(faults.map(|fault| Problem { origin: source.clone(), fault }));
    }
    if apps.len() > APPS_MAX {
        let fault = Fault::TooManyApps { count: apps.len(), max: APPS_MAX };
        problems.push(Problem { origin: apps[APPS_MAX].source.clone(), fault });
    }
    problems
}

fn part_faults(app: &App) -> Vec<Fault> {
    let mut faults = Vec::new();
    for (part, value) in [("id", &app.id), ("key", &app.primary().key)] {
        if !is_name(value) {
            faults.push(Fault::AppPart { part, allowed: NAME_ALLOWED });
        }
    }
    let secret = &app.primary().secret;
    if !secret.is_empty() && secret.bytes().all(|byte| byte == b'*') {
        faults.push(Fault::MaskedSecret);
    } else if !is_secret(secret) {
        faults.push(Fault::AppPart { part: "secret", allowed: SECRET_ALLOWED });
    }
    faults
}

fn same_faults(app: &App, before: &[SourcedApp]) -> Vec<Fault> {
    let same = |part, value: &String, of: fn(&App) -> &String| {
        let first = before.iter().find(|other| of(&other.app) == value)?;
        Some(Fault::SameApp { part, value: value.clone(), first: first.source.clone() })
    };
    let id = same("id", &app.id, |app| &app.id);
    let key = same("key", &app.primary().key, |app| &app.primary().key);
    id.into_iter().chain(key).collect()
}

/// Ids and keys stand in paths, and keys before a colon in signatures: only characters that need
/// no escape in a URL (RFC 3986 section 2.3).
fn is_name(text: &str) -> bool {
    let is_allowed = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~".contains(&byte);
    (1..=NAME_MAX).contains(&text.len()) && text.bytes().all(is_allowed)
}

/// A secret with a line end is one that was read with too much around it.
fn is_secret(text: &str) -> bool {
    (1..=SECRET_MAX).contains(&text.len()) && !text.chars().any(char::is_control)
}

const NAME_MAX: usize = 128;
const NAME_ALLOWED: &str = "1 to 128 letters, digits or any of - . _ ~";
const SECRET_MAX: usize = 256;
const SECRET_ALLOWED: &str = "1 to 256 bytes without control characters";
